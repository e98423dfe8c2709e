"""Files with selection problems: one module a group of formats. No reader unpickles anything."""

from annealcam.qubo.files.content import ProblemFile as ProblemFile
from annealcam.qubo.files.reading import read_problem as read_problem
from annealcam.qubo.files.writing import save_problem as save_problem
