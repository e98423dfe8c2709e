"""State vectors on the states with exactly k maps, for runs that conserve a cardinality."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Complex, Float, Int

from annealcam._internal.types import Array
from annealcam.annealing.kernels import state as _kernels
from annealcam.annealing.simulation.splitting import Stages
from annealcam.annealing.simulation.statevector import REAL
from annealcam.annealing.simulation.subspace import WeightSector
from annealcam.qubo.problem import SelectionProblem
from annealcam.qubo.ties import ground_states


class SectorVector:
    """The amplitudes of the binom(d, k) feasible states of a problem, and their energies.

    The driver is -(2c / d) sum_{p<q} (sigma+_p sigma-_q + h.c.), which conserves the number of
    selected maps; see `subspace`. Runs start in the real state `start`; None is the driver's ground
    state.
    """

    driver = "XY on the complete graph"

    def __init__(
        self,
        problem: SelectionProblem,
        *,
        precision: str = "complex128",
        start: Float[Array, " states"] | None = None,
    ) -> None:
        self.sector = WeightSector(problem.d, problem.cardinality or 0)
        self.states: Int[Array, " states"] = self.sector.states
        energies = self.sector.energies(problem.linear, problem.quadratic)
        found = ground_states(problem, energies, self.states)
        self.ground: Int[Array, " ground"] = found.places
        self.ground_energy = float(energies[found.lowest])
        self._turns = (energies / (2 * math.pi)).astype(REAL[precision])
        real = self.sector.ground_state() if start is None else start
        self._start = np.stack([real, np.zeros_like(real)]).astype(REAL[precision])

    def run(self, stages: Stages, *, evenly: bool) -> Float[Array, " states"]:  # noqa: ARG002
        """Return the probabilities after a run."""
        state = self.begin()
        self.advance(state, stages)
        return _kernels.density(state)

    def success(self, density: Float[Array, "*runs states"]) -> Any:
        """Return the probability of the ground manifold."""
        return density[..., self.ground].sum(-1)

    def state(self, stages: Stages) -> Complex[Array, " states"]:
        """Return the amplitudes psi after a run, with their phase."""
        state = self.begin()
        self.advance(state, stages)
        return self.amplitudes(state)

    def begin(self) -> Float[Array, "2 states"]:
        """Return the initial state of runs, as real and imaginary parts."""
        return self._start.copy()

    def advance(self, state: Float[Array, "2 states"], stages: Stages) -> None:
        """Take a state through all stages, in place."""
        _kernels.dephase(state[0], state[1], self._turns, stages.phases[0], 1.0)
        angles = (2.0 / max(self.sector.d, 1)) * stages.angles
        self.sector.propagate(state, self._turns, angles, stages.phases[1:-1])
        _kernels.dephase(state[0], state[1], self._turns, stages.phases[-1], 1.0)

    def amplitudes(self, state: Float[Array, "2 states"]) -> Complex[Array, " states"]:
        """Return psi, with norm one."""
        psi = state[0] + 1j * state[1].astype(np.float64)
        return psi / np.linalg.norm(psi)
