from .gap import MinimumGap as MinimumGap, minimum_gap as minimum_gap
from .low_spectrum import (
    SpectrumCurve as SpectrumCurve,
    ground_state as ground_state,
    spectrum as spectrum,
)
