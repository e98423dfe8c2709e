"""Which relevance, redundancy and objective select well: the figures of docs/relative.md.

    ANNEALCAM_DATA=... .venv/bin/python -m benchmarks.choosing

Explains the predicted class of the 250 photos that EfficientNet-Lite0 was not trained on, with k
maps of its last layer and of the heads' layer. Prints Markdown; some minutes on one core.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any

import numpy as np
import torch
import typer
from scipy.stats import spearmanr

import annealcam as ac
from annealcam.attribution.activations import Capture, capture
from annealcam.data.sets import load_set
from annealcam.metrics.masked import masked_logits
from annealcam.metrics.overlap import class_histograms, off_diagonal_mean, overlap_matrix
from annealcam.metrics.resampling import bootstrap_overlap

from .problems import Array, Bits, top
from .tradeoff import (
    BETA,
    SIZES,
    Photo,
    chosen,
    heading,
    interval,
    paper,
    photos_of,
    ratio,
    reference,
    row,
    scores,
    table_of_bounds,
    table_of_candidates,
    table_of_formulations,
    table_of_free_sizes,
)


def at_random(p: Photo, k: int) -> Bits:
    rng = np.random.default_rng(int(p.channels.sum()))
    return top(rng.random(len(p.alpha)), k)


METHODS: dict[str, Callable[[Photo, int], Bits]] = {
    "top-k by contribution": lambda p, k: top(p.contribution, k),
    "relative, beta 2/3": lambda p, k: chosen(p, k),
    "relative, beta 0.75": lambda p, k: chosen(p, k, 0.75),
    "paper (alpha, sum, beta 0.7)": lambda p, k: paper(p, k),
    "top-k by alpha": lambda p, k: top(p.alpha, k),
    "random k": lambda p, k: at_random(p, k),
}

QUALITIES = (
    "method", "share of positive contributions", "logit kept", "probability kept", "class overlap",
    "like Grad-CAM's map", "map: top-1 against top-2", "maps in common with top-2's",
)  # fmt: skip


def opened(network: str, part: str = "unseen") -> tuple[Any, torch.Tensor, Array]:
    """A network, with 250 photos as it takes them, and their labels."""
    model, preprocess, _ = ac.load_model(network)
    data = load_set("imagenette", part=part)
    drawn = np.sort(np.random.default_rng(1).permutation(len(data))[:250])
    images = torch.stack([preprocess(data.open(int(i))) for i in drawn])
    return model, images, data.labels[drawn]


def captured(model: Any, images: torch.Tensor, layer: str, targets: Array | None) -> list[Capture]:
    parts = range(0, len(images), 25)
    return [capture(model, images[i : i + 25], layer=layer,
                    targets=None if targets is None else targets[i : i + 25].tolist())
            for i in parts]  # fmt: skip


def photos(parts: list[Capture]) -> list[Photo]:
    return [p for part in parts for p in photos_of(part)]


def marks(p: Photo, n: Bits, maps: int) -> Array:
    selected = np.zeros(maps, dtype=bool)
    selected[p.channels[n == 1]] = True
    return selected


def explanation(p: Photo, n: Bits) -> Array:
    return np.maximum((p.alpha * n) @ p.maps, 0)


def rank_correlation(a: Array, b: Array) -> float:
    """Spearman's; NaN where a map is constant."""
    return float(spearmanr(a, b).statistic) if np.ptp(a) > 0 and np.ptp(b) > 0 else np.nan


def single_drops(model: Any, image: torch.Tensor, first: Capture, layer: str) -> None:
    """For a linear head the exact change of the logit by dropping a map is its contribution."""
    maps = first.activations.shape[1]
    masks = np.concatenate([np.ones((1, maps), bool), ~np.eye(maps, dtype=bool)])[None]
    logits = masked_logits(model, image[None], layer=layer, masks=masks)
    change = logits[0, 0, int(first.targets[0])] - logits[0, 1:, int(first.targets[0])]
    expected = (first.activations * first.gradients)[0].sum(dim=(1, 2)).double().numpy()
    worst, largest = np.abs(change - expected).max(), np.abs(expected).max()
    print(f"\nDropping each of {maps} maps: differs from its contribution by at most {worst:.1e}; "
          f"the largest contribution is {largest:.3f}.")  # fmt: skip


def table_of_qualities(
    ours: list[Photo], others: list[Photo], logits: Array, targets: Array, labels: Array, maps: int
) -> None:
    """`logits`: (photos, sizes * methods, classes), with only the selected maps kept."""
    at = 0
    for k in SIZES:
        heading(f"k = {k}: what the choice means elsewhere", *QUALITIES)
        for name, select in METHODS.items():
            mine = [select(p, k) for p in ours]
            theirs = [select(p, k) for p in others]
            quality_row(name, ours, others, mine, theirs, logits[:, at], targets, labels, maps)
            at += 1


def quality_row(
    name: str, ours: list[Photo], others: list[Photo], mine: list[Bits], theirs: list[Bits],
    logits: Array, targets: Array, labels: Array, maps: int,
) -> None:  # fmt: skip
    votes = np.stack([marks(p, n, maps) for p, n in zip(ours, mine, strict=True)])
    second = np.stack([marks(p, n, maps) for p, n in zip(others, theirs, strict=True)])
    pairs = list(zip(ours, mine, others, theirs, strict=True))
    like = [rank_correlation(explanation(p, n), explanation(p, np.ones_like(n)))
            for p, n, _, _ in pairs]  # fmt: skip
    apart = [rank_correlation(explanation(p, n), explanation(q, m)) for p, n, q, m in pairs]
    z = logits[np.arange(len(targets)), targets]
    odds = np.exp(z - np.logaddexp.reduce(logits, axis=1))
    common = (votes & second).sum(1) / (votes | second).sum(1)
    share = np.array([scores(p, n)[0] for p, n in zip(ours, mine, strict=True)])
    row(name, mean(share), f"{z.mean():.2f}", mean(odds), overlap_of(votes, labels),
        mean(like), mean(apart), mean(common))  # fmt: skip


def overlap_of(votes: Array, labels: Array) -> str:
    """Mean overlap of two true classes; plus or minus, as fewer photos always overlap less."""
    votes = votes.astype(float)
    overlap = off_diagonal_mean(overlap_matrix(class_histograms(votes, labels, 10)))
    drawn = bootstrap_overlap(votes, labels, 10, resamples=300)
    return f"{overlap:.3f} ± {1.96 * drawn.std():.3f}"


def mean(values: Any) -> str:
    values = np.asarray(values, dtype=float)
    known = values[~np.isnan(values)]
    unknown = f" ({len(values) - len(known)} constant)" if len(known) < len(values) else ""
    draws = np.random.default_rng(0).integers(0, len(known), (1000, len(known)))
    return f"{known.mean():.3f} {interval(known[draws].mean(axis=1), '.3f')}{unknown}"


def large_network() -> None:
    model, images, labels = opened("efficientnet-lite0")
    parts = captured(model, images, "bn2", None)
    ours, targets = photos(parts), torch.cat([p.targets for p in parts]).numpy()
    logits = torch.cat([p.logits for p in parts]).double().numpy()
    print(f"{len(ours)} photos, {np.mean([len(p.alpha) for p in ours]):.0f} candidates on average")
    single_drops(model, images[0], parts[0], "bn2")
    table_of_formulations(ours)
    table_of_candidates(ours)
    table_of_free_sizes(ours)
    table_of_bounds(ours)
    runner_up = np.argsort(-logits, axis=1)[:, 1]
    others = photos(captured(model, images, "bn2", runner_up))
    maps = parts[0].activations.shape[1]
    pairs = [(k, pick) for k in SIZES for pick in METHODS.values()]
    masks = np.stack([[marks(p, pick(p, k), maps) for k, pick in pairs] for p in ours])
    kept = masked_logits(model, images, layer="bn2", masks=masks)
    table_of_qualities(ours, others, kept, targets, labels, maps)


def other_photos() -> None:
    """Print the proposed beta on photos that were not used to choose it."""
    model, images, _ = opened("efficientnet-lite0", part="test")
    others = photos(captured(model, images, "bn2", None))
    heading("250 other photos (the test part)", "k", "beta", "kept", "cosine", "times the paper's")
    for k in SIZES:
        base = reference(others, k)
        theirs = np.array([scores(p, paper(p, k))[0] for p in others])
        for beta in (0.65, BETA, 0.68):
            got = np.array([scores(p, chosen(p, k, beta)) for p in others])
            row(k, f"{beta:.3f}", ratio(got[:, 0], base[:, 0]), ratio(got[:, 1], base[:, 1]),
                ratio(got[:, 0], theirs, ".1f"))  # fmt: skip


def heads() -> None:
    heading("The paper's heads, layer block.1", "head", "k", "photos", "method", "kept", "cosine",
            "class overlap")  # fmt: skip
    for network in ("paper-16", "paper-24", "paper-32"):
        model, images, labels = opened(network)
        parts = captured(model, images, "block.1", None)
        everyone, maps = photos(parts), parts[0].activations.shape[1]
        for k in (3, 5):
            of = [i for i, p in enumerate(everyone) if len(p.alpha) > k]
            for name, select in METHODS.items() if of else ():
                head_row(network, k, name, select, [everyone[i] for i in of], labels[of], maps)


def head_row(
    network: str, k: int, name: str, select: Any, some: list[Photo], labels: Array, maps: int
) -> None:
    picked = [select(p, k) for p in some]
    got = np.array([scores(p, n) for p, n in zip(some, picked, strict=True)])
    base = reference(some, k)
    votes = np.stack([marks(p, n, maps) for p, n in zip(some, picked, strict=True)]).astype(float)
    row(network, k, len(some), name, ratio(got[:, 0], base[:, 0]), ratio(got[:, 1], base[:, 1]),
        overlap_of(votes, labels))  # fmt: skip


def main() -> None:
    torch.set_num_threads(1)
    begun = monotonic()
    large_network()
    other_photos()
    heads()
    print(f"\nbeta {BETA:.3f}; {monotonic() - begun:.0f} s in all.")


if __name__ == "__main__":
    typer.run(main)
