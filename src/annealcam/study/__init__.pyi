from .analysis.tables import analyse as analyse
from .config import (
    PRESETS as PRESETS,
    Annealing as Annealing,
    Baselines as Baselines,
    Data as Data,
    Evidence as Evidence,
    Network as Network,
    Problem as Problem,
    Statistics as Statistics,
    Study as Study,
    preset as preset,
    read_study as read_study,
    study_of as study_of,
)
from .pages.report import WrittenReport as WrittenReport, write_report as write_report
from .run.ending import redraw as redraw
from .run.engine import run_study as run_study
from .run.store import read_table as read_table
