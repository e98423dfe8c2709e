"""Seeded tables of a study, on which its analysis, figures and pages are tested."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

import annealcam as ac
from annealcam.study.table.columns import SCHEMA, SELECTORS

BLANK = dict.fromkeys(SCHEMA.names)
ANY_SIZE = ("exact", "topk_alpha", "topk_contribution", "random")  # selectors that take any k


def table_of(rows: Sequence[dict]) -> pa.Table:
    """Rows with only the columns that matter; the others are null."""
    return pa.Table.from_pylist([BLANK | row for row in rows], schema=SCHEMA)


def study_table(
    *,
    classes: Sequence[str] = ("cat", "dog", "fox"),
    images: int = 4,
    settings: Sequence[tuple[str, str]] = (("paper-16", "block"),),
    selectors: Sequence[str] = SELECTORS,
    taus: Sequence[float] = (10.0, 100.0),
    normalisations: Sequence[str] = ("per_qubit", "unit"),
    draws: int = 2,
    cardinalities: Sequence[int] = (1, 2, 3),
    channels: int = 16,
    seed: int = 0,
) -> pa.Table:
    """The table of a study of a network with a linear head: h and d are those of the class."""
    rows: list[dict] = []
    for number, (model, layer) in enumerate(settings):
        for c, name in enumerate(classes):
            rng = np.random.default_rng([seed, number, c])
            d = int(rng.integers(3, 9))
            candidates = np.sort(rng.choice(channels, d, replace=False))
            h = rng.uniform(0.05, 1.0, d)
            for i in range(images):
                about = {"model": model, "layer": layer, "image": f"{name}/{i:03d}", "class": name}
                image = _Image(about, candidates, h / h.max(), channels, rng)
                rows += image.free(selectors, taus, normalisations, draws)
                rows += image.of_size(selectors, cardinalities, draws)
    return table_of(rows)


class _Image:
    """One photo: its problem, and what each selector makes of it."""

    def __init__(self, about, candidates, h, channels, rng):
        self.rng, self.candidates, self.channels = rng, candidates, channels
        maps = np.maximum(rng.normal(size=(len(h), 25)), 0.0) + 1e-3
        self.problem = ac.SelectionProblem.from_maps(maps, h, beta=0.7)
        self.weight = h * maps.mean(axis=1)
        self.best = ac.solve_exact(self.problem)
        self.about = about | {
            "predicted": about["class"], "target": about["class"], "channels": channels,
            "probability": float(rng.uniform(0.5, 1.0)), "dead": 0,
            "candidates_in_all": len(h), "d": len(h),
        }  # fmt: skip

    def row(self, selector: str, chosen, **more) -> dict:
        """The row of a selection: positions among the candidates."""
        chosen = np.sort(np.asarray(chosen, dtype=int))
        n = np.isin(np.arange(self.problem.d), chosen).astype(int)
        energy = float(self.problem.energy(n))
        k = len(chosen)
        pairs = self.problem.J[np.ix_(chosen, chosen)].sum()
        return self.about | {
            "selector": selector, "k": k, "selected": self.candidates[chosen].tolist(),
            "energy": energy, "optimal": bool(energy <= self.best.energy + self.problem.tie),
            "relevance": float(self.problem.h[chosen].sum()),
            "redundancy": float(pairs / (k * (k - 1))) if k > 1 else None,
            "carried": float(self.weight[chosen].sum() / self.weight.sum()),
        } | more  # fmt: skip

    def order(self, selector: str) -> np.ndarray:
        score = self.weight if selector == "topk_contribution" else self.problem.h
        return np.argsort(-score, kind="stable")

    def of_size(self, selectors, cardinalities, draws) -> Iterator[dict]:
        for selector in (s for s in ANY_SIZE if s in selectors):
            for k in (k for k in cardinalities if k <= self.problem.d):
                yield from self._choose(selector, k, draws, cardinality=k)

    def _choose(self, selector, k, draws, **more):
        if selector == "random":
            for draw in range(draws):
                chosen = self.rng.choice(self.problem.d, k, replace=False)
                yield self.row(selector, chosen, draw=draw, **more)
        elif selector == "exact" and more:
            problem = ac.SelectionProblem(
                self.problem.h, self.problem.J, beta=0.7, cardinality=more["cardinality"]
            )
            yield self.row(selector, np.flatnonzero(ac.solve_exact(problem).n), **more)
        else:
            yield self.row(selector, self.order(selector)[:k], **more)

    def free(self, selectors, taus, normalisations, draws) -> Iterator[dict]:
        exact = np.flatnonzero(self.best.n)
        for selector in selectors:
            if selector == "anneal":
                for normalisation in normalisations:
                    yield from self._annealed(exact, taus, normalisation)
            elif selector == "exact":
                yield self.row(selector, exact, **self._problem())
            elif selector in ("positive", "gradcam", "gradcam++"):
                yield self._by_weight(selector)
            else:
                yield from self._choose(selector, len(exact), draws)

    def _problem(self) -> dict:
        upper = self.problem.J[np.triu_indices(self.problem.d, 1)]
        return {
            "candidates": self.candidates.tolist(),
            "h": self.problem.h.tolist(),
            "J": upper.tolist(),
        }

    def _by_weight(self, selector: str) -> dict:
        everything = np.arange(self.problem.d)
        if selector == "positive":
            return self.row(selector, everything)
        if selector == "gradcam":
            return self.row(selector, everything, weights=self.problem.h.tolist())
        weights = self.rng.uniform(0.5, 1.0, self.channels)  # nearly every map, for every class
        row = self.row(selector, everything, energy=None, optimal=None, weights=weights.tolist())
        return row | {"k": self.channels, "selected": list(range(self.channels))}

    def _annealed(self, exact, taus, normalisation) -> Iterator[dict]:
        d, scale = self.problem.d, 1.0 if normalisation == "unit" else 1.0 / self.problem.d
        final = float(self.rng.uniform(0.05, 0.4))
        share = float(self.rng.choice([1.0, 0.9, 0.3]))  # of the final gap: inside where below 1
        gap, applies = final * share, share < 0.5
        for tau in taus:
            rate = 0.35 if tau > 50 else 0.6
            one = float(min(1.0, np.exp(-rate * d) + 0.2 * self.rng.uniform() * scale))
            guess, shots = self.best.multiplicity / 2**d, d * d
            hit = self.rng.uniform() < 1 - (1 - one) ** shots
            chosen = exact if hit else self.rng.choice(d, max(1, len(exact) - 1), replace=False)
            yield self.row(
                "anneal", chosen, tau=tau, normalisation=normalisation, success_probability=one,
                success_error=1e-6, multiplicity=self.best.multiplicity, shots=shots,
                best_of_shots=1 - (1 - one) ** shots, guess=guess,
                guess_best=1 - (1 - guess) ** shots, gap=gap, final_gap=final,
                gap_s=1.0 if share == 1 else 0.6, gap_interior=share < 1,
                landau_zener_applies=applies,
                landau_zener=1 - float(np.exp(-np.pi * gap**2 * tau)) if applies else None,
            )  # fmt: skip
