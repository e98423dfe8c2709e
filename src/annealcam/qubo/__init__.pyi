from .convert import as_problem as as_problem
from .energies import bits as bits, energies_of as energies_of, weights as weights
from .files import (
    ProblemFile as ProblemFile,
    read_problem as read_problem,
    save_problem as save_problem,
)
from .objectives import BETA as BETA, OBJECTIVES as OBJECTIVES, relative_beta as relative_beta
from .problem import SelectionProblem as SelectionProblem
from .solution import ExactSolution as ExactSolution, Selection as Selection
