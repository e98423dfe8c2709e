"""Questions of the page and their answers, with plain values in and out; none is remembered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

from annealcam._internal.validation import one_of
from annealcam.app.annealing import annealing_html
from annealcam.app.answer import answer_html, class_labels, finding, flip_html, likely_classes
from annealcam.app.choices import DEFAULT_BETA, Choices
from annealcam.app.comparison import comparison_html
from annealcam.app.engine import PENDING, Engine, OpenedPhoto
from annealcam.app.photos import EXAMPLES
from annealcam.attribution.layers import Layer
from annealcam.attribution.targets import resolve_target
from annealcam.errors import ArgumentError, TargetError
from annealcam.explanation import Explanation
from annealcam.render.explanation_hardness import explanation_hardness
from annealcam.render.html.explanation import explanation_html
from annealcam.render.subject_text import subject
from annealcam.settings import Settings

ONE, TWO = "one", "two"
AGAINST = {
    "": "its logit alone",
    "next": "and not the next likely class",
    "rest": "and not any other class",
}


@dataclass(frozen=True)
class Controls:
    """The values of all controls; an empty text takes the default, or the predicted class.

    >>> Controls.read([("tau", "50"), ("target", "lemon")]).tau
    50.0
    """

    photo: str = EXAMPLES[0]
    mode: str = ONE
    network: str = ""
    layer: str = ""
    target: str = ""
    other: str = ""
    against: str = ""
    importance: str = Settings.importance
    beta: float = DEFAULT_BETA
    cardinality: int = 0
    tau: float = Settings.tau
    sampler: str = Settings.sampler

    @classmethod
    def read(cls, pairs: Iterable[tuple[str, str]]) -> Controls:
        """Return the values of a form.

        Raises:
            ArgumentError: there is no such control, or it has no such value.
        """
        values = dict(pairs)
        for name in values:
            one_of("control", name, [field.name for field in fields(cls)])
        converted: dict[str, Any] = {n: _READ.get(n, str)(text) for n, text in values.items()}
        return cls(**converted)

    def __post_init__(self) -> None:
        one_of("mode", self.mode, (ONE, TWO))
        one_of("against", self.against, AGAINST)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ArgumentError(f"{text!r}: give a number") from None


def _count(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ArgumentError(f"{text!r}: give a whole number") from None


_READ = {"beta": _number, "tau": _number, "cardinality": _count}


@dataclass(frozen=True)
class Answer:
    """The HTML of an answer, and a sentence of it for readers of a screen."""

    html: str
    sentence: str


class Questions:
    """Answers to what visitors ask, each from its controls alone.

    Raises:
        AnnealcamError: in all methods, where a value of the controls is not possible.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def choices(self, controls: Controls) -> dict[str, Any]:
        """Return the layers, as pairs of value and label, and the classes to choose from."""
        network = self.engine.networks[self._network(controls)]
        e = self.engine.explain(self._choices(controls, target=None))
        return {
            "layers": [(_value(item, network.default), _label(item)) for item in
                       reversed(network.layers)],
            "classes": class_labels(e, network.loaded.classes),
        }  # fmt: skip

    def answer(self, controls: Controls) -> Answer:
        """Explain one class, or compare two."""
        photo, e = self._explained(controls, controls.target)
        names = self.engine.networks[self._network(controls)].loaded.classes
        if controls.mode == ONE:
            responses = self.engine.responses.of(e)
            html = answer_html(photo, e, responses, likely_classes(e, names))
            return Answer(html, f"{subject(e)}: {finding(e)}")
        second = controls.other or next(
            label for label, index, _ in likely_classes(e, names) if index != e.target
        )
        other_photo, other = self._explained(controls, second)
        if other.target == e.target:
            raise TargetError("compare with: choose another class than the one explained")
        responses = {**self.engine.responses.of(e), **self.engine.responses.of(other)}
        html = comparison_html((photo, e), (other_photo, other), responses)
        return Answer(html, f"{e.class_name} and {other.class_name} are compared.")

    def annealing(self, controls: Controls) -> dict[str, Any]:
        """Return the panel of the annealing with F alone, or as a whole if that is known."""
        return self._panel(controls, whole=False)

    def levels(self, controls: Controls) -> dict[str, Any]:
        """Return the panel of the annealing with the gap and the levels."""
        return self._panel(controls, whole=True)

    def _panel(self, controls: Controls, *, whole: bool) -> dict[str, Any]:
        _, e = self._explained(controls, controls.target)
        if e.problem.d == 0:
            return {"html": "", "finished": True}
        steps = self.engine.hardness(e, controls.tau)
        h = list(steps)[-1] if whole else next(steps)
        finished = h.no_gap != PENDING
        return {"html": annealing_html(h, finished=finished), "finished": finished}

    def flip(self, controls: Controls) -> str:
        """Return the fewest maps without which the prediction changes."""
        choices = self._choices(controls, target=self._target(controls, controls.target))
        return flip_html(self.engine.flip_set(choices), self.engine.opened_photo(choices))

    def report(self, controls: Controls) -> bytes:
        """Return the self-contained page of the explanation, as `Explanation.to_html` writes it."""
        photo, e = self._explained(controls, controls.target)
        atlas = self.engine.responses.atlas
        hardness = explanation_hardness(e)
        html = explanation_html(e, photo=photo.large, annealing=hardness, atlas=atlas)
        return html.encode("utf-8", errors="backslashreplace")

    def _explained(self, controls: Controls, target: str) -> tuple[OpenedPhoto, Explanation]:
        choices = self._choices(controls, target=self._target(controls, target))
        return self.engine.opened_photo(choices), self.engine.explain(choices)

    def _target(self, controls: Controls, text: str) -> int | None:
        """Return the class of a label of the page, or of a number; None for the predicted one."""
        if not text.strip():
            return None
        e = self.engine.explain(self._choices(controls, target=None))
        names = self.engine.networks[self._network(controls)].loaded.classes
        return resolve_target(text.strip(), class_labels(e, names))

    def _network(self, controls: Controls) -> str:
        return controls.network or self.engine.networks.names[0]

    def _choices(self, controls: Controls, *, target: int | None) -> Choices:
        return Choices(
            photo=controls.photo,
            network=self._network(controls),
            layer=controls.layer or None,
            target=target,
            against=controls.against or None,
            importance=controls.importance,
            beta=controls.beta,
            cardinality=controls.cardinality,
            tau=controls.tau,
            sampler=controls.sampler,
        )


def _value(layer: Layer, default: str) -> str:
    return "" if layer.name == default else layer.name


def _label(layer: Layer) -> str:
    signed = " · signed" if layer.signed else ""
    size = " × ".join(map(str, layer.size))
    return f"{layer.name} · {layer.channels} maps {size}{signed}"
