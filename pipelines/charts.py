"""The report's plots, as Vega-Lite specifications.

Colours are names of the page's own style sheet, so that one plot suits light and dark.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import altair as alt

Row = Mapping[str, Any]
Spec = dict[str, Any]

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
HEIGHT, LOW, ROW_HEIGHT = 220, 130, 26
YEAR_DAYS = 366
STEPS = 6
"""Shades of the heat map."""

_CONFIG: Spec = {
    "background": "transparent",
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--muted)",
        "titleColor": "var(--muted)",
        "gridColor": "var(--grid)",
        "domainColor": "var(--line)",
        "tickColor": "var(--line)",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
    },
    "legend": {
        "orient": "top",
        "title": None,
        "labelColor": "var(--text)",
        "labelFontSize": 12,
        "symbolType": "square",
    },
    "text": {"color": "var(--text)", "fontSize": 12},
}
_OUTCOMES = {
    "paid": "var(--good)",
    "completed, not paid": "var(--pending)",
    "expired": "var(--bad)",
    "open": "var(--idle)",
}


def paid_amount(rows: Sequence[Row], bucket: str) -> Spec:
    """One currency's paid amount over time; rows: `bucket`, `paid_amount`, `shown`, `paid`."""
    chart = (
        _chart(_in_time(rows, bucket))
        .mark_bar(color="var(--accent)", binSpacing=0.6)
        .encode(
            x=_time("start", bucket, bin="binned"),
            x2="end",
            y=alt.Y("paid_amount:Q", title=None, axis=alt.Axis(format="~s", tickCount=4)),
            tooltip=[_said("when"), _said("shown", "paid amount"), _said("paid", "paid sessions")],
        )
    )
    return _spec(chart, LOW)


def sessions(rows: Sequence[Row], bucket: str) -> Spec:
    """What became of the sessions over time, one upon the other."""
    values = [
        {**row, "outcome": name, "order": order, "sessions": count}
        for row in _in_time(rows, bucket)
        for order, (name, count) in enumerate(_outcomes(row).items())
        if count
    ]
    chart = (
        _chart(values)
        .mark_bar(binSpacing=0.6)
        .encode(
            x=_time("start", bucket, bin="binned"),
            x2="end",
            y=alt.Y("sessions:Q", title=None, stack="zero", axis=alt.Axis(tickCount=5)),
            color=alt.Color(
                "outcome:N",
                scale=alt.Scale(domain=[*_OUTCOMES], range=[*_OUTCOMES.values()]),
                legend=alt.Legend(columns=2),  # four don't fit side by side on a phone
            ),
            order="order:Q",
            tooltip=[_said("when"), _said("outcome"), _said("sessions"), _said("created")],
        )
    )
    return _spec(chart, HEIGHT)


def conversion(rows: Sequence[Row], bucket: str) -> Spec:
    """Shares of the created sessions that were completed, and paid, over time."""
    values = [
        {**row, "share": row[name] / row["created"], "what": name, "of": row["created"]}
        for row in _in_time(rows, bucket)
        for name in ("completed", "paid")
    ]
    chart = (
        _chart(values)
        .mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=20))
        .encode(
            x=_time("middle", bucket),
            y=alt.Y(
                "share:Q",
                title=None,
                scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(format=".0%", tickCount=5),
            ),
            color=alt.Color(
                "what:N",
                scale=alt.Scale(
                    domain=["completed", "paid"], range=["var(--accent)", "var(--good)"]
                ),
            ),
            tooltip=[
                _said("when"),
                _said("what"),
                alt.Tooltip("share:Q", title="share of created", format=".1%"),
                _said("of", "created"),
            ],
        )
    )
    return _spec(chart, HEIGHT)


def funnel(totals: Row) -> Spec:
    """Created, completed, paid."""
    values = [
        {
            "step": step,
            "sessions": totals[step],
            "shown": f"{totals[step]:,} ({totals[step] / totals['created']:.1%})",
        }
        for step in ("created", "completed", "paid")
    ]
    order = ["created", "completed", "paid"]
    return _bars(values, "step", "sessions", "shown", order, row_height=HEIGHT // 3)


def abandonment(rows: Sequence[Row]) -> Spec:
    """Share of the sessions that were abandoned, by weekday and hour."""
    values = [
        {
            **row,
            "day": WEEKDAYS[row["weekday"] - 1],
            "share": row["abandoned"] / row["created"],
        }
        for row in rows
    ]
    shares = [value["share"] for value in values]
    chart = (
        _chart(values)
        .mark_rect(stroke="var(--card)", strokeWidth=1)
        .encode(
            x=alt.X("hour:O", title="hour of the day", axis=alt.Axis(labelAngle=0)),
            y=alt.Y("day:O", title=None, sort=[*WEEKDAYS]),
            color=alt.Color(
                "share:Q",
                scale=alt.Scale(
                    type="quantize",
                    domain=[min(shares), max(*shares, min(shares) + 0.01)],
                    range=[f"var(--heat-{step})" for step in range(1, STEPS + 1)],
                ),
                legend=alt.Legend(format=".0%", symbolType="square", direction="horizontal"),
            ),
            tooltip=[
                _said("day"),
                _said("hour"),
                alt.Tooltip("share:Q", title="abandoned", format=".1%"),
                _said("created"),
            ],
        )
    )
    return _spec(chart, HEIGHT)


def time_to_pay(rows: Sequence[Row]) -> Spec:
    """How long it took until a session was paid."""
    chart = (
        _chart(rows)
        .mark_bar(color="var(--accent)")
        .encode(
            x=alt.X(
                "label:N",
                title="paid within",
                sort=[row["label"] for row in rows],
                axis=alt.Axis(labelAngle=0, labelOverlap=True),
            ),
            y=alt.Y("paid:Q", title=None, axis=alt.Axis(tickMinStep=1, tickCount=5)),
            tooltip=[_said("label", "within"), _said("paid", "sessions")],
        )
    )
    return _spec(chart, HEIGHT)


def countries(rows: Sequence[Row]) -> Spec:
    """Paid sessions by country."""
    values = [{**row, "shown": f"{row['paid']:,}"} for row in rows]
    return _bars(values, "country", "paid", "shown", [row["country"] for row in rows])


def products(rows: Sequence[Row]) -> Spec:
    """Paid amount by product, in one currency; rows also have it as `shown`."""
    names = [row["product"] for row in rows]
    values = [dict(row) for row in rows]
    return _bars(values, "product", "paid_amount", "shown", names, ("units",))


def coverage(rows: Sequence[Row]) -> Spec:
    """The time that was read completely, as a strip with its holes."""
    values = [
        {
            **row,
            "start": f"{row['starts_at']:%Y-%m-%dT%H:%M:%SZ}",
            "end": f"{row['ends_before']:%Y-%m-%dT%H:%M:%SZ}",
            "from": f"{row['starts_at']:%Y-%m-%d %H:%M:%S} UTC",
            "up to": f"{row['ends_before']:%Y-%m-%d %H:%M:%S} UTC",
        }
        for row in rows
    ]
    for value in values:
        del value["starts_at"], value["ends_before"]
    days = (max(row["ends_before"] for row in rows) - min(row["starts_at"] for row in rows)).days
    accounts = sorted({row["account"] for row in rows})
    chart = (
        _chart(values)
        .mark_bar(height=16)
        .encode(
            x=_time("start", "month" if days > YEAR_DAYS else "day"),
            x2="end",
            y=alt.Y("account:N", title=None, sort=accounts),
            color=alt.Color(
                "kind:N",
                scale=alt.Scale(domain=["covered", "hole"], range=["var(--good)", "var(--bad)"]),
            ),
            tooltip=[_said("account"), _said("kind"), _said("from"), _said("up to")],
        )
    )
    return _spec(chart, ROW_HEIGHT * len(accounts))


def _bars(
    values: list[Spec],
    name: str,
    number: str,
    shown: str,
    order: Sequence[str],
    also: Sequence[str] = (),
    row_height: int = ROW_HEIGHT,
) -> Spec:
    """Lying bars, each with its figure written at its end."""
    base = _chart(values).encode(
        x=alt.X(f"{number}:Q", axis=None, scale=alt.Scale(padding=0)),
        y=alt.Y(f"{name}:N", title=None, sort=[*order], axis=alt.Axis(labelLimit=150)),
        tooltip=[_said(name), _said(shown, number.replace("_", " ")), *map(_said, also)],
    )
    bars = base.mark_bar(color="var(--accent)", opacity=0.35, height={"band": 0.8})
    figures = base.mark_text(align="left", dx=6).encode(x=alt.value(0), text=alt.Text(f"{shown}:N"))
    return _spec(alt.layer(bars, figures), row_height * len(values))


def _chart(rows: Sequence[Row]) -> alt.Chart:
    return alt.Chart(alt.InlineData(values=[dict(row) for row in rows]))


def _spec(chart: alt.Chart | alt.LayerChart | alt.FacetChart, height: int) -> Spec:
    sized = chart.properties(
        width="container",
        height=height,
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
    )
    return {**sized.to_dict(), "config": _CONFIG}


def _time(field: str, bucket: str = "day", **more: Any) -> alt.X:
    """An axis of time; its values are UTC, whatever the reader's own zone."""
    shown = "%-d %b" if bucket == "day" else "%b %Y"
    label = f"utcFormat(datum.value, '{shown}')"
    axis = alt.Axis(grid=False, labelOverlap=True, tickCount=6, labelExpr=label)
    return alt.X(f"{field}:T", title=None, scale=alt.Scale(type="utc"), axis=axis, **more)


def _said(field: str, title: str | None = None) -> alt.Tooltip:
    return alt.Tooltip(f"{field}:N", title=title or field)


def _in_time(rows: Sequence[Row], bucket: str) -> list[Spec]:
    """Put each row's bucket on the axis of time, with what a reader is told of it."""
    placed = []
    for row in rows:
        start: date = row["bucket"]
        end = _end(start, bucket)
        placed.append(
            {
                **{key: value for key, value in row.items() if key != "bucket"},
                "start": f"{start}T00:00:00Z",
                "middle": f"{start + (end - start) / 2}T00:00:00Z",
                "end": f"{end}T00:00:00Z",
                "when": f"{start:%a %Y-%m-%d}" if bucket == "day" else f"{bucket} of {start}",
            }
        )
    return placed


def _end(start: date, bucket: str) -> date:
    if bucket == "month":
        return (start + timedelta(days=31)).replace(day=1)
    return start + timedelta(days={"day": 1, "week": 7}[bucket])


def _outcomes(row: Row) -> dict[str, int]:
    paid, completed = row["paid"], row["completed"]
    counts = (paid, completed - paid, row["expired"], row["still_open"])
    return dict(zip(_OUTCOMES, counts, strict=True))
