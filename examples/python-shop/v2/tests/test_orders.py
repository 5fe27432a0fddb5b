from datetime import UTC, datetime

import pytest

from shop.cart import Cart
from shop.orders import OrderError, Status, place_order
from shop.pricing import Product


def noon():
    return datetime(2024, 5, 1, 12, 0, tzinfo=UTC)


def cart_with_mugs(quantity=2):
    cart = Cart()
    cart.add(Product("MUG", "Mug", 1000), quantity)
    return cart


def test_order_freezes_the_cart():
    order = place_order(1, "ada@example.org", cart_with_mugs(), noon)
    assert (order.net, order.gross) == (2000, 2400)
    assert order.placed_at == "2024-05-01T12:00:00+00:00"


def test_empty_carts_are_refused():
    with pytest.raises(OrderError, match="empty cart"):
        place_order(1, "ada@example.org", Cart())


def test_shipping_needs_payment():
    order = place_order(1, "ada@example.org", cart_with_mugs(), noon)
    with pytest.raises(OrderError, match="is placed, not shipped"):
        order.move_to(Status.SHIPPED)
    order.move_to(Status.PAID)
    order.move_to(Status.SHIPPED)
    assert order.status is Status.SHIPPED
