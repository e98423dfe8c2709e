"""Time limits: work comes in slices, and compilation stands outside of them."""

import logging
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import annealcam as ac
from annealcam._internal import compilation, deadline
from annealcam._internal.deadline import Deadline, compiling_seconds, run_in_slices
from annealcam.errors import ArgumentError
from annealcam.qubo.files import save_problem
from annealcam.samplers.exact.search_tree import branch_and_bound
from annealcam.samplers.local import local_search


def spin_glass(d, seed=0):
    """Couplings of both signs, which cannot be proved in any time that a test has."""
    J = np.triu(np.random.default_rng([d, seed]).integers(-100, 101, (d, d)), 1).astype(float)
    return ac.SelectionProblem(np.zeros(d), J + J.T, beta=0.5)


@pytest.mark.parametrize("solve", [ac.solve_exact, branch_and_bound])
def test_a_limit_is_kept_by_every_part_of_a_search(monkeypatch, solve):
    """By the time of this thread alone, whatever else the machine does."""
    monkeypatch.setattr(deadline, "monotonic", time.thread_time)
    p = spin_glass(700)
    began, compiled = time.thread_time(), compiling_seconds()
    found = solve(p, time_limit=0.3)
    taken = time.thread_time() - began - (compiling_seconds() - compiled)
    assert taken < 0.3 + 0.2
    assert not found.proved
    assert found.lower_bound < found.energy == p.energy(found.n)


def test_local_search_ends_with_its_limit(monkeypatch):
    monkeypatch.setattr(deadline, "monotonic", time.thread_time)
    p = spin_glass(700)
    began, compiled = time.thread_time(), compiling_seconds()
    n = local_search(p, kicks=10**6, time_limit=0.2)
    assert time.thread_time() - began - (compiling_seconds() - compiled) < 0.2 + 0.2
    assert p.energy(n) < p.energy(local_search(p, kicks=0))


def test_ctrl_c_is_answered_in_a_second_with_the_best_and_its_bound():
    def interrupt(*_):
        sent.append(time.process_time())
        raise KeyboardInterrupt

    p, sent = spin_glass(700), []
    before = signal.signal(signal.SIGPROF, interrupt)
    try:
        signal.setitimer(signal.ITIMER_PROF, 0.4)
        found = ac.solve_exact(p)
        assert time.process_time() - sent[0] < 1.0
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, before)
    assert (found.interrupted, found.proved) == (True, False)
    assert found.lower_bound < found.energy < 0
    with pytest.raises(KeyboardInterrupt):
        found.refuse_interruption()


@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan")])
def test_a_limit_is_a_number_above_zero(limit):
    for solve in (ac.solve_exact, branch_and_bound):
        with pytest.raises(ArgumentError, match="time_limit="):
            solve(spin_glass(30), time_limit=limit)


def test_slices_adapt_to_the_speed_of_the_work(monkeypatch):
    clock, amounts = [0.0], []
    monkeypatch.setattr(deadline, "monotonic", lambda: clock[0])

    def step(work):
        amounts.append(work)
        clock[0] += work * 1e-6
        return False

    assert not run_in_slices(step, Deadline.after(2.0))
    assert 2.0 <= clock[0] <= 2.0 + deadline.SLICE
    assert amounts[5] == pytest.approx(deadline.SLICE * 1e6, rel=1e-3)


def test_compilation_is_announced_once_and_not_counted(caplog, monkeypatch):
    monkeypatch.setattr(compilation._announcement, "announced", False)
    sources = [eval(code, {}) for code in ("lambda x: x + 1", "lambda x: x - 1")]  # not cached
    loops = [compilation.compiler()(f) for f in sources]
    limit, before = Deadline.after(1e-3), compiling_seconds()
    with caplog.at_level(logging.INFO, logger=compilation.__name__):
        left = limit.left
        began = time.monotonic()
        assert [f(2) for f in loops] == [3, 1]
        taken = time.monotonic() - began
    compiled = compiling_seconds() - before
    assert 0.5 * taken < compiled <= taken
    assert limit.left == pytest.approx(left - (taken - compiled), abs=0.05)
    assert [record.message for record in caplog.records] == [compilation.NOTE]
    assert not any(f(2) == 0 for f in loops)
    assert compiling_seconds() - before == compiled


@pytest.mark.long
def test_an_empty_cache_is_not_counted_in_the_limit_of_the_command(tmp_path):
    save_problem(spin_glass(34), tmp_path / "p.npz")
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "annealcam", "solve", "p.npz", "--time-limit", "30"]
    runs = [
        subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        for _ in range(2)
    ]
    assert [run.returncode for run in runs] == [0, 0]
    assert all("proved optimal" in run.stdout for run in runs)
    assert "compiling numerical loops" in runs[0].stderr
    assert "compiling" not in runs[1].stderr
