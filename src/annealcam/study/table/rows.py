"""The rows of one image: one for each selector, and for each run of the annealer."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.types import Array
from annealcam.annealing.evolution import anneal
from annealcam.annealing.levels.gap import MinimumGap, minimum_gap
from annealcam.annealing.success import best_of_shots, guess_probability
from annealcam.attribution.layer_maps import LayerMaps
from annealcam.errors import NumericalError, ProblemTooLargeError
from annealcam.qubo.energies import weights
from annealcam.qubo.problem import SelectionProblem
from annealcam.qubo.ties import as_good, ground_states
from annealcam.samplers.exact import solve_exact
from annealcam.study.config import Annealing, Study
from annealcam.study.run.shards import Log

Row: TypeAlias = dict[str, Any]
PENALTY_TOL = 1e-5  # error of F with a penalty, whose large energies take many steps


def image_rows(
    study: Study,
    maps: LayerMaps,
    facts: Row,
    log: Log,
    evidence: Sequence[LayerMaps] = (),
) -> list[Row]:
    """Return the rows of an image, each of which begins with `facts`.

    Random numbers depend on the study's seed and the image's name only, not on other images.

    Args:
        study: its options.
        maps: of the image, with the study's problem.
        facts: of the image.
        log: its times are added to.
        evidence: the evidence problems of the image, as `evidence_rows` takes them.
    """
    facts = facts | {
        "channels": len(maps.maps),
        "dead": maps.dead,
        "candidates_in_all": maps.candidates_in_all,
        "d": len(maps.candidates),
    }
    seed = np.random.SeedSequence([study.seed, zlib.crc32(facts["image"].encode())])
    draw_seed, shot_seed = seed.spawn(2)
    baselines = study.baselines
    with log.timing("problem"):
        rng = np.random.default_rng(draw_seed)
        rows = list(
            selector_rows(maps, sizes=baselines.sizes, draws=baselines.random_draws, rng=rng)
        )
    with log.timing("annealing"):
        rows += annealer_rows(maps, study.annealing, seed=shot_seed)
        (evidence_seed,) = seed.spawn(1)
        rows += evidence_rows(evidence, study, seed=evidence_seed)
    return [facts | row for row in rows]


def selector_rows(
    maps: LayerMaps, *, sizes: tuple[int, ...], draws: int, rng: np.random.Generator
) -> Iterator[Row]:
    """Yield the rows of every selector except the annealer.

    The exact optimum comes first; top-k and random selections have its size. Then follow the exact
    optimum, top-k and random selections of each of `sizes` that the candidates allow.
    """
    optimum = maps.candidates[maps.optimum.n.astype(bool)]
    yield _row(maps, "exact", optimum) | {"optimal": True} | _problem(maps)
    yield from _baselines(maps, len(optimum), draws, rng)
    yield _compared(maps, _row(maps, "positive", maps.positive))
    yield _compared(maps, _weighted(maps, "gradcam", maps.alpha))
    yield _weighted(maps, "gradcam++", maps.weights["gradcam++"]) | {"energy": None}
    for k in sizes:
        if k <= len(maps.candidates):
            best = solve_exact(maps.problem_of_size(k))
            exact = _row(maps, "exact", maps.candidates[best.n.astype(bool)])
            for row in (exact, *_baselines(maps, k, draws, rng)):
                yield row | {"cardinality": k, "optimal": None}


def evidence_rows(
    problems: Sequence[LayerMaps], study: Study, *, seed: np.random.SeedSequence
) -> Iterator[Row]:
    """Yield the rows of the selectors by evidence, for each number k of maps.

    The annealer has rows for every problem that leaves a choice. The optimum, the top k by
    alignment, and the annealer with a penalty in place of the subspace of k maps belong to the
    problem of most candidates.

    Args:
        problems: of one image, for each k in turn, and then in ascending order of candidates.
        study: its options.
        seed: of the shots.
    """
    for i, maps in enumerate(problems):
        k, d = maps.problem.cardinality, len(maps.candidates)
        facts = {"cardinality": k, "d": d, "candidates_in_all": maps.candidates_in_all}
        largest = i + 1 == len(problems) or problems[i + 1].problem.cardinality != k
        if largest:
            optimum = maps.candidates[maps.optimum.n.astype(bool)]
            best = _row(maps, "evidence_exact", optimum) | {"optimal": True} | _problem(maps)
            top = _compared(maps, _row(maps, "topk_alignment", maps.top(maps.importance, k or 0)))
            yield from (facts | best, facts | top)
        if k is None or k >= d:
            continue
        for row in annealer_rows(maps, study.annealing, seed=seed):
            yield row | facts | {"selector": "evidence_annealer", "constraint": "subspace"}
        if largest:
            yield from (facts | row for row in penalty_rows(maps.problem, study))


def _baselines(maps: LayerMaps, k: int, draws: int, rng: np.random.Generator) -> Iterator[Row]:
    """Yield the top k by alpha and by contribution, and random draws of k positive maps."""
    for name, weight in (("topk_alpha", maps.alpha), ("topk_contribution", maps.contribution)):
        yield _compared(maps, _row(maps, name, maps.top(weight, k)))
    pool = maps.positive
    for draw in range(draws):
        channels = rng.choice(pool, size=min(k, len(pool)), replace=False)
        yield _compared(maps, _row(maps, "random", channels)) | {"draw": draw}


def _weighted(maps: LayerMaps, selector: str, weight: Float[Array, " maps"]) -> Row:
    """All live maps of positive weight, with their weights."""
    channels = maps.of_positive(weight)
    return _row(maps, selector, channels) | {
        "weights": weight[channels].astype(np.float64).tolist()
    }


def _row(maps: LayerMaps, selector: str, channels: Int[Array, " k"]) -> Row:
    return {"selector": selector, **maps.scores(channels), "fidelity": maps.fidelity(channels)}


def _compared(maps: LayerMaps, row: Row) -> Row:
    """The row with `optimal`: whether its energy, if it has one, equals the optimum's.

    It is false for a selection of another number of maps than the problem prescribes.
    """
    energy, p = row["energy"], maps.problem
    n = np.isin(maps.candidates, row["selected"]).astype(np.int8)
    optimal = None if energy is None else bool(as_good(p, n, maps.optimum.n))
    return row | {"optimal": optimal and p.cardinality in (None, row["k"])}


def _problem(maps: LayerMaps) -> Row:
    """The problem's arrays, from which every energy can be computed again."""
    p = maps.problem
    return {
        "candidates": maps.candidates.tolist(),
        "h": p.h.tolist(),
        "J": p.J[np.triu_indices(p.d, 1)].tolist(),
        "beta": p.beta,
    }


def annealer_rows(
    maps: LayerMaps, options: Annealing, *, seed: np.random.SeedSequence
) -> Iterator[Row]:
    """Yield one row for each driver normalisation and run time: the best of the shots.

    F is exact; the shots are drawn from the exact final distribution, each row's from a seed of its
    own. Without candidates there is no row.
    """
    if len(maps.candidates) == 0:
        return
    for normalisation in options.normalisations:
        gap = _gap(maps, normalisation, options.schedule) if options.gaps else None
        for tau in options.tau:
            (run_seed,) = seed.spawn(1)
            row = _annealed(maps, options, normalisation, tau, run_seed)
            yield row | _gap_columns(gap, tau)


def _annealed(
    maps: LayerMaps,
    options: Annealing,
    normalisation: str,
    tau: float,
    seed: np.random.SeedSequence,
) -> Row:
    problem = maps.problem
    result = anneal(problem, tau=tau, normalisation=normalisation, schedule=options.schedule)
    shots = options.shots or problem.d**2
    samples = result.sample(shots, int(seed.generate_state(1, np.uint64)[0]))
    n = samples[np.argmin(problem.energy(samples))]
    F, g = result.success_probability, result.multiplicity
    return {
        **_row(maps, "anneal", maps.candidates[n.astype(bool)]),
        "optimal": bool(as_good(problem, n, maps.optimum.n)),
        "tau": tau,
        "normalisation": normalisation,
        "success_probability": F,
        "success_error": result.error,
        "multiplicity": g,
        "shots": shots,
        "best_of_shots": best_of_shots(F, shots),
        "guess": guess_probability(problem, g, 1),
        "guess_best": guess_probability(problem, g, shots),
    }


def penalty_rows(problem: SelectionProblem, study: Study) -> Iterator[Row]:
    """Yield the annealer's rows with a penalty on all 2^d states, for each driver and run time.

    One row is of the problem as written, and one of its centred form, whose selections of k maps
    have the same order. Each has the largest F of all strengths.
    """
    k, options = problem.cardinality, study.annealing
    if not study.evidence.penalties:
        return
    energies = np.where(weights(problem.d) == k, problem.energies(), np.inf)
    optimal = ground_states(problem, energies).places
    forms = {"penalty": problem, "centred penalty": problem.centred()}
    for normalisation in options.normalisations:
        for tau in options.tau:
            run: dict[str, Any] = {
                "tau": tau, "normalisation": normalisation, "schedule": options.schedule,
                "tol": PENALTY_TOL,
            }  # fmt: skip
            for constraint, form in forms.items():
                found = {
                    strength: anneal(penalised(form, strength), **run).probabilities
                    for strength in study.evidence.penalties
                }
                F = {strength: float(p[optimal].sum()) for strength, p in found.items()}
                best = max(F, key=F.__getitem__)
                yield {
                    "selector": "evidence_annealer", "constraint": constraint, "k": k,
                    "tau": tau, "normalisation": normalisation, "strength": best,
                    "success_probability": F[best], "multiplicity": len(optimal),
                }  # fmt: skip


def penalised(problem: SelectionProblem, strength: float) -> SelectionProblem:
    """Return a problem of any number of maps, with a penalty on all but k of them.

    E(n) + lambda ((sum n - k)^2 - k^2), where lambda is `strength` times the sufficient penalty.

    >>> p = SelectionProblem([1.0, 0.5], [[0.0, 0.2], [0.2, 0.0]], cardinality=1)
    >>> feasible = (penalised(p, 1.0).energies() + p.penalty)[[1, 2]]
    >>> bool(np.allclose(feasible, p.energies()[[1, 2]]))
    True
    """
    k, penalty = problem.cardinality or 0, strength * problem.penalty
    linear = problem.linear + penalty * (1 - 2 * k)
    pairs = problem.quadratic + 2.0 * penalty * (1.0 - np.eye(problem.d))
    return SelectionProblem(-2.0 * linear, 2.0 * pairs, beta=0.5)


def _gap(maps: LayerMaps, normalisation: str, schedule: str) -> MinimumGap | None:
    """The minimum gap, or None where the ground level has too many states to follow."""
    try:
        return minimum_gap(maps.problem, normalisation=normalisation, schedule=schedule)
    except (ProblemTooLargeError, NumericalError):
        return None


def _gap_columns(gap: MinimumGap | None, tau: float) -> Row:
    if gap is None:
        return {}
    return {
        "gap": gap.gap,
        "gap_s": gap.s,
        "final_gap": gap.final_gap,
        "gap_interior": gap.interior,
        "landau_zener_applies": gap.landau_zener_applies,
        "landau_zener": gap.landau_zener(tau),
    }
