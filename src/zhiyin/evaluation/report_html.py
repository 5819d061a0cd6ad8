"""The report as one page that stands alone: inline SVG, no script, nothing loaded from anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import isfinite

from zhiyin.evaluation.report import KINDS, Report, Row, masked, of_newcomers

COLOURS = {"whole": "#b03a2e", "fused": "#d68910", "part": "#2471a3", "baseline": "#7f8c8d"}
WORDS = {
    "whole": "the whole recipe",
    "fused": "fused order, no ranker",
    "part": "one part alone",
    "baseline": "baseline",
}
STYLE = """
body{font:15px/1.5 system-ui,"Noto Sans CJK SC",sans-serif;color:#222;max-width:1080px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;margin-bottom:.2rem}h2{font-size:1.15rem;margin-top:2.2rem}p.lead{color:#555;margin-top:0}
table{border-collapse:collapse;width:100%;font-size:13px;font-variant-numeric:tabular-nums}
th,td{text-align:right;padding:.25rem .5rem;border-bottom:1px solid #e5e5e5}th:first-child,td:first-child{text-align:left}
td{white-space:nowrap}tr.whole{font-weight:600}small{color:#777;font-weight:400}.wide{overflow-x:auto}svg{max-width:100%;height:auto}
.key span{display:inline-block;width:.8em;height:.8em;margin:0 .3em 0 1em}li{margin:.2rem 0}pre{background:#f6f6f6;padding:1rem;overflow-x:auto}
"""


def page(report: Report, more: Sequence[str] = ()) -> str:
    """The page of a report. Everything that came from data is escaped. more: HTML for its end."""
    title = f"{report.recipe} on {report.data}"
    tried = [f"<h2>Settings tried on validation</h2>{trials(report)}"] if report.trials else []
    recipe = [f"<h2>Recipe as measured</h2><pre>{escape(report.recipe_text)}</pre>"] if report.recipe_text else []
    body = [
        f"<h1>{escape(title)}</h1><p class=lead>split {escape(report.split)} · {report.users:,} test users · ranked over "
        f"the whole catalogue · {sum(report.seconds.values()):.0f} s</p>",
        key(),
        f"<h2>NDCG@10, with 95 % intervals</h2>{bars(report.rows)}",
        f"<h2>All metrics</h2><div class=wide>{metrics(report)}</div>",
        f"<h2>Accuracy against novelty</h2><p>Further right: items fewer people know. Larger: more of the catalogue is "
        f"shown.</p>{trade_off(report.rows)}",
        f"<h2>Beyond accuracy, lists of ten</h2><div class=wide>{beyond(report.rows)}</div>",
        f"<h2>By segment</h2><div class=wide>{by_segment(report.rows)}</div>",
        *tried,
        "<h2>Notes</h2><ul>"
        + "".join(f"<li>{escape(note)}</li>" for note in (*masked(report), *report.notes, *of_newcomers(report)))
        + "</ul>",
        *recipe,
        *more,
    ]
    head = f"<meta charset=utf-8><meta name=viewport content='width=device-width'><title>{escape(title)}</title>"
    return (
        f"<!doctype html><html lang=en><head>{head}<style>{STYLE}</style></head><body>{''.join(body)}</body></html>\n"
    )


def key() -> str:
    """What the colours mean."""
    return "<p class=key>" + "".join(f"<span style='background:{COLOURS[k]}'></span>{WORDS[k]}" for k in KINDS) + "</p>"


def ordered(rows: Sequence[Row]) -> list[Row]:
    """Rows by kind, best first within a kind."""
    return sorted(rows, key=lambda row: (KINDS.index(row.kind), -row.metrics["ndcg@10"]))


def bars(rows: Sequence[Row]) -> str:
    """One bar a row, with its interval."""
    most = max((row.intervals["ndcg@10"].high for row in rows), default=1) or 1
    step, left, width = 26, 180, 700
    drawn = []
    for place, row in enumerate(ordered(rows)):
        y, ends = place * step, row.intervals["ndcg@10"]
        x, low, high = (left + width * value / most for value in (ends.mean, ends.low, ends.high))
        drawn.append(
            f"<text x={left - 8} y={y + 17} text-anchor=end>{escape(row.name)}</text>"
            f"<rect x={left} y={y + 4} width={x - left:.1f} height=18 fill='{COLOURS[row.kind]}' opacity=.85 />"
            f"<path d='M{low:.1f} {y + 13}H{high:.1f}M{low:.1f} {y + 8}v10M{high:.1f} {y + 8}v10' stroke='#222' />"
            f"<text x={high + 8:.1f} y={y + 17}>{ends.mean:.4f}</text>"
        )
    return svg(left + width + 80, step * len(rows) + 4, drawn)


def metrics(report: Report) -> str:
    """Every metric of every row with its interval, and the paired difference to the best baseline."""
    rows = ordered(report.rows)
    names = list(rows[0].metrics)
    lines = []
    for row in rows:
        cells = [
            f"{row.metrics[name]:.4f}<br><small>{row.intervals[name].low:.4f}-{row.intervals[name].high:.4f}</small>"
            for name in names
        ]
        gap = row.versus
        if gap is None or (row.kind == "baseline" and row.name == report.best_baseline):
            cells.insert(0, "the best baseline" if gap else "")
        else:
            cells.insert(0, f"{gap.mean:+.4f}<br><small>{gap.low:+.4f} to {gap.high:+.4f}</small>")
        lines.append((row, cells))
    return table(["", "NDCG@10 against best baseline", *names], lines)


def beyond(rows: Sequence[Row]) -> str:
    """What accuracy does not say."""
    rows = ordered(rows)
    names = list(rows[0].beyond)
    lines = [(row, [f"{row.beyond[name]:.3f}" for name in names]) for row in rows]
    return table(["", *(name.replace("_", " ") for name in names)], lines)


def by_segment(rows: Sequence[Row]) -> str:
    """NDCG@10 per segment, shaded by share of the segment's best row."""
    rows = ordered(rows)
    names = list(rows[0].segments)
    best = {name: max(row.segments[name]["ndcg@10"] for row in rows) or 1 for name in names}
    lines = [(row, [_shaded(row.segments[name]["ndcg@10"], best[name]) for name in names]) for row in rows]
    users = {name: int(rows[0].segments[name]["users"]) for name in names}
    return table(["", *(f"{name}<br><small>{users[name]:,} users</small>" for name in names)], lines)


def _shaded(value: float, best: float) -> str:
    return f"<div style='background:rgba(36,113,163,{0.35 * value / best:.2f})'>{value:.4f}</div>"


def trade_off(rows: Sequence[Row]) -> str:
    """NDCG@10 against novelty, one circle a row."""
    xs = [row.beyond["novelty"] for row in rows]
    low, span = min(xs), (max(xs) - min(xs)) or 1
    most = max(row.metrics["ndcg@10"] for row in rows) or 1
    drawn = [
        "<path d='M60 10V330H760' stroke='#999' fill=none />",
        f"<text x=410 y=365 text-anchor=middle>novelty, bits ({low:.1f} to {low + span:.1f})</text>",
        f"<text transform='translate(20 170) rotate(-90)' text-anchor=middle>NDCG@10 (0 to {most:.3f})</text>",
    ]
    for row in reversed(ordered(rows)):
        x = 90 + 600 * (row.beyond["novelty"] - low) / span
        y = 325 - 295 * row.metrics["ndcg@10"] / most
        size = 4 + 10 * row.beyond["coverage"] ** 0.5
        drawn.append(
            f"<circle cx={x:.1f} cy={y:.1f} r={size:.1f} fill='{COLOURS[row.kind]}' opacity=.6><title>"
            f"{escape(row.name)}</title></circle><text x={x + size + 3:.1f} y={y + 4:.1f} font-size=12>{escape(row.name)}</text>"
        )
    return svg(860, 375, drawn)


def trials(report: Report) -> str:
    """Every setting tried, also those that lost."""
    lines = []
    for one in report.trials:
        tried = ", ".join(f"{name} = {value}" for name, value in one.settings.items())
        score = f"{one.ndcg:.4f}" if isfinite(one.ndcg) else escape(one.note)
        mark = " class=whole" if one.chosen else ""
        lines.append(
            f"<tr{mark}><td>{escape(one.part)}<td>{escape(tried)}<td>{score}<td>{one.seconds:.1f}<td>"
            f"{'chosen' if one.chosen else ''}"
        )
    return "<table><tr><th>part<th>settings<th>NDCG@10<th>seconds<th>" + "".join(lines) + "</table>"


def table(heads: Sequence[str], lines: Sequence[tuple[Row, list[str]]]) -> str:
    """A table whose first column is the row's name. Heads and cells are HTML."""
    body = "".join(
        f"<tr class={row.kind}><td><span style='color:{COLOURS[row.kind]}'>■</span> {escape(row.name)}"
        + "".join(f"<td>{cell}" for cell in cells)
        for row, cells in lines
    )
    return f"<table><tr>{''.join(f'<th>{head}' for head in heads)}{body}</table>"


def svg(width: int, height: int, drawn: Sequence[str]) -> str:
    """A drawing."""
    return f"<svg viewBox='0 0 {width} {height}' width={width} font-size=13 font-family=inherit>{''.join(drawn)}</svg>"
