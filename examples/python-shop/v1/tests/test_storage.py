import pytest

from shop.cart import Cart
from shop.cli import fill_cart, main
from shop.orders import OrderError, place_order
from shop.pricing import Product
from shop.storage import Storage


@pytest.fixture
def storage():
    storage = Storage(":memory:")
    storage.save_product(Product("MUG", "Mug", 1000))
    storage.save_product(Product("BOOK", "Book", 500, "reduced"))
    yield storage
    storage.close()


def test_products_come_back_sorted(storage):
    assert [product.sku for product in storage.products()] == ["BOOK", "MUG"]
    assert [product.sku for product in storage.products("title DESC")] == ["MUG", "BOOK"]


def test_orders_come_back_as_they_were_saved(storage):
    cart = Cart()
    cart.add(storage.product("BOOK"), 3)
    order = place_order(storage.next_order_number(), "ada@example.org", cart)
    storage.save_order(order)
    assert order.number == 1001
    assert storage.order(1001) == order


def test_cart_is_filled_from_the_command_line_form(storage):
    cart = fill_cart(storage, ["MUG:3", "BOOK"])
    assert [line.quantity for line in cart] == [3, 1]
    with pytest.raises(OrderError, match="no such product"):
        fill_cart(storage, ["PEN"])


def test_command_line_places_an_order(tmp_path, capsys):
    db = str(tmp_path / "shop.db")
    assert main(["--db", db, "add-product", "MUG", "Mug", "10.00"]) == 0
    assert main(["--db", db, "order", "ada@example.org", "MUG:2"]) == 0
    assert capsys.readouterr().out == "order 1001: 24.00\n"
