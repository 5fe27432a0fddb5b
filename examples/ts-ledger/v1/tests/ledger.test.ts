import { beforeEach, describe, expect, it } from "vitest";
import { Ledger } from "../src/accounts.js";
import { csvField, statementToCsv } from "../src/csv.js";
import { JournalError, parseJournal } from "../src/parser.js";
import { monthlyStatement, printStatement } from "../src/statements.js";

const JOURNAL = `
2024-04-28 Salary
  bank      2500.00 EUR
  salary   -2500.00 EUR

2024-05-02 Rent, May   ; paid early
  rent       900.00 EUR
  bank      -900.00 EUR
2024-05-01 Coffee
  food         3.20 EUR
  bank        -3.20 EUR
`;

describe("ledger", () => {
  let ledger: Ledger;

  beforeEach(() => {
    ledger = new Ledger();
    ledger.open({ id: "bank", name: "Bank", kind: "asset", currency: "EUR" });
    ledger.open({ id: "salary", name: "Salary", kind: "income", currency: "EUR" });
    ledger.open({ id: "rent", name: "Rent", kind: "expense", currency: "EUR" });
    ledger.open({ id: "food", name: "Food", kind: "expense", currency: "EUR" });
    parseJournal(JOURNAL).forEach((entry) => ledger.post(entry));
  });

  it("keeps balances, also as of a day", () => {
    expect(ledger.balance("bank").units).toBe(159680);
    expect(ledger.balance("bank", "2024-05-01").units).toBe(249680);
  });

  it("refuses entries that do not balance or name unknown accounts", () => {
    const [entry] = parseJournal("2024-05-03 Gift\n  bank 10.00 EUR\n  food -9.00 EUR");
    expect(() => ledger.post(entry)).toThrow("does not balance: 100");
    const [other] = parseJournal("2024-05-03 Gift\n  bank 10.00 EUR\n  gifts -10.00 EUR");
    expect(() => ledger.post(other)).toThrow("no such account: gifts");
  });

  it("orders a month's statement by date and starts from the month before", () => {
    const statement = monthlyStatement(ledger, "bank", "2024-05");
    expect(statement.opening.units).toBe(250000);
    expect(statement.lines.map((line) => line.text)).toEqual(["Coffee", "Rent, May"]);
    expect(printStatement(statement)).toContain("1596.80");
  });

  it("exports a statement that spreadsheets can read", () => {
    const csv = statementToCsv(monthlyStatement(ledger, "bank", "2024-05"));
    expect(csv.split("\r\n")[2]).toBe('2024-05-02,"Rent, May",-900.00,EUR,1596.80');
    expect(csvField('say "hi"')).toBe('"say ""hi"""');
  });

  it("names the line that cannot be read", () => {
    expect(() => parseJournal("2024-05-01 Coffee\n  food 1.234 EUR")).toThrow(JournalError);
    expect(() => parseJournal("\n\nnonsense")).toThrow("line 3");
  });
});
