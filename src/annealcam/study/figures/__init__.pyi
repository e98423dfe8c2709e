from .drawing import draw as draw
from .gaps import gap_by_d_figure as gap_by_d_figure, gap_histogram_figure as gap_histogram_figure
from .overlap import (
    matrices_figure as matrices_figure,
    overlap_by_k_figure as overlap_by_k_figure,
    overlap_figure as overlap_figure,
)
from .success import (
    best_of_shots_figure as best_of_shots_figure,
    landau_zener_figure as landau_zener_figure,
    success_by_class_figure as success_by_class_figure,
    success_by_d_figure as success_by_d_figure,
    success_by_maps_figure as success_by_maps_figure,
)
