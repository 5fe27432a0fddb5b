"""Prices, volume discounts and value added tax."""

from dataclasses import dataclass

VAT_PERCENT = {"standard": 20, "reduced": 10, "zero": 0}

# From this many pieces of one product on, the percentage is taken off.
VOLUME_STEPS = ((100, 15), (25, 8), (10, 3))


class PricingError(ValueError):
    """A price cannot be worked out from what was given."""


@dataclass(frozen=True)
class Product:
    sku: str
    title: str
    unit_cents: int
    vat: str = "standard"

    def __post_init__(self):
        if self.unit_cents < 0:
            raise PricingError(f"{self.sku}: a price cannot be negative")
        if self.vat not in VAT_PERCENT:
            raise PricingError(f"{self.sku}: unknown VAT class {self.vat!r}")


def percent_of(cents, percent):
    """The given percentage of an amount, halves rounded up."""
    return (cents * percent + 50) // 100


def volume_discount_percent(quantity):
    for threshold, percent in VOLUME_STEPS:
        if quantity >= threshold:
            return percent
    return 0


def line_net(product, quantity):
    """Net price of one line after the volume discount."""
    if quantity <= 0:
        raise PricingError(f"{product.sku}: quantity must be at least 1")
    full = product.unit_cents * quantity
    return full - percent_of(full, volume_discount_percent(quantity))


def vat_on(product, net_cents):
    return percent_of(net_cents, VAT_PERCENT[product.vat])


def parse_price(text):
    """Read a price such as '12.50' or '7' into cents."""
    try:
        whole, _, fraction = text.strip().partition(".")
        return int(whole) * 100 + int((fraction + "00")[:2])
    except ValueError:
        raise PricingError(f"not a price: {text!r}")


def format_price(cents):
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"
