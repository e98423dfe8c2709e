"""Every rule of D-Wave's for a schedule, checked here and not after a submission."""

import dimod
import numpy as np
import pytest
from dwave.system import DWaveSampler

from annealcam.annealing.schedules.schedule import LINEAR
from annealcam.errors import ArgumentError
from annealcam.samplers.dwave.controls import Controls
from tests.samplers.dwave.machines import processor

GOOD = [(0, 0), (10, 0.4), (90, 0.4), (100, 1)]


def test_a_good_schedule_is_told_as_it_is():
    told = Controls(shots=50, anneal_schedule=GOOD).options(processor())
    assert told == {"num_reads": 50, "anneal_schedule": [list(map(float, row)) for row in GOOD]}
    assert Controls(anneal_schedule=np.array(GOOD)) == Controls(anneal_schedule=GOOD)
    assert Controls(annealing_time=5).options(processor()) == {
        "num_reads": 1000,
        "annealing_time": 5.0,
    }
    assert Controls().options(processor()) == {"num_reads": 1000}


BAD = {
    "runs from s = 0 to 0.9; must be 0 to 1": [(0, 0), (20, 0.9)],
    "runs from s = 0.1 to 1; must be 0 to 1": [(0, 0.1), (20, 1)],
    "a reverse anneal needs an initial state": [(0, 1), (10, 0.5), (20, 1)],
    "starts at t = 1; must be 0": [(1, 0), (20, 1)],
    "t = 10 comes after 10; must ascend": [(0, 0), (10, 0.5), (10, 0.6), (20, 1)],
    "t = 5 comes after 10; must ascend": [(0, 0), (10, 0.5), (5, 0.6), (20, 1)],
    "s falls from 0.5 to 0.4": [(0, 0), (10, 0.5), (15, 0.4), (20, 1)],
    "1 points; must be two or more": [(0, 0)],
    "0 points": [],
    "is not a point": [(0, 0), (1, 2, 3)],
    "is not a point (t, s)": [0, 1],
    "must be a number": [(0, 0), ("soon", 1)],
    "holds NaN": [(0, 0), (np.nan, 1)],
    "must be points (t, s), t in microseconds": "pause:0.5:0.2",
}


@pytest.mark.parametrize("match", BAD)
def test_bad_schedules(match):
    with pytest.raises(ArgumentError) as error:
        Controls(anneal_schedule=BAD[match])
    assert "anneal_schedule" in str(error.value)
    assert match in str(error.value)
    assert "\n" not in str(error.value)


def test_the_schedules_of_the_simulator_are_not_converted():
    with pytest.raises(ArgumentError, match="is a Schedule; must be points"):
        Controls(anneal_schedule=LINEAR)


LIMITS = {
    "slope is 4 per microsecond; this solver's steepest is 2": [(0, 0), (10, 0.2), (10.2, 1)],
    "slope is 10 per microsecond": [(0, 0), (0.1, 1)],
    "this solver's longest anneal has 2000": [(0, 0), (2001, 1)],
    "13 points; this solver takes 12 at most": [(t, t / 12) for t in range(13)],
}


@pytest.mark.parametrize("match", LIMITS)
def test_schedules_beyond_the_solver(match):
    controls = Controls(shots=1, anneal_schedule=LIMITS[match])
    with pytest.raises(ArgumentError, match=match):
        controls.options(processor())


def test_the_same_schedules_pass_as_with_dwaves_own_check():
    class Offline(DWaveSampler):
        """D-Wave's own check, with the mock's properties and no connection."""

        properties, parameters = processor().properties, processor().parameters

        def __init__(self):
            pass

    rng = np.random.default_rng(4)
    verdicts = set()
    for _ in range(300):
        size = rng.integers(2, 15)
        points = np.stack([np.sort(rng.integers(0, 40, size)) / 4, np.sort(rng.random(size))], 1)
        points[0], points[-1, 1] = 0, 1
        schedule = points.tolist()
        try:
            Offline().validate_anneal_schedule(schedule)
            theirs = True
        except ValueError:
            theirs = False
        try:
            Controls(shots=1, anneal_schedule=schedule).options(processor())
            ours = True
        except ArgumentError:
            ours = False
        assert ours == theirs, schedule
        verdicts.add(ours)
    assert verdicts == {True, False}


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"shots": 0}, "shots=0: must be 1 or more"),
        ({"shots": 10_001}, "shots=10001: this solver takes 1 to 10000"),
        ({"annealing_time": 0.1}, "annealing_time=0.1: this solver takes 0.5 to 2000"),
        ({"annealing_time": 2000.5}, "annealing_time=2000.5: this solver takes 0.5 to 2000"),
        ({"annealing_time": -1}, "annealing_time=-1: must be a number of microseconds above 0"),
        ({"annealing_time": 9, "anneal_schedule": GOOD}, "give only one"),
        ({"shots": 10_000, "annealing_time": 1500}, "microseconds take 1.5e"),
        ({"shots": 10_000, "anneal_schedule": [(0, 0), (1500, 1)]}, "at most 1e"),
    ],
)
def test_reads_and_times(options, match):
    with pytest.raises(ArgumentError, match=match):
        Controls(**options).options(processor())


def test_a_solver_without_schedules():
    machine = dimod.StructureComposite(dimod.ExactSolver(), [0], [])
    with pytest.raises(ArgumentError, match="annealing_time: not supported by this solver"):
        Controls(annealing_time=9).options(machine)
    assert Controls(shots=7).options(machine) == {"num_reads": 7}
