import type { Ledger } from "./accounts.js";
import { add, formatMoney, type Money } from "./money.js";

export interface StatementLine {
  readonly date: string;
  readonly text: string;
  readonly amount: Money;
  readonly balance: Money;
}

export interface Statement {
  readonly account: string;
  readonly opening: Money;
  readonly closing: Money;
  readonly lines: readonly StatementLine[];
}

/** Movements of one account within a month ("2024-05"), with the running balance. */
export function monthlyStatement(ledger: Ledger, account: string, month: string): Statement {
  let opening = ledger.balance(account, `${month}-00`);
  let balance = opening;
  const lines: StatementLine[] = [];
  const entries = ledger.entriesOf(account).filter((entry) => entry.date.startsWith(month));
  entries.sort((a, b) => a.date.localeCompare(b.date));
  for (const entry of entries) {
    for (const posting of entry.postings) {
      if (posting.account !== account) {
        continue;
      }
      balance = add(balance, posting.amount);
      lines.push({ date: entry.date, text: entry.text, amount: posting.amount, balance });
    }
  }
  return { account, opening, closing: balance, lines };
}

export function printStatement(statement: Statement): string {
  const rows = statement.lines.map((line) => {
    const amount = formatMoney(line.amount).padStart(12);
    const balance = formatMoney(line.balance).padStart(12);
    return `${line.date} ${line.text.padEnd(24)}${amount}${balance}`;
  });
  const closing = formatMoney(statement.closing).padStart(12);
  return [statement.account, ...rows, `${"closing balance".padEnd(47)}${closing}`].join("\n");
}
