"""Parts that all figures share: sheets, legends, colours, and reproducible files."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from annealcam._internal.text import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which colour-blind readers can distinguish.
BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, BLACK, GREY = "#CC79A7", "#56B4E9", "#000000", "#888888"
LOG_FROM = 20.0  # ratio of largest to smallest value from which an axis is logarithmic
LETTERS_PER_INCH = 12.5  # in a title
KINDS = ("png", "svg", "pdf")  # of the files of a figure
PLACES = 6  # decimals of a panel's place in a figure
_METADATA: dict[str, dict[str, None]] = {
    "png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None},
}  # fmt: skip


def empty_sheet(title: str, *, width: float = 8.0, height: float = 4.6, dpi: int = 130) -> Figure:
    """Return a figure with only a title, wrapped to the figure's width."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=dpi, facecolor="white", layout="constrained")
    lines = wrap(visible(title), int(LETTERS_PER_INCH * width))
    figure.suptitle("\n".join(lines), x=0.01, ha="left", size=10.5, parse_math=False)
    return figure


def sheet(title: str, *, height: float = 4.6) -> tuple[Figure, Axes]:
    """Return a figure with a title and one panel."""
    figure = empty_sheet(title, height=height)
    axes = figure.add_subplot()
    open_frame(axes)
    return figure, axes


def open_frame(axes: Axes) -> None:
    """Remove the upper and the right border of a panel."""
    axes.spines[["top", "right"]].set_visible(False)


def legend(figure: Figure, *panels: Axes, ncols: int = 4, **further: Any) -> None:
    """Draw one legend of all panels below them, with each label once."""
    unique = dict(further)
    for axes in panels:
        handles, labels = axes.get_legend_handles_labels()
        unique |= dict(zip(labels, handles, strict=True))
    figure.legend(
        unique.values(), unique.keys(), loc="outside lower center", ncols=ncols, frameon=False,
        fontsize=9,
    )  # fmt: skip


def shorten(text: str, most: int) -> str:
    """Return a text of at most `most` characters, the last one an ellipsis if it is cut."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def settle(figure: Figure) -> None:
    """Lay the panels out once for all files, and round their places.

    The layout takes as long as the drawing. Its solver goes through unordered sets, so that last
    bits differ from run to run; the ids of clip paths in SVG files are made from all bits.
    """
    engine = figure.get_layout_engine()
    if engine is None:
        return
    engine.execute(figure)
    figure.set_layout_engine("none")
    for axes in figure.axes:
        x, y, width, height = axes.get_position(original=True).bounds
        axes.set_position(
            (round(x, PLACES), round(y, PLACES), round(width, PLACES), round(height, PLACES))
        )
        axes.set_in_layout(True)


def write_figure(figure: Figure, file: Path | BytesIO, kind: str, **options: Any) -> None:
    """Write a figure as png, jpg, svg or pdf: equal figures give equal bytes, without dates."""
    import matplotlib

    settle(figure)
    with matplotlib.rc_context({"svg.hashsalt": "annealcam"}):
        drawn = BytesIO()
        figure.savefig(drawn, format=kind, metadata=_METADATA.get(kind), **options)
    content = drawn.getvalue()
    if kind == "svg":  # XML allows no control characters, which names of classes may hold
        content = visible(content.decode("utf-8")).encode("utf-8")
    file.write_bytes(content) if isinstance(file, Path) else file.write(content)


def figure_files(*stems: str) -> tuple[str, ...]:
    """Return the names of the files that `save` writes for figures of these stems.

    >>> figure_files("overlap")
    ('overlap.png', 'overlap.svg', 'overlap.pdf')
    """
    return tuple(f"{stem}.{kind}" for stem in stems for kind in KINDS)


def save(figure: Figure, folder: Path, stem: str) -> list[str]:
    """Write STEM.png, STEM.svg and STEM.pdf, without dates or random ids; return the names."""
    names = list(figure_files(stem))
    for name, kind in zip(names, KINDS, strict=True):
        write_figure(figure, folder / name, kind)
    return names
