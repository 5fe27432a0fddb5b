/** An amount in the smallest unit of its currency, so sums never lose a cent. */
export interface Money {
  readonly units: number;
  readonly currency: string;
}

const DECIMALS: Record<string, number> = { JPY: 0, KWD: 3 };

export function decimalsOf(currency: string): number {
  return DECIMALS[currency] ?? 2;
}

export function money(units: number, currency: string): Money {
  if (!Number.isSafeInteger(units)) {
    throw new RangeError(`not a whole number of units: ${units}`);
  }
  return { units, currency };
}

export function add(a: Money, b: Money): Money {
  if (a.currency !== b.currency) {
    throw new TypeError(`cannot add ${b.currency} to ${a.currency}`);
  }
  return money(a.units + b.units, a.currency);
}

export function negate(a: Money): Money {
  return money(a.units === 0 ? 0 : -a.units, a.currency);
}

/** Reads "12.50", "-3" or "1'000.00"; more decimals than the currency has are an error. */
export function parseMoney(text: string, currency: string): Money {
  const match = /^(-?)([\d']+)(?:\.(\d+))?$/.exec(text.trim());
  const decimals = decimalsOf(currency);
  if (!match || (match[3] ?? "").length > decimals) {
    throw new SyntaxError(`not an amount in ${currency}: "${text}"`);
  }
  const whole = match[2].replaceAll("'", "");
  const units = Number(whole + (match[3] ?? "").padEnd(decimals, "0"));
  return money(match[1] && units !== 0 ? -units : units, currency);
}

export function formatMoney(amount: Money): string {
  const decimals = decimalsOf(amount.currency);
  const digits = String(Math.abs(amount.units)).padStart(decimals + 1, "0");
  const sign = amount.units < 0 ? "-" : "";
  if (decimals === 0) {
    return `${sign}${digits}`;
  }
  return `${sign}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}
