"""The ways a shop opens Checkout: what all of a profile's sessions say alike, rendered once."""

import json
from dataclasses import dataclass
from typing import Any

from pipelines.emulator.ids import token

HOUR_S = 3600
DAY_S = 24 * HOUR_S

_CUSTOM_FIELDS = (
    {"key": "engraving", "type": "text", "label": 'Engraving ("optional")', "value": "Für Élise"},
    {"key": "size", "type": "dropdown", "label": "T-shirt size", "value": "m"},
    {"key": "vat_office", "type": "numeric", "label": "Office №", "value": "0042"},
)
_METHODS = {
    "card": ["card", "link"],
    "debit": ["card", "sepa_debit", "us_bank_account"],
    "voucher": ["card", "boleto", "konbini", "customer_balance"],
}
_METHOD_OPTIONS = {
    "card": {"card": {"request_three_d_secure": "automatic"}},
    "debit": {
        "card": {"request_three_d_secure": "automatic"},
        "sepa_debit": {"mandate_options": {"reference_prefix": "SHOP-"}},
        "us_bank_account": {"verification_method": "automatic"},
    },
    "voucher": {
        "boleto": {"expires_after_days": 3},
        "card": {"request_three_d_secure": "any"},
        "customer_balance": {
            "bank_transfer": {
                "eu_bank_transfer": {"country": "DE"},
                "type": "eu_bank_transfer",
            },
            "funding_type": "bank_transfer",
        },
        "konbini": {"expires_after_days": None},
    },
}
_COUNTRIES = ["AT", "CA", "CH", "DE", "ES", "FR", "GB", "IE", "JP", "KR", "KW", "US"]


@dataclass(frozen=True)
class Plan:
    """What sets one profile apart from the others; `weight` is its share of 256 sessions."""

    weight: int
    mode: str = "payment"
    ui: str = "hosted_page"
    methods: str = "card"
    lifetime_s: int = DAY_S
    link: bool = False
    shipping: bool = False
    auto_tax: bool = False
    manual_tax: bool = False
    invoice: bool = False
    trial: bool = False
    customer: bool = False
    account: bool = False
    recovery: bool = False
    consent: bool = False
    fields: int = 0
    presentment: bool = False
    optional_items: bool = False
    bulk: bool = False


PLANS = (
    Plan(30, shipping=True, auto_tax=True),
    Plan(24, shipping=True, manual_tax=True, customer=True, invoice=True),
    Plan(20, link=True, shipping=True),
    Plan(16, link=True, fields=2, presentment=True),
    Plan(10, link=True, lifetime_s=2 * HOUR_S, consent=True),
    Plan(24, ui="embedded_page", auto_tax=True, presentment=True),
    Plan(14, ui="elements", shipping=True, customer=True, account=True),
    Plan(18, methods="debit", manual_tax=True, invoice=True),
    Plan(14, methods="voucher", shipping=True, recovery=True),
    Plan(12, recovery=True, consent=True, fields=1, lifetime_s=HOUR_S // 2),
    Plan(10, bulk=True, methods="debit", customer=True, invoice=True, auto_tax=True),
    Plan(8, bulk=True, fields=3, shipping=True),
    Plan(6, optional_items=True, lifetime_s=6 * HOUR_S),
    Plan(18, mode="subscription", customer=True, manual_tax=True),
    Plan(8, mode="subscription", trial=True, customer=True),
    Plan(7, mode="subscription", methods="debit", ui="embedded_page", customer=True),
    Plan(5, mode="subscription", link=True, auto_tax=True, customer=True),
    Plan(8, mode="setup", customer=True),
    Plan(4, mode="setup", ui="embedded_page", customer=True),
)


class Profile:
    """A profile of one account: its plan, and the JSON between a session's own values.

    Attributes:
        plan: what sets it apart.
        chunks: the pieces of JSON, in order; a session's own values go in between.
        field_texts: `custom_fields` as JSON, empty and filled in.
        link_id: its payment link, or None.
    """

    def __init__(self, plan: Plan, number: int, seed: str, *, livemode: bool) -> None:
        self.plan = plan
        self.hosted = plan.ui == "hosted_page"
        self.payment = plan.mode == "payment"
        self.subscription = plan.mode == "subscription"
        self.setup = plan.mode == "setup"
        self.delayed = plan.methods != "card"
        self.invoice = plan.invoice or self.subscription
        link = "plink_1" + token(f"{seed}/link/{number}", 23)
        self.link_id = link if plan.link else None
        self.field_texts = (_custom_fields(plan.fields, filled=False), _custom_fields(plan.fields))
        self.chunks = tuple(_json(part)[1:-1] for part in self._parts(number, seed, livemode))

    def _parts(self, number: int, seed: str, livemode: bool) -> tuple[dict[str, Any], ...]:
        """What stands between the values of a session, in the order of Stripe's fields."""
        plan = self.plan
        site = f"https://shop-{number}.example"
        return (
            {"adaptive_pricing": None if self.setup else {"enabled": plan.presentment}},
            {
                "allow_promotion_codes": True if plan.link else None,
                "allowed_payment_method_types": None,
            },
            {
                "billing_address_collection": "required" if plan.manual_tax else "auto",
                "branding_settings": {
                    "background_color": "#ffffff",
                    "border_style": "rounded",
                    "button_color": "#0074d4",
                    "display_name": f"Shop № {number}",
                    "font_family": "default",
                    "icon": {"file": None, "type": "url", "url": f"{site}/icon.png"},
                    "logo": None,
                },
                "cancel_url": f"{site}/cart?from=checkout&back=1" if self.hosted else None,
            },
            {"consent_collection": self._consent_collection()},
            {
                "custom_text": {
                    "after_submit": None,
                    "shipping_address": None,
                    "submit": {"message": "We'll e-mail you 📦"} if plan.shipping else None,
                    "terms_of_service_acceptance": None,
                }
            },
            {"customer_creation": self._customer_creation()},
            {"excluded_payment_method_types": None},
            {"integration_identifier": f"shop-{number}" if plan.ui == "elements" else None},
            {
                "invoice_creation": self._invoice_creation(),
                "livemode": livemode,
                "locale": (None, "auto", "de", "fr-CA", "ja", "en-GB")[number % 6],
                "managed_payments": {"enabled": False},
            },
            {
                "mode": plan.mode,
                "name_collection": (
                    {"business": {"enabled": True, "optional": True}, "individual": None}
                    if plan.bulk
                    else None
                ),
                "optional_items": self._optional_items(seed),
                "origin_context": "mobile_app" if plan.ui == "elements" else None,
            },
            {
                "payment_link": self.link_id,
                "payment_method_collection": "if_required" if plan.trial else "always",
                "payment_method_configuration_details": (
                    {"id": "pmc_1" + token(f"{seed}/methods", 23), "parent": None}
                    if plan.methods == "card"
                    else None
                ),
                "payment_method_options": _METHOD_OPTIONS[plan.methods],
                "payment_method_types": _METHODS[plan.methods],
            },
            {
                "permissions": (
                    {"update_shipping_details": "client_only"} if plan.ui == "elements" else None
                ),
                "phone_number_collection": {"enabled": plan.shipping},
            },
            {
                "redirect_on_completion": None if self.hosted else "always",
                "return_url": (
                    None if self.hosted else f"{site}/done?session={{CHECKOUT_SESSION_ID}}"
                ),
                "saved_payment_method_options": (
                    {
                        "allow_redisplay_filters": ["always"],
                        "payment_method_remove": "disabled",
                        "payment_method_save": None,
                    }
                    if plan.customer and not self.setup
                    else None
                ),
            },
            {
                "shipping_address_collection": (
                    {"allowed_countries": _COUNTRIES} if plan.shipping else None
                )
            },
            {"submit_type": ("auto", None, "pay", "book", None)[number % 5] if plan.link else None},
            {
                "success_url": f"{site}/thanks?a=1&b=%C3%A9" if self.hosted else None,
                "tax_id_collection": {"enabled": plan.customer, "required": "never"},
            },
            {"ui_mode": plan.ui},
            {"wallet_options": {"link": {"display": "auto"}} if self.hosted else None},
        )

    def _consent_collection(self) -> dict[str, Any] | None:
        if not self.plan.consent:
            return None
        return {
            "payment_method_reuse_agreement": {"position": "auto"},
            "promotions": "auto",
            "terms_of_service": "required",
        }

    def _customer_creation(self) -> str | None:
        if not self.payment:
            return None
        return "always" if self.plan.customer else "if_required"

    def _invoice_creation(self) -> dict[str, Any] | None:
        if not self.payment:
            return None
        data = {
            "account_tax_ids": None,
            "custom_fields": [{"name": "PO", "value": "4711"}] if self.plan.bulk else None,
            "description": None,
            "footer": None,
            "issuer": {"type": "self"} if self.plan.invoice else None,
            "metadata": {},
            "rendering_options": (
                {"amount_tax_display": "include_inclusive_tax", "template": None}
                if self.plan.manual_tax
                else None
            ),
        }
        return {"enabled": self.plan.invoice, "invoice_data": data}

    def _optional_items(self, seed: str) -> list[dict[str, Any]] | None:
        if self.setup:
            return None
        if not self.plan.optional_items:
            return []
        return [
            {
                "adjustable_quantity": {"enabled": True, "maximum": 10, "minimum": 0},
                "price": "price_1" + token(f"{seed}/optional", 23),
                "quantity": 1,
            }
        ]


def _custom_fields(kinds: int, *, filled: bool = True) -> str:
    """The first `kinds` custom fields as JSON."""
    out: list[dict[str, Any]] = []
    for field in _CUSTOM_FIELDS[:kinds]:
        value = field["value"] if filled else None
        length = {"maximum_length": 20, "minimum_length": None}
        detail: dict[str, Any] = {"default_value": None, "value": value}
        if field["type"] == "dropdown":
            sizes = [{"label": size.upper(), "value": size} for size in ("s", "m", "l")]
            detail["options"] = sizes
        else:
            detail |= length
        out.append(
            {
                "dropdown": None,
                "key": field["key"],
                "label": {"custom": field["label"], "type": "custom"},
                "numeric": None,
                "optional": field["type"] == "text",
                "text": None,
                "type": field["type"],
                field["type"]: detail,
            }
        )
    return _json(out)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))
