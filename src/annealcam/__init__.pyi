from . import errors as errors, metrics as metrics
from ._version import __version__ as __version__
from .annealing.batch import BatchResult as BatchResult, anneal_batch as anneal_batch
from .annealing.evolution import AnnealResult as AnnealResult, anneal as anneal
from .annealing.levels.gap import MinimumGap as MinimumGap, minimum_gap as minimum_gap
from .annealing.levels.low_spectrum import SpectrumCurve as SpectrumCurve, spectrum as spectrum
from .annealing.path import AnnealPath as AnnealPath, anneal_path as anneal_path
from .annealing.sampler import AnnealingSampler as AnnealingSampler
from .annealing.schedules.schedule import Schedule as Schedule
from .annealing.success import tts99 as tts99
from .annealing.sweep import (
    TauSweep as TauSweep,
    optimal_tau as optimal_tau,
    tau_sweep as tau_sweep,
)
from .explanation import Explanation as Explanation
from .models.load import load_model as load_model
from .pipeline import cam as cam, explain as explain
from .qubo.files import read_problem as read_problem, save_problem as save_problem
from .qubo.problem import SelectionProblem as SelectionProblem
from .qubo.solution import ExactSolution as ExactSolution, Selection as Selection
from .samplers.exact import solve_exact as solve_exact
from .samplers.hardware.report import (
    HardwareReport as HardwareReport,
    hardware_report as hardware_report,
)
from .samplers.selection import solve as solve
from .sets.flip import FlipSet as FlipSet, flip_set as flip_set
from .sets.sufficient import SufficientSet as SufficientSet, sufficient_set as sufficient_set
from .verification import Verified as Verified, VerifiedList as VerifiedList, verify as verify
