"""A page with plots, from marts alone: one HTML file that needs nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import vl_convert
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipelines import __version__, charts
from pipelines.charts import Row, Spec
from pipelines.publish import readable
from pipelines.settings import Settings

SNIPPET = "window.vegaEmbed = vegaEmbed;"
"""What the library's JavaScript gives to the page's own."""
MOST_CURRENCIES = 6
"""Currencies that get plots of their own; the table has all of them."""
_LONGEST_DAYS = {"day": 190, "week": 1_100}
"""Days of a report up to which one bar is a day, or a week."""


@dataclass(frozen=True)
class Scope:
    """What a report is about.

    Attributes:
        first: first day of creation, in the time zone of the settings; None for the oldest.
        end: first day no longer in it; None for the newest.
        accounts: names of accounts; all without any.
    """

    first: date | None = None
    end: date | None = None
    accounts: Sequence[str] = ()

    @property
    def parameters(self) -> dict[str, Any]:
        """Return the parameters of the report's queries."""
        return {
            "first_day": self.first,
            "end_day": self.end,
            "accounts": list(self.accounts) or None,
        }


def render(settings: Settings, scope: Scope) -> str:
    """Return the page.

    Raises:
        WarehouseError: there is no warehouse, or it can't be read.
    """
    figures = _figures(settings, scope)
    page = _environment().get_template("report.html")
    plots = _plots(figures) if figures["extent"]["sessions"] else {}
    coverage = figures["coverage"]
    if coverage:
        plots["coverage"] = charts.coverage(coverage)
    return page.render(
        **figures,
        scope=scope,
        plots=plots,
        script=_script() if plots else "",
        version=__version__,
    )


def _figures(settings: Settings, scope: Scope) -> dict[str, Any]:
    """Ask the marts; how finely time is cut depends on how much of it there is."""
    warehouse, given = readable(settings), scope.parameters
    accounts = {"accounts": given["accounts"]}
    ((extent,),) = warehouse.answers(("report/extent", given))
    bucket = _bucket(extent)
    questions: dict[str, Mapping[str, Any]] = {
        "totals": given,
        "currencies": given,
        "paid_amounts": given | {"bucket": bucket},
        "sessions_over_time": given | {"bucket": bucket},
        "abandonment": given,
        "time_to_pay": given,
        "countries": given,
        "products": given,
        "discounts": given,
        "coverage": accounts,
        "freshness": accounts,
    }
    answers = warehouse.answers(*((f"report/{name}", asked) for name, asked in questions.items()))
    figures: dict[str, Any] = dict(zip(questions, answers, strict=True))
    (figures["totals"],) = figures["totals"]
    return figures | {"extent": extent, "bucket": bucket}


@cache
def _script() -> str:
    """Return the library that draws the plots, which takes a second to put together."""
    return vl_convert.javascript_bundle(SNIPPET)


def _bucket(extent: Row) -> str:
    if extent["first_date"] is None:
        return "day"
    days = (extent["last_date"] - extent["first_date"]).days
    return next((name for name, most in _LONGEST_DAYS.items() if days <= most), "month")


def _plots(figures: Mapping[str, Any]) -> dict[str, Spec]:
    """Return the plots by the name of their place on the page."""
    bucket = figures["bucket"]
    digits = {row["currency"]: row["digits"] for row in figures["currencies"]}
    plots = {
        "sessions": charts.sessions(figures["sessions_over_time"], bucket),
        "conversion": charts.conversion(figures["sessions_over_time"], bucket),
        "funnel": charts.funnel(figures["totals"]),
        "abandonment": charts.abandonment(figures["abandonment"]),
    }
    if any(row["paid"] for row in figures["time_to_pay"]):
        plots["time_to_pay"] = charts.time_to_pay(figures["time_to_pay"])
    if figures["countries"]:
        plots["countries"] = charts.countries(figures["countries"])
    for currency in [*digits][:MOST_CURRENCIES]:
        amounts = _shown(figures["paid_amounts"], currency, digits[currency])
        plots[f"paid_{currency}"] = charts.paid_amount(amounts, bucket)
        products = _shown(figures["products"], currency, digits[currency])
        if products:
            plots[f"products_{currency}"] = charts.products(products)
    return plots


def _shown(rows: Sequence[Row], currency: str, digits: int) -> list[Spec]:
    """Return one currency's rows, each with its paid amount as a reader reads it."""
    return [
        {**row, "shown": _money(row["paid_amount"], digits)}
        for row in rows
        if row["currency"] == currency
    ]


def _money(amount: Decimal | float, digits: int) -> str:
    return f"{amount:,.{digits}f}"


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["money"] = _money
    environment.filters["share"] = lambda share: "-" if share is None else f"{share:.1%}"
    environment.filters["count"] = lambda number: f"{number:,}"
    environment.filters["moment"] = lambda at: "-" if at is None else f"{at:%Y-%m-%d %H:%M}"
    environment.globals["most_currencies"] = MOST_CURRENCIES
    environment.globals["day"] = timedelta(days=1)
    return environment
