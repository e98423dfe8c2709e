"""The certified best k maps of a prediction for each k, and how much of its logit they keep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from annealcam._internal.progress import ProgressOption, reporter, shows_progress
from annealcam._internal.types import Array
from annealcam.attribution.activations import capture
from annealcam.attribution.candidates import build_problem
from annealcam.attribution.layer_maps import mean_cosine
from annealcam.explanation import Explanation
from annealcam.metrics.channels import faithfulness_of_many
from annealcam.samplers.exact import solve_exact
from annealcam.settings import Settings

SIZES = tuple(range(1, 21))


@shows_progress
def best_k(
    model: nn.Module,
    image: Float[Tensor, " channels *size"],
    e: Explanation,
    settings: Settings,
    *,
    sizes: Sequence[int] = SIZES,
    time_limit: float | None = 10.0,
    progress: ProgressOption = None,
) -> list[dict[str, Any]]:
    """Return the best k maps among all candidates for each k, and how much of the logit they keep.

    Each row holds `k`; `maps`, the channels; `proved`, whether they are certified to be optimal;
    `kept`, the share of the logit that they keep alone (see
    `ChannelFaithfulness`), and `cosine`, the mean |cosine| of their pairs; `kept_top` and
    `cosine_top`, the same for the k maps of largest importance. Sizes above the number of
    candidates are left out.

    Args:
        model: the network.
        image: already normalised.
        e: its explanation, for layer, target and importance.
        settings: for objective, beta and the limit of candidates.
        sizes: the values of k.
        time_limit: seconds for each proof; None: unlimited.
        progress: True for a bar, or a function that is called with a description, the number of
            sizes done, and of all sizes.

    Raises:
        AnnealcamError: as `explain`, for the layer and the model.

    >>> from annealcam.pipeline import explain
    >>> from annealcam.settings import resolve
    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2))
    >>> image, settings = torch.randn(3, 8, 8), resolve(sampler="exact")
    >>> e = explain(net, image, layer="1", sampler="exact")
    >>> [row["k"] for row in best_k(net, image, e, settings, sizes=[1, 2])]
    [1, 2]
    """
    layer, report = e.provenance["layer"], reporter(progress)
    captured = capture(
        model, image[None], layer=layer, targets=[e.target], against=e.provenance.get("against"),
        integrated=settings.integrated, direction=e.direction,
    )  # fmt: skip
    maps, gradients = captured.activations[0], captured.path_gradients[0]
    weight = torch.from_numpy(e.importance.copy()).to(maps.device)
    order = np.argsort(-e.importance, kind="stable")
    limit = min(e.provenance["candidates_in_all"], settings.limit or e.importance.size)
    feasible = [k for k in sizes if k <= limit]
    if not feasible:
        return []
    selections: list[Int[Array, " k"]] = []
    proved: list[bool] = []
    for number, k in enumerate(feasible):
        report(f"the best {k}", number, len(feasible))
        candidates, problem = build_problem(
            maps, gradients, weight, **(settings.weighing | {"cardinality": k})
        )
        solution = solve_exact(problem, time_limit=time_limit)
        solution.refuse_interruption()
        selections.append(candidates.channels.cpu().numpy()[solution.n.astype(bool)])
        proved.append(solution.proved)
    top = [order[:k] for k in feasible]
    kept = faithfulness_of_many(
        model, image, layer=layer, selections=[*selections, *top], target=e.target,
        direction=e.direction,
    ).kept_share  # fmt: skip
    flat = maps.flatten(1).double().cpu().numpy()
    return [
        {
            "k": k,
            "kept": _number(kept[i]),
            "kept_top": _number(kept[len(feasible) + i]),
            "cosine": mean_cosine(flat[selections[i]]),
            "cosine_top": mean_cosine(flat[top[i]]),
            "proved": proved[i],
            "maps": np.sort(selections[i]).tolist(),
        }
        for i, k in enumerate(feasible)
    ]


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
