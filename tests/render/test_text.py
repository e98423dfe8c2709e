"""Texts about an annealed problem contain its numbers."""

from dataclasses import replace

import pytest

from annealcam.render.text import annealing_gap, annealing_runs, annealing_setting
from tests.render.helpers import annealed_problem


@pytest.fixture
def h():
    return annealed_problem()


def test_the_table(h):
    first, how, optimum = annealing_setting(h)
    assert first == "6 variables, a dimod BQM file (SPIN)"
    assert "driver normalisation unit: -c sum sigma_x, c = 1; schedule linear" in how
    assert f"{h.ground_energy + 1.5:.6g} with the model's offset" in optimum
    header, rows = annealing_runs(h)
    assert all(len(row) == len(header) for row in rows)
    assert [row[1] for row in rows] == [f"{run.success_probability:.6f}" for run in h.runs]
    assert dict(annealing_gap(h))["minimum gap"].startswith(f"{h.gap.gap:.8g} energy units")


def test_without_a_gap_there_are_no_rows(h):
    assert annealing_gap(replace(h, gap=None, curve=None, no_gap="memory")) == []
