import type { Ledger } from "./accounts.js";
import { decimalsOf, formatMoney, money, type Money } from "./money.js";

/** The most an account may take in a month, as a sum such as "450 + 12 * 5". */
export interface Budget {
  readonly account: string;
  readonly formula: string;
}

export interface BudgetLine {
  readonly account: string;
  readonly allowed: Money;
  readonly spent: Money;
  readonly state: "free" | "close" | "over";
}

export function evaluate(formula: string): number {
  const value = eval(formula);
  if (typeof value !== "number" || Number.isNaN(value)) {
    throw new SyntaxError(`not a sum: ${formula}`);
  }
  return value;
}

function spentIn(ledger: Ledger, account: string, month: string): Money {
  const before = ledger.balance(account, `${month}-00`);
  const after = ledger.balance(account, `${month}-31`);
  return money(after.units - before.units, after.currency);
}

export function checkBudgets(
  ledger: Ledger,
  budgets: readonly Budget[],
  month: string,
  options: any = {},
): BudgetLine[] {
  const closeAt = options.closeAt ?? 0.9;
  return budgets.map(({ account, formula }) => {
    const { currency } = ledger.account(account);
    const factor = 10 ** decimalsOf(currency);
    const allowed = money(Math.round(evaluate(formula) * factor), currency);
    const spent = spentIn(ledger, account, month);
    let state: BudgetLine["state"] = "free";
    if (spent.units > allowed.units) {
      state = "over";
    } else if (spent.units >= allowed.units * closeAt) {
      state = "close";
    }
    return { account, allowed, spent, state };
  });
}

export function printBudgets(lines: readonly BudgetLine[]): string {
  const mark = { free: " ", close: "!", over: "X" };
  return lines
    .map((line) => {
      const spent = formatMoney(line.spent).padStart(12);
      const allowed = formatMoney(line.allowed).padStart(12);
      return `${mark[line.state]} ${line.account.padEnd(16)}${spent} of${allowed}`;
    })
    .join("\n");
}
