"""Torch's evolution against dense linear algebra, the compiled kernels, and conservation laws.

All of it runs on torch's CPU device; what only a GPU can show is skipped where there is none.
"""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from scipy.integrate import solve_ivp
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

import annealcam as ac
from annealcam.annealing.batch import anneal_batch
from annealcam.annealing.hamiltonian import diagonal
from annealcam.annealing.kernels import state as _kernels
from annealcam.annealing.kernels.torch_state import energies_of, propagate
from annealcam.annealing.schedules.schedule import LINEAR, QUADRATIC
from annealcam.annealing.simulation import devices
from annealcam.annealing.simulation.devices import groups, largest_batch, pick_device
from annealcam.annealing.simulation.gpu import TorchBatch
from annealcam.annealing.simulation.splitting import strang
from annealcam.errors import AnnealcamWarning, ArgumentError, ProblemTooLargeError
from tests.problems import problems, relu_problem

CPU = torch.device("cpu")
CLOSE = {"complex128": 1e-12, "complex64": 2e-5}
PRECISIONS = pytest.mark.parametrize("precision", CLOSE)


def random_run(d, batch, stages, seed=0):
    rng = np.random.default_rng([d, batch, seed])
    turns = torch.from_numpy(rng.normal(size=(batch, 2**d)) * 3)
    return turns, rng.uniform(-3, 3, (batch, stages)), rng.uniform(-3, 3, (batch, stages + 1))


def random_state(d, batch, seed=0):
    state = torch.from_numpy(np.random.default_rng(seed).normal(size=(batch, 2, 2**d)))
    return state / state.square().sum(dim=(1, 2), keepdim=True).sqrt()


def by_tensors(turns, angles, phases, psi):
    """One run, one qubit at a time, on the complex state in the real gauge."""
    d = turns.size.bit_length() - 1

    def rotated(psi, theta):
        one = np.array([[math.cos(theta), -math.sin(theta)], [math.sin(theta), math.cos(theta)]])
        psi = psi.reshape((2,) * d)
        for axis in range(d):
            psi = np.moveaxis(np.tensordot(one, psi, axes=(1, axis)), 0, axis)
        return psi.ravel()

    for phase, angle in zip(phases, angles, strict=False):
        psi = rotated(psi * np.exp(-2j * np.pi * phase * turns), angle)
    return psi * np.exp(-2j * np.pi * phases[-1] * turns)


@PRECISIONS
@pytest.mark.parametrize("most", [2, 3, 7])
@pytest.mark.parametrize("d", range(11))
def test_every_grouping_is_the_matrices_it_stands_for(d, most, precision):
    turns, angles, phases = random_run(d, 3, stages=4)
    start = random_state(d, 3)
    final = propagate(turns, angles, phases, precision=precision, start=start, most=most)
    assert final.dtype == (torch.float64 if precision == "complex128" else torch.float32)
    for run in range(3):
        psi = start[run, 0].numpy() + 1j * start[run, 1].numpy()
        expected = by_tensors(turns[run].numpy(), angles[run], phases[run], psi)
        ours = final[run, 0].numpy() + 1j * final[run, 1].numpy()
        assert np.abs(ours - expected).max() < CLOSE[precision]


@PRECISIONS
@pytest.mark.parametrize("d", [4, 7, 10])
def test_compiled_kernels(d, precision):
    """Qubit p is the same bit of the index, and turns the same way."""
    _, angles, phases = random_run(d, 2, stages=1)
    start, nothing = random_state(d, 2), torch.zeros((2, 2**d))
    final = propagate(nothing, angles, phases, precision=precision, start=start)
    for state, ours, angle in zip(start.numpy(), final.numpy(), angles[:, 0], strict=True):
        for part in (0, 1):
            _kernels.rotate(state[part], angle)
        assert np.abs(ours - state).max() < CLOSE[precision]


@PRECISIONS
@given(st.integers(0, 9), st.integers(0, 10**6))
def test_norm_is_conserved_and_time_reverses(precision, d, seed):
    turns, angles, phases = random_run(d, 2, stages=3, seed=seed)
    start = random_state(d, 2, seed)
    there = propagate(turns, angles, phases, precision=precision, start=start)
    assert there.square().sum(dim=(1, 2)).numpy() == pytest.approx(1.0, abs=CLOSE[precision])
    back = -angles[:, ::-1], -phases[:, ::-1]
    again = propagate(turns, *back, precision=precision, start=there)
    assert np.abs((again - start).numpy()).max() < CLOSE[precision]


def test_a_batch_is_its_runs():
    turns, angles, phases = random_run(8, 5, stages=20)
    together = propagate(turns, angles, phases)
    for run in range(5):
        one = slice(run, run + 1)
        alone = propagate(turns[one], angles[one], phases[one])
        assert np.abs((together[one] - alone).numpy()).max() < 1e-14


def test_one_row_of_angles_serves_all_runs():
    turns, angles, phases = random_run(7, 4, stages=5)
    alike = propagate(turns, angles[:1].repeat(4, axis=0), phases[:1].repeat(4, axis=0))
    assert np.abs((propagate(turns, angles[:1], phases[:1]) - alike).numpy()).max() < 1e-14


def test_more_stages_than_one_table_of_entries(monkeypatch):
    turns, angles, phases = random_run(3, 2, stages=23)
    whole = propagate(turns, angles, phases)
    monkeypatch.setattr("annealcam.annealing.kernels.torch_state._TABLE", 4 * 2 * 8)  # of 4 stages
    assert torch.equal(propagate(turns, angles, phases), whole)


@pytest.mark.parametrize("d", [0, 1, 5, 8])
def test_it_starts_in_the_ground_state_of_the_driver(d):
    """The driver's own eigenstate only takes a phase: exp(i d theta)."""
    turns = torch.zeros((1, 2**d), dtype=torch.float64)
    re, im = propagate(turns, np.array([[0.3]]), np.zeros((1, 2)))[0].numpy()
    out_of_gauge = 1j ** np.bitwise_count(np.arange(2**d))
    expected = np.exp(0.3j * d) * 2 ** (-d / 2)
    assert np.allclose((re + 1j * im) * out_of_gauge, expected, atol=1e-15)


@given(problems(largest=9))
def test_energies_on_the_device(p):
    parts = (torch.from_numpy(part.copy())[None] for part in (p.linear, p.quadratic))
    assert np.allclose(energies_of(*parts)[0].numpy(), p.energies(), atol=1e-13, rtol=0)


@given(problems(largest=7, cardinality=True))
def test_ground_manifold_with_a_cardinality(p):
    ours = TorchBatch([p], device=CPU)
    exact = diagonal(p)
    assert np.array_equal(ours.ground[0].numpy(), exact <= exact.min() + p.tie)
    assert ours.ground_energy.item() == pytest.approx(exact.min(), abs=1e-12 * max(1, p.penalty))


def by_an_ode(p, tau, scale):
    """The Schroedinger equation with dense matrices, by Dormand and Prince's eighth order."""
    states = np.arange(2**p.d)
    flips = sum(np.eye(2**p.d)[states ^ (1 << q)] for q in range(p.d))
    energies, start = p.energies(), np.full(2**p.d, 2 ** (-p.d / 2), dtype=complex)

    def slope(t, psi):
        return -1j * (t / tau * energies * psi - (1 - t / tau) * scale * (flips @ psi))

    run = solve_ivp(slope, (0, tau), start, method="DOP853", rtol=1e-10, atol=1e-12)
    return np.abs(run.y[:, -1]) ** 2


def stranged(steps, taus, scales=None, schedule=LINEAR):
    scales = scales or [1.0] * len(taus)
    pairs = zip(taus, scales, strict=True)
    return [strang(schedule, tau, np.array([steps]), scale) for tau, scale in pairs]


@PRECISIONS
def test_schroedinger_equation(precision):
    """Problems, tau and driver differ within a batch."""
    chosen, taus, scales = (
        [relu_problem(5, s) for s in range(3)],
        [5.0, 10.0, 20.0],
        [0.2, 1.0, 1.0],
    )
    batch = TorchBatch(chosen, device=CPU, precision=precision)
    p = [batch.run(stranged(steps, taus, scales)).double() for steps in (300, 450)]
    p = (9 * p[1] - 4 * p[0]) / 5  # the error of either run goes with 1 / steps^2
    for ours, problem, tau, scale, ground in zip(
        p, chosen, taus, scales, batch.ground, strict=True
    ):
        exact = by_an_ode(problem, tau, scale)
        assert np.abs(ours.numpy() - exact).max() < (1e-8 if precision == "complex128" else 1e-5)
        assert problem.energies()[ground.numpy()] == pytest.approx(problem.energies().min())


def test_equal_runs_share_their_matrices():
    chosen = [relu_problem(5, seed) for seed in range(4)]

    def batch(taus, chosen=chosen):
        return TorchBatch(chosen, device=CPU).run(stranged(40, taus, schedule=QUADRATIC))

    mixed = batch([7.0, 7.0, 7.0, 8.0])
    assert np.abs((batch([7.0] * 4)[:3] - mixed[:3]).numpy()).max() < 1e-14
    assert mixed.sum(dim=1).numpy() == pytest.approx(1.0, abs=1e-14)


class Launches(TorchDispatchMode):
    """Counts the operations that compute something: all but views and allocations."""

    FREE = ("view", "expand", "select.int", "slice", "transpose", "permute", "unbind", "split",
            "empty", "_unsafe_view", "as_strided", "detach", "alias")  # fmt: skip

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = str(function).removeprefix("aten.")
        if not name.startswith(self.FREE):
            self.names.append(name)
        return function(*args, **kwargs or {})


@pytest.mark.parametrize(("d", "products"), [(5, 1), (7, 2), (14, 2), (15, 3)])
def test_launches_of_a_stage(d, products):
    counts = []
    for stages in (3, 4):
        with Launches() as launched:
            propagate(*random_run(d, 1, stages), most=7)
        counts.append(launched.names)
    assert len(counts[1]) - len(counts[0]) == 5 + products
    assert not any("cpu" in name or "item" in name for name in counts[1])


@PRECISIONS
@pytest.mark.parametrize("taus", [[1.0, 1.0], [1.0, 2.0]])
def test_all_the_work_is_on_the_device(monkeypatch, precision, taus):
    """Torch's tensors without values have a GPU everywhere, and refuse to mix devices."""
    monkeypatch.setattr("annealcam.annealing.simulation.gpu.largest_batch", lambda *_, **__: 2)
    chosen, copies = [relu_problem(7, 0), relu_problem(7, 1)], []
    for steps in (2, 9):
        with FakeTensorMode(), Launches() as launched:
            batch = TorchBatch(chosen, device=torch.device("cuda"), precision=precision)
            p = batch.run(stranged(steps, taus))
            assert p.device.type == batch.near.device.type == "cuda"
            assert p.dtype == devices.REAL[precision]
        copies.append(sum("copy" in name for name in launched.names))
    assert copies[0] == copies[1]


def test_groups_are_even_and_complete():
    for d in range(31):
        for most in range(1, 9):
            sizes = groups(d, most)
            assert sum(sizes) == d
            assert max(sizes) <= most
            assert max(sizes) - min(sizes) <= 1


def test_tensor_float_32_is_left_as_it_was():
    before = torch.backends.cuda.matmul.allow_tf32
    try:
        torch.backends.cuda.matmul.allow_tf32 = True
        propagate(*random_run(3, 1, stages=2), precision="complex64")
        assert torch.backends.cuda.matmul.allow_tf32
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def test_devices_by_name():
    assert pick_device("cpu") is None
    assert pick_device("torch") == pick_device("torch:cpu") == CPU


@pytest.mark.parametrize("name", ["gpu", "cud", "cuda:", "cuda:x", "cuda:-1", "cpu:1", ""])
def test_unknown_devices(name):
    with pytest.raises(ArgumentError, match="device=.*: must be cpu, cuda"):
        pick_device(name)


def test_suggestion():
    with pytest.raises(ArgumentError, match="did you mean 'cuda'"):
        pick_device("cudaa")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
@pytest.mark.parametrize("name", ["cuda", "cuda:1"])
def test_without_a_gpu_the_cpu_does_the_work(name):
    with pytest.warns(AnnealcamWarning, match=rf"device='{name}': torch .*the CPU is used instead"):
        assert pick_device(name) is None


@pytest.mark.parametrize(
    ("count", "works", "text"),
    [(1, True, "torch finds 1 GPUs, counted from 0"), (3, False, "does not work with torch")],
)
def test_a_gpu_that_cannot_be_used(monkeypatch, count, works, text):
    def ones(*args, **kwargs):
        raise RuntimeError("CUDA error: no kernel image is available. More of it.")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(torch, "ones", ones)
    with pytest.warns(AnnealcamWarning, match=text):
        assert pick_device("cuda:2") is None


def test_memory_is_checked_first(monkeypatch):
    monkeypatch.setattr(devices, "_free_bytes", lambda device: 2**20)
    with pytest.raises(ProblemTooLargeError, match="needs 6 GiB on cpu, where 0.000977 GiB are"):
        largest_batch(26, device=CPU)
    with pytest.raises(ProblemTooLargeError, match="keep fewer candidates$"):
        largest_batch(26, device=CPU, precision="complex64")
    fit = largest_batch(8, device=CPU)
    assert fit == 2**20 // (8 * (12 * 2**8 + 4**4 + 4096))
    many = [relu_problem(8)] * (fit + 1)
    with pytest.raises(ProblemTooLargeError, match=f"{fit + 1} runs of d=8: only {fit} fit on cpu"):
        TorchBatch(many, device=CPU)


def test_batches_of_different_sizes_are_refused():
    with pytest.raises(ArgumentError, match=r"not d=\[3, 4\]"):
        TorchBatch([relu_problem(3), relu_problem(4)], device=CPU)
    with pytest.raises(ArgumentError, match=r"problems: .* not d=\[\]"):
        TorchBatch([], device=CPU)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
class TestOnAGpu:
    @PRECISIONS
    @pytest.mark.parametrize("d", [1, 6, 11, 16, 20])
    def test_it_agrees_with_the_cpu(self, d, precision):
        turns, angles, phases = random_run(d, 2, stages=20)
        expected = propagate(turns, angles, phases)
        ours = propagate(turns.to(pick_device("cuda")), angles, phases, precision=precision)
        assert ours.device.type == "cuda"
        assert (ours.cpu() - expected).abs().max() < 50 * CLOSE[precision] * 2 ** (-d / 2)

    @PRECISIONS
    def test_memory_stays_below_what_is_counted(self, precision):
        """A run's own peak; the probabilities of three runs before it are counted besides."""
        d, device = 20, pick_device("cuda")
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        TorchBatch([relu_problem(d)], device=device, precision=precision).run(stranged(4, [5.0]))
        peak = torch.cuda.max_memory_allocated() - before
        assert peak < 9.5 * devices.REAL[precision].itemsize * 2**d

    def test_tensor_float_32_is_not_used(self):
        turns, angles, phases = random_run(14, 2, stages=5)
        expected = propagate(turns, angles, phases)
        before = torch.backends.cuda.matmul.allow_tf32
        try:
            torch.backends.cuda.matmul.allow_tf32 = True
            ours = propagate(turns.cuda(), angles, phases, precision="complex64")
        finally:
            torch.backends.cuda.matmul.allow_tf32 = before
        assert (ours.cpu() - expected).abs().max() < 1e-6


@PRECISIONS
@pytest.mark.parametrize("cardinality", [None, 2])
def test_anneal_on_torch_is_anneal_on_the_kernels(precision, cardinality):
    p = relu_problem(6, cardinality=cardinality)
    options = {"tau": 20.0, "precision": precision, "constraint": "penalty"}
    ours = ac.anneal(p, device="torch", **options)
    other = ac.anneal(p, **options)
    close = 1e-12 if precision == "complex128" else 2e-6
    assert ours.success_probability == pytest.approx(other.success_probability, abs=close)
    assert np.allclose(ours.probabilities, other.probabilities, atol=close)
    assert np.allclose(ours.state, other.state, atol=1e-12 if precision == "complex128" else 1e-4)
    assert ours.ground_energy == pytest.approx(other.ground_energy, abs=1e-12)
    assert ours.multiplicity == other.multiplicity


def test_a_reverse_run_on_torch():
    p = relu_problem(4)
    schedule = LINEAR.reverse([0, 1, 1, 0], turn=0.5)
    ours, other = (ac.anneal(p, schedule=schedule, device=d) for d in ("torch", "cpu"))
    assert np.allclose(ours.probabilities, other.probabilities, atol=1e-12)


def test_batches_on_torch_are_batches_on_the_kernels():
    """Several sizes and lengths, more than one ladder each."""
    chosen, taus = [relu_problem(d, s) for d in (1, 5, 6) for s in range(2)], [3.0, 20.0]
    ours = anneal_batch(chosen, tau=taus, device="torch")
    other = anneal_batch(chosen, tau=taus)
    assert (np.abs(ours.success_probability - other.success_probability) < ours.error).all()
    assert (ours.error <= 1e-6).all()
    assert np.array_equal(ours.multiplicity, other.multiplicity)
