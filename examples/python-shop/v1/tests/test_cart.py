import pytest

from shop.cart import Cart
from shop.pricing import Product

MUG = Product("MUG", "Mug", 1000)
BOOK = Product("BOOK", "Book", 500, "reduced")


def test_same_product_is_one_line():
    cart = Cart()
    cart.add(MUG)
    cart.add(MUG, 2)
    assert [line.quantity for line in cart] == [3]


def test_totals_add_up_over_vat_classes():
    cart = Cart()
    cart.add(MUG, 2)
    cart.add(BOOK)
    assert (cart.net, cart.vat, cart.gross) == (2500, 450, 2950)


def test_too_many_pieces_are_refused():
    cart = Cart()
    cart.add(MUG, 500)
    with pytest.raises(ValueError, match="at most 500"):
        cart.add(MUG)


def test_removed_products_cost_nothing():
    cart = Cart()
    cart.add(MUG)
    cart.remove("MUG")
    cart.remove("NEVER-THERE")
    assert cart.gross == 0
