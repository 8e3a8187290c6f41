"""What a shop sells: prices, discounts, taxes and baskets whose sums are looked up, not added.

A basket is a slice of one long shelf, so the sums of any basket are two look-ups in running
totals, and its line items are still there one by one when they are asked for.
"""

import json
from array import array
from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import accumulate
from random import Random
from typing import NamedTuple

from pipelines.emulator.ids import token
from pipelines.emulator.people import text

SHELF = 1024  # a basket starts at one of these places
LONGEST = 250  # line items in the largest basket

# What a shelf holds.
GOODS, SUBSCRIPTIONS, TRIAL = 0, 1, 2  # a trial's items cost nothing yet


class Currency(NamedTuple):
    """A currency: code, minor units of a US dollar, smallest step of a price, local tax."""

    code: str
    per_dollar: float
    step: int
    tax: int


class Tax(NamedTuple):
    """A tax: share of the net amount in hundred-thousandths, and whether prices include it."""

    rate: int
    inclusive: bool


class Coupon(NamedTuple):
    """A discount in thousandths of the price, given by the shop or typed in as a code."""

    permille: int
    typed: bool


class Product(NamedTuple):
    """Something for sale: its name and its price in US cents."""

    name: str
    cents: int


class Sums(NamedTuple):
    """Running totals along the shelf, in minor units."""

    subtotal: Sequence[int]
    discount: Sequence[int]
    tax: Sequence[int]


# 0 is no tax; the others are what a currency's customers pay.
TAXES = (
    Tax(0, False),
    Tax(8_875, False),
    Tax(21_000, True),
    Tax(20_000, True),
    Tax(10_000, True),
    Tax(13_000, False),
    Tax(8_100, True),
)
CURRENCIES = (
    Currency("usd", 100, 1, 1),
    Currency("eur", 92, 1, 2),
    Currency("gbp", 78, 1, 3),
    Currency("jpy", 151, 1, 4),
    Currency("cad", 137, 1, 5),
    Currency("chf", 88, 5, 6),
    Currency("kwd", 307, 10, 0),
    Currency("krw", 1_380, 10, 4),
)
# 0 is no coupon.
COUPONS = (
    Coupon(0, False),
    Coupon(100, True),
    Coupon(250, True),
    Coupon(125, False),
    Coupon(1000, False),
)
FREE = 4

_GOODS = (
    Product("T-shirt", 1999),
    Product("Mug “Good morning”", 1250),
    Product('Poster 18" × 24"', 2400),  # noqa: RUF001 - awkward text is wanted
    Product("Sticker pack 🎉", 450),
    Product("Kaffee, gemahlen (250 g)", 899),
    Product("Hand-made ceramic bowl", 6400),
    Product("抹茶セット", 3800),
    Product("Crème brûlée kit", 2799),
    Product("Notebook\nA5, dotted", 1190),
    Product("C:\\temp\\poster.png print", 1575),
    Product("Bicycle", 64900),
    Product("Gift card", 5000),
    Product("<em>Limited</em> edition print", 12000),
    Product("Пуловер", 8900),
    Product("Socks, pair", 799),
    Product("Conference ticket", 29900),
    Product("Espresso machine", 48950),
    Product("Seeds: tomato", 249),
    Product("Postcard", 150),
    Product("Umbrella", 2250),
)
_PLANS = (
    Product("Starter", 900),
    Product("Team", 4900),
    Product("Business", 19900),
    Product("Extra seat", 1200),
    Product("Storage, 100 GB", 299),
    Product("Priority support", 9900),
)
_PRODUCTS = (_GOODS, _PLANS, _PLANS)
_QUANTITIES = (1, 1, 1, 1, 1, 2, 2, 3, 4, 12)
_SHIPPING_CENTS = (500, 1500, 0)


class Catalogue:
    """One account's price list.

    Args:
        seed: the account's; another seed, other ids and another shelf.
        livemode: said by every price.
    """

    def __init__(self, seed: str, *, livemode: bool) -> None:
        random = Random(f"{seed}/shelf")  # noqa: S311 - a made-up shop, not a secret
        self._seed = seed
        self._livemode = livemode
        goods = [
            (random.randrange(len(_GOODS)), random.choice(_QUANTITIES))
            for _ in range(SHELF + LONGEST)
        ]
        plans = [(random.randrange(len(_PLANS)), random.choice((1, 1, 1, 5))) for _ in goods]
        self._shelves = (goods, plans, plans)
        self.coupons = [self._coupon(number, coupon) for number, coupon in enumerate(COUPONS)]
        self._sums = cache(self._add_up)
        self._items = cache(self._render_items)
        self.shipping = cache(self._shipping)
        self.shipping_options = cache(self._render_shipping_options)

    def sums(self, kind: int, currency: int, coupon: int, tax: int) -> Sums:
        """The running totals of a shelf; basket `[a, b)` has `total[b] - total[a]`."""
        return self._sums(kind, currency, coupon, tax)

    def items(
        self, start: int, end: int, kind: int, currency: int, coupon: int, tax: int
    ) -> Sequence[str]:
        """A basket's line items as JSON, each without its opening brace and id."""
        return self._items(kind, currency, coupon, tax)[start:end]

    def price_id(self, kind: int, currency: int, product: int) -> str:
        """The id of a product's price in a currency."""
        return "price_1" + token(f"{self._seed}/price/{bool(kind)}/{currency}/{product}", 23)

    def _add_up(self, kind: int, currency: int, coupon: int, tax: int) -> Sums:
        shelf = self._shelves[kind]
        amounts = {entry: self._amounts(kind, currency, coupon, tax, entry) for entry in set(shelf)}
        columns = zip(*(amounts[entry] for entry in shelf), strict=True)
        return Sums(*(array("q", accumulate(each, initial=0)) for each in columns))

    def _amounts(
        self, kind: int, currency: int, coupon: int, tax: int, entry: tuple[int, int]
    ) -> tuple[int, int, int]:
        """Subtotal, discount and tax of a place on the shelf, in minor units."""
        product, quantity = entry
        subtotal = quantity * self._unit_amount(kind, currency, product) * (kind != TRIAL)
        discount = subtotal * COUPONS[coupon].permille // 1000
        return subtotal, discount, tax_of(subtotal - discount, tax)

    def _unit_amount(self, kind: int, currency: int, product: int) -> int:
        return local(_PRODUCTS[kind][product].cents, currency)

    def _render_items(self, kind: int, currency: int, coupon: int, tax: int) -> list[str]:
        """A shelf's line items as JSON; equal ones are one string."""
        prices = [self._render_price(kind, currency, k) for k in range(len(_PRODUCTS[kind]))]
        code = CURRENCIES[currency].code
        items: dict[tuple[int, int], str] = {}
        for entry in set(self._shelves[kind]):
            product, quantity = entry
            subtotal, discount, duty = self._amounts(kind, currency, coupon, tax, entry)
            total = subtotal - discount + (0 if TAXES[tax].inclusive else duty)
            items[entry] = (
                '"object":"item","adjustable_quantity":null,'
                f'"amount_discount":{discount},"amount_subtotal":{subtotal},'
                f'"amount_tax":{duty},"amount_total":{total},'
                f'"currency":"{code}","description":"{text(_PRODUCTS[kind][product].name)}",'
                f'"metadata":{{}},"price":{prices[product]},"quantity":{quantity}}}'
            )
        return [items[entry] for entry in self._shelves[kind]]

    def _render_price(self, kind: int, currency: int, product: int) -> str:
        amount = self._unit_amount(kind, currency, product)
        tax = TAXES[CURRENCIES[currency].tax]
        plan = {
            "interval": "month",
            "interval_count": 1,
            "meter": None,
            "trial_period_days": None,
            "usage_type": "licensed",
        }
        price = {
            "id": self.price_id(kind, currency, product),
            "object": "price",
            "active": True,
            "billing_scheme": "per_unit",
            "created": 1_672_531_200 + 86_400 * product,
            "currency": CURRENCIES[currency].code,
            "custom_unit_amount": None,
            "livemode": self._livemode,
            "lookup_key": None,
            "metadata": {"sku": f"{'PLAN' if kind else 'SKU'}-{product:03d}"},
            "nickname": None,
            "product": "prod_" + token(f"{self._seed}/product/{bool(kind)}/{product}", 14),
            "recurring": plan if kind else None,
            "tax_behavior": "inclusive" if tax.inclusive else "exclusive",
            "tiers_mode": None,
            "transform_quantity": None,
            "type": "recurring" if kind else "one_time",
            "unit_amount": amount,
            "unit_amount_decimal": str(amount),
        }
        return json.dumps(price, separators=(",", ":"))

    def _coupon(self, number: int, coupon: Coupon) -> str:
        """A session's `discounts` with this coupon, as JSON."""
        if not coupon.permille:
            return "[]"
        if coupon.typed:
            name = "promo_1" + token(f"{self._seed}/promotion/{number}", 23)
            return f'[{{"coupon":null,"promotion_code":"{name}"}}]'
        return f'[{{"coupon":"{token(f"{self._seed}/coupon/{number}", 8)}","promotion_code":null}}]'

    def _shipping(self, choice: int, currency: int, tax: int) -> tuple[int, int, str]:
        """A way to ship: amount and tax in minor units, and `shipping_cost` as JSON."""
        amount = local(_SHIPPING_CENTS[choice], currency)
        duty = tax_of(amount, tax)
        total = amount + (0 if TAXES[tax].inclusive else duty)
        rate = self._shipping_rate(choice, currency)
        cost = (
            f'{{"amount_subtotal":{amount},"amount_tax":{duty},"amount_total":{total},'
            f'"shipping_rate":"{rate}"}}'
        )
        return amount, duty, cost

    def _render_shipping_options(self, currency: int) -> str:
        options = [
            {
                "shipping_amount": local(cents, currency),
                "shipping_rate": self._shipping_rate(choice, currency),
            }
            for choice, cents in enumerate(_SHIPPING_CENTS)
        ]
        return json.dumps(options, separators=(",", ":"))

    def _shipping_rate(self, choice: int, currency: int) -> str:
        return "shr_1" + token(f"{self._seed}/shipping/{choice}/{currency}", 23)


@lru_cache(maxsize=8)
def catalogue_of(seed: str, *, livemode: bool) -> Catalogue:
    """The catalogue of a seed and mode, one for all emulators of a process: it never changes."""
    return Catalogue(seed, livemode=livemode)


def local(cents: int, currency: int) -> int:
    """US cents in a currency's minor units, rounded to what its customers can pay."""
    money = CURRENCIES[currency]
    return round(cents / 100 * money.per_dollar / money.step) * money.step


def tax_of(amount: int, tax: int) -> int:
    """The tax on an amount, or in it, in the same minor units; halves round up."""
    rate, inclusive = TAXES[tax]
    base = 100_000 + rate if inclusive else 100_000
    return (2 * amount * rate + base) // (2 * base)
