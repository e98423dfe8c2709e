"""How sure the overlap of each pair of classes is."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from annealcam._internal.types import Array
from annealcam.metrics.overlap import normalised
from annealcam.study.analysis.ballot import Ballot, Electorate
from annealcam.study.analysis.rows import Rows, free

if TYPE_CHECKING:
    import pyarrow as pa

    from annealcam.study.config import Study

Key = tuple[str, str, str, float | None, str | None]  # model, layer, selector, tau, normalisation
_MOST = 20_000_000  # numbers held at once
_FEWEST = 100  # resamples


def ballots(table: pa.Table, study: Study) -> Iterator[tuple[Key, Ballot]]:
    """Yield the ballot of every setting and selector, as the analysis counts them."""
    asked = study.statistics
    for setting, own in Rows.from_table(table).groups("model", "layer"):
        electorate = Electorate.of(own, asked.bootstrap, asked.permutations, study.seed)
        for key, votes in free(own).groups("selector", "tau", "normalisation"):
            yield (*setting, *key), Ballot(electorate, votes)


def pair_intervals(
    ballot: Ballot, *, confidence: float = 0.95
) -> tuple[Float[Array, "classes classes"], Float[Array, "classes classes"]]:
    """Return the bootstrap interval of each pair of classes, within [0, 1].

    Images are drawn again as for the interval of the mean (`bootstrap_overlap`: the same draws, as
    long as there is memory for all of them), and the interval is shifted by the bias as there. The
    diagonal, and a class without votes, have none (NaN).
    """
    resampled = np.mean([_resampled(v, ballot.electorate) for v in ballot.draws], axis=0)
    tail = (1 - confidence) / 2
    gaps = np.isnan(resampled).any()  # a class whose redrawn images have no votes
    mean, quantile = (np.nanmean, np.nanquantile) if gaps else (np.mean, np.quantile)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a class that never votes
        shift = ballot.matrix - mean(resampled, axis=0)
        low, high = quantile(resampled, [tail, 1 - tail], axis=0) + shift
    low = np.clip(np.minimum(low, ballot.matrix), 0.0, 1.0)
    high = np.clip(np.maximum(high, ballot.matrix), 0.0, 1.0)
    for ends in (low, high):
        np.fill_diagonal(ends, np.nan)
    return low, high


def _resampled(
    votes: Float[Array, "images maps"], of: Electorate
) -> Float[Array, "resamples classes classes"]:
    """The overlap of every pair in every resample."""
    classes, maps = len(of.classes), votes.shape[1]
    room = _MOST // max(classes * max(maps, classes), 1)
    many = min(of.bootstrap, max(room, _FEWEST))
    groups = [votes[of.labels == c] for c in range(classes)]
    rng = np.random.default_rng(of.seed)
    drawn = [rng.integers(0, len(g), (of.bootstrap, len(g)))[:many] for g in groups]
    roots = np.sqrt(normalised(_sums(groups, drawn)))
    silent = roots.sum(axis=-1) == 0
    pairs = np.minimum(roots @ roots.transpose(0, 2, 1), 1.0)
    pairs[silent[:, :, None] | silent[:, None, :]] = np.nan
    return pairs


def _sums(
    groups: Sequence[Float[Array, "_ maps"]], drawn: Sequence[Array]
) -> Float[Array, "resamples classes maps"]:
    """The votes of the drawn images."""
    counts = [
        np.stack([(d == i).sum(axis=1) for i in range(len(g))], axis=1)
        for g, d in zip(groups, drawn, strict=True)
    ]
    return np.stack([c @ g for c, g in zip(counts, groups, strict=True)], axis=1)
