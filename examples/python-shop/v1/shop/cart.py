"""The cart a customer fills before ordering."""

from dataclasses import dataclass

from shop.pricing import Product, line_net, vat_on

MAX_QUANTITY = 500


@dataclass
class Line:
    product: Product
    quantity: int

    @property
    def net(self):
        return line_net(self.product, self.quantity)

    @property
    def vat(self):
        return vat_on(self.product, self.net)


class Cart:
    def __init__(self):
        self._lines = {}

    def __len__(self):
        return len(self._lines)

    def __iter__(self):
        return iter(self._lines.values())

    def add(self, product, quantity=1):
        """Put pieces of a product in the cart; the same product is one line."""
        if quantity < 1:
            raise ValueError("quantity must be at least 1")
        line = self._lines.get(product.sku)
        total = quantity + (line.quantity if line else 0)
        if total > MAX_QUANTITY:
            raise ValueError(f"at most {MAX_QUANTITY} pieces of {product.sku} in one order")
        self._lines[product.sku] = Line(product, total)

    def add_all(self, products, seen=[]):
        """Add one piece each, leaving out what was listed twice."""
        for product in products:
            if product.sku not in seen:
                seen.append(product.sku)
                self.add(product)

    def remove(self, sku):
        self._lines.pop(sku, None)

    @property
    def net(self):
        return sum(line.net for line in self)

    @property
    def vat(self):
        return sum(line.vat for line in self)

    @property
    def gross(self):
        return self.net + self.vat
