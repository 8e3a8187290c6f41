"""The columns: the one source of truth for decoder, Arrow schema, DDL and data dictionary.

Field paths and types are those of Stripe's API reference at version 2026-10-28.endive.
"""

from pipelines.children import CHILDREN
from pipelines.columns import Column, Kind, Table


def _address(path: str, whose: str) -> tuple[Column, ...]:
    words = {
        "city": "city",
        "country": "country, ISO 3166-1 alpha-2",
        "line1": "first address line",
        "line2": "second address line",
        "postal_code": "postal code",
        "state": "state, county or province",
    }
    return tuple(
        Column(f"{path}.{key}", Kind.TEXT, f"{whose} {word}", personal=key != "country")
        for key, word in words.items()
    )


_K = Kind
_LOCALES = (
    "auto|bg|cs|da|de|el|en|en-GB|es|es-419|et|fi|fil|fr|fr-CA|hi-IN|hr|hu|id|it|ja|ko|lt|lv|"
    "ms|mt|nb|nl|pl|pt|pt-BR|ro|ru|sk|sl|sv|th|tr|vi|zh|zh-HK|zh-TW"
)

SESSIONS = Table(
    "checkout_sessions",
    "one row a session, as it was last seen",
    (
        Column("account", _K.TEXT, "Name of the Stripe account in config.yaml", derived=True),
        Column("id", _K.TEXT, "Session id, unique within its account"),
        Column("object", _K.TEXT, "Always checkout.session"),
        Column("created", _K.TIME, "When the session was created, UTC"),
        Column("expires_at", _K.TIME, "When the session expires or expired, UTC"),
        Column("livemode", _K.BOOLEAN, "True for live mode, false for test mode"),
        Column(
            "mode", _K.TEXT, "payment, setup or subscription", one_of="payment|setup|subscription"
        ),
        Column("status", _K.TEXT, "open, complete or expired", one_of="complete|expired|open"),
        Column(
            "payment_status",
            _K.TEXT,
            "paid, unpaid or no_payment_required",
            one_of="no_payment_required|paid|unpaid",
        ),
        Column(
            "ui_mode",
            _K.TEXT,
            "hosted_page, embedded_page, form or elements; once hosted, embedded or custom",
            one_of="elements|embedded_page|form|hosted_page|custom|embedded|hosted",
        ),
        Column("currency", _K.TEXT, "Currency of the amounts, ISO 4217, lower case"),
        Column("amount_subtotal", _K.MINOR, "Sum of the items before discount and tax, minor unit"),
        Column("amount_total", _K.MINOR, "What the customer pays in all, minor unit"),
        Column("total_details.amount_discount", _K.MINOR, "Sum of the discounts, minor unit"),
        Column("total_details.amount_shipping", _K.MINOR, "Sum of the shipping, minor unit"),
        Column("total_details.amount_tax", _K.MINOR, "Sum of the taxes, minor unit"),
        Column(
            "total_details.breakdown.discounts", _K.JSON, "Each discount and its amount, minor unit"
        ),
        Column("total_details.breakdown.taxes", _K.JSON, "Each tax and its amount, minor unit"),
        Column(
            "presentment_details.presentment_amount",
            _K.MINOR,
            "Amount shown to the customer in their own currency, minor unit",
        ),
        Column(
            "presentment_details.presentment_currency",
            _K.TEXT,
            "Currency shown to the customer, ISO 4217, lower case",
        ),
        Column(
            "currency_conversion.amount_subtotal",
            _K.MINOR,
            "Subtotal in the source currency, minor unit",
        ),
        Column(
            "currency_conversion.amount_total", _K.MINOR, "Total in the source currency, minor unit"
        ),
        Column("currency_conversion.fx_rate", _K.DECIMAL, "Rate from source to session currency"),
        Column("currency_conversion.source_currency", _K.TEXT, "Currency before conversion"),
        Column("adaptive_pricing.enabled", _K.BOOLEAN, "Whether Adaptive Pricing may apply"),
        Column("customer", _K.ID, "Customer id", personal=True),
        Column("customer_account", _K.TEXT, "Account id of the customer", personal=True),
        Column("customer_creation", _K.TEXT, "always or if_required", one_of="always|if_required"),
        Column(
            "customer_email", _K.TEXT, "E-mail that the session was prefilled with", personal=True
        ),
        Column("customer_details.email", _K.TEXT, "E-mail the customer gave", personal=True),
        Column("customer_details.name", _K.TEXT, "Name the customer gave", personal=True),
        Column("customer_details.individual_name", _K.TEXT, "Customer's own name", personal=True),
        Column("customer_details.business_name", _K.TEXT, "Customer's business", personal=True),
        Column("customer_details.phone", _K.TEXT, "Phone the customer gave", personal=True),
        Column(
            "customer_details.tax_exempt",
            _K.TEXT,
            "none, exempt or reverse",
            one_of="exempt|none|reverse",
        ),
        *_address("customer_details.address", "Customer's"),
        Column(
            "collected_information.business_name", _K.TEXT, "Business name collected", personal=True
        ),
        Column(
            "collected_information.individual_name",
            _K.TEXT,
            "Person's name collected",
            personal=True,
        ),
        Column(
            "collected_information.shipping_details.name",
            _K.TEXT,
            "Recipient's name",
            personal=True,
        ),
        *_address("collected_information.shipping_details.address", "Shipping"),
        Column("client_reference_id", _K.TEXT, "The seller's own reference", personal=True),
        Column("integration_identifier", _K.TEXT, "Which integration created the session"),
        Column("payment_intent", _K.ID, "PaymentIntent id, in payment mode"),
        Column("payment_link", _K.ID, "Payment Link id that created the session"),
        Column("setup_intent", _K.ID, "SetupIntent id, in setup mode"),
        Column("subscription", _K.ID, "Subscription id, in subscription mode"),
        Column("invoice", _K.ID, "Invoice id; may be filled in after completion"),
        Column("recovered_from", _K.TEXT, "Id of the expired session that this one recovers"),
        Column("after_expiration.recovery.enabled", _K.BOOLEAN, "Whether a recovery link is made"),
        Column(
            "after_expiration.recovery.allow_promotion_codes",
            _K.BOOLEAN,
            "Whether the recovered session takes promotion codes",
        ),
        Column("after_expiration.recovery.expires_at", _K.TIME, "When the recovery link ends, UTC"),
        Column("after_expiration.recovery.url", _K.TEXT, "Recovery link", personal=True),
        Column("allow_promotion_codes", _K.BOOLEAN, "Whether promotion codes can be entered"),
        Column("payment_method_types", _K.TEXTS, "Payment methods offered"),
        Column("allowed_payment_method_types", _K.TEXTS, "Payment methods allowed"),
        Column("excluded_payment_method_types", _K.TEXTS, "Payment methods left out"),
        Column(
            "payment_method_collection",
            _K.TEXT,
            "always or if_required",
            one_of="always|if_required",
        ),
        Column("payment_method_configuration_details.id", _K.TEXT, "Payment method configuration"),
        Column("payment_method_configuration_details.parent", _K.TEXT, "Its parent configuration"),
        Column("payment_method_options", _K.JSON, "Options of each payment method"),
        Column(
            "saved_payment_method_options.allow_redisplay_filters",
            _K.TEXTS,
            "Which saved payment methods are shown",
        ),
        Column(
            "saved_payment_method_options.payment_method_remove",
            _K.TEXT,
            "Whether saved methods can be removed: enabled or disabled",
            one_of="disabled|enabled",
        ),
        Column(
            "saved_payment_method_options.payment_method_save",
            _K.TEXT,
            "Whether methods can be saved: enabled or disabled",
            one_of="disabled|enabled",
        ),
        Column("automatic_tax.enabled", _K.BOOLEAN, "Whether tax is calculated automatically"),
        Column("automatic_tax.liability.account", _K.ID, "Account liable for the tax"),
        Column(
            "automatic_tax.liability.type",
            _K.TEXT,
            "Who is liable: self or account",
            one_of="account|self",
        ),
        Column("automatic_tax.provider", _K.TEXT, "Who calculates the tax"),
        Column(
            "automatic_tax.status",
            _K.TEXT,
            "complete, failed or requires_location_inputs",
            one_of="complete|failed|requires_location_inputs",
        ),
        Column("tax_id_collection.enabled", _K.BOOLEAN, "Whether tax ids are collected"),
        Column(
            "tax_id_collection.required",
            _K.TEXT,
            "if_supported or never",
            one_of="if_supported|never",
        ),
        Column("shipping_cost.amount_subtotal", _K.MINOR, "Shipping before tax, minor unit"),
        Column("shipping_cost.amount_tax", _K.MINOR, "Tax on the shipping, minor unit"),
        Column("shipping_cost.amount_total", _K.MINOR, "Shipping with tax, minor unit"),
        Column("shipping_cost.shipping_rate", _K.ID, "Shipping rate id"),
        Column("shipping_cost.taxes", _K.JSON, "Each tax on the shipping, minor unit"),
        Column("shipping_address_collection.allowed_countries", _K.TEXTS, "Where it may be sent"),
        Column("billing_address_collection", _K.TEXT, "auto or required", one_of="auto|required"),
        Column("phone_number_collection.enabled", _K.BOOLEAN, "Whether a phone number is asked"),
        Column("name_collection.business.enabled", _K.BOOLEAN, "Whether a business name is asked"),
        Column("name_collection.business.optional", _K.BOOLEAN, "Whether it may be left out"),
        Column("name_collection.individual.enabled", _K.BOOLEAN, "Whether a name is asked"),
        Column("name_collection.individual.optional", _K.BOOLEAN, "Whether it may be left out"),
        Column(
            "consent.promotions",
            _K.TEXT,
            "Consent to promotions: opt_in or opt_out",
            one_of="opt_in|opt_out",
        ),
        Column(
            "consent.terms_of_service",
            _K.TEXT,
            "accepted when the terms were accepted",
            one_of="accepted",
        ),
        Column(
            "consent_collection.payment_method_reuse_agreement.position",
            _K.TEXT,
            "Where the reuse agreement is shown: auto or hidden",
            one_of="auto|hidden",
        ),
        Column("consent_collection.promotions", _K.TEXT, "auto or none", one_of="auto|none"),
        Column(
            "consent_collection.terms_of_service",
            _K.TEXT,
            "required or none",
            one_of="none|required",
        ),
        Column("invoice_creation.enabled", _K.BOOLEAN, "Whether an invoice is made on payment"),
        Column("invoice_creation.invoice_data.account_tax_ids", _K.IDS, "Seller's tax ids on it"),
        Column("invoice_creation.invoice_data.custom_fields", _K.JSON, "Custom fields on it"),
        Column("invoice_creation.invoice_data.description", _K.TEXT, "Description on it"),
        Column("invoice_creation.invoice_data.footer", _K.TEXT, "Footer on it"),
        Column("invoice_creation.invoice_data.issuer.account", _K.ID, "Account that issues it"),
        Column(
            "invoice_creation.invoice_data.issuer.type",
            _K.TEXT,
            "Issuer: self or account",
            one_of="account|self",
        ),
        Column(
            "invoice_creation.invoice_data.metadata",
            _K.MAP,
            "Metadata of the invoice",
            personal=True,
        ),
        Column(
            "invoice_creation.invoice_data.rendering_options.amount_tax_display",
            _K.TEXT,
            "How it shows tax",
        ),
        Column("invoice_creation.invoice_data.rendering_options.template", _K.TEXT, "Its template"),
        Column("managed_payments.enabled", _K.BOOLEAN, "Whether Managed Payments applies"),
        Column("locale", _K.TEXT, "Language of the page", one_of=_LOCALES),
        Column(
            "origin_context",
            _K.TEXT,
            "Where the customer came from: web or mobile_app",
            one_of="mobile_app|web",
        ),
        Column(
            "submit_type",
            _K.TEXT,
            "Label of the pay button: auto, book, donate, pay, subscribe",
            one_of="auto|book|donate|pay|subscribe",
        ),
        Column(
            "redirect_on_completion",
            _K.TEXT,
            "always, if_required or never",
            one_of="always|if_required|never",
        ),
        Column("success_url", _K.TEXT, "Where the customer goes after completion"),
        Column("cancel_url", _K.TEXT, "Where the customer goes after giving up"),
        Column("return_url", _K.TEXT, "Where the customer returns to from an embedded page"),
        Column("url", _K.TEXT, "The page itself, while it is open", personal=True),
        Column("branding_settings", _K.JSON, "Looks of the page"),
        Column("custom_text", _K.JSON, "Texts added to the page"),
        Column("permissions", _K.JSON, "What may be updated, and by whom"),
        Column("wallet_options", _K.JSON, "Options of wallets"),
        Column("metadata", _K.MAP, "The seller's own keys and values", personal=True),
        Column("payload", _K.JSON, "The session as received", personal=True, derived=True),
        Column(
            "api_version",
            _K.TEXT,
            "API version asked for when this version was last seen",
            derived=True,
        ),
        Column("first_observed_at", _K.TIME, "API time when it was first seen, UTC", derived=True),
        Column("observed_at", _K.TIME, "API time when this version was first seen", derived=True),
        Column(
            "line_items_complete",
            _K.BOOLEAN,
            "Whether all its line items are stored; null while none are",
            derived=True,
        ),
        Column(
            "missing_since",
            _K.TIME,
            "API time since when the API no longer returns it, UTC; null while it does",
            derived=True,
        ),
        Column(
            "run_id",
            _K.TEXT,
            "Run that wrote this version, or found it the same under other settings (meta.runs)",
            derived=True,
        ),
    ),
    # API versions before 2025-03-31 had it at the top.
    older={"shipping_details": "collected_information.shipping_details"},
)

TABLES = (SESSIONS, *CHILDREN)
