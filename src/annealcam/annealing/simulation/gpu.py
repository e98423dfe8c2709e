"""State vectors in torch for a GPU: batches of runs of equal d."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Complex, Float, Float64, Int
from torch import Tensor

from annealcam._internal.types import Array
from annealcam.annealing.hamiltonian import coefficients
from annealcam.annealing.kernels.torch_state import energies_of, probabilities, propagate
from annealcam.annealing.simulation.devices import REAL, largest_batch
from annealcam.annealing.simulation.ladder import Converged, converge
from annealcam.annealing.simulation.plan import Plan
from annealcam.annealing.simulation.splitting import Stages
from annealcam.errors import ArgumentError, ProblemTooLargeError
from annealcam.qubo.energies import weights
from annealcam.qubo.problem import SelectionProblem, negatives
from annealcam.qubo.ties import among, window


class TorchBatch:
    """The amplitudes of several problems of equal d on one device.

    `near` marks the states that may be ground states of each problem, within rounding, (batch,
    states), and `ground_energy` is their energy, including the penalty of a cardinality as in
    `hamiltonian.diagonal`.

    Args:
        problems: the selection problems, with 2^d states each.
        device: as `pick_device` returns it.
        precision: `complex128` or `complex64`.

    Raises:
        ArgumentError: the problems differ in d, or there is none.
        ProblemTooLargeError: the batch does not fit into the memory of the device.
    """

    def __init__(
        self,
        problems: Sequence[SelectionProblem],
        *,
        device: torch.device,
        precision: str = "complex128",
    ) -> None:
        d = _common_d(problems)
        fit = largest_batch(d, device=device, precision=precision)
        if len(problems) > fit:
            raise ProblemTooLargeError(
                f"{len(problems)} runs of d={d}: only {fit} fit on {device} at once"
            )
        self.precision = precision
        parts = [coefficients(p, penalty=True) for p in problems]
        linear, quadratic, offset = (
            torch.from_numpy(np.stack([np.asarray(c) for c in part])).to(device)
            for part in zip(*parts, strict=True)
        )
        energies = energies_of(linear, quadratic)
        lowest = energies.min(dim=1, keepdim=True).values
        bounds = torch.tensor([[negatives(*part[:2])] for part in parts], dtype=torch.float64)
        share = torch.tensor([[window(p, 1.0, 0.0)] for p in problems], dtype=torch.float64)
        width = share.to(device) * (lowest - 2.0 * bounds.to(device)).clamp(min=0.0)
        self.near: Bool[Tensor, "batch states"] = energies <= lowest + width
        self._problems = problems
        self.ground_energy: Float64[Tensor, " batch"] = lowest[:, 0] + offset
        self._turns = energies.mul_(1 / (2 * math.pi)).to(REAL[precision])

    @cached_property
    def ground(self) -> Bool[Tensor, "batch states"]:
        """The ground states of each problem, (batch, states); those that are near are compared."""
        ground = self.near.clone()
        for i in torch.nonzero(ground.sum(dim=1) > 1)[:, 0].tolist():
            near = torch.nonzero(ground[i])[:, 0].cpu().numpy()
            ground[i] = False
            found = torch.from_numpy(among(self._problems[i], near).places)
            ground[i, found.to(ground.device)] = True
        return ground

    def run(self, stages: Sequence[Stages]) -> Float[Tensor, "batch states"]:
        """Return the probabilities after runs, with stages for each problem or one for all."""
        return probabilities(self.states(stages))

    def states(
        self, stages: Sequence[Stages], *, start: Float[Tensor, "batch 2 states"] | None = None
    ) -> Float[Tensor, "batch 2 states"]:
        """Return the states after runs, in the real gauge."""
        angles, phases = (
            np.stack([getattr(s, part) for s in stages]) for part in ("angles", "phases")
        )
        return propagate(self._turns, angles, phases, precision=self.precision, start=start)

    def success(self, density: Float[Tensor, "batch states"]) -> Float[Tensor, " batch"]:
        """Return F of each problem."""
        return (density * self.ground).sum(dim=1)


class TorchStateVector:
    """One problem on a device, as a simulator for `anneal`."""

    driver = "transverse field"
    states = None  # all of them, in order

    def __init__(
        self,
        problem: SelectionProblem,
        *,
        device: torch.device,
        precision: str = "complex128",
        start: Float[Array, " states"] | None = None,
    ) -> None:
        self._batch = TorchBatch([problem], device=device, precision=precision)
        self._gauge = np.array([1, 1j, -1, -1j])[weights(problem.d) % 4]
        self._offset = coefficients(problem, penalty=True)[2]
        self.ground: Int[Array, " ground"] = np.flatnonzero(self._batch.ground[0].cpu().numpy())
        self.ground_energy = float(self._batch.ground_energy[0])
        self._start: Tensor | None = None
        if start is not None:
            phi = start / self._gauge
            parts = torch.from_numpy(np.stack([phi.real, phi.imag])[None])
            self._start = parts.to(device, REAL[precision])

    def run(self, stages: Stages, *, evenly: bool) -> Float[Tensor, " states"]:  # noqa: ARG002
        """Return the probabilities after a run, as a tensor on the device."""
        return probabilities(self._batch.states([stages], start=self._start))[0]

    def success(self, density: Float[Tensor, " states"]) -> float:
        """Return F."""
        return float(self._batch.success(density[None])[0])

    def state(self, stages: Stages) -> Complex[Array, " states"]:
        """Return the amplitudes psi after a run, with their phase."""
        state = self._batch.states([stages], start=self._start)[0].cpu().numpy().astype(np.float64)
        psi = (state[0] + 1j * state[1]) * self._gauge
        psi *= np.exp(-1j * stages.phases.sum() * self._offset)
        return psi / np.linalg.norm(psi)


def converge_together(
    plans: Sequence[Plan], *, device: torch.device
) -> tuple[Converged, int, Int[Tensor, " batch"]]:
    """Return the ladder of a batch of runs, the number of its first steps, and multiplicities.

    The runs have equal d, schedule and tolerance. The number of steps is that of the most demanding
    run, so a batch should consist of runs with similar needs.
    """
    batch = TorchBatch([p.problem for p in plans], device=device, precision=plans[0].precision)
    first = np.max([p.first for p in plans], axis=0)

    def run(multiple: int) -> Tensor:
        return batch.run([p.rung(first, multiple) for p in plans])

    options = [p.ladder for p in plans]
    ladder = converge(
        run,
        batch.success,
        plans[0].tol,
        floor=lambda multiple: max(o["floor"](multiple) for o in options),
        agreements=max(o["agreements"] for o in options),
    )
    return ladder, int(first.sum()), batch.ground.sum(dim=1)


def _common_d(problems: Sequence[SelectionProblem]) -> int:
    sizes = sorted({p.d for p in problems})
    if len(sizes) != 1:
        raise ArgumentError(f"problems: must all have the same d in one batch, not d={sizes}")
    return sizes[0]
