from datetime import UTC, date, datetime

import pytest

from shop.cart import Cart
from shop.coupons import Coupon, CouponError, parse_coupon
from shop.orders import OrderError, place_order
from shop.pricing import Product


def order_of(quantity):
    cart = Cart()
    cart.add(Product("MUG", "Mug", 1000), quantity)
    return place_order(7, "ada@example.org", cart, lambda: datetime(2024, 5, 1, tzinfo=UTC))


def test_percentage_is_taken_off_the_gross_total():
    order = order_of(2)
    order.redeem(Coupon("SPRING", percent=10))
    assert (order.coupon, order.discount, order.gross) == ("SPRING", 240, 2160)


def test_amount_never_makes_an_order_negative():
    order = order_of(1)
    order.redeem(Coupon("HUGE", amount=100000))
    assert order.gross == 0


def test_only_one_coupon_per_order():
    order = order_of(2)
    order.redeem(Coupon("SPRING", percent=10))
    with pytest.raises(OrderError, match="already has coupon SPRING"):
        order.redeem(Coupon("OTHER", percent=5))


def test_expired_and_too_small_orders_are_refused():
    with pytest.raises(CouponError, match="expired on 2024-04-30"):
        order_of(2).redeem(Coupon("APRIL", percent=10, last_day=date(2024, 4, 30)))
    with pytest.raises(CouponError, match="needs an order of 50.00"):
        order_of(2).redeem(Coupon("BIG", amount=500, minimum=5000))


def test_coupons_are_read_with_their_rules():
    assert parse_coupon("spring 10%") == Coupon("SPRING", percent=10)
    assert parse_coupon("WELCOME 5.00 from 20.00") == Coupon("WELCOME", amount=500, minimum=2000)
    may = parse_coupon("MAY 10% until 2024-05-31")
    assert may.last_day == date(2024, 5, 31)


def test_unreadable_coupons_say_what_is_wrong():
    with pytest.raises(CouponError, match="not a coupon"):
        parse_coupon("SPRING")
    with pytest.raises(CouponError, match="SPRING: "):
        parse_coupon("SPRING ten%")
