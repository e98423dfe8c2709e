"""Annealing schedules: from functions, from tables, from files of D-Wave, and by name."""

from typing import TYPE_CHECKING

from annealcam._internal.lazy import lazy_exports

if TYPE_CHECKING:
    from annealcam.annealing.schedules.dwave import read_dwave_schedule, read_schedule
    from annealcam.annealing.schedules.names import schedule_of
    from annealcam.annealing.schedules.schedule import LINEAR, QUADRATIC, SCHEDULES, Schedule

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "LINEAR": "schedule",
        "QUADRATIC": "schedule",
        "SCHEDULES": "schedule",
        "Schedule": "schedule",
        "read_dwave_schedule": "dwave",
        "read_schedule": "dwave",
        "schedule_of": "names",
    },
)
