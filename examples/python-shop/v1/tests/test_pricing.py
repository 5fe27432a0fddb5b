import pytest

from shop.pricing import PricingError, Product, format_price, line_net, parse_price, vat_on

MUG = Product("MUG", "Mug", 1250)


def test_volume_discount_starts_at_ten_pieces():
    assert line_net(MUG, 9) == 9 * 1250
    assert line_net(MUG, 10) == 12500 - 375
    assert line_net(MUG, 100) == 125000 - 18750


def test_quantity_must_be_positive():
    with pytest.raises(PricingError):
        line_net(MUG, 0)


def test_vat_follows_the_product_class():
    assert vat_on(MUG, 1000) == 200
    assert vat_on(Product("BOOK", "Book", 900, "reduced"), 905) == 91


def test_unknown_vat_class_is_refused():
    with pytest.raises(PricingError, match="unknown VAT class"):
        Product("X", "X", 1, "luxury")


@pytest.mark.parametrize(("text", "cents"), [("12.50", 1250), ("7", 700), (" 0.5 ", 50)])
def test_prices_are_read(text, cents):
    assert parse_price(text) == cents


def test_words_are_not_prices():
    with pytest.raises(PricingError, match="not a price"):
        parse_price("cheap")


def test_prices_are_written_with_two_decimals():
    assert format_price(1205) == "12.05"
    assert format_price(-5) == "-0.05"
