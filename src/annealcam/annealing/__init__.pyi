from .adiabatic import (
    adiabatic_gain as adiabatic_gain,
    locally_adiabatic as locally_adiabatic,
    schedule_for as schedule_for,
)
from .batch import BatchResult as BatchResult, anneal_batch as anneal_batch
from .difficulty import (
    Distribution as Distribution,
    Hardness as Hardness,
    Run as Run,
    hardness as hardness,
)
from .evolution import AnnealResult as AnnealResult, anneal as anneal
from .hamiltonian import (
    DEFAULT_TAU as DEFAULT_TAU,
    NORMALISATIONS as NORMALISATIONS,
    Normalisation as Normalisation,
    dense_hamiltonian as dense_hamiltonian,
    normalisation_of as normalisation_of,
)
from .levels.gap import MinimumGap as MinimumGap, minimum_gap as minimum_gap
from .levels.low_spectrum import SpectrumCurve as SpectrumCurve, spectrum as spectrum
from .path import AnnealPath as AnnealPath, anneal_path as anneal_path
from .sampler import AnnealingSampler as AnnealingSampler
from .schedules.dwave import (
    read_dwave_schedule as read_dwave_schedule,
    read_schedule as read_schedule,
)
from .schedules.names import schedule_of as schedule_of
from .schedules.schedule import Schedule as Schedule
from .sentences import diagnosis as diagnosis
from .success import (
    best_of_shots as best_of_shots,
    best_of_shots_interval as best_of_shots_interval,
    guess_probability as guess_probability,
    tts99 as tts99,
    wilson_interval as wilson_interval,
)
from .sweep import (
    OptimalTau as OptimalTau,
    TauSweep as TauSweep,
    optimal_tau as optimal_tau,
    tau_sweep as tau_sweep,
)
