"""Quantum annealing of a selection problem, simulated exactly: success, gap, levels, schedules."""

from typing import TYPE_CHECKING

from annealcam._internal.lazy import lazy_exports

if TYPE_CHECKING:
    from annealcam.annealing.adiabatic import adiabatic_gain, locally_adiabatic, schedule_for
    from annealcam.annealing.batch import BatchResult, anneal_batch
    from annealcam.annealing.difficulty import Distribution, Hardness, Run, hardness
    from annealcam.annealing.evolution import AnnealResult, anneal
    from annealcam.annealing.hamiltonian import (
        DEFAULT_TAU,
        NORMALISATIONS,
        Normalisation,
        dense_hamiltonian,
        normalisation_of,
    )
    from annealcam.annealing.levels.gap import MinimumGap, minimum_gap
    from annealcam.annealing.levels.low_spectrum import SpectrumCurve, spectrum
    from annealcam.annealing.path import AnnealPath, anneal_path
    from annealcam.annealing.sampler import AnnealingSampler
    from annealcam.annealing.schedules.dwave import read_dwave_schedule, read_schedule
    from annealcam.annealing.schedules.names import schedule_of
    from annealcam.annealing.schedules.schedule import Schedule
    from annealcam.annealing.sentences import diagnosis
    from annealcam.annealing.success import (
        best_of_shots,
        best_of_shots_interval,
        guess_probability,
        tts99,
        wilson_interval,
    )
    from annealcam.annealing.sweep import OptimalTau, TauSweep, optimal_tau, tau_sweep

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "AnnealPath": "path",
        "AnnealResult": "evolution",
        "AnnealingSampler": "sampler",
        "BatchResult": "batch",
        "DEFAULT_TAU": "hamiltonian",
        "Distribution": "difficulty",
        "Hardness": "difficulty",
        "MinimumGap": "levels.gap",
        "NORMALISATIONS": "hamiltonian",
        "Normalisation": "hamiltonian",
        "OptimalTau": "sweep",
        "Run": "difficulty",
        "Schedule": "schedules.schedule",
        "SpectrumCurve": "levels.low_spectrum",
        "TauSweep": "sweep",
        "adiabatic_gain": "adiabatic",
        "anneal": "evolution",
        "anneal_batch": "batch",
        "anneal_path": "path",
        "best_of_shots": "success",
        "best_of_shots_interval": "success",
        "dense_hamiltonian": "hamiltonian",
        "diagnosis": "sentences",
        "guess_probability": "success",
        "hardness": "difficulty",
        "locally_adiabatic": "adiabatic",
        "minimum_gap": "levels.gap",
        "normalisation_of": "hamiltonian",
        "optimal_tau": "sweep",
        "read_dwave_schedule": "schedules.dwave",
        "read_schedule": "schedules.dwave",
        "schedule_for": "adiabatic",
        "schedule_of": "schedules.names",
        "spectrum": "levels.low_spectrum",
        "tau_sweep": "sweep",
        "tts99": "success",
        "wilson_interval": "success",
    },
)
