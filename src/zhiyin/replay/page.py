"""Findings as one page that stands alone: the curve over time, everyone asked with intervals, segments, notes."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from zhiyin.evaluation.report_html import STYLE, svg
from zhiyin.replay.findings import Findings, Line
from zhiyin.replay.show import notes
from zhiyin.replay.story import day

COLOURS = {
    "live": "#b03a2e",
    "known items": "#d68910",
    "frozen": "#5b2c6f",
    "popularity": "#7f8c8d",
    "source": "#2471a3",
}
"""By kind."""

WIDTH, HEIGHT, LEFT = 780, 300, 60


def page(found: Findings) -> str:
    """The page of findings. Everything that came from data is escaped."""
    title = f"Replay of {found.recipe} on {found.data}"
    head = f"<meta charset=utf-8><meta name=viewport content='width=device-width'><title>{escape(title)}</title>"
    body = "".join(sections(found))
    return f"<!doctype html><html lang=en><head>{head}<style>{STYLE}</style></head><body>{body}</body></html>\n"


def sections(found: Findings) -> list[str]:
    """What the page holds, for a page of its own or inside another report."""
    lead = (
        f"fitted on the {found.known:,} events before {day(found.start)}, then lived through {found.events:,} with the "
        f"engine that serves · {found.questions:,} questions of {found.people:,} people, each before what was wanted"
    )
    return [
        f"<h1>Replay of {escape(found.recipe)} on {escape(found.data)}</h1><p class=lead>{lead}</p>",
        f"<h2>HR@10 over time</h2>{key(found)}{curve(found)}",
        f"<h2>Everyone asked, with 95 % intervals</h2>{bars(found.lines)}",
        f"<h2>All figures</h2><div class=wide>{figures(found)}</div>",
        f"<h2>HR@10 by segment</h2><div class=wide>{by_segment(found)}</div>",
        f"<h2>Part by part</h2><div class=wide>{by_part(found)}</div>",
        "<h2>Notes</h2><ul>" + "".join(f"<li>{escape(note)}</li>" for note in notes(found)) + "</ul>",
    ]


def drawn_over_time(found: Findings) -> list[Line]:
    """The lines of the curve: sources alone would hide them."""
    return [line for line in found.lines if line.kind != "source"]


def key(found: Findings) -> str:
    """What the colours of the curve mean."""
    lines = drawn_over_time(found)
    return (
        "<p class=key>"
        + "".join(f"<span style='background:{COLOURS[one.kind]}'></span>{escape(one.name)}" for one in lines)
        + "</p>"
    )


def curve(found: Findings) -> str:
    """HR@10 of every part of the time, a point a part; below, how many items were put in it."""
    lines, parts = drawn_over_time(found), found.parts
    asked = [number for number, part in enumerate(parts) if part.questions]
    most = max((line.parts[number]["hr@10"] for line in lines for number in asked), default=0.0) or 1.0
    across = [LEFT + WIDTH * (number + 0.5) / len(parts) for number in range(len(parts))]
    drawn = [f"<path d='M{LEFT} 10V{HEIGHT}H{LEFT + WIDTH}' stroke='#999' fill=none />"]
    for share in (0.25, 0.5, 0.75, 1.0):
        y = _up(share * most, most)
        drawn.append(f"<path d='M{LEFT} {y:.1f}H{LEFT + WIDTH}' stroke='#eee' />")
        drawn.append(f"<text x={LEFT - 6} y={y + 4:.1f} text-anchor=end>{share * most:.3f}</text>")
    for x, part in zip(across, parts, strict=True):
        drawn.append(f"<text x={x:.1f} y={HEIGHT + 18} text-anchor=middle font-size=11>{day(part.begin)[:10]}</text>")
        drawn.append(
            f"<text x={x:.1f} y={HEIGHT + 34} text-anchor=middle font-size=11>+{part.items_put:,} items</text>"
        )
    for line in reversed(lines):
        points = [(across[number], _up(line.parts[number]["hr@10"], most)) for number in asked]
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        width = 3 if line.kind == "live" else 1.5
        drawn.append(
            f"<path d='{path}' stroke='{COLOURS[line.kind]}' stroke-width={width} fill=none />" if points else ""
        )
        drawn += [f"<circle cx={x:.1f} cy={y:.1f} r={width} fill='{COLOURS[line.kind]}' />" for x, y in points]
    return svg(LEFT + WIDTH + 20, HEIGHT + 42, drawn)


def _up(value: float, most: float) -> float:
    return HEIGHT - (HEIGHT - 15) * value / most


def bars(lines: Sequence[Line]) -> str:
    """HR@10 of everyone asked, a bar each."""
    most = max(line.intervals["hr@10"].high for line in lines) or 1.0
    step, left, width = 26, 180, 640
    drawn = []
    for place, line in enumerate(lines):
        y, ends = place * step, line.intervals["hr@10"]
        x, low, high = (left + width * value / most for value in (ends.mean, ends.low, ends.high))
        drawn.append(
            f"<text x={left - 8} y={y + 17} text-anchor=end>{escape(line.name)}</text>"
            f"<rect x={left} y={y + 4} width={x - left:.1f} height=18 fill='{COLOURS[line.kind]}' opacity=.85 />"
            f"<path d='M{low:.1f} {y + 13}H{high:.1f}M{low:.1f} {y + 8}v10M{high:.1f} {y + 8}v10' stroke='#222' />"
            f"<text x={high + 8:.1f} y={y + 17}>{ends.mean:.4f}</text>"
        )
    return svg(left + width + 80, step * len(lines) + 4, drawn)


def figures(found: Findings) -> str:
    """Both metrics with intervals, and how far the engine is above each."""
    rows = []
    for line in found.lines:
        cells = []
        for metric, value in line.metrics.items():
            ends, gap = line.intervals[metric], line.gaps.get(metric)
            cells.append(f"{value:.4f}<br><small>{ends.low:.4f}-{ends.high:.4f}</small>")
            cells.append(f"{gap.mean:+.4f}<br><small>{gap.low:+.4f} to {gap.high:+.4f}</small>" if gap else "")
        rows.append((line, cells))
    heads = [head for metric in found.live.metrics for head in (metric.upper(), "live is above it by")]
    return table(["", *heads], rows)


def by_segment(found: Findings) -> str:
    """HR@10 for whom and for what."""
    names = list(found.live.segments)
    counts = {name: int(found.live.segments[name]["questions"]) for name in names}
    heads = [f"{escape(name)}<br><small>{counts[name]:,} questions</small>" for name in names]
    return table(
        ["", *heads],
        [(line, [f"{line.segments[name]['hr@10']:.4f}" for name in names]) for line in found.lines],
    )


def by_part(found: Findings) -> str:
    """HR@10 of everyone asked in every part, and what happened in it."""
    heads = [
        f"{day(part.begin)[:10]}<br><small>{part.questions:,} questions, +{part.items_put:,} items, bystanders' lists "
        f"changed by {part.bystanders:.0%}</small>"
        for part in found.parts
    ]
    return table(["", *heads], [(line, [f"{part['hr@10']:.3f}" for part in line.parts]) for line in found.lines])


def table(heads: Sequence[str], rows: Sequence[tuple[Line, list[str]]]) -> str:
    """A table whose first column is who was asked. Heads and cells are HTML."""
    body = "".join(
        f"<tr class={'whole' if line.kind == 'live' else 'other'}><td><span style='color:{COLOURS[line.kind]}'>■</span> {escape(line.name)}"
        + "".join(f"<td>{cell}" for cell in cells)
        for line, cells in rows
    )
    return f"<table><tr>{''.join(f'<th>{head}' for head in heads)}{body}</table>"
