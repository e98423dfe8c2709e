"""The steps of a run, and the angles and phases of Strang's splitting in each.

A step from u_0 to u_1 of length t = tau (u_1 - u_0) is exp(-i t/2 B(u_0) E), then
exp(i t c A((u_0 + u_1)/2) sum_p X_p), then exp(-i t/2 B(u_1) E). The last phase of a step and the
first of the next one are merged. At a kink of the schedule, each half of a phase takes B from its
own side.
"""

import numpy as np

from annealcam.annealing.kernels.compilation import compiled


@compiled
def step_edges(kinks, counts):
    """Return the ends of all steps, counts[i] of them between kinks[i] and kinks[i + 1]."""
    edges = np.empty(counts.sum() + 1)
    k = 0
    for i in range(counts.size):
        for j in range(counts[i]):
            edges[k] = kinks[i] + (kinks[i + 1] - kinks[i]) * (j / counts[i])
            k += 1
    edges[k] = kinks[-1]
    return edges


@compiled
def strang_stages(edges, breaks, driver, problem, tau, scale):
    """Return the angles and phases of Strang's splitting with steps between the given edges."""
    steps = edges.size - 1
    angles, phases = np.empty(steps), np.zeros(steps + 1)
    first, middle, last = 0, 0, 0
    for k in range(steps):
        start, end = edges[k], edges[k + 1]
        length = tau * (end - start)
        centre = 0.5 * (start + end)
        while first < breaks.size - 2 and start >= breaks[first + 1]:
            first += 1
        while middle < breaks.size - 2 and centre >= breaks[middle + 1]:
            middle += 1
        while last < breaks.size - 2 and end > breaks[last + 1]:
            last += 1
        angles[k] = scale * length * _cubic(driver[middle], centre - breaks[middle])
        phases[k] += 0.5 * length * _cubic(problem[first], start - breaks[first])
        phases[k + 1] += 0.5 * length * _cubic(problem[last], end - breaks[last])
    return angles, phases


@compiled
def _cubic(c, x):
    return c[0] + x * (c[1] + x * (c[2] + x * c[3]))
