"""The selection problem: a QUBO over candidate maps, its energies, and its files."""

from typing import TYPE_CHECKING

from annealcam._internal.lazy import lazy_exports

if TYPE_CHECKING:
    from annealcam.qubo.energies import bits, energies_of, weights
    from annealcam.qubo.files import ProblemFile, read_problem, save_problem
    from annealcam.qubo.objectives import BETA, OBJECTIVES, relative_beta
    from annealcam.qubo.problem import SelectionProblem
    from annealcam.qubo.solution import ExactSolution, Selection

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "BETA": "objectives",
        "ExactSolution": "solution",
        "OBJECTIVES": "objectives",
        "ProblemFile": "files",
        "Selection": "solution",
        "SelectionProblem": "problem",
        "bits": "energies",
        "energies_of": "energies",
        "read_problem": "files",
        "relative_beta": "objectives",
        "save_problem": "files",
        "weights": "energies",
    },
)
