"""Compiled: where the steps of a run lie, and what Strang's splitting does in each."""

import numpy as np

from annealcam.annealing.kernels.state import compiled


@compiled
def step_edges(kinks, counts):
    """Where steps begin and end, counts[i] of them between kinks[i] and kinks[i + 1]."""
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
    """The angles and phases of `strang`; each half of a phase reads its own side of a kink."""
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
