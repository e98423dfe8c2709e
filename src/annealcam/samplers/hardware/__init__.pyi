from .chains import Embedding as Embedding, embed as embed, largest_clique as largest_clique
from .ensemble import Ensemble as Ensemble, gibbs as gibbs
from .machine import MACHINES as MACHINES, Machine as Machine, read_machine as read_machine
from .report import (
    Chance as Chance,
    HardwareReport as HardwareReport,
    hardware_report as hardware_report,
)
from .scaling import Program as Program, program as program
from .sentences import verdict as verdict
