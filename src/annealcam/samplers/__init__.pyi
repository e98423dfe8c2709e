from .annealing import select_by_annealing as select_by_annealing
from .baselines import greedy as greedy, random_k as random_k, topk_relevance as topk_relevance
from .core_maps import (
    Inclusion as Inclusion,
    StandIn as StandIn,
    inclusion as inclusion,
    stand_ins as stand_ins,
)
from .exact import branch_and_bound as branch_and_bound, solve_exact as solve_exact
from .hardware.report import (
    HardwareReport as HardwareReport,
    hardware_report as hardware_report,
)
from .heuristics import (
    path_integral as path_integral,
    simulated_annealing as simulated_annealing,
    tabu as tabu,
)
from .local import local_search as local_search, local_search_many as local_search_many
from .paths import (
    BetaPath as BetaPath,
    beta_path as beta_path,
    cardinality_path as cardinality_path,
)
from .registry import SAMPLERS as SAMPLERS, Sampler as Sampler
from .relaxation import Relaxation as Relaxation, relax as relax
from .selection import BQMSampler as BQMSampler, select as select
from .shots import best_of as best_of
from .windows import select_by_windows as select_by_windows
