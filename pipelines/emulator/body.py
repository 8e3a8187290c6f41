"""A made-up session as JSON at a moment: one formatted string, since a page has a hundred.

Field names, order and enum values are those of API version 2026-10-28.endive.
"""

from typing import NamedTuple

from pipelines.emulator.catalogue import CURRENCIES, TAXES, Catalogue
from pipelines.emulator.people import People, address, phone, tax_ids, text
from pipelines.emulator.profiles import DAY_S
from pipelines.emulator.session import Basket, Life, Session, basket, free, line_item_id

# Shares, in bytes' worth of 256.
_KNOWN = 80
_PREFILLED = 35
_OWN_CURRENCY = 40
_CONVERTED = 2
_ODD_REFERENCE = 8
_PLAIN_REFERENCE = 120

_ODD = (
    '<script>alert("cart")</script>',
    "order/2024#7?x=1&y=2",
    "Ünïcödé-Größe",
    "back\\slash\\",
    "quote'\"quote",
    "new\nline\ttab",
    "购物车 42",
    "🛒🛍️",
    " padded ",
    "{{template}} ${var} %s",
    "null",
    "0",
    "1e400",
    "عربة التسوق",
    "\u2028line separator",
    "-- ; DROP TABLE sessions",
)
_ODD_TEXTS = [text(odd) for odd in _ODD]
_METADATA = (
    *[""] * 90,
    *['"order_id":"ORD-%07d"'] * 100,
    *['"order_id":"ORD-%07d","campaign":"spring_sale","utm_source":"newsletter"'] * 54,
    *['"order_id":"ORD-%07d","gift_note":"%s"'] * 12,
)
_ODD_METADATA = 256 - 12
_LIABILITY = '{"enabled":true,"liability":{"type":"self"},"provider":"stripe","status":'
_NO_AUTO_TAX = '{"enabled":false,"liability":null,"provider":null,"status":null}'
_FRAGMENT = (
    "fidkdWxOYHwnPyd1blpxYHZxWjA0Tn1sdWZ1PXJnVGRJYjN3VGRHbVNcfFFWUGRkT3xHbUxPYmNQdz1ESTJv"
    "UVBwRkprYFZMPHFUTnVrQ0hqJyknY3dqaFZgd3Ngdyc%2FcXdwYCknaWR8anBxUXx1YCc%2FJ3Zsa2JpYFpscWBo"
)


class Money(NamedTuple):
    """A session's amounts as JSON, in minor units."""

    subtotal: str
    total: str
    currency: str
    details: str
    shipping_cost: str
    shipping_options: str


class Buyer(NamedTuple):
    """What is known of who pays, as JSON."""

    customer: str
    account: str
    details: str
    email: str
    collected: str
    consent: str


class Made(NamedTuple):
    """What completing a session made, as JSON."""

    payment_status: str
    payment_intent: str
    subscription: str
    setup_intent: str
    invoice: str


_SETUP_MONEY = Money("null", "null", "null", "null", "null", "[]")


def render(session: Session, now: int, catalogue: Catalogue, people: People) -> str:
    """A session's body at a time, without line items.

    Args:
        session: whose.
        now: epoch seconds.
        catalogue: the account's prices.
        people: the account's customers.
    """
    draw, profile, session_id = session.draw, session.profile, session.id
    plan = profile.plan
    events = session.events
    complete = now >= events.completed_at
    is_open = not complete and now < events.expires_at
    cart = basket(draw, profile, complete=complete)
    money = _SETUP_MONEY if profile.setup else _money(session, cart, catalogue)
    buyer = _buyer(session, cart, people, complete=complete)
    made = _made(session, events, now, complete=complete)

    url = presentment = conversion = reference = recovery = "null"
    client_secret = "null"  # noqa: S105 - it hasn't one
    if not profile.hosted:
        client_secret = f'"{session_id}_secret_{_FRAGMENT[:60]}{session.noise[30:50]}"'
    elif is_open:
        url = f'"https://checkout.stripe.com/c/pay/{session_id}#{_FRAGMENT}{session.noise}"'
    if plan.presentment and complete and draw[17] < _OWN_CURRENCY:
        amount = int(money.total) * 109 // 100
        presentment = f'{{"presentment_amount":{amount},"presentment_currency":"aud"}}'
    if draw[18] < _CONVERTED and not profile.setup:
        conversion = (
            f'{{"amount_subtotal":{money.subtotal},"amount_total":{money.total},'
            '"fx_rate":"1.08340","source_currency":"usd"}'
        )
    if draw[19] < _ODD_REFERENCE:
        reference = f'"{_ODD_TEXTS[draw[20] & 15]}"'
    elif draw[19] < _PLAIN_REFERENCE:
        reference = f'"cart_{session.noise[30:42]}"'
    if plan.recovery:
        recovery = _recovery(session, events, expired=not complete and not is_open)
    automatic_tax = _NO_AUTO_TAX
    if plan.auto_tax:
        state = "complete" if complete else "requires_location_inputs"
        automatic_tax = f'{_LIABILITY}"{state}"}}'
    recovered_from = f'"{session.recovered_from}"' if session.recovered_from else "null"
    words = "complete" if complete else "open" if is_open else "expired"

    c = profile.chunks
    return (
        f'{{"id":"{session_id}","object":"checkout.session",{c[0]},"after_expiration":{recovery},'
        f'{c[1]},"amount_subtotal":{money.subtotal},"amount_total":{money.total},'
        f'"automatic_tax":{automatic_tax},{c[2]},"client_reference_id":{reference},'
        f'"client_secret":{client_secret},"collected_information":{buyer.collected},'
        f'"consent":{buyer.consent},{c[3]},"created":{session.created},'
        f'"currency":{money.currency},"currency_conversion":{conversion},'
        f'"custom_fields":{profile.field_texts[complete]},{c[4]},"customer":{buyer.customer},'
        f'"customer_account":{buyer.account},{c[5]},"customer_details":{buyer.details},'
        f'"customer_email":{buyer.email},"discounts":{catalogue.coupons[cart.coupon]},{c[6]},'
        f'"expires_at":{events.expires_at},{c[7]},"invoice":{made.invoice},{c[8]},'
        f'"metadata":{_metadata(session)},{c[9]},"payment_intent":{made.payment_intent},{c[10]},'
        f'"payment_status":"{made.payment_status}",{c[11]},"presentment_details":{presentment},'
        f'"recovered_from":{recovered_from},{c[12]},"setup_intent":{made.setup_intent},{c[13]},'
        f'"shipping_cost":{money.shipping_cost},"shipping_options":{money.shipping_options},'
        f'"status":"{words}",{c[14]},"subscription":{made.subscription},{c[15]},'
        f'"total_details":{money.details},{c[16]},"url":{url},{c[17]}}}'
    )


def line_items(session: Session, now: int, catalogue: Catalogue, most: int) -> list[str]:
    """The first `most` line items of a session at a time in epoch seconds, as JSON."""
    complete = now >= session.events.completed_at
    cart = basket(session.draw, session.profile, complete=complete)
    cart = cart._replace(end=min(cart.end, cart.start + most))
    return [
        f'{{"id":"{line_item_id(session, position)}",{item}'
        for position, item in enumerate(catalogue.items(*cart))
    ]


def _money(session: Session, cart: Basket, catalogue: Catalogue) -> Money:
    sums = catalogue.sums(cart.kind, cart.currency, cart.coupon, cart.tax)
    goods = sums.subtotal[cart.end] - sums.subtotal[cart.start]
    discount = sums.discount[cart.end] - sums.discount[cart.start]
    duty = sums.tax[cart.end] - sums.tax[cart.start]
    freight, shipping_cost, shipping_options = 0, "null", "[]"
    if session.profile.plan.shipping:
        choice = 2 if free(session.draw, session.profile) else session.draw[14] % 3
        freight, freight_tax, shipping_cost = catalogue.shipping(choice, cart.currency, cart.tax)
        duty += freight_tax
        shipping_options = catalogue.shipping_options(cart.currency)
    total = goods - discount + freight + (0 if TAXES[cart.tax].inclusive else duty)
    return Money(
        f"{goods}",
        f"{total}",
        f'"{CURRENCIES[cart.currency].code}"',
        f'{{"amount_discount":{discount},"amount_shipping":{freight},"amount_tax":{duty}}}',
        shipping_cost,
        shipping_options,
    )


def _buyer(session: Session, cart: Basket, people: People, *, complete: bool) -> Buyer:
    plan, person, draw = session.profile.plan, session.person, session.draw
    known = plan.customer and draw[15] < _KNOWN
    prefilled = not known and draw[15] >= 256 - _PREFILLED
    customer = account = details = collected = consent = "null"
    if known or (complete and plan.customer):
        customer = f'"{people.customer(person)}"'
        if plan.account:
            account = f'"{people.customer_account(person)}"'
    if complete:
        currency = CURRENCIES[cart.currency].code
        place = address(person, currency)
        number = f'"{phone(person)}"' if plan.shipping else "null"
        individual = f'"{person.name}"' if plan.bulk else "null"
        ids = tax_ids(person, currency) if plan.customer else "[]"
        details = (
            f'{{"address":{place},"business_name":null,"email":"{person.email}",'
            f'"individual_name":{individual},"name":"{person.name}","phone":{number},'
            f'"tax_exempt":"none","tax_ids":{ids}}}'
        )
        ship_to = f'{{"address":{place},"name":"{person.name}"}}' if plan.shipping else "null"
        collected = (
            f'{{"business_name":null,"individual_name":{individual},"shipping_details":{ship_to}}}'
        )
        if plan.consent:
            answer = "opt_in" if draw[16] & 1 else "opt_out"
            consent = f'{{"promotions":"{answer}","terms_of_service":"accepted"}}'
    elif known or prefilled:
        details = (
            f'{{"address":null,"business_name":null,"email":"{person.email}",'
            '"individual_name":null,"name":null,"phone":null,"tax_exempt":"none","tax_ids":null}'
        )
    email = f'"{person.email}"' if prefilled else "null"
    return Buyer(customer, account, details, email, collected, consent)


def _made(session: Session, events: Life, now: int, *, complete: bool) -> Made:
    profile, noise, code = session.profile, session.noise, session.code
    free_of_charge = free(session.draw, profile)
    if free_of_charge or profile.setup or profile.plan.trial:
        payment_status = "no_payment_required"
    else:
        payment_status = "paid" if now >= events.paid_at else "unpaid"
    payment_intent = subscription = setup_intent = invoice = "null"
    if complete:
        if profile.subscription:
            subscription = f'"sub_1{noise[15:30]}{code}"'
        elif profile.setup:
            setup_intent = f'"seti_1{noise[20:35]}{code}"'
        elif not free_of_charge:
            payment_intent = f'"pi_3{noise[10:25]}{code}"'
        if now >= events.invoiced_at:
            invoice = f'"in_1{noise[25:40]}{code}"'
    return Made(payment_status, payment_intent, subscription, setup_intent, invoice)


def _metadata(session: Session) -> str:
    form = _METADATA[session.draw[21]]
    if not form:
        return "{}"
    if session.draw[21] >= _ODD_METADATA:
        return "{" + form % (session.number, _ODD_TEXTS[session.draw[22] & 15]) + "}"
    return "{" + form % session.number + "}"


def _recovery(session: Session, events: Life, *, expired: bool) -> str:
    until = url = "null"
    if expired:
        until = f"{events.expires_at + 30 * DAY_S}"
        url = f'"https://buy.stripe.com/r/{session.noise[5:55]}"'
    return (
        '{"recovery":{"allow_promotion_codes":false,"enabled":true,'
        f'"expires_at":{until},"url":{url}}}}}'
    )
