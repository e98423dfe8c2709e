"""The evolution of state.py in torch, for a batch of states on a GPU.

In the real gauge, exp(i theta sum_p X_p) is the tensor product of R = ((c, -s), (s, c)) over the
qubits. A group of g qubits is rotated by one product with a matrix of 2^g x 2^g, which also moves
the group from the highest bits of the index to the lowest. After the products of all groups, every
qubit is back at its place, without any copy. Real and imaginary parts are one more index of the
rotation; for the phases they are interleaved as complex numbers.

A stage (a phase and a rotation) launches 5 kernels, and one product for each of the ceil(d / 7)
groups (2 for d = 6 and 7). Angles and phases are copied to the device once, before the first stage.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from annealcam._internal.types import Array
from annealcam._internal.validation import one_of
from annealcam.annealing.simulation.devices import REAL, groups, most_together

_TABLE = 2**22  # number of matrix entries computed at once, for many stages of all runs


@torch.no_grad()
def propagate(
    turns: Float[Tensor, "batch states"],
    angles: Float64[Array, "runs n"],
    phases: Float64[Array, "runs n+1"],
    *,
    precision: str = "complex128",
    start: Float[Tensor, "batch 2 states"] | None = None,
    most: int | None = None,
) -> Float[Tensor, "batch 2 states"]:
    """Apply phases[:, 0], rotate by angles[:, 0], apply phases[:, 1], and so on to the last phase.

    Args:
        turns: E / 2 pi, on the device to be used; a phase factor is exp(-2 pi i phases turns).
        angles: one row for each state, or one for the whole batch.
        phases: as `angles`, with one column more.
        precision: `complex128` or `complex64`.
        start: initial states in the real gauge, real part first; None is the driver's ground state.
        most: largest number of qubits in one product; None takes that of the device.
    """
    device, real = turns.device, REAL[one_of("precision", precision, REAL)]
    radians = turns.to(real) * (-2 * math.pi)
    sizes = groups(turns.shape[1].bit_length() - 1, most or most_together(device))
    x, spare, factor = (_States(radians, sizes) for _ in range(3))
    x.parts.copy_(_driver_ground(radians) if start is None else start)
    lengths = _uploaded(phases, device).to(real)[..., None].unbind()
    rotate = _Rotation(_uploaded(angles, device), radians, sizes)
    one = radians.new_ones(())

    def dephase(k: int) -> None:
        torch.mul(radians, lengths[k], out=spare.arguments)
        x.amplitudes.mul_(torch.polar(one, spare.arguments, out=factor.amplitudes))

    with _float32_products():
        for k in range(len(lengths) - 1):
            dephase(k)
            x, spare = rotate(k, x, spare)
        dephase(len(lengths) - 1)
    return x.parts


def probabilities(state: Float[Tensor, "batch 2 states"]) -> Float[Tensor, "batch states"]:
    """Return the probability of each state; their sum is one.

    >>> probabilities(torch.tensor([[[1.0, 0.0], [0.0, 1.0]]]))
    tensor([[0.5000, 0.5000]])
    """
    p = state.square().sum(dim=1)
    return p / p.sum(dim=1, keepdim=True)


def energies_of(
    linear: Float64[Tensor, "batch d"], quadratic: Float64[Tensor, "batch d d"]
) -> Float64[Tensor, "batch states"]:
    """Return sum_p l_p n_p + sum_{p<q} Q_pq n_p n_q of all 2^d states, on the device.

    The bits of a state form a low and a high half. The energies are those of each half, plus the
    couplings between the halves, which are a product of the two tables of bits.

    >>> Q = torch.tensor([[[0.0, 100.0], [100.0, 0.0]]], dtype=torch.float64)
    >>> energies_of(torch.tensor([[1.0, 10.0]], dtype=torch.float64), Q)
    tensor([[  0.,   1.,  10., 111.]], dtype=torch.float64)
    """
    low = linear.shape[1] // 2
    of_low = _half(linear[:, :low], quadratic[:, :low, :low])
    of_high = _half(linear[:, low:], quadratic[:, low:, low:])
    n_low, n_high = _bits(low, linear), _bits(linear.shape[1] - low, linear)
    energies = n_high @ quadratic[:, low:, :low] @ n_low.T
    return energies.add_(of_low[:, None, :]).add_(of_high[:, :, None]).flatten(1)


def _half(
    linear: Float64[Tensor, "batch d"], quadratic: Float64[Tensor, "batch d d"]
) -> Float64[Tensor, "batch states"]:
    n = _bits(linear.shape[1], linear)
    return ((n @ quadratic) * n).sum(dim=2) / 2 + linear @ n.T


def _bits(d: int, like: Tensor) -> Float64[Tensor, "states d"]:
    states = torch.arange(2**d, device=like.device)
    return (states[:, None] >> torch.arange(d, device=like.device) & 1).to(like.dtype)


class _States:
    """Memory for a batch of states, and all views of it that are needed, created only once."""

    def __init__(self, like: Float[Tensor, "batch states"], sizes: list[int]) -> None:
        batch, states = like.shape
        memory = like.new_empty(2 * like.numel())
        self.amplitudes = torch.view_as_complex(memory.view(batch, states, 2))
        self.parts = torch.view_as_real(self.amplitudes).mT
        self.re, self.im = memory.view(batch, 2, states).unbind(1)  # as a rotation leaves them
        self.arguments = memory[: like.numel()].view(batch, states)  # of phase factors
        self.highest = {g: memory.view(batch, 2**g, -1).mT for g in sizes}
        self.lowest = {g: memory.view(batch, -1, 2**g) for g in sizes}


class _Rotation:
    """exp(i theta sum_p X_p) in the real gauge, for angles (rotations, runs).

    If row and column of R x ... x R differ in h of g bits, the entry is +-c^(g-h) s^h, with a minus
    if an odd number of bits changes from 1 to 0. So the matrices of an angle are gathered in one
    launch from 2 g + 2 numbers for each size of group.
    """

    def __init__(
        self,
        angles: Float64[Tensor, "rotations runs"],
        like: Float[Tensor, "batch states"],
        sizes: list[int],
    ) -> None:
        self.angles, self.sizes, self.real = angles, sizes, like.dtype
        self.kinds = sorted(set(sizes))
        first = np.cumsum([0, *(2 * g + 2 for g in self.kinds)])
        self.block = max(1, _TABLE // (angles.shape[1] * int(first[-1])))
        places = [_places(g) + first[i] for i, g in enumerate(self.kinds)]
        self.places = torch.from_numpy(np.concatenate(places)).to(angles.device)
        self.entries = like.new_empty((angles.shape[1], len(self.places)))
        parts = torch.split(self.entries, [4**g for g in self.kinds], dim=1)
        self.matrices = {
            g: part.view(-1, 2**g, 2**g).expand(len(like), -1, -1)
            for g, part in zip(self.kinds, parts, strict=True)
        }

    def __call__(self, k: int, x: _States, spare: _States) -> tuple[_States, _States]:
        """Rotate all qubits of x by angle k, and return the result and the other memory.

        The index of real and imaginary parts is the lowest before the products and the highest
        after them; finally the parts are interleaved again.
        """
        if k % self.block == 0:
            self.table = self._table(self.angles[k : k + self.block]).unbind()
        torch.index_select(self.table[k % self.block], 1, self.places, out=self.entries)
        for g in self.sizes:
            torch.bmm(x.highest[g], self.matrices[g], out=spare.lowest[g])
            x, spare = spare, x
        torch.complex(x.re, x.im, out=spare.amplitudes)
        return spare, x

    def _table(
        self, angles: Float64[Tensor, "rotations runs"]
    ) -> Float[Tensor, "rotations runs entries"]:
        c, s = angles.cos()[..., None], angles.sin()[..., None]
        columns = []
        for g in self.kinds:
            h = torch.arange(g + 1, device=angles.device)
            entry = c ** (g - h) * s**h
            columns += [entry, -entry]
        return torch.cat(columns, dim=-1).to(self.real)


def _places(size: int) -> Int[Array, " entries"]:
    """Return the indices in the table of the entries of a group's transposed matrix."""
    column = np.arange(2**size)
    row = column[:, None]
    minus = np.bitwise_count(row & ~column).astype(np.int64) % 2
    return (np.bitwise_count(row ^ column) + (size + 1) * minus).ravel()


def _driver_ground(like: Float[Tensor, "batch states"]) -> Float[Tensor, "2 states"]:
    """Return the state of equal amplitudes, which is (-i)^|n| / 2^(d/2) in the real gauge."""
    states = like.shape[1]
    psi = torch.full_like(like[0], states**-0.5, dtype=like.dtype.to_complex())
    for p in range(states.bit_length() - 1):
        psi.view(-1, 2, 2**p)[:, 1] *= -1j
    return torch.view_as_real(psi).mT


def _uploaded(table: Float64[Array, "runs n"], device: torch.device) -> Float64[Tensor, "n runs"]:
    return torch.from_numpy(np.ascontiguousarray(table.T)).to(device)


@contextmanager
def _float32_products() -> Iterator[None]:
    """Compute products in float32: TensorFloat-32 would leave only three digits of the state."""
    backend = torch.backends.cuda.matmul
    since_2_9 = hasattr(backend, "fp32_precision")
    name, exact = ("fp32_precision", "ieee") if since_2_9 else ("allow_tf32", False)
    previous = getattr(backend, name)
    setattr(backend, name, exact)
    try:
        yield
    finally:
        setattr(backend, name, previous)
