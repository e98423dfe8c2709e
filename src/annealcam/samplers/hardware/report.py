"""What a real annealer would do with a problem, by its published figures."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from os import PathLike
from typing import Any

import numpy as np

from annealcam._internal.plug_points import PlottedResult
from annealcam._internal.progress import ProgressOption, reporter, shows_progress
from annealcam._internal.text import short_repr
from annealcam._internal.types import Progress
from annealcam._internal.validation import finite_array, one_line, real, whole
from annealcam.annealing.simulation.plan import check_tau
from annealcam.errors import ArgumentError
from annealcam.qubo.convert import ProblemLike, as_problem
from annealcam.qubo.problem import SelectionProblem
from annealcam.samplers.dwave.model import ising_model
from annealcam.samplers.hardware import ensemble as ensembles
from annealcam.samplers.hardware.chains import Embedding, coupled_pairs, embed, largest_clique
from annealcam.samplers.hardware.ensemble import Ensemble
from annealcam.samplers.hardware.machine import Machine, read_machine
from annealcam.samplers.hardware.scaling import Program, program

SIZES = (4, 6, 8, 10, 12, 14, 16, 20, 24)  # of the problem's first maps, where few optima survive
TAUS = (5.0, 20.0, 100.0)  # ns
STEPS = 5  # embedding, ensemble, fewer maps, equilibrium, anneals
_COSTLY = 11  # maps, from which the longest tau is left out


@dataclass(frozen=True)
class Chance:
    """The probability to find the optimum, averaged over the ensemble.

    Attributes:
        one_shot: by one shot.
        best_of_shots: by some of the shots of one programming, which share its errors.
        members: number of perturbed problems.
    """

    one_shot: float
    best_of_shots: float
    members: int


@dataclass(frozen=True, eq=False, repr=False)
class HardwareReport(PlottedResult):
    """What a real annealer would do with a problem, by its published figures.

    What is not known, because a figure is not published or the problem is too large, is None.

    `plot` draws the chances that the optimum survives the errors and that it is found.

    Attributes:
        machine: its figures.
        d: number of maps.
        cardinality: number of maps to be selected, imposed by a penalty; None: any.
        largest: number of maps that the machine's graph takes where all pairs are coupled.
        embedding: the chains; None: the problem does not fit.
        program: the numbers that the machine would be programmed with.
        ensemble: what becomes of the optimum in perturbed problems.
        without_chains: the same if the chains cost nothing: single qubits, and the coefficients as
            large as they could be without the couplings along chains.
        coherent: chances of a noiseless anneal by its length in ns, with each map as one qubit.
        thermal: chance in equilibrium at the machine's temperature, at the freezeout of a qubit.
        thermal_at_end: the same at s = 1, where the energies are largest.
        surviving: the largest number of the problem's first maps whose optimum survives in half of
            an ensemble, and its share; where it was measured, which is where less than half of the
            ensemble of all maps survives.
        shots: number of shots of `best_of_shots`.
        seed: of the embedding and the ensemble.
    """

    machine: Machine
    d: int
    cardinality: int | None
    largest: int
    embedding: Embedding | None
    program: Program | None
    ensemble: Ensemble | None
    without_chains: Ensemble | None
    coherent: dict[float, Chance]
    thermal: Chance | None
    thermal_at_end: Chance | None
    surviving: tuple[int, float] | None
    shots: int
    seed: int

    def __repr__(self) -> str:
        return short_repr(
            "HardwareReport", machine=self.machine.name, d=self.d, fits=self.fits,
            qubits=self.embedding.qubits if self.embedding else None,
            survival=self.ensemble.survival if self.ensemble else None, limit=self.limit,
        )  # fmt: skip

    @property
    def fits(self) -> bool:
        """Whether the problem was embedded."""
        return self.embedding is not None

    @property
    def limit(self) -> str:
        """What limits the machine: `size`, `precision`, `chains`, `temperature`, `time` or `none`.

        `size`: no chains were found. `precision`: less than half of the ensemble keeps the
        optimum; `chains`: half of it would if chains cost nothing, which is significantly more (the
        95 % intervals do not overlap). `temperature` and `time`: the best of the shots succeeds in
        less than half of the runs, in equilibrium or after the longest noiseless anneal.
        `unknown`: none of these, but not all are known or proved.
        """
        if self.embedding is None:
            return "size"
        if self.ensemble is not None and self.ensemble.survival < 0.5:
            free = self.without_chains
            if free is None or not free.proved or free.survival < 0.5:
                return "precision"
            return "chains" if free.interval[0] > self.ensemble.interval[1] else "precision"
        if self.thermal is not None and self.thermal.best_of_shots < 0.5:
            return "temperature"
        longest = self.coherent[max(self.coherent)] if self.coherent else None
        if longest is not None and longest.best_of_shots < 0.5:
            return "time"
        measured = (self.ensemble, self.thermal, longest)
        proved = self.ensemble is not None and self.ensemble.proved
        return "none" if proved and None not in measured else "unknown"

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values for JSON."""
        machine, p, e = self.machine, self.program, self.embedding
        return {
            "machine": {
                "name": machine.name,
                "topology": {"type": machine.topology, "shape": list(machine.shape)},
                "ideal_graph": machine.ideal,
                "schedule": None if machine.schedule is None else machine.schedule.name,
                "temperature_mK": machine.temperature_mK,
                "sources": dict(machine.sources),
            },
            "d": self.d,
            "cardinality": self.cardinality,
            "fits": self.fits,
            "largest_complete_graph": self.largest,
            "embedding": e and {
                "method": e.method, "qubits": e.qubits, "longest_chain": e.longest,
                "mean_chain": e.mean, "chains": [list(chain) for chain in e.chains],
            },
            "program": p and {
                "factor": p.factor, "demands": dict(p.demands), "limited_by": p.limited_by,
                "chain_coupling": p.chain_coupling, "chain_cost": p.chain_cost,
                "biases": list(p.biases), "couplings": list(p.couplings),
            },
            "ensemble": _ensemble_dict(self.ensemble),
            "without_chains": _ensemble_dict(self.without_chains),
            "coherent": [{"tau_ns": tau, **asdict(c)} for tau, c in self.coherent.items()],
            "thermal": self.thermal and asdict(self.thermal),
            "thermal_at_end": self.thermal_at_end and asdict(self.thermal_at_end),
            "surviving": None if self.surviving is None else list(self.surviving),
            "limit": self.limit,
            "shots": self.shots,
            "seed": self.seed,
        }  # fmt: skip


@shows_progress
def hardware_report(
    problem: ProblemLike,
    *,
    hardware: str | PathLike[str] | Machine = "advantage2",
    schedule: str | PathLike[str] | None = None,
    members: int | None = None,
    shots: int = 1000,
    tau: float | tuple[float, ...] | None = None,
    chain_strength: float | None = None,
    time_limit: float = 10.0,
    seed: int = 0,
    progress: ProgressOption = None,
) -> HardwareReport:
    """Return what a real annealer would do with a problem, by its published figures.

    Nothing is submitted, and no machine is needed. The problem is embedded on the graph of the
    machine and scaled to its ranges. An ensemble of problems with the published errors of h and J
    shows how often the optimum survives them (exactly, by enumeration or the search tree), how
    probable it is after a noiseless anneal with the published schedule, and in thermal equilibrium
    at the machine's temperature. docs/hardware.md has the model, what it leaves out, and the source
    of each figure.

    Args:
        problem: the selection problem.
        hardware: `advantage`, `advantage2`, a JSON file of figures, or a `Machine`.
        schedule: a schedule's CSV file, as D-Wave publishes them, instead of the machine's.
        members: number of perturbed problems; None: 200 to 32, by the number of maps.
        shots: number of shots of one programming, for the best of them.
        tau: lengths of the noiseless anneals in ns; None: 5, 20 and, up to 10 maps, 100.
        chain_strength: as for `select_by_dwave`; None: uniform torque compensation.
        time_limit: seconds for minorminer, and for the proofs of each ensemble above 18 maps; what
            is not proved in time is searched.
        seed: of minorminer and the errors.
        progress: True for a bar, or a function that is called with a description, the number of
            finished steps and the number of all.

    Raises:
        ArgumentError: an argument is out of range, or the figures are not valid.
        ScheduleError: the schedule's file cannot be read.
        SamplerError: dwave-system is not installed.

    >>> p = SelectionProblem([1.0, 0.5], [[0.0, 0.8], [0.8, 0.0]], beta=0.5)
    >>> report = hardware_report(p, members=20, tau=20.0)
    >>> report.fits, report.embedding.qubits, report.ensemble.survival, report.limit
    (True, 2, 1.0, 'none')
    """
    problem = as_problem(problem)
    machine = read_machine(hardware, schedule=schedule)
    count = _members(problem.d) if members is None else whole("members", members, least=1)
    shots, seed = whole("shots", shots, least=1), whole("seed", seed)
    limit = real("time_limit", time_limit)
    if not 0 < limit < math.inf:
        raise ArgumentError(f"time_limit={time_limit}: must be a number of seconds above 0")
    taus = _taus(tau, problem.d)
    step = _Steps(reporter(progress))
    step("embedding")
    pairs = coupled_pairs(ising_model(problem))
    embedding = embed(machine, problem.d, pairs, seed=seed, time_limit=limit)
    largest = largest_clique(machine)
    facts: dict[str, Any] = dict.fromkeys(
        ("program", "ensemble", "without_chains", "thermal", "thermal_at_end", "surviving")
    )
    facts["coherent"] = {}
    if embedding is not None and problem.d:
        run = _Run(problem, machine, count, shots, limit, seed, chain_strength, step)
        facts |= run.facts(embedding, taus)
    return HardwareReport(
        machine=machine, d=problem.d, cardinality=problem.cardinality, largest=largest,
        embedding=embedding, shots=shots, seed=seed, **facts,
    )  # fmt: skip


class _Steps:
    """Steps of the report, passed on to a function of progress."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._done = progress, 0

    def __call__(self, description: str) -> None:
        self._progress(description, self._done, STEPS)
        self._done += 1


@dataclass(frozen=True, eq=False)
class _Run:
    """A problem on a machine, and the size of its ensemble."""

    problem: SelectionProblem
    machine: Machine
    members: int
    shots: int
    time_limit: float
    seed: int
    chain_strength: float | None
    step: Callable[[str], None]

    def facts(self, embedding: Embedding, taus: tuple[float, ...]) -> dict[str, Any]:
        programmed = program(
            self.problem, self.machine, embedding, chain_strength=self.chain_strength
        )
        errors = self.machine.errors_for(embedding.mean)
        facts: dict[str, Any] = {"program": programmed}
        self.step("ensemble")
        if errors is None:
            return facts | self._chances(programmed, (0.0, 0.0), taus, 1)
        facts["ensemble"] = self._survival(self.problem, programmed, errors)
        if embedding.longest > 1:
            single = self.machine.errors_for(1.0)
            assert single is not None
            free = programmed.without_chains()
            facts["without_chains"] = self._survival(self.problem, free, single)
        if facts["ensemble"] is not None and facts["ensemble"].survival < 0.5:
            self.step("fewer maps")
            sizes = [size for size in SIZES if size < self.problem.d]
            facts["surviving"] = ensembles.largest_surviving(sizes, self._first)
        return facts | self._chances(programmed, errors, taus, self.members)

    def _survival(
        self, problem: SelectionProblem, programmed: Program, errors: tuple[float, float]
    ) -> Ensemble:
        problems = ensembles.perturbed(programmed, errors, self.members, seed=self.seed)
        return ensembles.survival(problem, problems, errors, time_limit=self.time_limit)

    def _first(self, size: int) -> Ensemble | None:
        """Return the ensemble of the problem's most relevant maps alone."""
        p = self.problem
        kept = np.sort(np.argsort(-p.h, kind="stable")[:size])
        k = None if p.cardinality is None else max(1, round(p.cardinality * size / p.d))
        part = SelectionProblem(p.h[kept], p.J[np.ix_(kept, kept)], beta=p.beta, cardinality=k)
        embedding = embed(
            self.machine, size, coupled_pairs(ising_model(part)), seed=self.seed,
            time_limit=self.time_limit,
        )  # fmt: skip
        errors = None if embedding is None else self.machine.errors_for(embedding.mean)
        if embedding is None or errors is None:
            return None
        programmed = program(part, self.machine, embedding, chain_strength=self.chain_strength)
        return self._survival(part, programmed, errors)

    def _chances(
        self,
        programmed: Program,
        errors: tuple[float, float],
        taus: tuple[float, ...],
        members: int,
    ) -> dict[str, Any]:
        """Return the chances of finding the optimum, for problems whose states can be listed."""
        d, machine = self.problem.d, self.machine
        if d > ensembles.MOST_ENUMERATED:
            return {}
        problems = ensembles.perturbed(programmed, errors, members, seed=self.seed)
        states = ensembles.optimal_states(self.problem)
        facts: dict[str, Any] = {}
        self.step("equilibrium")
        for name, s in (("thermal", machine.freezeout), ("thermal_at_end", 1.0)):
            inverse = None if s is None else machine.inverse_temperature(s)
            if inverse is not None:
                facts[name] = self._chance(ensembles.thermal_chances(problems, states, inverse))
        if machine.schedule is not None and d <= ensembles.MOST_ANNEALED:
            self.step("anneals")
            few = problems[: _annealed(d)]
            facts["coherent"] = {
                tau: self._chance(ensembles.coherent_chances(few, states, machine.schedule, tau))
                for tau in taus
            }
        return facts

    def _chance(self, chances: tuple[float, ...]) -> Chance:
        best = ensembles.mean_best_of(chances, self.shots)
        return Chance(float(np.mean(chances)), best, len(chances))


def _members(d: int) -> int:
    """Return how many perturbed problems take a few seconds."""
    if d <= ensembles.MOST_ANNEALED:
        return 200
    return 64 if d <= ensembles.MOST_ENUMERATED else 32


def _annealed(d: int) -> int:
    """Return how many members are annealed: each takes milliseconds at d = 8, a second at 14."""
    return 32 if d <= 8 else 16 if d <= 10 else 8 if d <= 12 else 4


def _taus(tau: Any, d: int) -> tuple[float, ...]:
    if tau is None:
        return TAUS if d < _COSTLY else TAUS[:2]
    if isinstance(tau, str):
        raise ArgumentError(f"tau={tau!r}: must be one length in ns, or several")
    lengths = np.atleast_1d(finite_array("tau", tau))
    if lengths.ndim != 1 or not lengths.size:
        raise ArgumentError(f"tau={one_line(tau)}: must be one length in ns, or several")
    taus = [check_tau(length) for length in lengths.tolist()]
    return tuple(sorted(set(taus)))


def _ensemble_dict(e: Ensemble | None) -> dict[str, Any] | None:
    return (
        None
        if e is None
        else {
            "errors": {"h": e.errors[0], "J": e.errors[1]},
            "members": e.members,
            "survival": e.survival,
            "interval": list(e.interval),
            "proved": e.proved,
            "mean_loss": e.mean_loss,
        }
    )
