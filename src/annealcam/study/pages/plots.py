"""The figures of a study as vector graphics in a page, in the colours of the page."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from annealcam.render.figures.sheets import write_figure
from annealcam.study.analysis.results import Results, filled
from annealcam.study.figures.drawing import EVIDENCE_FIGURES, FIGURES
from annealcam.study.pages.text import cleaned, with_texts

if TYPE_CHECKING:
    import pyarrow as pa
    from matplotlib.figure import Figure

CAPTIONS = {
    "overlap": "Grey: the overlap under shuffled labels. Diamonds: the overlap of two halves of "
    "one class, the most to be expected. Bars: 95 % intervals.",
    "overlap_by_k": "More maps overlap more, whatever selects them: only selectors at the same k "
    "can be compared. Bands: 95 % intervals.",
    "gap_histogram": "The number of problems at each minimum gap, and the share of problems with "
    "a smaller gap.",
    "gap_by_d": "Median, middle half, least and largest gap of the problems of each size.",
    "success_by_d": "Median, middle half, least and largest F; dotted: one uniform guess.",
    "success_by_maps": "Median, middle half, least and largest F of the problems of each network; "
    "strokes: one uniform guess; d: the mean number of candidates, which grows with N_f.",
    "success_by_class": "Median, middle half, least and largest F of each class; at the right the "
    "mean number of candidates.",
    "landau_zener": "One mark for each problem to which the formula applies.",
    "best_of_shots": "Crosses: the share of the problems whose selection in this run was optimal. "
    "Dotted: the best of as many uniform guesses.",
    "evidence": "The cosine of the sum of the selected contribution maps with the evidence for the "
    "class. Bars: 95 % intervals.",
    "evidence_overlap_matrix": "Selections of the same number of maps, by evidence and otherwise.",
    "evidence_gap_by_d": "Median, middle half, least and largest gap; every image has a problem of "
    "each size.",
    "evidence_success_by_d": "Median, middle half, least and largest F; dotted: one uniform guess.",
    "evidence_constraints": "Left of 1, the XY driver succeeds more often. A penalty has the best "
    "of several strengths; centred energies have the same order of selections of k maps.",
    "pointing": "Bars: 95 % intervals, for which classes are resampled. Dotted: a uniform map.",
    "pointing_matrix": "The class of the row is explained, beside a photo of the column's class.",
    "random_classifier": "The nearer to zero, the more a map depends on the classifier.",
}
LONGEST = 28  # letters of a name in a figure
_PIXELS = 1.25  # of a page, for a point of a figure
_FULL = 12.7  # inches of a figure that is as wide as a page
_LEAST = 0.6  # of its width; on narrower screens a figure is scrolled
_GREY = re.compile(r"#([0-9a-f]{2})\1\1\b", re.IGNORECASE)
_BLUES = re.compile(r"#(?:0072b2|56b4e9)\b", re.IGNORECASE)
_LIGHT = 200  # grey levels above belong to faint lines
_TINTED = {
    "#0072b2": "var(--blue)",
    "#56b4e9": "var(--sky)",
}  # too dark, and too similar, on a dark page
_PLACE = re.compile(r"url\(#")
_LINK = "{http://www.w3.org/1999/xlink}href"


@dataclass(frozen=True)
class Plot:
    """A figure: its name, title and caption, the SVG element, and its width in pixels."""

    name: str
    title: str
    caption: str
    svg: str
    width: int

    def __repr__(self) -> str:
        return f"Plot({self.name!r}, {self.width} pixels wide)"


def plots_of(results: Results, *names: str) -> Iterator[Plot]:
    """Yield the figures of these names that have data, in the order of the study's figures."""
    for name, make, table, second in (*FIGURES, *EVIDENCE_FIGURES):
        main, fits = filled(results, table), filled(results, second or "")
        if name not in names or main is None:
            continue
        shown = [t for t in (main, fits) if t is not None]
        short = _short_names(shown)
        drawn = make(*(with_texts(t, short.__getitem__) for t in shown))
        if drawn is not None:
            title = drawn.get_suptitle()
            _widen(drawn)
            width = round(72 * _PIXELS * float(drawn.get_figwidth()))
            yield Plot(name, title, CAPTIONS[name], svg_of(drawn, name, title), width)


def _widen(figure: Figure) -> None:
    """Make a figure as wide as a page, unless its panels must keep their shape."""
    if all(axes.get_aspect() == "auto" for axes in figure.axes):
        figure.set_figwidth(max(_FULL, float(figure.get_figwidth())))


def _short_names(tables: Sequence[pa.Table]) -> dict[str, str]:
    """A short name for every text of the tables, different names for different texts."""
    values = (value for t in tables for column in t.columns for value in column.to_pylist())
    short: dict[str, str] = {}
    for text in dict.fromkeys(value for value in values if isinstance(value, str)):
        whole = cleaned(text)
        name = whole if len(whole) <= LONGEST else f"{whole[: LONGEST - 1]}…"
        taken = set(short.values())
        candidates = chain([name], (f"{name} ({i})" for i in count(2)))
        short[text] = next(candidate for candidate in candidates if candidate not in taken)
    return short


def svg_of(figure: Figure, name: str, title: str) -> str:
    """Return a figure without its title as an SVG element of a page.

    Its texts stay texts, black and white become the page's colours of text and background, and its
    ids begin with `name`, so that those of several figures differ.
    """
    import matplotlib

    figure.suptitle("")
    stream = io.BytesIO()
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        write_figure(figure, stream, "svg", transparent=True)
    root = ElementTree.fromstring(stream.getvalue())
    _strip(root)
    for element in root.iter():
        _adopt(element, name)
    width = 72 * _PIXELS * float(figure.get_figwidth())
    for side in ("width", "height", "version"):
        root.attrib.pop(side, None)
    root.attrib |= {
        "role": "img", "aria-label": title, "fill": "currentColor",
        "style": f"width:{width:.0f}px;min-width:{_LEAST * width:.0f}px",
    }  # fmt: skip
    return ElementTree.tostring(root, encoding="unicode")


def _strip(element: ElementTree.Element) -> None:
    """Remove metadata, and style rules, which would apply to the whole page."""
    for child in list(element):
        if child.tag.rpartition("}")[2] in ("metadata", "style"):
            element.remove(child)
        else:
            _strip(child)


def _adopt(element: ElementTree.Element, name: str) -> None:
    """Remove the namespaces of an element, prefix its ids, and give it the colours of the page."""
    element.tag = element.tag.rpartition("}")[2]
    if _LINK in element.attrib:
        element.attrib["href"] = element.attrib.pop(_LINK)
    for key, value in element.attrib.items():
        if key == "id":
            element.attrib[key] = f"{name}-{value}"
        elif key == "href" and value.startswith("#"):
            element.attrib[key] = f"#{name}-{value.removeprefix('#')}"
        elif key in ("style", "clip-path"):
            value = _PLACE.sub(f"url(#{name}-", value)
            value = _GREY.sub(lambda match: _page_grey(int(match[1], 16)), value)
            element.attrib[key] = _BLUES.sub(lambda match: _TINTED[match[0].lower()], value)


def _page_grey(level: int) -> str:
    if level in (0, 255):
        return "currentColor" if level == 0 else "var(--ground)"
    return "var(--line)" if level > _LIGHT else "var(--quiet)"
