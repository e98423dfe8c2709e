"""State vectors of all 2^d amplitudes, for runs of one problem on one core."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Complex, Float, Int

from annealcam._internal.types import Array
from annealcam.annealing.hamiltonian import coefficients
from annealcam.annealing.kernels import state as _kernels
from annealcam.annealing.kernels.stages import local_fields
from annealcam.annealing.kernels.state import MIN_QUBITS
from annealcam.annealing.simulation.memory import require_memory
from annealcam.annealing.simulation.splitting import Stages
from annealcam.qubo.energies import bits, weights
from annealcam.qubo.problem import SelectionProblem, negatives
from annealcam.qubo.ties import ground_states

REAL = {"complex128": np.float64, "complex64": np.float32}


class StateVectors:
    """The amplitudes and energies of problems of equal d, which should fit into the caches.

    If there are fewer qubits than a vector register has lanes for, idle qubits are added. They have
    no field, stay in their ground state, and are summed out.

    Runs start in the real states `starts`, one for all problems or one for each; None is the
    driver's ground state.

    Attributes:
        d: number of qubits of each problem.
        offsets: constants of the energies, (problems,).
        ground: places of the ground states of each problem.
        ground_energy: their energies, (problems,).
        turns: E / 2 pi of all states, with the idle qubits, (problems, all).
    """

    def __init__(
        self,
        problems: Sequence[SelectionProblem],
        *,
        precision: str = "complex128",
        starts: Float[Array, "some states"] | None = None,
    ) -> None:
        self.d, self.number = problems[0].d, np.dtype(REAL[precision])
        width = max(self.d, MIN_QUBITS)
        memory = len(problems) * 2.0**width * (8 + 8 * self.number.itemsize)
        require_memory(memory, f"a state of {self.d} qubits")
        parts = zip(*(coefficients(p, penalty=True) for p in problems), strict=True)
        linear, quadratic, self.offsets = (np.array(part) for part in parts)
        self._coefficients = linear, quadratic
        energies = _kernels.energies(linear, quadratic)
        found = [
            ground_states(p, row, bound=negatives(*c) if offset else None)
            for p, row, offset, *c in zip(
                problems, energies, self.offsets, linear, quadratic, strict=True
            )
        ]
        self.ground = [one.places for one in found]
        self.ground_energy = np.array(
            [
                p.energy(bits(one.lowest, self.d)) if offset else row[one.lowest]
                for p, row, one, offset in zip(problems, energies, found, self.offsets, strict=True)
            ]
        )
        turns = (energies / (2 * math.pi)).astype(self.number)
        self.turns = np.tile(turns, 1 << (width - self.d)) if self.d < width else turns
        self.from_ground_state = starts is None
        self.starts = (
            _uniform(width, self.number)[None] if starts is None else self._in_gauge(starts, width)
        )

    @property
    def fields(self) -> Float[Array, "problems 3"]:
        """Largest and typical local field and energy of each problem, which decide on its steps."""
        return np.asarray(local_fields(*self._coefficients, 0.5))

    @property
    def arrays(self) -> tuple[Any, ...]:
        """The problems as `kernels.ladder.climb` takes them, without the driver's strength."""
        begin = np.cumsum([0, *map(len, self.ground)])
        return self.turns, np.concatenate(self.ground), begin, self.starts, self.from_ground_state

    def _in_gauge(
        self, starts: Float[Array, "some states"], width: int
    ) -> Float[Array, "some 2 all"]:
        """Return real states in the real gauge, with the idle qubits in their ground state."""
        idle = 1 << (width - self.d)
        real = np.tile(starts, idle) * idle**-0.5
        gauged = _uniform(width, self.number) * (real * 2.0 ** (width / 2))[:, None, :]
        return np.ascontiguousarray(gauged).astype(self.number)


class StateVector:
    """The amplitudes and energies of one problem; `StateVectors` describes them.

    Runs start in the real state `start`; None is the driver's ground state.
    """

    driver = "transverse field"
    states = None  # all of them, in order

    def __init__(
        self,
        problem: SelectionProblem,
        *,
        precision: str = "complex128",
        start: Float[Array, " states"] | None = None,
    ) -> None:
        starts = None if start is None else start[None]
        self.vectors = StateVectors([problem], precision=precision, starts=starts)
        self.d, self.number = self.vectors.d, self.vectors.number
        self.ground: Int[Array, " ground"] = self.vectors.ground[0]
        self.ground_energy = float(self.vectors.ground_energy[0])
        self.offset = float(self.vectors.offsets[0])
        self._turns, self._start = self.vectors.turns[0], self.vectors.starts[0]
        self._from_ground_state = start is None

    def run(self, stages: Stages, *, evenly: bool) -> Float[Array, " states"]:
        """Return the probabilities after a run; `evenly` if phases mostly grow by equal amounts."""
        density = _kernels.density(self._propagated(stages, evenly=evenly))
        return density if density.size == 1 << self.d else density.reshape(-1, 1 << self.d).sum(0)

    def success(self, density: Float[Array, "*runs states"]) -> Any:
        """Return the probability of the ground manifold."""
        return density[..., self.ground].sum(-1)

    def state(self, stages: Stages) -> Complex[Array, " states"]:
        """Return the amplitudes psi after a run, with their phase."""
        state = self.begin()
        self.advance(state, stages)
        idle = MIN_QUBITS - self.d if self.d < MIN_QUBITS else 0  # each gains a global phase
        phase = idle * stages.angles.sum() + self.offset * stages.phases.sum()
        return self.amplitudes(state) * np.exp(-1j * phase)

    def begin(self) -> Float[Array, "2 all"]:
        """Return the initial state of runs, in the real gauge and with the idle qubits."""
        return self._start.copy()

    def advance(self, state: Float[Array, "2 all"], stages: Stages) -> None:
        """Take a state through all stages, in place."""
        _kernels.dephase(state[0], state[1], self._turns, stages.phases[0], 1.0)
        _kernels.propagate(state, self._turns, stages.angles, stages.phases[1:-1])
        _kernels.dephase(state[0], state[1], self._turns, stages.phases[-1], 1.0)

    def amplitudes(self, state: Float[Array, "2 all"]) -> Complex[Array, " states"]:
        """Return psi(n) = i^|n| phi(n) of a state in the real gauge, with norm one."""
        width = int(state.shape[1]).bit_length() - 1
        gauge = np.array([1, 1j, -1, -1j])[weights(width) % 4]
        psi = ((state[0] + 1j * state[1].astype(np.float64)) * gauge)[: 1 << self.d]
        return psi / np.linalg.norm(psi)

    def _propagated(self, stages: Stages, *, evenly: bool) -> Float[Array, "2 all"]:
        """Return the state after a run, up to phases that do not change probabilities."""
        state, angles = self.begin(), stages.angles
        if self._from_ground_state:  # an eigenstate of the first rotation
            angles = angles.copy()
            angles[0] = 0.0
        else:
            _kernels.dephase(state[0], state[1], self._turns, stages.phases[0], 1.0)
        double = self.number.itemsize == 8  # in single precision, powers of phases drift
        kernel = _kernels.propagate_evenly if evenly and double else _kernels.propagate
        kernel(state, self._turns, angles, stages.phases[1:-1])
        return state


@lru_cache(maxsize=32)
def _uniform(width: int, number: np.dtype) -> Float[Array, "2 states"]:
    """Return the state of equal amplitudes, in the real gauge: (-i)^|n| 2^(-d/2)."""
    parts = np.array([[1.0, 0.0, -1.0, 0.0], [0.0, -1.0, 0.0, 1.0]], dtype=number)
    state = np.ascontiguousarray(parts[:, weights(width) % 4]) * number.type(2.0 ** (-width / 2))
    state.setflags(write=False)
    return state
