"""All 2^d amplitudes in memory: runs of one problem on one core."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Complex, Float, Int

from annealcam._internal.types import Array
from annealcam.annealing.hamiltonian import coefficients
from annealcam.annealing.kernels import state as _kernels
from annealcam.annealing.kernels.state import MIN_QUBITS
from annealcam.annealing.simulation.memory import require_memory
from annealcam.annealing.simulation.splitting import Stages
from annealcam.qubo.energies import weights
from annealcam.qubo.problem import SelectionProblem

REAL = {"complex128": np.float64, "complex64": np.float32}


class StateVector:
    """The amplitudes of a problem's 2^d states, and its energies, as they fit into the caches.

    With fewer qubits than a vector register holds, idle ones are added: without a field they stay
    in their ground state and are summed out, which changes nothing.

    `start` is the real state that runs begin in; None is the driver's own ground state.
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
        d = problem.d
        self.d, self.number = d, np.dtype(REAL[precision])
        width = max(d, MIN_QUBITS)
        require_memory(2.0**width * (8 + 8 * self.number.itemsize), f"a state of {d} qubits")
        self.linear, self.quadratic, self.offset = coefficients(problem, penalty=True)
        energies = _kernels.energies(self.linear, self.quadratic)
        lowest = float(energies.min())
        self.ground: Int[Array, " ground"] = np.flatnonzero(energies <= lowest + problem.tie)
        self.ground_energy = lowest + self.offset
        turns = (energies / (2 * math.pi)).astype(self.number)
        self._turns = np.tile(turns, 1 << (width - d)) if d < width else turns
        self._rests = start is None
        self._start = _uniform(width, self.number) if start is None else self._begun(start, width)

    def run(self, stages: Stages, *, evenly: bool) -> Float[Array, " states"]:
        """Return the probabilities after a run; `evenly` says that phases mostly grow by steps."""
        density = _kernels.density(self._propagated(stages, evenly=evenly))
        return density if density.size == 1 << self.d else density.reshape(-1, 1 << self.d).sum(0)

    def success(self, density: Float[Array, "*runs states"]) -> Any:
        """Return the probability of the ground manifold."""
        return density[..., self.ground].sum(-1)

    def state(self, stages: Stages) -> Complex[Array, " states"]:
        """Return the amplitudes psi after a run, with their phase."""
        state = self.begin()
        self.advance(state, stages)
        idle = MIN_QUBITS - self.d if self.d < MIN_QUBITS else 0  # each turns as it rests
        phase = idle * stages.angles.sum() + self.offset * stages.phases.sum()
        return self.amplitudes(state) * np.exp(-1j * phase)

    def begin(self) -> Float[Array, "2 all"]:
        """Return the state that runs begin in, in the real gauge and with the idle qubits."""
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
        """The state after a run, but for phases that do not show in probabilities."""
        state, angles = self.begin(), stages.angles
        if self._rests:  # an eigenstate of the first rotation
            angles = angles.copy()
            angles[0] = 0.0
        else:
            _kernels.dephase(state[0], state[1], self._turns, stages.phases[0], 1.0)
        exact = self.number.itemsize == 8  # powers of rounded phases drift in single precision
        kernel = _kernels.propagate_evenly if evenly and exact else _kernels.propagate
        kernel(state, self._turns, angles, stages.phases[1:-1])
        return state

    def _begun(self, start: Float[Array, " states"], width: int) -> Float[Array, "2 all"]:
        """A real state in the gauge, the idle qubits in their ground state."""
        idle = 1 << (width - self.d)
        real = np.tile(start, idle) * idle**-0.5
        return np.ascontiguousarray(
            _uniform(width, self.number) * (real * 2.0 ** (width / 2))
        ).astype(self.number)


@lru_cache(maxsize=32)
def _uniform(width: int, number: np.dtype) -> Float[Array, "2 states"]:
    """The state of equal amplitudes, in the real gauge: (-i)^|n| 2^(-d/2)."""
    parts = np.array([[1.0, 0.0, -1.0, 0.0], [0.0, -1.0, 0.0, 1.0]], dtype=number)
    state = np.ascontiguousarray(parts[:, weights(width) % 4]) * number.type(2.0 ** (-width / 2))
    state.setflags(write=False)
    return state
