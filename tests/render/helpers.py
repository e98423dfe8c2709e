"""Results that several tests of figures, folders and texts show."""

from functools import cache

from annealcam.annealing.difficulty import hardness
from annealcam.qubo.files import ProblemFile
from tests.problems import relu_problem


@cache
def annealed_problem():
    """An annealed problem of six variables with labels of several kinds."""
    labels = ("a", "b", ("x", 1), "$x_{$", 4, "long name " * 9)
    source = ProblemFile(relu_problem(6, 1), labels, 1.5, "a dimod BQM file (SPIN)")
    return hardness(source, [10.0, 30.0, 100.0], normalisation="unit", shots=25, seed=3)
