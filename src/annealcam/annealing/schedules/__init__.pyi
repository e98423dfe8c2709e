from .dwave import read_dwave_schedule as read_dwave_schedule, read_schedule as read_schedule
from .names import schedule_of as schedule_of
from .schedule import (
    LINEAR as LINEAR,
    QUADRATIC as QUADRATIC,
    SCHEDULES as SCHEDULES,
    Schedule as Schedule,
)
