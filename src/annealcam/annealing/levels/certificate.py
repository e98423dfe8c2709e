"""Lower bounds on the gap between the points where it is known.

Weyl: no eigenvalue moves by more than the norm of the change, so a gap that is g_0 and g_1 at two
ends of a path is above (g_0 + g_1 - T) / 2 between them, T the path's length measured by the
spreads (largest less smallest eigenvalue) of H_D and H_P.

Concavity: sums of the lowest levels are concave in (A, B). So the chord bounds E_0 + ... + E_g from
below; and the means of H in the states at the ends bound E_0 and E_0 + ... + E_(g-1) from above,
anywhere. Their difference bounds E_g - E_0, and closes with the square of the interval's width.
Levels are homogeneous, E(r A, r B) = r E(A, B), so a curved path may stray from its chord.

Both are proofs as far as the levels at the points are right within their estimated errors.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from annealcam._internal.types import Array
from annealcam.annealing.kernels.gap import Path
from annealcam.annealing.schedules.schedule import Schedule


def path_of(schedule: Schedule) -> Path:
    """Return a schedule for compiled code, with how far A and B go up and down from the start."""
    courses = []
    for curve, cubics in ((schedule.A, schedule.driver), (schedule.B, schedule.problem)):
        marks = _turning_points(schedule.breaks, cubics)
        courses += [marks, np.append(0.0, np.cumsum(np.abs(np.diff(curve(marks)))))]
    breaks, driver, problem = schedule.breaks, schedule.driver, schedule.problem
    return Path(*map(np.array, (breaks, driver, problem, *courses)))


def _turning_points(
    breaks: Float[Array, " n"], cubics: Float[Array, "n-1 4"]
) -> Float[Array, " marks"]:
    """The breaks and every point between them where a cubic turns back."""
    c1, c2, c3 = cubics[:, 1], 2 * cubics[:, 2], 3 * cubics[:, 3]
    with np.errstate(divide="ignore", invalid="ignore"):
        half = -0.5 * (c2 + np.copysign(np.sqrt(c2 * c2 - 4 * c1 * c3), c2))
        roots = np.concatenate([half / c3, c1 / half])
    inside = (roots > 0) & (roots < np.tile(np.diff(breaks), 2))
    return np.union1d(breaks, (roots + np.tile(breaks[:-1], 2))[inside])
