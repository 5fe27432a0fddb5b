import sqlite3
from contextlib import closing

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


def test_files_of_version_1_0_are_still_read(tmp_path):
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as old:
        old.execute("CREATE TABLE orders (number, customer, status, placed_at, lines)")
        old.execute("INSERT INTO orders VALUES (1, 'ada@example.org', 'paid', '2024-05-01', '[]')")
        old.commit()
    with closing(Storage(path)) as storage:
        assert (storage.order(1).coupon, storage.order(1).discount) == ("", 0)


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


def test_command_line_takes_a_coupon_and_prints_the_receipt(tmp_path, capsys):
    db = str(tmp_path / "shop.db")
    main(["--db", db, "add-product", "MUG", "Mug", "10.00"])
    assert main(["--db", db, "order", "ada@example.org", "MUG:2", "--coupon", "SPRING 10%"]) == 0
    assert capsys.readouterr().out == "order 1001: 21.60\n"
    assert main(["--db", db, "receipt", "1001"]) == 0
    assert capsys.readouterr().out.endswith("21.60\n")
