"""The peers of annealing: QuTiP's solver, and the per-step method of the paper's code."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import eigsh, expm_multiply

from annealcam import SelectionProblem
from annealcam.annealing.hamiltonian import diagonal

TIME_STEP = 0.01  # of the paper's released code
_ENDS = [1.0, 0.0], [0.0, 1.0]  # of A and of B
# QuTiP's integrators; `diag` and `krylov` are for constant Hamiltonians only.
QUTIP_METHODS = ("adams", "bdf", "lsoda", "dop853", "tsit5", "vern7", "vern9")
TOLERANCES = tuple(10.0 ** (-k / 2) for k in range(6, 27))  # relative; absolute: a hundredth


def transverse_field(d: int, scale: float) -> sp.csr_array:
    """Return H_D = -scale * sum_p sigma_x^p as a complex CSR matrix; qubit p is bit p."""
    flip = sp.csr_array(np.array([[0, 1], [1, 0]], dtype=complex))
    total = sp.csr_array((1 << d, 1 << d), dtype=complex)
    for p in range(d):
        below, above = sp.eye_array(1 << p), sp.eye_array(1 << (d - 1 - p))
        total = total + sp.kron(sp.kron(above, flip), below)
    return sp.csr_array(-scale * total)


def problem_matrix(problem: SelectionProblem) -> sp.csr_array:
    """Return H_QUBO as a complex CSR matrix."""
    return sp.csr_array(sp.diags_array(diagonal(problem).astype(complex)))


def ground_share(problem: SelectionProblem, state: np.ndarray) -> float:
    """Return F of a state, which need not be normalised."""
    energies, density = diagonal(problem), np.abs(state) ** 2
    return float(density[energies <= energies.min() + problem.tie].sum() / density.sum())


def qutip_sesolve(
    problem: SelectionProblem, tau: float, scale: float, **options: Any
) -> Callable[[], float]:
    """Return a function to be timed: QuTiP's solver of the linear schedule, which returns F.

    Matrices, solver and initial state are made before, outside of the timed part. The problem is a
    diagonal and the schedule an interpolated array, QuTiP's fastest forms of them. Without
    `options` QuTiP's defaults apply.
    """
    import qutip

    d = problem.d
    dims = [[2] * d, [2] * d]
    driver = qutip.Qobj(sp.csr_matrix(transverse_field(d, scale)), dims=dims).to("csr")
    final = qutip.Qobj(sp.csr_matrix(problem_matrix(problem)), dims=dims).to("dia")
    times = np.array([0.0, tau])
    down, up = (qutip.coefficient(np.array(ends), tlist=times, order=1) for ends in _ENDS)
    start = qutip.tensor([(qutip.basis(2, 0) + qutip.basis(2, 1)).unit()] * d)
    settings = {"progress_bar": "", "store_final_state": True, **options}
    solver = qutip.SESolver(qutip.QobjEvo([[driver, down], [final, up]]), options=settings)

    def solve() -> float:
        result = solver.run(start, [0.0, tau])
        return ground_share(problem, result.final_state.full().ravel())

    return solve


@dataclass(frozen=True)
class PerStepReference:
    """The per-step method: at every time step 0.01 one `expm_multiply` and one `eigsh(k=2)`.

    H = (1 - s) H_D + s H_QUBO in complex CSR form, s = t / tau. A whole run takes hours, so only
    `sample` steps, uniformly spread over s, are measured; `total` is their mean times tau / 0.01.
    """

    problem: SelectionProblem
    tau: float
    scale: float
    sample: int = 8

    def seconds(self) -> np.ndarray:
        """Return the seconds of the sampled steps for expm_multiply and for eigsh, (sample, 2)."""
        H_D = transverse_field(self.problem.d, self.scale)
        H_P = problem_matrix(self.problem)
        psi = np.full(H_D.shape[0], H_D.shape[0] ** -0.5, dtype=complex)
        measured = np.empty((self.sample, 2))
        for k in range(self.sample):
            s = (k + 0.5) / self.sample
            start = time.perf_counter()
            H = (1 - s) * H_D + s * H_P
            psi = expm_multiply(-1j * H * TIME_STEP, psi)
            between = time.perf_counter()
            eigsh(H, k=2, which="SA")
            measured[k] = between - start, time.perf_counter() - between
        return measured

    @property
    def steps(self) -> int:
        """Number of steps of a whole run."""
        return round(self.tau / TIME_STEP)

    def total(self, measured: np.ndarray) -> float:
        """Return the seconds of a whole run, extrapolated from the sampled steps."""
        return float(measured.sum(axis=1).mean() * self.steps)


def gap_by_eigsh(problem: SelectionProblem, s: float, scale: float) -> float:
    """Return the gap at one s by ARPACK to machine precision, to check ours."""
    H = (1 - s) * transverse_field(problem.d, scale) + s * problem_matrix(problem)
    low = eigsh(H.real, k=2, which="SA", return_eigenvectors=False)
    return float(abs(low[1] - low[0]))
