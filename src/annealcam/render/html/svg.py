"""Small charts as inline SVG; the style of the page gives the colours and follows its theme."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup, escape

RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
TICKS = 5  # approximate number on a linear axis
WIDTH, HEIGHT = 420.0, 260.0
LEFT, RIGHT, TOP, BOTTOM = 64.0, 14.0, 14.0, 44.0


def tag(name: str, *inside: object, **attributes: object) -> Markup:
    """Return an element; texts and attributes are escaped, attributes that are None are omitted.

    >>> tag("text", "a < b", class_="quiet", x=1.234, font_size=None)
    Markup('<text class="quiet" x="1.23">a &lt; b</text>')
    """
    text = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_rounded(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{text}>{''.join(map(escape, inside))}</{name}>")


@dataclass(frozen=True)
class Scale:
    """A linear or logarithmic mapping from values to positions in pixels."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Return the position of a value; values beyond an end get the position of that end.

        >>> Scale(0, 10, 100, 200)(2.5), Scale(1, 100, 0, 1, log=True)(10)
        (125.0, 0.5)
        """
        low, high, at = self.low, self.high, min(max(value, self.low), self.high)
        if self.log:
            low, high, at = (float(np.log10(x)) for x in (low, high, at))
        return self.start + (self.end - self.start) * (at - low) / ((high - low) or 1.0)

    def ticks(self) -> list[float]:
        """Return round numbers between the ends: multiples of 1, 2 or 5, or powers of ten.

        >>> Scale(0, 1, 0, 1).ticks(), Scale(0.005, 1, 0, 1, log=True).ticks()
        ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [0.01, 0.1, 1.0])
        """
        if self.log:
            first, last = np.ceil(np.log10(self.low) - 1e-9), np.floor(np.log10(self.high) + 1e-9)
            powers = np.arange(first, last + 1)
            return [float(10.0**p) for p in powers[:: -max(1, -(-len(powers) // TICKS))]][::-1]
        step = _step((self.high - self.low) / TICKS)
        first = np.ceil(self.low / step - 1e-9)
        count = int(np.floor(self.high / step + 1e-9) - first) + 1
        return [round(float((first + i) * step), 12) for i in range(count)]


@dataclass(frozen=True)
class Chart:
    """The frame of a chart: two scales, their labels and ticks."""

    x: Scale
    y: Scale
    x_label: str
    y_label: str
    x_ticks: Sequence[float] | None = None

    def drawn(self, *marks: Markup, label: str) -> Markup:
        """Return the chart with its marks; `label` describes it for screen readers."""
        return tag(
            "svg", *self._frame(), *marks,
            viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}", role="img", aria_label=label, class_="chart",
        )  # fmt: skip

    def line(self, x: Iterable[float], y: Iterable[float], kind: str) -> Markup:
        """Return a line through points."""
        points = " ".join(f"{self.x(a):.1f},{self.y(b):.1f}" for a, b in zip(x, y, strict=True))
        return tag("polyline", points=points, class_=f"line {kind}")

    def level(self, y: float, kind: str) -> Markup:
        """Return a horizontal line over the whole width."""
        return self.line((self.x.low, self.x.high), (y, y), kind)

    def dot(self, x: float, y: float, kind: str, title: str, *, square: bool = False) -> Markup:
        """Return the mark of a point; `title` appears when the pointer is on it."""
        x, y, tooltip = self.x(x), self.y(y), tag("title", title)
        if square:
            corner = {"x": x - 4, "y": y - 4, "width": 8, "height": 8}
            return tag("rect", tooltip, class_=f"mark-{kind}", **corner)
        return tag("circle", tooltip, cx=x, cy=y, r=4.5, class_=f"mark-{kind}")

    def _frame(self) -> list[Markup]:
        ticks = self.x.ticks() if self.x_ticks is None else list(self.x_ticks)
        bottom, middle = self.y.start, (self.y.start + self.y.end) / 2
        parts = [
            tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=self.y(v), y2=self.y(v), class_="grid")
            for v in self.y.ticks()
        ]
        parts += [
            tag("text", _tick(v), x=LEFT - 7, y=self.y(v) + 4, class_="tick end")
            for v in self.y.ticks()
        ]
        parts += [
            tag("text", _tick(v), x=self.x(v), y=bottom + 18, class_="tick middle") for v in ticks
        ]
        parts += [
            tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=bottom, y2=bottom, class_="axis"),
            tag("text", self.x_label, x=(LEFT + WIDTH - RIGHT) / 2, y=HEIGHT - 6,
                class_="label middle"),
            tag("text", self.y_label, class_="label middle",
                transform=f"translate(11 {middle:g}) rotate(-90)"),
        ]  # fmt: skip
        return parts


def across(low: float, high: float, *, log: bool = False) -> Scale:
    """Return a scale over the width of a chart."""
    return Scale(low, high, LEFT, WIDTH - RIGHT, log)


def upward(low: float, high: float, *, log: bool = False) -> Scale:
    """Return a scale over the height of a chart."""
    return Scale(low, high, HEIGHT - BOTTOM, TOP, log)


def _step(rough: float) -> float:
    power = 10.0 ** np.floor(np.log10(rough)) if rough > 0 else 1.0
    return float(next(m * power for m in (1, 2, 5, 10) if m * power >= rough * (1 - 1e-9)))


def _tick(value: float) -> str:
    """Return the text of a tick; small and large powers of ten have a raised exponent."""
    if 0 < value < 1e-3 or value >= 1e5:
        power = math.floor(math.log10(value) + 1e-9)
        if abs(value / 10.0**power - 1) < 1e-9:
            return "10" + str(power).translate(RAISED)
    return f"{value:g}".replace("-", "−")


def _rounded(value: Any) -> Any:
    """Round a position to two decimals, which is finer than any screen."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else value
