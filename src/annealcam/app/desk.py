"""The page's questions and answers as plain values: gradio's events call these."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from annealcam.app.annealing import annealing_html
from annealcam.app.answer import answer_html, class_choices
from annealcam.app.choices import PREDICTED, Choices
from annealcam.app.engine import BEING_FOUND, Engine
from annealcam.app.limits import MAX_TABS
from annealcam.app.shelf import Shelf
from annealcam.app.two import two_html
from annealcam.errors import TargetError
from annealcam.explanation import Explanation

ONE, TWO = "One class", "Two classes"
STOPPED = '<p class="ac quiet">The annealing was stopped. Move τ or β to begin again.</p>'
Listed = list[tuple[str, Any]]


@dataclass(frozen=True)
class Asked:
    """The controls as they stand."""

    photo: str
    mode: str
    network: str
    layer: str | None
    target: int | None
    other: int | None
    importance: str
    beta: float
    cardinality: int
    tau: float
    sampler: str

    def choices(self, engine: Engine, target: int | None) -> Choices:
        """Return them for one class."""
        default = engine.networks[self.network].default
        return Choices(
            photo=self.photo,
            network=self.network,
            layer=None if self.layer == default else self.layer,
            target=None if target == PREDICTED else target,
            importance=self.importance,
            beta=self.beta,
            cardinality=int(self.cardinality or 0),
            tau=self.tau,
            sampler=self.sampler,
        )


@dataclass(frozen=True)
class Shown:
    """What a tab shows: when it changes, so do the lists to choose from.

    `tab` is the tab's own name, `turn` counts its questions: only the last one is worked on.
    """

    photo: str = ""
    network: str = ""
    tab: str = ""
    turn: int = 0


@dataclass(frozen=True)
class Lists:
    """The layers and classes to choose from, and which are chosen."""

    layers: Listed
    layer: str
    classes: Listed
    target: int
    others: Listed
    other: int


@dataclass(frozen=True)
class Answer:
    """What is shown; whether its annealing is told as well; `lists` only where they are new."""

    html: str
    annealed: bool
    shown: Shown
    lists: Lists | None


class Desk:
    """Answers questions; of a tab it keeps only which of its questions is the last."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._turns: Shelf[str, int] = Shelf(MAX_TABS)
        self._working: set[str] = set()

    def show(self, asked: Asked, shown: Shown) -> Answer:
        """Explain what the controls ask for; a new photo or network begins with its defaults.

        Raises:
            AnnealcamError: what was asked for cannot be; one line says what can.
        """
        tab = shown.tab or secrets.token_hex(8)
        now = Shown(asked.photo, asked.network, tab, shown.turn + 1)
        self._turns[tab] = now.turn
        lists = None
        if (now.photo, now.network) != (shown.photo, shown.network):
            keeps_layer = asked.network == shown.network
            asked, lists = self._from_the_start(asked, keeps_layer=keeps_layer)
        return Answer(self._html(asked), asked.mode != TWO, now, lists)

    def _from_the_start(self, asked: Asked, *, keeps_layer: bool) -> tuple[Asked, Lists]:
        """The predicted class, and the one after it to compare with."""
        network = self.engine.networks[asked.network]
        layer = asked.layer if keeps_layer and asked.layer else network.default
        asked = replace(asked, layer=layer, target=PREDICTED)
        choices = asked.choices(self.engine, PREDICTED)
        e = self.engine.explain(choices)
        classes = class_choices(e, network.loaded.classes)
        other = classes[min(1, len(classes) - 1)][1]
        lists = Lists(
            layers=[(_describe(known), known.name) for known in reversed(network.layers)],
            layer=layer,
            classes=[(f"predicted: {classes[0][0]}", PREDICTED), *classes],
            target=PREDICTED,
            others=classes,
            other=other,
        )
        return replace(asked, other=other), lists

    def _html(self, asked: Asked) -> str:
        first = asked.choices(self.engine, asked.target)
        e = self.engine.explain(first)
        seen = self.engine.seen(first)
        if asked.mode != TWO:
            return answer_html(seen, e, self.engine.portraits.of(e))
        if asked.other is None or asked.other == e.target:
            raise TargetError("compare with: choose another class than the one explained")
        second = asked.choices(self.engine, asked.other)
        other = self.engine.explain(second)
        known = {**self.engine.portraits.of(e), **self.engine.portraits.of(other)}
        return two_html((seen, e), (self.engine.seen(second), other), known)

    def anneal(self, asked: Asked, shown: Shown) -> Iterator[str | None]:
        """Yield the annealing panel, first with F alone, then with the gap and the levels.

        Where the tab has asked something else, or was told to stop, it ends early with None.
        """
        e = self._one(asked)
        if asked.mode == TWO or e.problem.d == 0:
            yield ""
            return
        self._working.add(shown.tab)
        try:
            for h in self.engine.hardness(e, asked.tau):
                if not self._is_last(shown):
                    yield None
                    return
                yield annealing_html(h, finished=h.no_gap != BEING_FOUND)
        finally:
            self._working.discard(shown.tab)

    def stop(self, shown: Shown) -> str | None:
        """End what a tab waits for; return what stands in its place, None if nothing was begun."""
        if shown.tab not in self._working:
            return None
        self._turns[shown.tab] = shown.turn + 1
        return STOPPED

    def _is_last(self, shown: Shown) -> bool:
        return self._turns.get(shown.tab) == shown.turn

    def report(self, asked: Asked) -> str:
        """Return the report of the explanation, a page of its own."""
        e = self._one(asked)
        seen = self.engine.seen(asked.choices(self.engine, asked.target))
        with tempfile.TemporaryDirectory(prefix="annealcam-report-") as folder:
            path = Path(folder) / "report.html"
            e.to_html(path, photo=seen.view, atlas=self.engine.portraits.atlas)
            return path.read_text(encoding="utf-8")

    def _one(self, asked: Asked) -> Explanation:
        return self.engine.explain(asked.choices(self.engine, asked.target))


def _describe(layer: Any) -> str:
    signed = " · signed" if layer.signed else ""
    return f"{layer.name} · {layer.channels} maps {layer.size[0]} × {layer.size[1]}{signed}"
