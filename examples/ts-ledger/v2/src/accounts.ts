import { add, money, type Money } from "./money.js";

export type AccountKind = "asset" | "liability" | "income" | "expense";

export interface Account {
  readonly id: string;
  readonly name: string;
  readonly kind: AccountKind;
  readonly currency: string;
}

export interface Posting {
  readonly account: string;
  readonly amount: Money;
}

export interface Entry {
  readonly date: string;
  readonly text: string;
  readonly postings: readonly Posting[];
}

export class LedgerError extends Error {}

/** Double entry: what one account gets, the others give. */
export class Ledger {
  private readonly accounts = new Map<string, Account>();
  private readonly entries: Entry[] = [];

  open(account: Account): void {
    if (this.accounts.has(account.id)) {
      throw new LedgerError(`account ${account.id} exists already`);
    }
    this.accounts.set(account.id, account);
  }

  account(id: string): Account {
    const account = this.accounts.get(id);
    if (!account) {
      throw new LedgerError(`no such account: ${id}`);
    }
    return account;
  }

  post(entry: Entry): void {
    if (entry.postings.length < 2) {
      throw new LedgerError(`"${entry.text}" needs at least two postings`);
    }
    let total = money(0, entry.postings[0].amount.currency);
    for (const posting of entry.postings) {
      if (this.account(posting.account).currency !== posting.amount.currency) {
        throw new LedgerError(`${posting.account} is not kept in ${posting.amount.currency}`);
      }
      total = add(total, posting.amount);
    }
    if (total.units !== 0) {
      throw new LedgerError(`"${entry.text}" does not balance: ${total.units}`);
    }
    this.entries.push(entry);
  }

  entriesOf(id: string): Entry[] {
    return this.entries.filter((entry) => entry.postings.some((posting) => posting.account === id));
  }

  balance(id: string, until = "9999-12-31"): Money {
    let sum = money(0, this.account(id).currency);
    for (const entry of this.entries) {
      for (const posting of entry.postings) {
        if (posting.account === id && entry.date <= until) {
          sum = add(sum, posting.amount);
        }
      }
    }
    return sum;
  }
}
