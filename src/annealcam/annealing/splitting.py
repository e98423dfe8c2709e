"""The splitting ABA(10,4): one step is seven phases between eight rotations, to fourth order.

H = A(t) H_D + B(t) H_QUBO is split in the extended phase space: two clocks, one read by the
driver and moved by the phases, one read by the problem and moved by the rotations, so that the
time dependence costs no order. The driver stands outside: neighbouring steps share a rotation.

Source: Blanes, Casas, Farres, Laskar, Makazaga, Murua 2013, near-integrable splittings.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from annealcam._types import Array
from annealcam.annealing.schedule import Schedule

_A = [0.04706710064597250, 0.1847569354170881, 0.2827060056798362]
_A.append(0.5 - sum(_A))
_B = [0.1188819173681970, 0.2410504605515015, -0.2732866667053238]
ROTATIONS = np.array(_A + _A[::-1])
PHASES = np.array([*_B, 1.0 - 2.0 * sum(_B), *_B[::-1]])
STAGES = len(PHASES)
ORDER = 4


def stages(
    schedule: Schedule, tau: float, steps: int, driver_scale: float
) -> tuple[Float[Array, " rotations"], Float[Array, " phases"]]:
    """Return the angles and phase weights of `steps` equal steps over a run of length tau.

    The run is rotation by angles[0], then for each k a phase exp(-i phases[k] E) and a rotation
    by angles[k + 1].

    >>> from annealcam.annealing.schedule import LINEAR
    >>> angles, phases = stages(LINEAR, tau=10.0, steps=3, driver_scale=1.0)
    >>> len(angles), len(phases), float(angles.sum().round(9)), float(phases.sum().round(9))
    (22, 21, 5.0, 5.0)
    """
    step = tau / steps
    start = np.arange(steps)[:, None]  # in units of a step
    read_by_driver = (start + np.concatenate([[0.0], np.cumsum(PHASES)])) / steps
    read_by_problem = (start + np.cumsum(ROTATIONS[:-1])) / steps
    angles = driver_scale * step * schedule.driver(read_by_driver) * ROTATIONS
    phases = step * schedule.problem(read_by_problem) * PHASES
    merged = np.append(angles[:, :-1].ravel(), angles[-1, -1])
    merged[STAGES:-1:STAGES] += angles[:-1, -1]
    return merged, phases.ravel()
