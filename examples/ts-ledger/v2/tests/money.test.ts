import { describe, expect, it } from "vitest";
import { add, formatMoney, money, negate, parseMoney } from "../src/money.js";

describe("money", () => {
  it("reads and writes amounts in the currency's own decimals", () => {
    expect(parseMoney("1'250.5", "EUR").units).toBe(125050);
    expect(parseMoney("-3", "JPY").units).toBe(-3);
    expect(formatMoney(money(-5, "EUR"))).toBe("-0.05");
    expect(formatMoney(money(1500, "KWD"))).toBe("1.500");
    expect(formatMoney(money(70, "JPY"))).toBe("70");
  });

  it("refuses what is not an amount", () => {
    expect(() => parseMoney("12.345", "EUR")).toThrow('not an amount in EUR: "12.345"');
    expect(() => money(0.5, "EUR")).toThrow(RangeError);
  });

  it("never mixes currencies", () => {
    expect(() => add(money(1, "EUR"), money(1, "USD"))).toThrow("cannot add USD to EUR");
    expect(negate(money(0, "EUR")).units).toBe(0);
  });
});
