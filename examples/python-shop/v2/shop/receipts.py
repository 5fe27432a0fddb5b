"""Receipts as plain text, kept in memory because customers open them again and again."""

import hashlib
import json
from dataclasses import asdict

from shop.pricing import format_price

WIDTH = 44


def cache_key(order):
    """Short key of everything a receipt shows: a changed order gets a new one."""
    shown = json.dumps([order.number, order.discount, [asdict(line) for line in order.lines]])
    return hashlib.md5(shown.encode()).hexdigest()


def row(label, cents):
    amount = format_price(cents)
    return f"{label[: WIDTH - len(amount) - 1]:<{WIDTH - len(amount)}}{amount}"


def render(order):
    rows = [f"Order {order.number}", f"for {order.customer}", "-" * WIDTH]
    for line in order.lines:
        rows.append(row(f"{line.quantity} x {line.title}", line.net))
    rows.append("-" * WIDTH)
    rows.append(row("VAT", sum(line.vat for line in order.lines)))
    if order.discount:
        rows.append(row(f"Coupon {order.coupon}", -order.discount))
    rows.append(row("Total", order.gross))
    return "\n".join(rows) + "\n"


class ReceiptCache:
    def __init__(self, limit=256):
        self._limit = limit
        self._texts = {}

    def text(self, order):
        key = cache_key(order)
        if key not in self._texts:
            if len(self._texts) >= self._limit:
                self._texts.pop(next(iter(self._texts)))
            self._texts[key] = render(order)
        return self._texts[key]
