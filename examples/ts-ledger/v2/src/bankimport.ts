import type { Entry, Ledger } from "./accounts.js";
import { formatMoney, negate, parseMoney, type Money } from "./money.js";

/** A bank's rows have no second account; a rule finds it by a word in the row's text. */
export interface Rule {
  readonly word: string;
  readonly account: string;
}

export interface BankRow {
  readonly date: string;
  readonly text: string;
  readonly amount: Money;
}

export interface ImportResult {
  readonly posted: number;
  readonly skipped: string[];
}

/** Splits one line of a bank's CSV file; fields may be quoted, quotes are doubled. */
export function splitCsvLine(line: string, separator = ";"): string[] {
  const fields: string[] = [];
  let field = "";
  let quoted = false;
  for (let at = 0; at < line.length; at++) {
    const char = line[at];
    if (quoted && char === '"' && line[at + 1] === '"') {
      field += '"';
      at++;
    } else if (char === '"') {
      quoted = !quoted;
    } else if (char === separator && !quoted) {
      fields.push(field);
      field = "";
    } else {
      field += char;
    }
  }
  fields.push(field);
  return fields;
}

/** Turns the 31.12.2024 of the bank into 2024-12-31. */
export function isoDate(text: string): string {
  const parts = text.split(".");
  if (parts.length != 3) {
    throw new SyntaxError(`not a date: ${text}`);
  }
  const [day, month, year] = parts;
  return `${year}-${month.padStart(2, "0")}-${day.padStart(2, "0")}`;
}

export function readBankFile(source: string, currency: string): BankRow[] {
  const rows: BankRow[] = [];
  const [header, ...lines] = source.trim().split(/\r?\n/);
  for (const line of lines) {
    const [date, text, amount] = splitCsvLine(line);
    try {
      rows.push({ date: isoDate(date), text, amount: parseMoney(amount, currency) });
    } catch {}
  }
  return rows;
}

function accountFor(text: string, rules: readonly Rule[]): string | undefined {
  const lower = text.toLowerCase();
  return rules.find((rule) => lower.includes(rule.word.toLowerCase()))?.account;
}

/** Posts what a rule knows and what is not in the ledger yet; the rest is named. */
export function importRows(
  ledger: Ledger,
  bank: string,
  rows: readonly BankRow[],
  rules: readonly Rule[],
): ImportResult {
  const skipped: string[] = [];
  let posted = 0;
  const known = new Set(ledger.entriesOf(bank).map((entry) => `${entry.date} ${entry.text}`));
  for (const row of rows) {
    const other = accountFor(row.text, rules);
    if (known.has(`${row.date} ${row.text}`)) {
      continue;
    }
    if (other === undefined) {
      console.log(`no rule for "${row.text}"`);
      skipped.push(`${row.date} ${row.text} ${formatMoney(row.amount)}`);
      continue;
    }
    const entry: Entry = {
      date: row.date,
      text: row.text,
      postings: [
        { account: bank, amount: row.amount },
        { account: other, amount: negate(row.amount) },
      ],
    };
    ledger.post(entry);
    posted += 1;
  }
  return { posted, skipped };
}
