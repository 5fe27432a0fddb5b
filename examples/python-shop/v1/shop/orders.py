"""Orders and the states they go through."""

import enum
from dataclasses import dataclass, field
from datetime import UTC, datetime


class OrderError(Exception):
    """What was asked for is not possible in the order's state."""


class Status(enum.Enum):
    PLACED = "placed"
    PAID = "paid"
    SHIPPED = "shipped"
    CANCELLED = "cancelled"


NEXT = {
    Status.PLACED: {Status.PAID, Status.CANCELLED},
    Status.PAID: {Status.SHIPPED, Status.CANCELLED},
    Status.SHIPPED: set(),
    Status.CANCELLED: set(),
}


@dataclass
class OrderLine:
    sku: str
    title: str
    quantity: int
    net: int
    vat: int


@dataclass
class Order:
    number: int
    customer: str
    lines: list[OrderLine] = field(default_factory=list)
    status: Status = Status.PLACED
    placed_at: str = ""

    @property
    def net(self):
        return sum(line.net for line in self.lines)

    @property
    def gross(self):
        return self.net + sum(line.vat for line in self.lines)

    def move_to(self, status):
        if status not in NEXT[self.status]:
            raise OrderError(f"order {self.number} is {self.status.value}, not {status.value}")
        self.status = status


def place_order(number, customer, cart, clock=lambda: datetime.now(UTC)):
    """Turn a cart into an order; later price changes no longer touch it."""
    if len(cart) == 0:
        raise OrderError("an empty cart cannot be ordered")
    if "@" not in customer:
        raise OrderError(f"not an e-mail address: {customer!r}")
    lines = [
        OrderLine(line.product.sku, line.product.title, line.quantity, line.net, line.vat)
        for line in cart
    ]
    return Order(number, customer, lines, placed_at=clock().isoformat(timespec="seconds"))
