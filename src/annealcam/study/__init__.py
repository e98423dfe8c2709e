"""Studies: the method on a labelled set of images, with statistics, figures and pages."""

from annealcam._internal.lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "Annealing": "config",
        "Baselines": "config",
        "Data": "config",
        "Network": "config",
        "PRESETS": "config",
        "Problem": "config",
        "Statistics": "config",
        "Study": "config",
        "WrittenReport": "pages.report",
        "analyse": "analysis.tables",
        "preset": "config",
        "read_study": "config",
        "read_table": "run.store",
        "redraw": "run.ending",
        "run_study": "run.engine",
        "study_of": "config",
        "write_report": "pages.report",
    },
)
