from shop.orders import Order, OrderLine
from shop.receipts import ReceiptCache, cache_key, render


def order(number=12, discount=0):
    lines = [OrderLine("MUG", "Mug", 2, 2000, 400)]
    return Order(number, "ada@example.org", lines, coupon="SPRING", discount=discount)


def test_receipt_lists_lines_vat_coupon_and_total():
    text = render(order(discount=240))
    assert text.splitlines()[3].split() == ["2", "x", "Mug", "20.00"]
    assert text.splitlines()[-2].split() == ["Coupon", "SPRING", "-2.40"]
    assert text.splitlines()[-1].split() == ["Total", "21.60"]


def test_changed_orders_get_another_key():
    assert cache_key(order()) == cache_key(order())
    assert cache_key(order()) != cache_key(order(discount=100))


def test_cache_forgets_the_oldest_receipt():
    cache = ReceiptCache(limit=1)
    first = cache.text(order(1))
    assert cache.text(order(1)) is first
    cache.text(order(2))
    assert cache.text(order(1)) is not first
