"""The trade-off between what a selection keeps and how redundant it is: tables of choosing.py.

"Kept" is the share of what the k maps of largest contribution carry, "cosine" the mean |cosine| of
the pairs as a share of theirs; both are ratios of means over the photos, with 95 % intervals from
photos drawn anew (paired: the same draws for every row).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

from annealcam.attribution.activations import Capture
from annealcam.attribution.candidates import build_problem
from annealcam.samplers.exact import solve_exact

from .problems import (
    REDUNDANCIES,
    Array,
    Bits,
    diverse,
    formulate,
    greedy,
    mean_pair,
    prove,
    redundancy,
    solve,
    top,
)

SIZES = (5, 10, 20)
BETA = 2 / 3  # the proposed default
BETAS = np.array(
    [0.2, 0.3, 0.4, 0.5, 0.55, 0.6, 0.625, 0.65, BETA, 0.68, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95,
     0.97, 0.99]
)  # fmt: skip
RELEVANCES: dict[str, Callable[[Photo], Array]] = {
    "gradcam": lambda p: p.alpha,
    "contribution": lambda p: p.contribution,
    "root of contribution": lambda p: np.sqrt(p.contribution),
}


@dataclass(frozen=True, eq=False)
class Photo:
    """The candidates of one photo for one class: alive, and of positive contribution and alpha."""

    channels: Array
    maps: Array
    alpha: Array
    contribution: Array
    positive: float
    cosine: Array


def photos_of(captured: Capture) -> list[Photo]:
    candidates = []
    for f, g in zip(captured.activations, captured.gradients, strict=True):
        maps, gradients = f.flatten(1).double().numpy(), g.flatten(1).double().numpy()
        c, alpha = (maps * gradients).sum(axis=1), gradients.mean(axis=1)
        to = np.flatnonzero((maps != 0).any(axis=1) & (c > 0) & (alpha > 0))
        cosine = redundancy("cosine", maps[to], alpha[to])
        candidates.append(Photo(to, maps[to], alpha[to], c[to], c[c > 0].sum(), cosine))
    return candidates


def scores(p: Photo, n: Bits) -> tuple[float, float]:
    """What a selection keeps of the positive contributions, and its mean |cosine|."""
    return float(p.contribution @ n) / p.positive, mean_pair(p.cosine, n)


def reference(photos: list[Photo], k: int) -> Array:
    return np.array([scores(p, top(p.contribution, k)) for p in photos])


def paper(p: Photo, k: int) -> Bits:
    return solve(*formulate("sum", p.alpha, p.cosine, k, 0.7), k)


def chosen(p: Photo, k: int, beta: float = BETA) -> Bits:
    return solve(*formulate("relative", p.contribution, p.cosine, k, beta), k)


def curve(p: Photo, k: int, relevance: str, J: Array, objective: str) -> list[tuple[float, float]]:
    """Scores along beta, each solved from the selection of the beta above it."""
    selections, r = [top(RELEVANCES[relevance](p), k)], RELEVANCES[relevance](p)
    for beta in BETAS[::-1]:
        selections.append(solve(*formulate(objective, r, J, k, beta), k, selections[-1], kicks=3))
    return [scores(p, n) for n in selections[:0:-1]]


@cache
def draws(photos: int) -> Array:
    """How often each photo is drawn, (1000, photos), as shares."""
    rng = np.random.default_rng(0)
    return rng.multinomial(photos, np.full(photos, 1 / photos), 1000) / photos


def interval(values: Array, form: str = ".2f") -> str:
    low, high = np.percentile(values, [2.5, 97.5])
    return f"[{low:{form}}, {high:{form}}]"


def ratio(values: Array, base: Array, form: str = ".3f") -> str:
    drawn = (draws(len(values)) @ values) / (draws(len(base)) @ base)
    return f"{values.mean() / base.mean():{form}} {interval(drawn, form)}"


def row(*cells: object) -> None:
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def heading(title: str, *columns: str) -> None:
    print(f"\n### {title}\n")
    row(*columns)
    row(*["---"] * len(columns))


def at_goal(kept: Array, cosine: Array, base: Array) -> tuple[float, float, float]:
    """Kept at 60 % of the cosine; cosine at 85 % kept, and the beta of that: NaN if unreached."""
    y, x = kept / base[0], np.maximum.accumulate(cosine / base[1])
    rising = np.maximum.accumulate(y)
    reached = rising[-1] >= 0.85
    at = [np.interp(0.85, rising, v) if reached else np.nan for v in (x, BETAS)]
    return float(np.interp(0.6, x, y)), float(at[0]), float(at[1])


def formulations(photos: list[Photo], k: int) -> dict[tuple[str, str, str], Array]:
    wanted = [(r, "cosine", o) for r in RELEVANCES for o in ("sum", "averaged", "relative")]
    wanted += [("contribution", name, "relative") for name in REDUNDANCIES[1:]]
    curves: dict[tuple[str, str, str], list] = {key: [] for key in wanted}
    for p in photos:
        for relevance, name, objective in wanted:
            J = p.cosine if name == "cosine" else redundancy(name, p.maps, p.alpha)
            curves[relevance, name, objective].append(curve(p, k, relevance, J, objective))
    return {key: np.array(value) for key, value in curves.items()}


def table_of_formulations(photos: list[Photo]) -> None:
    for k in SIZES:
        base, curves = reference(photos, k), formulations(photos, k)
        heading(f"k = {k}: formulations", "relevance", "redundancy", "objective",
                "kept at 60 % cosine", "less than the proposed", "cosine at 85 % kept",
                "beta of that")  # fmt: skip
        drawn_base = draws(len(base)) @ base
        ours = None
        for key in sorted(curves, key=lambda key: key != ("contribution", "cosine", "relative")):
            kept, cosine = curves[key][..., 0], curves[key][..., 1]
            a, b, beta = at_goal(kept.mean(0), cosine.mean(0), base.mean(0))
            drawn = zip(draws(len(base)) @ kept, draws(len(base)) @ cosine, drawn_base, strict=True)
            many = np.array([at_goal(*d)[0] for d in drawn])
            ours = many if ours is None else ours
            row(*key, f"{a:.3f} {interval(many, '.3f')}", interval(ours - many, ".3f"),
                f"{b:.3f}", f"{beta:.3f}")  # fmt: skip
        table_of_curve(photos, k, curves["contribution", "cosine", "relative"])


def table_of_curve(photos: list[Photo], k: int, along: Array) -> None:
    base = reference(photos, k)
    theirs = np.array([scores(p, paper(p, k)) for p in photos])
    (kept, cosine), (kept_paper, cosine_paper) = base.mean(0), theirs.mean(0)
    heading(f"k = {k}: along beta (top k carries {kept:.3f} at |cosine| {cosine:.3f}, "
            f"the paper's k maps {kept_paper:.4f} at {cosine_paper:.3f})",
            "beta", "kept", "cosine", "times the paper's")  # fmt: skip
    for beta, (kept, cosine) in zip(BETAS, along.transpose(1, 2, 0), strict=True):
        row(f"{beta:.3f}", ratio(kept, base[:, 0]), ratio(cosine, base[:, 1]),
            ratio(kept, theirs[:, 0], ".1f"))  # fmt: skip
    if k == SIZES[0]:
        row("top k", 1, 1, ratio(base[:, 0], theirs[:, 0], ".1f"))


def table_of_bounds(photos: list[Photo]) -> None:
    """By duality: for every price, no selections keep more on average than this."""
    heading("Proofs: the most that any k maps can keep at 60 % of the cosine", "k", "kept at most",
            "optimum proved at beta = 2/3", "its kept", "its cosine",
            "descent missed")  # fmt: skip
    for k in SIZES:
        base = reference(photos, k)
        limit, prices = 0.6 * base[:, 1].mean(), base[:, 0].mean() * np.linspace(0.3, 0.7, 5)
        bounds = [price * limit + np.mean([_best_at(p, k, price) for p in photos])
                  for price in (prices if k < 20 else prices[2:3])]  # fmt: skip
        optima, proofs, missed = [], 0, 0
        for p in photos:
            problem = formulate("relative", p.contribution, p.cosine, k, BETA)
            start = solve(*problem, k)
            n, _, proved = prove(*problem, start)
            optima.append(scores(p, n))
            proofs, missed = proofs + proved, missed + bool((n != start).any())
        best = np.array(optima)
        row(k, f"{min(bounds) / base[:, 0].mean():.3f}", f"{proofs} of {len(photos)}",
            ratio(best[:, 0], base[:, 0]), ratio(best[:, 1], base[:, 1]), missed)  # fmt: skip


def _best_at(p: Photo, k: int, price: float) -> float:
    linear, quadratic = -p.contribution / p.positive, p.cosine * price * 2 / (k * (k - 1))
    return -prove(linear, quadratic, solve(linear, quadratic, k), nodes=1_000_000)[1]


def table_of_candidates(photos: list[Photo]) -> None:
    heading("Candidates: the optimum among d of them", "k", "d", "candidates", "kept", "cosine")
    for k in SIZES:
        base = reference(photos, k)
        for d in (16, 24, 64):
            for name in ("most relevant", "diverse") if d > k else ():
                values = np.array([scores(p, _among(p, k, d, name)) for p in photos])
                row(k, d, name, ratio(values[:, 0], base[:, 0]), ratio(values[:, 1], base[:, 1]))
        alone = [
            greedy(*formulate("relative", p.contribution, p.cosine, k, BETA), k) for p in photos
        ]
        values = np.array([scores(p, n) for p, n in zip(photos, alone, strict=True)])
        row(
            k,
            "all",
            "greedy alone",
            ratio(values[:, 0], base[:, 0]),
            ratio(values[:, 1], base[:, 1]),
        )


def _among(p: Photo, k: int, d: int, name: str) -> Bits:
    r, J = p.contribution, p.cosine
    kept = diverse(r, J, k, BETA, d) if name == "diverse" else np.flatnonzero(top(r, d))
    linear, quadratic = formulate("relative", r, J, k, BETA)
    n = np.zeros(len(r), dtype=np.int8)
    n[kept] = solve(linear[kept], quadratic[np.ix_(kept, kept)], k)
    return n


def table_of_free_sizes(photos: list[Photo]) -> None:
    """Print the default of `explain`: no cardinality, and the proved optimum of d maps."""
    heading("The default: the energy decides how many", "d", "maps", "least to most", "kept",
            "cosine")  # fmt: skip
    for d in (8, 12, 16, 24):
        sizes, values, base = [], [], []
        for p in photos:
            n = _free(p, d)
            sizes.append(int(n.sum()))
            values.append(scores(p, n))
            base.append(scores(p, top(p.contribution, sizes[-1])))
        ours, most = np.array(values), np.array(base)
        row(d, f"{np.mean(sizes):.1f}", f"{min(sizes)} to {max(sizes)}",
            ratio(ours[:, 0], most[:, 0]), ratio(ours[:, 1], most[:, 1]))  # fmt: skip


def _free(p: Photo, d: int) -> Bits:
    maps = torch.from_numpy(p.maps).reshape(len(p.maps), 1, -1)
    weight = torch.from_numpy(p.contribution)
    candidates, problem = build_problem(
        maps, torch.zeros_like(maps), weight, beta=BETA, limit=d, objective="relative"
    )
    n = np.zeros(len(p.maps), dtype=np.int8)
    n[candidates.channels.numpy()] = solve_exact(problem).n
    return n
