"""Cards: small pieces of HTML with a title, sentences, a chart and a table of facts.

They load nothing and hold no script. Text has the colour of the notebook, and the colours of lines
are readable on light and on dark ground, whatever theme the notebook has.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape

from annealcam._internal.text import number, visible

# Blue and vermillion of Okabe and Ito, the blue lighter: 3:1 and more on white and on black.
STYLE = Markup(
    "<style>"
    ".annealcam-card{max-width:44em;color:inherit;font-size:.95em;line-height:1.4}"
    ".annealcam-card p{margin:.3em 0}"
    ".annealcam-card .title{font-weight:600}"
    ".annealcam-card .quiet{opacity:.75;font-size:.9em}"
    ".annealcam-card table{border-collapse:collapse;margin:.4em 0;border:0}"
    ".annealcam-card th,.annealcam-card td{text-align:left;padding:.1em 1.2em .1em 0;border:0;"
    "background:none;color:inherit;font-weight:normal;vertical-align:top;"
    "overflow-wrap:anywhere}"
    ".annealcam-card thead th{opacity:.75;border-bottom:1px solid currentColor}"
    ".annealcam-card tbody th{opacity:.75;white-space:nowrap}"
    ".annealcam-card .number{text-align:right;font-variant-numeric:tabular-nums}"
    ".annealcam-card .chart{display:block;width:26em;max-width:100%;margin:.4em 0;"
    "overflow:visible;font:12px system-ui,sans-serif}"
    ".annealcam-card .chart text{fill:currentColor}"
    ".annealcam-card .tick{opacity:.75}"
    ".annealcam-card .middle{text-anchor:middle}.annealcam-card .end{text-anchor:end}"
    ".annealcam-card .grid{stroke:currentColor;opacity:.15}"
    ".annealcam-card .axis{stroke:currentColor;opacity:.6}"
    ".annealcam-card .line{fill:none;stroke:currentColor;stroke-width:1.4;stroke-linejoin:round}"
    ".annealcam-card .faint{opacity:.45}"
    ".annealcam-card .strong{stroke:#1f86c7;stroke-width:2.4}"
    ".annealcam-card .dotted{stroke-dasharray:2 4}.annealcam-card .dashed{stroke-dasharray:5 4}"
    ".annealcam-card .mark-strong{fill:#1f86c7}.annealcam-card .mark-warn{fill:#d55e00}"
    "</style>"
)


def card(
    title: str,
    *,
    sentences: Iterable[str] = (),
    chart: Markup | None = None,
    facts: Iterable[tuple[str, str]] = (),
    header: Sequence[str] = (),
    rows: Iterable[Sequence[object]] = (),
    notes: Iterable[str] = (),
) -> Markup:
    """Return a card; all texts are escaped, and their control characters shown as escapes.

    Args:
        title: one line.
        sentences: what was found.
        chart: an inline SVG, as `Chart.drawn` returns it.
        facts: rows of a name and a value.
        header, rows: a table of its own; the first column holds names, the others numbers.
        notes: what else a reader must know.

    >>> "1 &lt; 2" in card("title", sentences=["1 < 2"])
    True
    """
    parts = [STYLE, _paragraph(title, "title"), *map(_paragraph, sentences)]
    if chart is not None:
        parts.append(chart)
    parts += [_facts(facts), _table(header, rows)]
    parts += [_paragraph(note, "quiet") for note in notes]
    return Markup('<div class="annealcam-card">{}</div>').format(Markup("").join(parts))


def signed(value: float) -> str:
    """Return a number with three significant digits and a real minus sign.

    >>> signed(-0.5)
    '−0.5'
    """
    return number(float(value)).replace("-", "−", 1) if value < 0 else number(float(value))


def _paragraph(text: str, kind: str = "") -> Markup:
    return Markup('<p class="{}">{}</p>').format(kind, _text(text))


def _facts(facts: Iterable[tuple[str, str]]) -> Markup:
    rows = Markup("").join(
        Markup("<tr><th>{}</th><td>{}</td></tr>").format(_text(name), _text(value))
        for name, value in facts
    )
    return Markup("<table><tbody>{}</tbody></table>").format(rows) if rows else Markup()


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Markup:
    if not header:
        return Markup()
    head = _row(header, "th")
    body = Markup("").join(_row(row, "td") for row in rows)
    return Markup("<table><thead>{}</thead><tbody>{}</tbody></table>").format(head, body)


def _row(cells: Sequence[object], element: str) -> Markup:
    kinds = ("", *["number"] * (len(cells) - 1))
    return Markup("<tr>{}</tr>").format(
        Markup("").join(
            Markup("<{0} class='{1}'>{2}</{0}>").format(Markup(element), kind, _text(cell))
            for cell, kind in zip(cells, kinds, strict=True)
        )
    )


def _text(value: object) -> Markup:
    return escape(visible(str(value)))
