"""A sheet of texts and pictures, as a figure of matplotlib or drawn directly.

Importing matplotlib and drawing a figure takes longer than explaining a photo.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 110
Box: TypeAlias = tuple[float, float, float, float]  # left, top, width, height in inches


@dataclass(frozen=True)
class _Text:
    left: float
    base: float
    text: str
    size: float
    bold: bool
    grey: float


@dataclass(frozen=True)
class Sheet:
    """A white sheet, on which positions are inches from the upper left corner.

    >>> sheet = Sheet(2.0, 1.0)
    >>> sheet.write(0.1, 0.5, "A title", size=9)
    >>> sheet.image().size
    (220, 110)
    """

    width: float
    height: float
    texts: list[_Text] = field(default_factory=list)
    pictures: list[tuple[Box, Image.Image]] = field(default_factory=list)

    def write(
        self,
        left: float,
        base: float,
        text: str,
        *,
        size: float,
        bold: bool = False,
        grey: float = 0.0,
    ) -> None:
        """Write a line of text, whose letters stand on `base`, of a size in points."""
        self.texts.append(_Text(left, base, " ".join(text.splitlines()), size, bold, grey))

    def draw(self, place: Box, picture: Image.Image) -> None:
        """Draw a picture that fills a box."""
        self.pictures.append((place, picture))

    def figure(self) -> Figure:
        """Return the sheet as a figure of matplotlib."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(self.width, self.height), dpi=DPI, facecolor="white")
        for (left, top, width, height), picture in self.pictures:
            lower = 1 - (top + height) / self.height
            axes = figure.add_axes(
                (left / self.width, lower, width / self.width, height / self.height)
            )
            axes.imshow(picture, aspect="auto")
            axes.set_axis_off()
        for t in self.texts:
            figure.text(
                t.left / self.width, 1 - t.base / self.height, t.text, va="baseline",
                parse_math=False, fontsize=t.size, weight="bold" if t.bold else "normal",
                color=str(t.grey),
            )  # fmt: skip
        return figure

    def image(self) -> Image.Image:
        """Return the sheet as a picture, in matplotlib's font."""
        image = Image.new("RGB", (int(self.width * DPI), int(self.height * DPI)), "white")
        for (left, top, width, height), picture in self.pictures:
            first, last = _pixels(left, top), _pixels(left + width, top + height)
            size = max(1, last[0] - first[0]), max(1, last[1] - first[1])
            shown = picture.convert("RGB").resize(size, Image.Resampling.BICUBIC)
            image.paste(shown, first)
        pen = ImageDraw.Draw(image)
        for t in self.texts:
            shade = round(255 * t.grey)
            place, font = (t.left * DPI, t.base * DPI), _font(t.size, t.bold)
            pen.text(place, t.text, fill=(shade,) * 3, font=font, anchor="ls")
        return image


def _pixels(left: float, top: float) -> tuple[int, int]:
    return round(left * DPI), round(top * DPI)


@cache
def _font(size: float, bold: bool) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return the font DejaVu Sans of matplotlib, or Pillow's own where it is not found."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    matplotlib = find_spec("matplotlib")  # which this does not import
    folder = Path((matplotlib and matplotlib.origin) or "").parent
    try:
        file = folder / "mpl-data" / "fonts" / "ttf" / name
        return ImageFont.truetype(str(file), size * DPI / 72)
    except OSError:
        return ImageFont.load_default(size * DPI / 72)
