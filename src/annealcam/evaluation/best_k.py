"""The best k maps of a prediction for each k, certified, and what they keep of its logit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from annealcam._internal.types import Array, Progress
from annealcam.attribution.capture import capture
from annealcam.attribution.layer_maps import build_problem, mean_cosine
from annealcam.explanation import Explanation
from annealcam.metrics.channels import faithfulness_of_many
from annealcam.qubo.solution import ExactSolution
from annealcam.samplers.exact import solve_exact
from annealcam.settings import Settings

SIZES = tuple(range(1, 21))


def best_k(
    model: nn.Module,
    image: Float[Tensor, "channels height width"],
    e: Explanation,
    settings: Settings,
    *,
    sizes: Sequence[int] = SIZES,
    time_limit: float | None = 10.0,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Return a row for each k: the best k maps among all candidates, and what they keep.

    `kept` and `kept_top`: the share of the layer's say that they, and the k of largest importance,
    keep alone (see `ChannelFaithfulness`); `cosine` and `cosine_top`: the mean |cosine| of their
    pairs; `proved`: whether the optimum is certified; `maps`: channel numbers. Sizes above the
    number of candidates are left out.

    Args:
        model: the network.
        image: already normalised.
        e: its explanation, for layer, target and importance.
        settings: for objective, beta and the limit of candidates.
        sizes: the k.
        time_limit: seconds for each proof; None takes as long as it needs.
        progress: called with what is being done, and how far.

    Raises:
        AnnealcamError: as `explain`, for the layer and the model.

    >>> from annealcam.pipeline import explain
    >>> from annealcam.settings import resolve
    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2))
    >>> image, how = torch.randn(3, 8, 8), resolve(sampler="exact")
    >>> rows = best_k(net, image, explain(net, image, layer="1", sampler="exact"), how, sizes=[1])
    >>> [row["k"] for row in rows]
    [1]
    """
    layer, tell = e.provenance["layer"], progress or (lambda *_: None)
    maps = capture(model, image[None], layer=layer, targets=[e.target]).activations[0]
    weight = torch.from_numpy(e.importance.copy()).to(maps.device)
    order = np.argsort(-e.importance, kind="stable")
    wanted = [k for k in sizes if k <= min(e.provenance["candidates_in_all"], settings.max_qubits)]
    found: list[tuple[ExactSolution, Int[Array, " k"]]] = []
    for number, k in enumerate(wanted):
        tell(f"the best {k}", number, len(wanted))
        own, problem = build_problem(
            maps, weight, beta=settings.beta, limit=settings.max_qubits,
            objective=settings.objective, cardinality=k,
        )  # fmt: skip
        solution = solve_exact(problem, time_limit=time_limit)
        found.append((solution, own.channels.cpu().numpy()[solution.n.astype(bool)]))
    if not found:
        return []
    chosen = [channels for _, channels in found]
    most = [order[:k] for k in wanted]
    kept = faithfulness_of_many(
        model, image, layer=layer, selections=[*chosen, *most], target=e.target
    ).kept_share
    flat = maps.flatten(1).double().cpu().numpy()
    return [
        {
            "k": k,
            "kept": _number(kept[i]),
            "kept_top": _number(kept[len(wanted) + i]),
            "cosine": mean_cosine(flat[chosen[i]]),
            "cosine_top": mean_cosine(flat[most[i]]),
            "proved": found[i][0].proved,
            "maps": np.sort(chosen[i]).tolist(),
        }
        for i, k in enumerate(wanted)
    ]


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
