"""State vectors larger than the caches: one sweep of the memory in each step, on several cores."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Complex, Float, Int

from annealcam._internal.types import Array
from annealcam.annealing.hamiltonian import coefficients
from annealcam.annealing.kernels import state as _kernels, tiles as _tiles
from annealcam.annealing.kernels.vectors import BYTES
from annealcam.annealing.simulation.memory import aligned, require_memory
from annealcam.annealing.simulation.splitting import Stages
from annealcam.annealing.simulation.statevector import REAL
from annealcam.qubo.energies import bits, weights
from annealcam.qubo.problem import SelectionProblem, negatives
from annealcam.qubo.ties import among, window

WHOLE = 20  # up to so many qubits all probabilities are extrapolated; beyond, a summary of them
MAX_QUBITS = 30
# A row should fit into the second cache. Smaller states have shorter rows, so that columns are not
# too short, and the largest states longer rows, so that columns fit into the cache too.
_ROW = {"complex128": 13, "complex64": 14}  # qubits of a row
_SHORT_ROW, _COLUMN = 10, (7, 10)
_GAP = 33 * BYTES  # between rows; with 0, 1 or 65 a column would map to few sets of the cache
_SHARES = 4  # pieces of work for each thread, to balance their load


class TiledStateVector:
    """The amplitudes of the 2^d states of a problem; energies are computed when they are needed.

    Above 20 qubits, `run` returns a summary of the probabilities: that of all ground states
    together, and those of the other states in 1024 groups by their lowest ten bits.
    """

    driver = "transverse field"
    states = None  # all of them, in order

    def __init__(
        self,
        problem: SelectionProblem,
        *,
        precision: str = "complex128",
        start: Float[Array, " states"] | None = None,
        threads: int = 1,
        _low: int | None = None,
    ) -> None:
        d, number = problem.d, np.dtype(REAL[precision])
        self.d, self.number, self._threads, self._start = d, number, threads, start
        self._low = _low or _qubits_of_a_row(d, precision)
        self._summary = d > WHOLE
        require_memory(
            _bytes(d, number.itemsize, self._low), f"a state of {d} qubits in {precision}",
            mend="use fewer qubits (max_qubits)",
        )  # fmt: skip
        linear, quadratic, offset = coefficients(problem, penalty=True)
        self._split(linear, quadratic, offset)
        self.ground, self.ground_energy = self._ground(problem, negatives(linear, quadratic))

    def _ground(
        self, problem: SelectionProblem, bound: float
    ) -> tuple[Int[Array, " ground"], float]:
        """Return the ground states and their energy."""
        lowest, turn = _tiles.lowest(*self._parts), 2 * math.pi
        least = float(lowest.min())
        most = least + window(problem, turn * least, bound) / turn
        found = among(problem, _tiles.below(*self._parts, lowest, most))
        if self.offset:
            return found.places, problem.energy(bits(found.lowest, self.d))
        return found.places, turn * least

    def _split(
        self, linear: Float[Array, " d"], quadratic: Float[Array, "d d"], offset: float
    ) -> None:
        """Store E / 2 pi by columns and by rows, as kernels/tiles.py describes."""
        lanes, low = self._lanes, self._low
        columns = _kernels.energies(linear[None, :low], quadratic[None, :low, :low])[0]
        others = np.r_[:lanes, low : self.d]  # terms of the lanes alone belong to the columns
        linear, pairs = linear[others], quadratic[np.ix_(others, others)]
        linear[:lanes] = pairs[:lanes, :lanes] = 0.0
        rows = _kernels.energies(linear[None], pairs[None])[0]
        turn, shape = 2 * math.pi, (-1, 1 << lanes)
        coupling = np.ascontiguousarray(quadratic[low:, lanes:low]) / turn
        self._parts = columns.reshape(shape) / turn, rows.reshape(shape) / turn, coupling
        self.offset = offset

    @property
    def _lanes(self) -> int:
        """Number of qubits within a vector."""
        return (BYTES // self.number.itemsize).bit_length() - 1

    def run(self, stages: Stages, *, evenly: bool) -> Float[Array, " summary"]:  # noqa: ARG002
        """Return the probabilities after a run, or above 20 qubits their summary."""
        state = self._propagated(stages, whole=False)
        return _tiles.summary(state, self.ground) if self._summary else _density(state)

    def success(self, density: Float[Array, "*runs summary"]) -> Any:
        """Return the probability of the ground manifold."""
        return density[..., 0] if self._summary else density[..., self.ground].sum(-1)

    def state(self, stages: Stages) -> Complex[Array, " states"]:
        """Return the amplitudes psi after a run, with their phase."""
        require_memory(
            16.0 * 2**self.d, f"the amplitudes of {self.d} qubits",
            mend="their success_probability is known without them; use fewer qubits (max_qubits)",
        )  # fmt: skip
        state = self._propagated(stages, whole=True)
        phase = np.exp(-1j * stages.phases.sum() * self.offset)
        psi = _tiles.amplitudes(state, self._signs(), complex(phase))
        psi /= math.sqrt(np.vdot(psi, psi).real)
        return psi

    def _signs(self) -> Float[Array, "4 vectors 2 lanes"]:
        """Return (-i)^|n| of the columns (re, im), in rows whose bits add 0, 1, 2, 3 to |n|."""
        parts = np.array([[1.0, 0.0, -1.0, 0.0], [0.0, -1.0, 0.0, 1.0]], self.number)
        ones = (weights(self._low) + np.arange(4)[:, None]).reshape(4, -1, 1, 1 << self._lanes)
        return np.where(np.arange(2)[:, None] == 0, parts[0][ones % 4], parts[1][ones % 4])

    @cached_property
    def _state(self) -> Float[Array, "rows vectors 2 lanes"]:
        """Memory for the state, used by all runs."""
        shape = 1 << (self.d - self._low), 1 << (self._low - self._lanes), 2, 1 << self._lanes
        return aligned(shape, self.number, gap=_GAP)

    def _propagated(self, stages: Stages, *, whole: bool) -> Float[Array, "rows vectors 2 lanes"]:
        """Return the final state in the real gauge, in the memory of all runs.

        Unless it is `whole`, phases that do not change probabilities are left out.
        """
        state = self._state
        _tiles.begin(state, self._signs(), np.empty(0) if self._start is None else self._start)
        angles, phases = list(stages.angles), list(stages.phases)
        if self._start is None and not whole:  # an eigenstate of the first rotation
            angles[0] = phases[0] = 0.0
        if not whole:
            phases[-1] = 0.0
        sweeps = self._sweep(state, by_rows=True), self._sweep(state, by_rows=False)
        with _workers(self._threads) as spread:
            for number, visit in enumerate(_visits(angles, phases)):
                sweeps[number % 2](*visit, spread)
        return state

    def _sweep(
        self, state: Float[Array, "rows vectors 2 lanes"], *, by_rows: bool
    ) -> Callable[..., None]:
        """Return a function that sweeps rows or columns: a rotation, a phase, and a rotation."""
        columns, rows, coupling = self._parts
        turns, turns_of_sets = (columns, rows) if by_rows else (rows, columns)
        coupling = coupling if by_rows else np.ascontiguousarray(coupling.T)
        strides = state.strides[:2] if by_rows else state.strides[1::-1]
        layout = (int(state.ctypes.data), *(int(stride) for stride in strides))
        table = aligned((len(turns), 2, turns.shape[1]), self.number)
        single = self._lanes * by_rows + coupling.shape[1] % 2  # qubits in the tangent form

        def sweep(before: float, phase: float, after: float, spread: Any) -> None:
            _tiles.phase_table(table, turns, phase)
            factor = (math.cos(before) * math.cos(after)) ** single
            numbers = tuple(
                self.number.type(number)
                for angle in (before, after)
                for number in (math.tan(angle), math.sin(2 * angle) / 2)
            )

            def work(first: int, last: int) -> None:
                buffer = aligned(table.shape, self.number)
                _tiles.sweep(
                    first, last, layout, table, buffer, turns_of_sets, coupling, phase, factor,
                    numbers,
                )  # fmt: skip

            spread(work, len(turns_of_sets))

        return sweep


def _qubits_of_a_row(d: int, precision: str) -> int:
    least, most = _COLUMN
    return max(min(_ROW[precision], max(_SHORT_ROW, d - least)), d - most)


def _density(state: Float[Array, "rows vectors 2 lanes"]) -> Float[Array, " states"]:
    density: Float[Array, " states"] = _tiles.density(state)
    density /= density.sum()
    return density


def _visits(angles: list[float], phases: list[float]) -> Iterator[tuple[float, float, float]]:
    """Yield the first rotation, the phase and the second rotation of each sweep.

    Sweep k applies phase k. Half of the qubits rotate by angle k - 1 before it and by angle k after
    it, the other half in the neighbouring sweeps. Angles too large for the tangent form are split.
    """
    split_angles, split_phases = [], [phases[0]]
    for angle, phase in zip(angles, phases[1:], strict=True):
        parts = max(1, math.ceil(abs(angle) / _kernels.LARGEST_ANGLE))
        split_angles += [angle / parts] * parts
        split_phases += [0.0] * (parts - 1) + [phase]
    around = pairwise([0.0, *split_angles, 0.0])
    for (before, after), phase in zip(around, split_phases, strict=True):
        yield before, phase, after


@contextmanager
def _workers(threads: int) -> Iterator[Callable[[Callable[[int, int], None], int], None]]:
    """Yield a function that distributes the numbers 0..n - 1 over threads."""
    if threads == 1:
        yield lambda work, n: work(0, n)
        return
    with ThreadPoolExecutor(threads) as pool:

        def spread(work: Callable[[int, int], None], n: int) -> None:
            shares = min(n, _SHARES * threads)
            edges = [n * i // shares for i in range(shares + 1)]
            list(pool.map(lambda edge: work(*edge), pairwise(edges)))

        yield spread


def _bytes(d: int, itemsize: int, low: int) -> float:
    """Return the memory for the amplitudes with the gaps between their rows.

    Up to 20 qubits, up to eight tables of probabilities are added, of a ladder of runs.
    """
    gaps = _GAP * 2.0 ** min(d - low, 900)
    return 2.0 ** min(d, 900) * (2 * itemsize + (8 * 8 if d <= WHOLE else 0)) + gaps
