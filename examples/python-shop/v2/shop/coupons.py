"""Coupons: a percentage or a fixed amount off an order."""

from dataclasses import dataclass
from datetime import date

from shop.pricing import format_price, parse_price, percent_of


class CouponError(ValueError):
    """The coupon cannot be used for this order."""


@dataclass(frozen=True)
class Coupon:
    code: str
    percent: int = 0
    amount: int = 0
    minimum: int = 0
    last_day: date | None = None

    def __post_init__(self):
        if bool(self.percent) == bool(self.amount):
            raise CouponError(f"{self.code}: give either a percentage or an amount")
        if not 0 <= self.percent <= 50 or self.amount < 0:
            raise CouponError(f"{self.code}: at most 50%, and nothing below zero")

    def check(self, total, today):
        """Say why the coupon cannot be used, if it cannot."""
        if self.last_day is not None and today > self.last_day:
            raise CouponError(f"{self.code}: expired on {self.last_day.isoformat()}")
        if total < self.minimum:
            raise CouponError(f"{self.code}: needs an order of {format_price(self.minimum)}")

    def discount(self, total):
        """Amount taken off; never more than the order costs."""
        if self.percent:
            return percent_of(total, self.percent)
        return min(self.amount, total)


def parse_coupon(text):
    """Read `SPRING 10%`, `WELCOME 5.00 from 20.00` or `MAY 10% until 2024-05-31`."""
    words = text.split()
    if len(words) < 2:
        raise CouponError(f"not a coupon: {text!r}")
    code, value, rules = words[0].upper(), words[1], words[2:]
    fields = {"percent": 0, "amount": 0}
    try:
        if value.endswith("%"):
            fields["percent"] = int(value[:-1])
        else:
            fields["amount"] = parse_price(value)
        for word, operand in zip(rules[::2], rules[1::2], strict=True):
            if word == "from":
                fields["minimum"] = parse_price(operand)
            elif word == "until":
                fields["last_day"] = date.fromisoformat(operand)
            else:
                raise CouponError(f"{code}: unknown rule {word!r}")
    except CouponError:
        raise
    except ValueError as error:
        raise CouponError(f"{code}: {error}") from error
    return Coupon(code, **fields)
