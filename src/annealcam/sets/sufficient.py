"""The k maps that keep a class best by themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import exp, nan
from typing import Any

import numpy as np
from jaxtyping import Int
from torch import nn

from annealcam._internal.plug_points import PlottedResult
from annealcam._internal.text import number, short_repr, these_maps
from annealcam._internal.types import Array
from annealcam._internal.validation import whole
from annealcam.attribution.network.layer_output import Reshape
from annealcam.attribution.network.model_output import Output
from annealcam.errors import ArgumentError
from annealcam.sets.best_subset import best_subset
from annealcam.sets.masked_runs import MapEffects, MaskedRuns, for_each_image, measure_effects
from annealcam.sets.masked_search import BUDGET, best_by_search, rows_to_masks
from annealcam.sets.sorting import Found


@dataclass(frozen=True, eq=False, repr=False)
class SufficientSet(PlottedResult):
    """The k maps that keep the probability of the target best when all others are zero.

    Where the outputs are numbers (link `identity`), they keep the value highest, or for the
    direction `down` lowest, and there are no probabilities.

    `plot` draws the probability with all maps and with these alone, and the bound.

    Attributes:
        channels: the maps, in descending order of what each alone adds to the target's logit.
        log_probability: of the target with these maps alone, measured by masking; None for
            numbers.
        bound: no k maps have a larger log-probability, or for numbers a value further in the
            direction; None where the effects of maps do not add up and not all sets were tried.
        proved: whether no k maps keep the target better.
        kept: whether the target is predicted with these maps alone: it has the highest logit, or
            as an independent label a probability above 1/2. None for numbers.
        log_probability_of_all: of the target with all maps.
        target: the class.
        maps: number of maps of the layer.
        layer: the module's name.
        linear: whether the effects of the maps on the logits add up.
        runs: number of masks that the network has run under.
        target_name: None where the classes have no names.
        value, value_of_all: the target's logit with these maps alone, and with all maps.
        noun: what the outputs are called: `class`, independent `label`, or `output` for numbers.
        direction: `down` if the lowest value was sought.
    """

    channels: Int[Array, " k"]
    log_probability: float | None
    bound: float | None
    proved: bool
    kept: bool | None
    log_probability_of_all: float | None
    target: int
    maps: int
    layer: str
    linear: bool
    runs: int
    target_name: str | None = None
    value: float = nan
    value_of_all: float = nan
    noun: str = "class"
    direction: str = "up"

    def __repr__(self) -> str:
        outcome: dict[str, Any] = {"probability": self.probability, "kept": self.kept}
        if self.probability is None:
            outcome = {"value": self.value}
        return short_repr(
            "SufficientSet", k=len(self.channels), target=self.target_name or self.target,
            **outcome, bound=self.bound, proved=self.proved,
        )  # fmt: skip

    def as_json(self) -> dict[str, Any]:
        """Return all fields and the sentence as plain values."""
        return {**asdict(self), "channels": self.channels.tolist(), "sentence": self.sentence}

    @property
    def probability(self) -> float | None:
        """The probability of the target with these maps alone; None for numbers."""
        return None if self.log_probability is None else exp(self.log_probability)

    @property
    def probability_of_all(self) -> float | None:
        """The probability of the target with all maps; None for numbers."""
        return None if self.log_probability_of_all is None else exp(self.log_probability_of_all)

    @property
    def sentence(self) -> str:
        """The result in one sentence."""
        target = self.target_name or f"{self.noun} {self.target}"
        k = len(self.channels)
        which = these_maps(k, of=self.maps)
        if self.probability is None or self.probability_of_all is None:
            return (
                f"With {which} alone {target} is {number(self.value)} (all maps: "
                f"{number(self.value_of_all)}); {self._proof}."
            )
        lost = "not predicted" if self.noun == "label" else "not the predicted class"
        kept = "" if self.kept else f" and is {lost}"
        return (
            f"With {which} alone {target} has the probability {number(self.probability)}{kept} "
            f"(all maps: {number(self.probability_of_all)}); {self._proof}."
        )

    @property
    def _proof(self) -> str:
        k, is_number = len(self.channels), self.noun == "output"
        if self.proved and is_number:
            extreme = "lower" if self.direction == "down" else "higher"
            keep = f"no {k} maps keep" if k > 1 else "no other map keeps"
            return f"{keep} a {extreme} value"
        if self.proved:
            return f"no {k} maps keep it better" if k > 1 else "no other map keeps it better"
        if self.bound is None:
            return "better sets may exist"
        if is_number:
            limit = "less" if self.direction == "down" else "more"
            return f"no {k} maps keep {limit} than {number(self.bound)}"
        return f"no {k} maps keep more than {number(exp(self.bound))}"


def sufficient_set(
    model: nn.Module,
    image: Any,
    *,
    cardinality: int,
    layer: str | nn.Module | None = None,
    target: int | str | Sequence[int | str] | None = None,
    class_names: Sequence[str] | Mapping[int, str] | None = None,
    budget: int = BUDGET,
    run: int | None = None,
    link: str | None = None,
    direction: str = "up",
    output: Output | None = None,
    reshape_transform: Reshape | None = None,
) -> SufficientSet | list[SufficientSet]:
    """Return the k feature maps that by themselves keep the probability of a class highest.

        max over |S| = k of log p_c(S),   all maps of the layer outside S set to zero

    p_c is the softmax over the classes, or for an independent label (link `sigmoid`) its own
    probability. For numbers (link `identity`) the value z_c takes the place of log p_c, or -z_c for
    the direction `down`.

    If all that follows the layer is linear in the maps (pooling, flattening, one linear layer),
    log p_c is concave in the selection. Maps are then added one by one and exchanged as long as log
    p_c rises; the relaxation over {0 <= n <= 1, sum n = k} gives an upper bound, and a search tree
    visits the sets that the bound leaves, mostly with a proof. Whether effects add up is measured,
    as in `flip_set`. Otherwise maps are added and exchanged by masking, within `budget` runs, and
    there is a bound only if all sets have been tried.

    Args:
        model: an image classifier; it is not changed.
        image: as in `explain`; a batch gives a list of results.
        cardinality: k, the number of maps.
        layer: a module's name, or the module itself; None takes the default layer of `explain`.
        target: the class c, by index or by name; one for each image, or one for all; None takes
            the predicted class.
        class_names: for the result, and for a target by name.
        budget: number of masked runs of the search, beyond those of single maps.
        run, link, direction, output, reshape_transform: as in `explain`.

    Raises:
        ArgumentError: an argument is not valid, or the layer has fewer than k maps.
        AnnealcamError: as `annealcam.explain`, for the layer, the target and the model.

    >>> import torch
    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2))
    >>> s = sufficient_set(net, torch.randn(3, 8, 8), layer="1", cardinality=3)
    >>> len(s.channels), s.proved, s.bound >= s.log_probability
    (3, True, True)
    """
    budget = whole("budget", budget, least=1)
    k = whole("cardinality", cardinality, least=1)
    return for_each_image(
        lambda runs: _sufficient_set(runs, k, budget), model, image, layer=layer, target=target,
        class_names=class_names, dead=k, run=run, link=link, direction=direction, output=output,
        reshape_transform=reshape_transform,
    )  # fmt: skip


def _sufficient_set(runs: MaskedRuns, k: int, budget: int) -> SufficientSet:
    if k > runs.maps:
        raise ArgumentError(f"cardinality={k}: layer {runs.layer!r} has {runs.maps} maps")
    effects, c = measure_effects(runs), runs.target
    found, bound = _best(runs, effects, k, budget)
    assert found.rows is not None
    logits = runs.kept(rows_to_masks(found.rows[None], len(runs.channels)))[0]
    measured, of_all = (float(runs.score(z[None])[0]) for z in (logits, effects.every))
    if bound is not None or found.proved:
        bound = measured if bound is None else max(bound, measured)
    is_number, sign = runs.link == "identity", -1.0 if runs.direction == "down" else 1.0
    order = np.argsort(-sign * effects.alone[found.rows, c], kind="stable")
    return SufficientSet(
        channels=runs.channels[found.rows[order]],
        log_probability=None if is_number else measured,
        bound=None if bound is None else sign * bound,
        proved=found.proved,
        kept=None if is_number else bool(logits.argmax() == c),
        log_probability_of_all=None if is_number else of_all,
        target=runs.output,
        maps=runs.maps,
        layer=runs.layer,
        linear=effects.add_up,
        runs=runs.runs,
        target_name=runs.class_name(runs.output),
        value=float(logits[c]),
        value_of_all=float(effects.every[c]),
        noun=runs.noun,
        direction=runs.direction,
    )


def _best(runs: MaskedRuns, effects: MapEffects, k: int, budget: int) -> tuple[Found, float | None]:
    """Return a set and, if effects add up, an upper bound on the score of any set."""
    if not effects.add_up:
        return best_by_search(runs, effects, k, budget=budget), None
    if runs.link == "identity":  # a sum is largest for the k largest terms
        rows = np.argsort(-runs.score(effects.alone), kind="stable")[:k]
        total = effects.none + effects.alone[rows].sum(axis=0)
        return Found(np.sort(rows), True), float(runs.score(total[None])[0] + effects.tolerance)
    best = best_subset(effects.alone, effects.none, runs.target, k)
    bound = best.log_probability if best.proved else best.bound
    # log p changes by at most twice as much as the logits
    return Found(best.rows, best.proved), min(bound + 2 * effects.tolerance, 0.0)
