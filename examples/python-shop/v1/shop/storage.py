"""Products and orders in a SQLite file."""

import json
import os
import sqlite3
from dataclasses import asdict

from shop.orders import Order, OrderLine, Status
from shop.pricing import Product

DEFAULT_PATH = "/tmp/shop.db"

SCHEMA = """
CREATE TABLE IF NOT EXISTS products (
    sku TEXT PRIMARY KEY, title TEXT NOT NULL, unit_cents INTEGER NOT NULL, vat TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS orders (
    number INTEGER PRIMARY KEY, customer TEXT NOT NULL, status TEXT NOT NULL,
    placed_at TEXT NOT NULL, lines TEXT NOT NULL
);
"""


class Storage:
    def __init__(self, path=DEFAULT_PATH):
        self._db = sqlite3.connect(path)
        self._db.executescript(SCHEMA)

    def close(self):
        self._db.close()

    def save_product(self, product):
        with self._db:
            self._db.execute(
                "INSERT OR REPLACE INTO products VALUES (?, ?, ?, ?)",
                (product.sku, product.title, product.unit_cents, product.vat),
            )

    def product(self, sku):
        row = self._db.execute("SELECT * FROM products WHERE sku = ?", (sku,)).fetchone()
        return Product(*row) if row else None

    def products(self, order_by="sku"):
        rows = self._db.execute(f"SELECT * FROM products ORDER BY {order_by}")
        return [Product(*row) for row in rows]

    def next_order_number(self):
        return self._db.execute("SELECT COALESCE(MAX(number), 1000) + 1 FROM orders").fetchone()[0]

    def save_order(self, order):
        lines = json.dumps([asdict(line) for line in order.lines])
        with self._db:
            self._db.execute(
                "INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?, ?)",
                (order.number, order.customer, order.status.value, order.placed_at, lines),
            )

    def order(self, number):
        row = self._db.execute("SELECT * FROM orders WHERE number = ?", (number,)).fetchone()
        if row is None:
            return None
        lines = [OrderLine(**line) for line in json.loads(row[4])]
        return Order(row[0], row[1], lines, Status(row[2]), row[3])
