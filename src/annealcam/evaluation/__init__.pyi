from .best_maps import best_k as best_k
from .evaluation import Evaluation as Evaluation, evaluate as evaluate
from .faithfulness import check_explanation as check_explanation, check_sentences as check_sentences
from .figure import evaluation_figure as evaluation_figure
from .grids import GridChoice as GridChoice
from .masks import find_masks as find_masks
from .methods import DEFAULT_METHODS as DEFAULT_METHODS, METHODS as METHODS
from .scores import METRICS as METRICS, Metric as Metric
from .solver_comparison import (
    compare_samplers as compare_samplers,
    compare_with_explanation as compare_with_explanation,
)
from .table import Line as Line
