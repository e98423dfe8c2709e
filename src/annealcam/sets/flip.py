"""The fewest maps without which a prediction changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from torch import nn

from annealcam._internal.plug_points import PlottedResult
from annealcam._internal.text import number, short_repr, these_maps
from annealcam._internal.types import Array
from annealcam._internal.validation import whole
from annealcam.attribution.contrast import Against, resolve_against
from annealcam.attribution.network.layer_output import Reshape
from annealcam.attribution.network.model_output import Output
from annealcam.errors import ArgumentError, TargetError
from annealcam.sets.masked_runs import MapEffects, MaskedRuns, for_each_image, measure_effects
from annealcam.sets.masked_search import BUDGET, fewest_by_search, rows_to_masks
from annealcam.sets.sorting import Found, fewest_by_sorting


@dataclass(frozen=True, eq=False, repr=False)
class FlipSet(PlottedResult):
    """The fewest maps without which another class is above the target.

    An independent label has no competitor. Its logit z is compared with 0, at which its probability
    is 1/2, and `competitor` is the label itself.

    `plot` draws the margin over the competitor as the maps are removed one by one.

    Attributes:
        channels: the maps, in descending order of what each alone adds to the margin; empty where
            a competitor is above the target with all maps, or where no set was found.
        competitor: the class that is above the target without them; None if no set was found.
        margin: z_target - z_competitor with all maps, which the set outweighs; without a set that
            of the nearest competitor.
        margin_without: the same without the set, measured by masking, negative if `flipped`;
            without a set the same with no map at all.
        proved: whether no smaller set exists; without a set, whether none exists.
        target: the class.
        maps: number of maps of the layer.
        layer: the module's name.
        linear: whether the effects of the maps on the logits add up.
        restricted: whether only some of the other classes were competitors.
        runs: number of masks that the network has run under.
        target_name, competitor_name: None where the classes have no names.
        noun: what the outputs are called: `class`, or `label` if they are independent.
        effects: what each of the maps alone adds to the margin over the competitor, (k,).
    """

    channels: Int[Array, " k"]
    competitor: int | None
    margin: float
    margin_without: float
    proved: bool
    target: int
    maps: int
    layer: str
    linear: bool
    restricted: bool
    runs: int
    target_name: str | None = None
    competitor_name: str | None = None
    noun: str = "class"
    effects: Float[Array, " k"] | None = None

    def __repr__(self) -> str:
        return short_repr(
            "FlipSet", k=len(self.channels), competitor=self.competitor_name or self.competitor,
            margin=self.margin, proved=self.proved,
        )  # fmt: skip

    def as_json(self) -> dict[str, Any]:
        """Return all fields and the sentence as plain values."""
        lists = {"channels": self.channels.tolist(), "sentence": self.sentence}
        if self.effects is not None:
            lists["effects"] = self.effects.tolist()
        return {**asdict(self), **lists}

    @property
    def flipped(self) -> bool:
        """Whether there is a set without which a competitor is above the target."""
        return self.competitor is not None

    @property
    def sentence(self) -> str:
        """The result in one sentence."""
        k, target = len(self.channels), self._target
        if not self.flipped:
            other = "a competitor" if self.restricted else f"another {self.noun}"
            outcome = self._below if self._is_alone else f"{other} is above {target}"
            state = "There is" if self.proved else "The search found"
            return f"{state} no set of maps without which {outcome}."
        outcome = self._below if self._is_alone else f"{self._competitor} is above {target}"
        if k == 0:
            return f"With all {self.maps} maps {outcome} already."
        which = these_maps(k, of=self.maps)
        effect = outcome
        if not self.restricted and not self._is_alone:
            effect = f"the prediction changes from {target} to {self._competitor}"
        proof = "no smaller set does that" if self.proved else "a smaller set may exist"
        return f"Without {which} {effect}; {proof}."

    @property
    def margin_sentence(self) -> str:
        """The margin with all maps and without the set, in one sentence."""
        them = "these" if len(self.channels) > 1 else "it"
        other = "zero" if self._is_alone else f"that of {self._competitor}"
        return (
            f"With all maps the logit of {self._target} is {number(self.margin)} above {other}; "
            f"without {them} it is {number(-self.margin_without)} below."
        )

    @property
    def outcome(self) -> str:
        """What is the case without the maps: the competitor, or that the label is absent."""
        return f"not {self._target}" if self._is_alone else self._competitor

    @property
    def _is_alone(self) -> bool:
        """Whether an independent label is compared with its absence."""
        return self.noun == "label" and not self.restricted

    @property
    def _below(self) -> str:
        return f"{self._target} has a probability below 1/2"

    @property
    def _target(self) -> str:
        return self.target_name or f"{self.noun} {self.target}"

    @property
    def _competitor(self) -> str:
        return self.competitor_name or f"{self.noun} {self.competitor}"


def flip_set(
    model: nn.Module,
    image: Any,
    *,
    layer: str | nn.Module | None = None,
    target: int | str | Sequence[int | str] | None = None,
    against: int | str | Sequence[int | str] | None = None,
    class_names: Sequence[str] | Mapping[int, str] | None = None,
    budget: int = BUDGET,
    run: int | None = None,
    link: str | None = None,
    output: Output | None = None,
    reshape_transform: Reshape | None = None,
) -> FlipSet | list[FlipSet]:
    """Return the fewest feature maps without which the prediction changes, and to which class.

    Maps are removed by setting them to zero at the layer. The smallest set S is sought for which
    some competitor j has

        z_j(without S) > z_c(without S);    a tie of logits is no flip

    An independent label (link `sigmoid`) flips where its own probability falls below 1/2, that is
    z_c(without S) < 0, unless competitors are named.

    If all that follows the layer is linear in the maps (pooling, flattening, one linear layer),
    map a adds r_aj to the margin m_j = z_c - z_j, whatever the other maps do. The fewest maps for
    the competitor j are then the shortest beginning of the r_aj in descending order that sums to
    more than m_j, and the least number over all competitors is the answer, with proof. Whether
    effects add up is measured, on each map alone, on all and on random halves of them. Otherwise
    rankings of single maps are a first guess, and a search by masking improves it; it is proved
    only if all smaller sets have been tried. Every set is confirmed by a run without it.

    Args:
        model: an image classifier; it is not changed.
        image: as in `explain`; a batch gives a list of results.
        layer: a module's name, or the module itself; None takes the default layer of `explain`.
        target: the class c, by index or by name; one for each image, or one for all; None takes
            the predicted class.
        against: the competitors, a class or a list of classes by index or by name; `next` takes
            the class of the highest logit beside c, None or `rest` all other classes.
        class_names: for the result, and for classes by name.
        budget: number of masked runs of the search, beyond those of single maps.
        run, link, output, reshape_transform: as in `explain`.

    Returns:
        the result, or a list of one for each image. Where no set of maps puts a competitor above
        the target, `flipped` is False.

    Raises:
        ArgumentError: an argument is not valid, or the outputs are numbers (link `identity`), so
            that no prediction can change.
        TargetError: there is no such class, or a competitor is the target itself.
        AnnealcamError: as `annealcam.explain`, for the layer and the model.

    >>> import torch
    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2))
    >>> s = flip_set(net, torch.randn(3, 8, 8), layer="1")
    >>> s.linear, s.proved, s.flipped == (s.margin_without < 0)
    (True, True, True)
    """
    budget = whole("budget", budget, least=1)
    return for_each_image(
        lambda runs: _flip_set(runs, against, budget), model, image, layer=layer, target=target,
        class_names=class_names, contrasted=against is not None and against != "rest", run=run,
        link=link, output=output, reshape_transform=reshape_transform,
    )  # fmt: skip


def _flip_set(runs: MaskedRuns, against: Any, budget: int) -> FlipSet:
    if runs.link == "identity":
        raise ArgumentError(
            "link='identity': the outputs are numbers, so that no prediction can change; "
            "sufficient_set finds the maps that keep a value"
        )
    effects = measure_effects(runs)
    z, c = effects.every, runs.target
    competitors = _competitors(runs, resolve_against(against, runs.class_names), z)
    found = _fewest(runs, effects, competitors, budget)
    rows = np.arange(0) if found.rows is None else found.rows
    without = effects.none
    if found.rows is not None:
        without = runs.removed(rows_to_masks(rows[None], len(runs.channels)))[0]
    flipped = z if found.rows is None else without
    nearest = int(competitors[flipped[competitors].argmax()])
    competitor = None if found.rows is None else runs.output_of(nearest)
    gains = effects.alone[rows, c] - effects.alone[rows, nearest]
    order = np.argsort(-gains, kind="stable")
    return FlipSet(
        channels=runs.channels[rows[order]],
        competitor=competitor,
        margin=float(z[c] - z[nearest]),
        margin_without=float(without[c] - without[competitors].max()),
        proved=found.proved,
        target=runs.output,
        maps=runs.maps,
        layer=runs.layer,
        linear=effects.add_up,
        restricted=len(competitors) < len(z) - 1,
        runs=runs.runs,
        target_name=runs.class_name(runs.output),
        competitor_name=runs.class_name(competitor),
        noun=runs.noun,
        effects=gains[order],
    )


def _fewest(
    runs: MaskedRuns, effects: MapEffects, competitors: Int[Array, " rivals"], budget: int
) -> Found:
    """Return the fewest rows: by sorting if effects add up and a run confirms it, or by search."""
    z, c = effects.every, runs.target
    if z[competitors].max() > z[c]:
        return Found(np.arange(0), True)
    if effects.add_up:
        gains = effects.alone[:, [c]] - effects.alone[:, competitors]
        found = fewest_by_sorting(gains, z[c] - z[competitors], slack=2 * effects.tolerance)
        if found.rows is None:
            return found
        without = runs.removed(rows_to_masks(found.rows[None], len(runs.channels)))[0]
        if without[competitors].max() > without[c]:
            return found
    return fewest_by_search(runs, effects, competitors, budget=budget)


def _competitors(
    runs: MaskedRuns, against: Against, logits: Float[Array, " classes"]
) -> Int[Array, " rivals"]:
    """Return the places of the competitors in the logits of the runs."""
    return np.array([0]) if runs.is_label else competitors_of(against, logits, runs.target)


def competitors_of(
    against: Against, logits: Float[Array, " classes"], target: int
) -> Int[Array, " rivals"]:
    """Return the competitors of a class, for the result of `resolve_against`.

    Raises:
        ArgumentError: there is a single class.
        TargetError: there is no such class, or it is the target.

    >>> competitors_of("next", np.array([3.0, 1.0, 2.0]), 0)
    array([2])
    """
    others = np.delete(np.arange(len(logits)), target)
    if not len(others):
        raise ArgumentError("model: it has a single class, so that no prediction can change")
    if against is None or against == "rest":
        return others
    if against == "next":
        return others[[logits[others].argmax()]]
    classes = np.unique(np.atleast_1d(against))
    for j in classes.tolist():
        if j not in others:
            problem = (
                "is the target; give another class"
                if j == target
                else f"the model has classes 0 to {len(logits) - 1}"
            )
            raise TargetError(f"against={j}: {problem}")
    return classes
