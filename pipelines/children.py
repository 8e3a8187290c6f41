"""The child tables: one row for each element of a session's lists."""

from pipelines.columns import Column, Kind, Table

_K = Kind

_PARENT = (
    Column("account", _K.TEXT, "Name of the Stripe account in config.yaml", derived=True),
    Column("session_id", _K.TEXT, "Id of the session it belongs to", derived=True),
    Column("session_created", _K.TIME, "When that session was created, UTC", derived=True),
    Column("position", _K.INTEGER, "Its place in the session's list, from 0", derived=True),
)
_PAYLOAD = Column("payload", _K.JSON, "The element as received", personal=True, derived=True)


def _adjustable(what: str) -> tuple[Column, ...]:
    path = "adjustable_quantity"
    return (
        Column(f"{path}.enabled", _K.BOOLEAN, f"Whether the customer can change how many {what}"),
        Column(f"{path}.maximum", _K.INTEGER, f"Most {what} the customer can choose"),
        Column(f"{path}.minimum", _K.INTEGER, f"Fewest {what} the customer can choose"),
    )


LINE_ITEMS = Table(
    "checkout_session_line_items",
    "one row a line item of a session",
    (
        *_PARENT,
        Column("id", _K.TEXT, "Line item id"),
        Column("object", _K.TEXT, "Always item"),
        Column("description", _K.TEXT, "What is bought; by default the product's name"),
        Column("quantity", _K.INTEGER, "How many are bought"),
        Column("currency", _K.TEXT, "Currency of the amounts, ISO 4217, lower case"),
        Column("amount_subtotal", _K.MINOR, "Total before discount and tax, minor unit"),
        Column("amount_discount", _K.MINOR, "Sum of its discounts, minor unit"),
        Column("amount_tax", _K.MINOR, "Sum of its taxes, minor unit"),
        Column("amount_total", _K.MINOR, "Total after discount and tax, minor unit"),
        *_adjustable("of it"),
        Column("discounts", _K.JSON, "Each discount and its amount, minor unit"),
        Column("taxes", _K.JSON, "Each tax, its rate and its amount, minor unit"),
        Column("metadata", _K.MAP, "The seller's own keys and values", personal=True),
        Column("price.id", _K.TEXT, "Price id"),
        Column("price.object", _K.TEXT, "Always price"),
        Column("price.active", _K.BOOLEAN, "Whether the price can be used for new purchases"),
        Column(
            "price.billing_scheme",
            _K.TEXT,
            "How the amount is computed: per_unit or tiered",
            one_of="per_unit|tiered",
        ),
        Column("price.created", _K.TIME, "When the price was created, UTC"),
        Column("price.currency", _K.TEXT, "Currency of the price, ISO 4217, lower case"),
        Column("price.currency_options", _K.JSON, "Prices in other currencies, by currency"),
        Column(
            "price.custom_unit_amount.maximum",
            _K.MINOR,
            "Most that the customer can choose to pay for one, minor unit",
        ),
        Column(
            "price.custom_unit_amount.minimum",
            _K.MINOR,
            "Least that the customer can choose to pay for one, minor unit",
        ),
        Column(
            "price.custom_unit_amount.preset",
            _K.MINOR,
            "What one costs unless the customer chooses, minor unit",
        ),
        Column("price.deleted", _K.BOOLEAN, "True if the price was deleted"),
        Column("price.livemode", _K.BOOLEAN, "True for live mode, false for test mode"),
        Column("price.lookup_key", _K.TEXT, "The seller's own key of the price"),
        Column("price.metadata", _K.MAP, "The seller's own keys and values of the price"),
        Column("price.nickname", _K.TEXT, "Name of the price, hidden from customers"),
        Column("price.product", _K.ID, "Product id"),
        Column(
            "price.recurring.interval",
            _K.TEXT,
            "Unit of the billing period: day, week, month or year",
            one_of="day|month|week|year",
        ),
        Column(
            "price.recurring.interval_count", _K.INTEGER, "How many such units a billing period has"
        ),
        Column("price.recurring.meter", _K.TEXT, "Meter id, for metered usage"),
        Column("price.recurring.trial_period_days", _K.INTEGER, "Default trial period, days"),
        Column(
            "price.recurring.usage_type",
            _K.TEXT,
            "licensed or metered",
            one_of="licensed|metered",
        ),
        Column(
            "price.tax_behavior",
            _K.TEXT,
            "Whether the price holds the tax: inclusive, exclusive or unspecified",
            one_of="exclusive|inclusive|unspecified",
        ),
        Column("price.tiers", _K.JSON, "Tiers of a tiered price; amounts in minor unit"),
        Column(
            "price.tiers_mode",
            _K.TEXT,
            "How tiers apply: graduated or volume",
            one_of="graduated|volume",
        ),
        Column(
            "price.transform_quantity.divide_by",
            _K.INTEGER,
            "Number that the quantity is divided by before billing",
        ),
        Column(
            "price.transform_quantity.round",
            _K.TEXT,
            "Rounding after the division: up or down",
            one_of="down|up",
        ),
        Column("price.type", _K.TEXT, "one_time or recurring", one_of="one_time|recurring"),
        Column("price.unit_amount", _K.MINOR, "What one costs, minor unit; null where tiered"),
        Column(
            "price.unit_amount_decimal",
            _K.DECIMAL,
            "What one costs, minor unit with up to 12 decimals, as text",
        ),
        _PAYLOAD,
        Column(
            "observed_at",
            _K.TIME,
            "API time when this version of the session's line items was first seen, UTC",
            derived=True,
        ),
    ),
    source="line_items.data",
)

_TEXT_FIELD = (
    ("default_value", _K.TEXT, "Value that it was prefilled with"),
    ("maximum_length", _K.INTEGER, "Most characters it takes"),
    ("minimum_length", _K.INTEGER, "Fewest characters it takes"),
)

CUSTOM_FIELDS = Table(
    "checkout_session_custom_fields",
    "one row a custom field of a session",
    (
        *_PARENT,
        Column("key", _K.TEXT, "The seller's own key of the field"),
        Column("label.type", _K.TEXT, "Always custom", one_of="custom"),
        Column("label.custom", _K.TEXT, "Label shown to the customer"),
        Column("optional", _K.BOOLEAN, "Whether it may be left empty"),
        Column("type", _K.TEXT, "dropdown, numeric or text", one_of="dropdown|numeric|text"),
        Column("dropdown.default_value", _K.TEXT, "Option that it was prefilled with"),
        Column("dropdown.options", _K.JSON, "Options to choose from: label and value of each"),
        Column("dropdown.value", _K.TEXT, "Option that the customer chose", personal=True),
        *(Column(f"numeric.{name}", kind, words) for name, kind, words in _TEXT_FIELD),
        Column("numeric.value", _K.TEXT, "Number that the customer entered", personal=True),
        *(Column(f"text.{name}", kind, words) for name, kind, words in _TEXT_FIELD),
        Column("text.value", _K.TEXT, "Text that the customer entered", personal=True),
        _PAYLOAD,
    ),
    source="custom_fields",
)

DISCOUNTS = Table(
    "checkout_session_discounts",
    "one row a discount that a session was made with",
    (
        *_PARENT,
        Column("coupon", _K.ID, "Coupon id"),
        Column("promotion_code", _K.ID, "Promotion code id"),
        _PAYLOAD,
    ),
    source="discounts",
)

SHIPPING_OPTIONS = Table(
    "checkout_session_shipping_options",
    "one row a shipping option of a session",
    (
        *_PARENT,
        Column("shipping_amount", _K.MINOR, "What it costs, minor unit"),
        Column("shipping_rate", _K.ID, "Shipping rate id"),
        _PAYLOAD,
    ),
    source="shipping_options",
)

_TAX_ID_TYPES = (
    "ad_nrt|ae_trn|al_tin|am_tin|ao_tin|ar_cuit|au_abn|au_acn|au_arn|au_wpn|aw_tin|az_tin|"
    "ba_tin|bb_tin|bd_bin|bf_ifu|bg_uic|bh_vat|bj_ifu|bo_tin|br_cnpj|br_cpf|bs_tin|bw_vat|"
    "by_tin|ca_bn|ca_gst_hst|ca_pst_bc|ca_pst_mb|ca_pst_sk|ca_qst|cd_nif|ch_uid|ch_vat|ci_vat|"
    "cl_tin|cm_niu|cn_tin|co_nit|cr_tin|cv_nif|cz_dic|de_stn|do_rcn|ec_ruc|eg_tin|es_cif|"
    "et_tin|eu_oss_vat|eu_vat|fo_vat|fr_siren|fr_siret|fr_spi|gb_vat|ge_vat|gh_tin|gi_tin|"
    "gn_nif|hk_br|hr_oib|hu_tin|ic_nif|id_npwp|il_vat|in_gst|is_kt|is_vat|it_cf|jp_cn|jp_rn|"
    "jp_trn|ke_pin|kg_tin|kh_tin|kr_brn|kz_bin|la_tin|li_uid|li_vat|lk_vat|ma_vat|md_cf|"
    "md_vat|me_pib|mk_vat|mr_nif|mu_vat|mx_rfc|my_frp|my_itn|my_sst|mz_nuit|ng_tin|no_vat|"
    "no_voec|np_pan|nz_bn|nz_gst|om_vat|pe_ruc|ph_tin|pl_nip|pt_nif|py_ruc|ro_tin|rs_pib|"
    "ru_inn|ru_kpp|sa_vat|sg_gst|sg_uen|si_tin|sm_coe|sn_ninea|sr_fin|sv_nit|th_vat|tj_tin|"
    "tr_tin|tt_bir|tt_vat|tw_vat|tz_vat|ua_vat|ug_tin|unknown|us_ein|uy_ruc|uz_tin|uz_vat|"
    "ve_rif|vn_tin|za_vat|zm_tin|zw_tin"
)

TAX_IDS = Table(
    "checkout_session_tax_ids",
    "one row a tax id that a customer gave",
    (
        *_PARENT,
        Column("type", _K.TEXT, "Kind of tax id, as eu_vat", one_of=_TAX_ID_TYPES),
        Column("value", _K.TEXT, "The tax id itself", personal=True),
        _PAYLOAD,
    ),
    source="customer_details.tax_ids",
)

OPTIONAL_ITEMS = Table(
    "checkout_session_optional_items",
    "one row an item that a customer can add to a session",
    (
        *_PARENT,
        Column("price", _K.ID, "Price id"),
        Column("quantity", _K.INTEGER, "How many are added"),
        *_adjustable("of it"),
        _PAYLOAD,
    ),
    source="optional_items",
)

PARTS = (CUSTOM_FIELDS, DISCOUNTS, SHIPPING_OPTIONS, TAX_IDS, OPTIONAL_ITEMS)
"""Lists that are part of a session's own payload."""
CHILDREN = (LINE_ITEMS, *PARTS)
