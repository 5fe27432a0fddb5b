import type { Statement } from "./statements.js";
import { formatMoney } from "./money.js";

/** Quotes a field only when a reader would otherwise split it. */
export function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function statementToCsv(statement: Statement): string {
  const rows = [["date", "text", "amount", "currency", "balance"]];
  for (const line of statement.lines) {
    rows.push([
      line.date,
      line.text,
      formatMoney(line.amount),
      line.amount.currency,
      formatMoney(line.balance),
    ]);
  }
  return rows.map((row) => row.map(csvField).join(",") + "\r\n").join("");
}
