"""The k maps that keep a class best by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import exp
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.special import log_softmax
from torch import Tensor, nn

from annealcam._internal.text import number, short_repr
from annealcam._internal.types import Array
from annealcam._internal.validation import whole
from annealcam.errors import ArgumentError
from annealcam.sets.best_subset import best_subset
from annealcam.sets.masked_runs import MapEffects, MaskedRuns, for_each_image, measure_effects
from annealcam.sets.masked_search import BUDGET, best_by_search, rows_to_masks
from annealcam.sets.sorting import Found


@dataclass(frozen=True, eq=False, repr=False)
class SufficientSet:
    """The k maps that keep the probability of the target best when all others are zero.

    Attributes:
        channels: the maps, in descending order of what each alone adds to the target's logit.
        log_probability: of the target with these maps alone, measured by masking.
        bound: no k maps have a larger log-probability; None where the effects of maps do not add
            up and not all sets were tried.
        proved: whether no k maps keep the target better.
        kept: whether the target has the highest logit with these maps alone.
        log_probability_of_all: of the target with all maps.
        target: the class.
        maps: number of maps of the layer.
        layer: the module's name.
        linear: whether the effects of the maps on the logits add up.
        runs: number of masks that the network has run under.
        target_name: None where the classes have no names.
    """

    channels: Int[Array, " k"]
    log_probability: float
    bound: float | None
    proved: bool
    kept: bool
    log_probability_of_all: float
    target: int
    maps: int
    layer: str
    linear: bool
    runs: int
    target_name: str | None = None

    def __repr__(self) -> str:
        return short_repr(
            "SufficientSet", k=len(self.channels), target=self.target_name or self.target,
            probability=self.probability, bound=self.bound, proved=self.proved, kept=self.kept,
        )  # fmt: skip

    def as_json(self) -> dict[str, Any]:
        """Return all fields and the sentence as plain values."""
        return {**asdict(self), "channels": self.channels.tolist(), "sentence": self.sentence}

    @property
    def probability(self) -> float:
        """The probability of the target with these maps alone."""
        return exp(self.log_probability)

    @property
    def probability_of_all(self) -> float:
        """The probability of the target with all maps."""
        return exp(self.log_probability_of_all)

    @property
    def sentence(self) -> str:
        """The result in one sentence."""
        target = self.target_name or f"class {self.target}"
        k = len(self.channels)
        which = f"these {k} of {self.maps} maps" if k > 1 else f"this one of {self.maps} maps"
        kept = "" if self.kept else " and is not the predicted class"
        if self.proved:
            proof = f"no {k} maps keep it better" if k > 1 else "no other map keeps it better"
        elif self.bound is not None:
            proof = f"no {k} maps keep more than {number(exp(self.bound))}"
        else:
            proof = "better sets may exist"
        return (
            f"With {which} alone {target} has the probability {number(self.probability)}{kept} "
            f"(all maps: {number(self.probability_of_all)}); {proof}."
        )


def sufficient_set(
    model: nn.Module,
    image: Float[Tensor, "*batch channels height width"],
    *,
    cardinality: int,
    layer: str | nn.Module | None = None,
    target: int | str | Sequence[int] | None = None,
    class_names: Sequence[str] | None = None,
    budget: int = BUDGET,
) -> SufficientSet | list[SufficientSet]:
    """Return the k feature maps that by themselves keep the probability of a class highest.

        max over |S| = k of log p_c(S),   all maps of the layer outside S set to zero

    If all that follows the layer is linear in the maps (pooling, flattening, one linear layer),
    log p_c is concave in the selection. Maps are then added one by one and exchanged as long as log
    p_c rises; the relaxation over {0 <= n <= 1, sum n = k} gives an upper bound, and a search tree
    visits the sets that the bound leaves, mostly with a proof. Whether effects add up is measured,
    as in `flip_set`. Otherwise maps are added and exchanged by masking, within `budget` runs, and
    there is a bound only if all sets have been tried.

    Args:
        model: an image classifier; it is not changed.
        image: (3, H, W), or (n, 3, H, W) for a list of results; already normalised.
        cardinality: k, the number of maps.
        layer: a module's name, or the module itself; None takes the default layer of `explain`.
        target: the class c, by index or by name; one for each image, or one for all; None takes
            the predicted class.
        class_names: for the result, and for a target by name.
        budget: number of masked runs of the search, beyond those of single maps.

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
    results = for_each_image(
        lambda runs: _sufficient_set(runs, k, budget), model, image, layer=layer, target=target,
        class_names=class_names, dead=k,
    )  # fmt: skip
    return results if image.ndim == 4 else results[0]


def _sufficient_set(runs: MaskedRuns, k: int, budget: int) -> SufficientSet:
    if k > runs.maps:
        raise ArgumentError(f"cardinality={k}: layer {runs.layer!r} has {runs.maps} maps")
    effects, c = measure_effects(runs), runs.target
    found, bound = _best(runs, effects, k, budget)
    assert found.rows is not None
    logits = runs.kept(rows_to_masks(found.rows[None], len(runs.channels)))[0]
    measured = float(log_softmax(logits)[c])
    if bound is not None or found.proved:
        bound = measured if bound is None else max(bound, measured)
    order = np.argsort(-effects.alone[found.rows, c], kind="stable")
    return SufficientSet(
        channels=runs.channels[found.rows[order]],
        log_probability=measured,
        bound=bound,
        proved=found.proved,
        kept=bool(logits.argmax() == c),
        log_probability_of_all=float(log_softmax(effects.every)[c]),
        target=c,
        maps=runs.maps,
        layer=runs.layer,
        linear=effects.add_up,
        runs=runs.runs,
        target_name=runs.class_name(c),
    )


def _best(runs: MaskedRuns, effects: MapEffects, k: int, budget: int) -> tuple[Found, float | None]:
    """Return a set and, if effects add up, an upper bound on the log-probability of any set."""
    if not effects.add_up:
        return best_by_search(runs, effects, k, budget=budget), None
    best = best_subset(effects.alone, effects.none, runs.target, k)
    bound = best.log_probability if best.proved else best.bound
    # log p changes by at most twice as much as the logits
    return Found(best.rows, best.proved), min(bound + 2 * effects.tolerance, 0.0)
