import { describe, expect, it } from "vitest";
import { Ledger } from "../src/accounts.js";
import { importRows, readBankFile, splitCsvLine } from "../src/bankimport.js";

describe("bank import", () => {
  it("splits quoted fields", () => {
    expect(splitCsvLine('1.5.2024;"Shop; corner";-3.20')).toEqual(["1.5.2024", "Shop; corner", "-3.20"]);
  });

  it("posts the rows a rule knows", () => {
    const ledger = new Ledger();
    ledger.open({ id: "bank", name: "Bank", kind: "asset", currency: "EUR" });
    ledger.open({ id: "food", name: "Food", kind: "expense", currency: "EUR" });
    const rows = readBankFile("Date;Text;Amount\n1.5.2024;Coffee bar;-3.20\n", "EUR");
    const result = importRows(ledger, "bank", rows, [{ word: "coffee", account: "food" }]);
    expect(result).toEqual({ posted: 1, skipped: [] });
    expect(ledger.balance("food").units).toBe(320);
  });
});
