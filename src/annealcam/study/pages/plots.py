"""A study's figures as vector graphics inside a page, in the page's own colours."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, count
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from annealcam.study.figures import FIGURES
from annealcam.study.figures.columns import Columns, filled
from annealcam.study.figures.panels import settle
from annealcam.study.pages.text import cleaned

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CAPTIONS = {
    "overlap": "Grey: what shuffled labels give. Diamonds: the overlap of two halves of one class, "
    "the most that could be expected. Bars: 95 % intervals.",
    "overlap_by_k": "More maps overlap more, whoever selects them: only selectors of the same k "
    "can be compared. Bands: 95 % intervals.",
    "gap_histogram": "How many problems have which minimum gap, and the share of problems with a "
    "gap no larger.",
    "gap_by_d": "Median, middle half, least and largest gap of the problems of each size.",
    "success_by_d": "Median, middle half, least and largest F; dotted: one uniform guess.",
    "success_by_class": "Median, middle half, least and largest F of each class; at the right its "
    "mean number of candidates.",
    "landau_zener": "Each problem that the formula applies to.",
    "best_of_shots": "Crosses: the share of the problems whose drawn selection was optimal. "
    "Dotted: the best of as many uniform guesses.",
}
LONGEST = 28  # letters of a name in a figure
_PIXELS = 1.25  # of a page, for a point of a figure
_GREY = re.compile(r"#([0-9a-f]{2})\1\1\b", re.IGNORECASE)
_BLUES = re.compile(r"#(?:0072b2|56b4e9)\b", re.IGNORECASE)
_LIGHT = 200  # grey levels above are of lines that must not be seen much
_TINTED = {"#0072b2": "var(--blue)", "#56b4e9": "var(--sky)"}  # too dark, and too near, by night
_PLACE = re.compile(r"url\(#")
_LINK = "{http://www.w3.org/1999/xlink}href"


@dataclass(frozen=True)
class Plot:
    """A figure: its name, title and caption, the SVG element, and how wide it wants to be."""

    name: str
    title: str
    caption: str
    svg: str
    width: int


def plots_of(columns: dict[str, Columns], *names: str) -> Iterator[Plot]:
    """Yield the figures of these names that the tables can give, in the order of the study's."""
    for name, make, table, second in FIGURES:
        main, more = columns.get(table), columns.get(second or "")
        if name not in names or not filled(main):
            continue
        names_of = _short_names(*(t for t in (main, more) if t))
        drawn = make(*(_renamed(t, names_of) for t in (main, more) if t and filled(t)))
        if drawn is not None:
            title = drawn.get_suptitle()
            width = round(72 * _PIXELS * float(drawn.get_figwidth()))
            yield Plot(name, title, CAPTIONS[name], svg_of(drawn, name, title), width)


def _short_names(*tables: Columns) -> dict[str, str]:
    """A name for every text that a figure has room for, different ones for different texts."""
    texts = dict.fromkeys(
        text for t in tables for column in t.values() for text in column if isinstance(text, str)
    )
    found: dict[str, str] = {}
    for text in texts:
        whole = cleaned(text)
        short = whole if len(whole) <= LONGEST else f"{whole[: LONGEST - 1]}…"
        taken = set(found.values())
        numbered = (f"{short} ({i})" for i in count(2))
        found[text] = next(name for name in chain([short], numbered) if name not in taken)
    return found


def _renamed(table: Columns, names: dict[str, str]) -> Columns:
    return {
        column: [names[v] if isinstance(v, str) else v for v in values]
        for column, values in table.items()
    }


def svg_of(figure: Figure, name: str, title: str) -> str:
    """Return a figure without its title as an SVG element that stands in a page.

    Its texts are texts, black is the page's ink and white its ground, and its ids begin with
    `name`, so that figures beside each other do not take each other's.
    """
    import matplotlib

    figure.suptitle("")
    settle(figure)
    stream = io.BytesIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "annealcam"}):
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    root = ElementTree.fromstring(stream.getvalue())
    _strip(root)
    for element in root.iter():
        _adopt(element, name)
    width = 72 * _PIXELS * float(figure.get_figwidth())
    for side in ("width", "height", "version"):
        root.attrib.pop(side, None)
    root.attrib |= {
        "role": "img", "aria-label": title, "fill": "currentColor",
        "style": f"width:{width:.0f}px;min-width:{0.75 * width:.0f}px",
    }  # fmt: skip
    return ElementTree.tostring(root, encoding="unicode")


def _strip(element: ElementTree.Element) -> None:
    """Without metadata, and without rules of style, which would be those of the whole page."""
    for child in list(element):
        if child.tag.rpartition("}")[2] in ("metadata", "style"):
            element.remove(child)
        else:
            _strip(child)


def _adopt(element: ElementTree.Element, name: str) -> None:
    """In HTML the element's names have no namespaces; its ids and colours become the page's."""
    element.tag = element.tag.rpartition("}")[2]
    if _LINK in element.attrib:
        element.attrib["href"] = element.attrib.pop(_LINK)
    for key, value in element.attrib.items():
        if key == "id":
            element.attrib[key] = f"{name}-{value}"
        elif key == "href":
            element.attrib[key] = f"#{name}-{value.removeprefix('#')}"
        elif key in ("style", "clip-path"):
            own = _PLACE.sub(f"url(#{name}-", value)
            own = _GREY.sub(lambda found: _own_grey(int(found[1], 16)), own)
            element.attrib[key] = _BLUES.sub(lambda found: _TINTED[found[0].lower()], own)


def _own_grey(level: int) -> str:
    if level in (0, 255):
        return "currentColor" if level == 0 else "var(--ground)"
    return "var(--line)" if level > _LIGHT else "var(--quiet)"
