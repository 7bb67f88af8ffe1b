"""The picture of a comparison: bars, as a few lines of SVG that fit a light page and a dark one."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

_WIDTH, _LABEL, _BAR, _GAP, _TOP = 760, 210, 22, 10, 34
_ROOM = _WIDTH - _LABEL - 90  # the value stands behind the longest bar
_STYLE = """
text { font: 14px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600 }
.bar { fill: #8c959f }
.ours { fill: #1a7f37 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .bar { fill: #6e7681 } .ours { fill: #3fb950 } }
"""


class Bar(NamedTuple):
    """What it is of, how long it is, and what stands behind it."""

    label: str
    value: float
    told: str
    is_ours: bool


def chart(panels: Sequence[tuple[str, Sequence[Bar]]], description: str) -> str:
    """An SVG document: the panels one below the other, each with its title; what no bar shows is in `description`."""
    lines: list[str] = []
    top = 0
    for title, bars in panels:
        lines.append(f'<text class="title" x="0" y="{top + 18}">{escape(title)}</text>')
        lines += _bars(bars, top + _TOP)
        top += _TOP + len(bars) * (_BAR + _GAP) + _GAP
    box = f'viewBox="0 0 {_WIDTH} {top}" width="{_WIDTH}" height="{top}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {box} role="img" aria-labelledby="t">'
    return "\n".join(
        [head, f'<title id="t">{escape(description)}</title>', f"<style>{_STYLE}</style>", *lines, "</svg>\n"]
    )


def _bars(bars: Sequence[Bar], top: int) -> Iterator[str]:
    longest = max(bar.value for bar in bars)
    for row, bar in enumerate(bars):
        y, width = top + row * (_BAR + _GAP), max(1, round(bar.value / longest * _ROOM))
        kind = "bar ours" if bar.is_ours else "bar"
        yield f'<text x="{_LABEL - 10}" y="{y + 16}" text-anchor="end">{escape(bar.label)}</text>'
        yield f'<rect class="{kind}" x="{_LABEL}" y="{y}" width="{width}" height="{_BAR}" rx="3"/>'
        yield f'<text x="{_LABEL + width + 8}" y="{y + 16}">{escape(bar.told)}</text>'
