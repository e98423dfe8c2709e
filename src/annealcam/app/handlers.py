"""The handlers of the page's events, with plain values in and out."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from annealcam.app.annealing import annealing_html
from annealcam.app.answer import answer_html, class_choices
from annealcam.app.cache import Cache
from annealcam.app.choices import PREDICTED, Choices
from annealcam.app.comparison import comparison_html
from annealcam.app.engine import PENDING, Engine
from annealcam.app.limits import MAX_TABS
from annealcam.errors import TargetError
from annealcam.explanation import Explanation
from annealcam.render.subject_text import is_number

ONE, TWO = "One class", "Two classes"
STOPPED = '<p class="ac quiet">The annealing was stopped. Move τ or β to start it again.</p>'
Listed = list[tuple[str, Any]]


@dataclass(frozen=True)
class Controls:
    """The values of all controls."""

    photo: str
    mode: str
    network: str
    layer: str | None
    target: int | None
    other: int | None
    against: str
    importance: str
    beta: float
    cardinality: int
    tau: float
    sampler: str

    def choices(self, engine: Engine, target: int | None) -> Choices:
        """Return the values as choices for one class."""
        default = engine.networks[self.network].default
        return Choices(
            photo=self.photo,
            network=self.network,
            layer=None if self.layer == default else self.layer,
            target=None if target == PREDICTED else target,
            against=self.against or None,
            importance=self.importance,
            beta=self.beta,
            cardinality=int(self.cardinality or 0),
            tau=self.tau,
            sampler=self.sampler,
        )


@dataclass(frozen=True)
class TabState:
    """The photo and network that a tab shows; the lists of choices change with them.

    `tab` is the name of the tab, `turn` counts its questions: only the last one is answered.
    """

    photo: str = ""
    network: str = ""
    tab: str = ""
    turn: int = 0


@dataclass(frozen=True)
class ChoiceLists:
    """The layers and classes to choose from, and the chosen ones."""

    layers: Listed
    layer: str
    classes: Listed
    target: int
    others: Listed
    other: int


@dataclass(frozen=True)
class Answer:
    """The HTML, whether an annealing panel follows, the tab's state, and lists if they changed."""

    html: str
    annealed: bool
    state: TabState
    lists: ChoiceLists | None


class Handlers:
    """Answers to the page's events; of each tab only the number of its last question is stored."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._turns: Cache[str, int] = Cache(MAX_TABS)
        self._working: set[str] = set()

    def show(self, controls: Controls, state: TabState) -> Answer:
        """Explain the photo; a new photo or network starts with the defaults.

        Raises:
            AnnealcamError: a value of the controls is not possible.
        """
        tab = state.tab or secrets.token_hex(8)
        new = TabState(controls.photo, controls.network, tab, state.turn + 1)
        self._turns[tab] = new.turn
        lists = None
        if (new.photo, new.network) != (state.photo, state.network):
            keeps_layer = controls.network == state.network
            controls, lists = self._with_defaults(controls, keeps_layer=keeps_layer)
        return Answer(self._html(controls), controls.mode != TWO, new, lists)

    def _with_defaults(
        self, controls: Controls, *, keeps_layer: bool
    ) -> tuple[Controls, ChoiceLists]:
        """Choose the predicted class, and the second most probable one for comparisons."""
        network = self.engine.networks[controls.network]
        layer = controls.layer if keeps_layer and controls.layer else network.default
        controls = replace(controls, layer=layer, target=PREDICTED)
        e = self.engine.explain(controls.choices(self.engine, PREDICTED))
        classes = class_choices(e, network.loaded.classes)
        other = classes[min(1, len(classes) - 1)][1]
        lists = ChoiceLists(
            layers=[(_describe(item), item.name) for item in reversed(network.layers)],
            layer=layer,
            classes=[(f"{_first_word(e)}: {classes[0][0]}", PREDICTED), *classes],
            target=PREDICTED,
            others=classes,
            other=other,
        )
        return replace(controls, other=other), lists

    def _html(self, controls: Controls) -> str:
        first = controls.choices(self.engine, controls.target)
        e = self.engine.explain(first)
        photo = self.engine.opened_photo(first)
        if controls.mode != TWO:
            return answer_html(photo, e, self.engine.responses.of(e))
        if controls.other is None or controls.other == e.target:
            raise TargetError("compare with: choose another class than the one explained")
        second = controls.choices(self.engine, controls.other)
        other = self.engine.explain(second)
        responses = {**self.engine.responses.of(e), **self.engine.responses.of(other)}
        return comparison_html((photo, e), (self.engine.opened_photo(second), other), responses)

    def anneal(self, controls: Controls, state: TabState) -> Iterator[str | None]:
        """Yield the annealing panel, first with F alone, then with the gap and the levels.

        It ends early with None if the tab has started another explanation or was stopped.
        """
        e = self._explain(controls)
        if controls.mode == TWO or e.problem.d == 0:
            yield ""
            return
        self._working.add(state.tab)
        try:
            for h in self.engine.hardness(e, controls.tau):
                if self._turns.get(state.tab) != state.turn:
                    yield None
                    return
                yield annealing_html(h, finished=h.no_gap != PENDING)
        finally:
            self._working.discard(state.tab)

    def stop(self, state: TabState) -> str | None:
        """Stop the annealing of a tab and return a message; None if none is running."""
        if state.tab not in self._working:
            return None
        self._turns[state.tab] = state.turn + 1
        return STOPPED

    def report(self, controls: Controls) -> str:
        """Return the self-contained page of the explanation."""
        e = self._explain(controls)
        photo = self.engine.opened_photo(controls.choices(self.engine, controls.target))
        with tempfile.TemporaryDirectory(prefix="annealcam-report-") as folder:
            path = Path(folder) / "report.html"
            e.to_html(path, photo=photo.large, atlas=self.engine.responses.atlas)
            return path.read_text(encoding="utf-8")

    def _explain(self, controls: Controls) -> Explanation:
        return self.engine.explain(controls.choices(self.engine, controls.target))


def _first_word(e: Explanation) -> str:
    """Return why a class is the first one: it is predicted, or a number the largest."""
    return "largest" if is_number(e) else "predicted"


def _describe(layer: Any) -> str:
    signed = " · signed" if layer.signed else ""
    return f"{layer.name} · {layer.channels} maps {layer.size[0]} × {layer.size[1]}{signed}"
