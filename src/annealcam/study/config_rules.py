"""What a study must keep to: ranges, names, and options that go together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from annealcam._internal.validation import one_of, whole
from annealcam.errors import ArgumentError

if TYPE_CHECKING:
    from annealcam.study.config import Study

CHOICES = ("correct", "all")
EXPLAINED = ("predicted", "label")


def check(study: Study) -> None:
    """Raise ArgumentError, naming key and value, unless the study can be run."""
    _names(study)
    _ranges(study)
    _contradictions(study)


def _names(study: Study) -> None:
    from annealcam.annealing.hamiltonian import check_normalisation
    from annealcam.annealing.schedules.schedule import SCHEDULES
    from annealcam.attribution.importance import IMPORTANCES
    from annealcam.qubo.objectives import OBJECTIVES

    one_of("data.choose", study.data.choose, CHOICES)
    one_of("problem.objective", study.problem.objective, OBJECTIVES)
    one_of("problem.importance", study.problem.importance, IMPORTANCES)
    one_of("problem.explain", study.problem.explain, EXPLAINED)
    one_of("annealing.schedule", study.annealing.schedule, SCHEDULES)
    for normalisation in study.annealing.normalisations:
        check_normalisation(normalisation, argument="annealing.normalisations")


def _ranges(study: Study) -> None:
    from annealcam.samplers.annealing import MAX_QUBITS

    whole("seed", study.seed)
    whole("shard", study.shard, least=1)
    whole("data.per_class", study.data.per_class)
    whole("network.batch", study.network.batch, least=1)
    whole("network.epochs", study.network.epochs, least=1)
    whole("annealing.shots", study.annealing.shots)
    whole("baselines.random_draws", study.baselines.random_draws)
    whole("statistics.bootstrap", study.statistics.bootstrap, least=1)
    whole("statistics.permutations", study.statistics.permutations, least=1)
    for key, numbers in (("network.maps", study.network.maps),
                         ("baselines.sizes", study.baselines.sizes)):  # fmt: skip
        for number in numbers:
            whole(key, number, least=1)
    if not 0 <= study.problem.beta <= 1:
        raise ArgumentError(f"problem.beta={study.problem.beta}: must lie between 0 and 1")
    if not 1 <= study.problem.max_qubits <= MAX_QUBITS:
        raise ArgumentError(
            f"problem.max_qubits={study.problem.max_qubits}: 1 to {MAX_QUBITS}; every optimum of "
            "a study is proved by enumeration"
        )
    for tau in study.annealing.tau:
        if not (math.isfinite(tau) and tau > 0):
            raise ArgumentError(f"annealing.tau={tau}: must be above 0 and finite")


def _contradictions(study: Study) -> None:
    network, annealing = study.network, study.annealing
    if bool(network.models) == bool(network.trunk):
        raise ArgumentError(
            f"network.models={list(network.models)}, network.trunk={network.trunk!r}: give one of "
            "the two; networks by name, or a trunk on which heads are trained"
        )
    if bool(network.trunk) != bool(network.maps):
        raise ArgumentError(
            f"network.maps={list(network.maps)}, network.trunk={network.trunk!r}: "
            "a trunk needs the sizes of its heads, and sizes need a trunk"
        )
    if bool(annealing.tau) != bool(annealing.normalisations):
        raise ArgumentError(
            f"annealing.tau={list(annealing.tau)}, annealing.normalisations="
            f"{list(annealing.normalisations)}: both, or neither (then nothing is annealed)"
        )
    if annealing.gaps and not annealing.normalisations:
        raise ArgumentError(
            "annealing.gaps=true: gaps belong to a normalisation; give one, or false"
        )
    for key, values in (
        ("network.models", network.models), ("network.layers", network.layers),
        ("network.maps", network.maps), ("annealing.tau", annealing.tau),
        ("annealing.normalisations", annealing.normalisations),
        ("baselines.sizes", study.baselines.sizes),
    ):  # fmt: skip
        if len(set(values)) < len(values):
            raise ArgumentError(f"{key}={list(values)}: each once")
