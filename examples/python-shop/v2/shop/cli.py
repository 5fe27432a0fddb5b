"""Command line of the shop: `shop add-product`, `list`, `order`, `ship` and `receipt`."""

import argparse
import sys

from shop.cart import Cart
from shop.coupons import parse_coupon
from shop.orders import OrderError, Status, place_order
from shop.pricing import PricingError, Product, format_price, parse_price
from shop.receipts import render
from shop.storage import DEFAULT_PATH, Storage


def build_parser():
    parser = argparse.ArgumentParser(prog="shop")
    parser.add_argument("--db", default=DEFAULT_PATH)
    commands = parser.add_subparsers(dest="command", required=True)

    add = commands.add_parser("add-product")
    add.add_argument("sku")
    add.add_argument("title")
    add.add_argument("price")
    add.add_argument("--vat", default="standard")

    listing = commands.add_parser("list")
    listing.add_argument("--sort", default="sku")

    order = commands.add_parser("order")
    order.add_argument("customer")
    order.add_argument("items", nargs="+", help="SKU or SKU:QUANTITY")
    order.add_argument("--coupon", help="for instance 'SPRING 10%% from 20.00'")

    ship = commands.add_parser("ship")
    ship.add_argument("number", type=int)

    receipt = commands.add_parser("receipt")
    receipt.add_argument("number", type=int)
    return parser


def fill_cart(storage, items):
    cart = Cart()
    for item in items:
        sku, _, quantity = item.partition(":")
        product = storage.product(sku)
        if product is None:
            raise OrderError(f"no such product: {sku}")
        cart.add(product, int(quantity or 1))
    return cart


def run(args, storage, out):
    if args.command == "add-product":
        storage.save_product(Product(args.sku, args.title, parse_price(args.price), args.vat))
    elif args.command == "list":
        for product in storage.products(args.sort):
            price = format_price(product.unit_cents)
            print(f"{product.sku:<10} {price:>10}  {product.title}", file=out)
    elif args.command == "order":
        cart = fill_cart(storage, args.items)
        order = place_order(storage.next_order_number(), args.customer, cart)
        if args.coupon:
            order.redeem(parse_coupon(args.coupon))
        storage.save_order(order)
        print(f"order {order.number}: {format_price(order.gross)}", file=out)
    elif args.command == "ship":
        order = storage.order(args.number)
        if order is None:
            raise OrderError(f"no such order: {args.number}")
        order.move_to(Status.SHIPPED)
        storage.save_order(order)
    elif args.command == "receipt":
        order = storage.order(args.number)
        if order is None:
            raise OrderError(f"no receipt, no such order: {args.number}")
        out.write(render(order))


def main(argv=None):
    args = build_parser().parse_args(argv)
    storage = Storage(args.db)
    try:
        run(args, storage, sys.stdout)
    except (OrderError, PricingError, ValueError) as error:
        print(f"shop: {error}", file=sys.stderr)
        return 1
    finally:
        storage.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
