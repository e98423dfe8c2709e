"""Tabu search by single flips, for `annealcam.samplers.local_search`.

With E(n) = linear n + n Q n / 2 and field = linear + Q n, flipping map p changes the energy by
(1 - 2 n_p) field_p. Every step makes the flip of lowest change, also where it raises the energy, so
that the search leaves minima. A map that was flipped stays as it is for some steps (its tenure),
unless flipping it gives the lowest energy so far: otherwise the next step would return to the
minimum. A step costs O(d).

Source: Glover, Kochenberger and Alidaee 1998, doi 10.1287/mnsc.44.3.336; restarts from the best
selection: Palubeckis 2006.
"""

from __future__ import annotations

import numpy as np

from annealcam._internal.compilation import compiler

compiled = compiler()
TENURE, SPREAD = 20, 10  # steps: at most a quarter of the maps, and a random number below SPREAD


@compiled
def tabu(linear, quadratic, n, steps, moved, rng, tie):  # type: ignore[no-untyped-def]
    """Improve n in place by `steps` flips, beginning with n after `moved` random flips."""
    d = len(n)
    trial, until = n.copy(), np.zeros(d, dtype=np.int64)
    for _ in range(moved):
        p = int(rng.random() * d)
        trial[p] = 1 - trial[p]
    best = 0.5 * ((linear + linear + quadratic[n == 1].sum(axis=0)) * n).sum()
    field = linear + quadratic[trial == 1].sum(axis=0)
    energy = 0.5 * ((linear + field) * trial).sum()
    tenure = min(TENURE, d // 4)
    for step in range(steps):
        at, lowest = -1, np.inf
        for p in range(d):
            change = -field[p] if trial[p] else field[p]
            if change < lowest and (until[p] <= step or energy + change < best - tie):
                at, lowest = p, change
        if at < 0:  # every map was flipped lately
            continue
        field += (1.0 - 2.0 * trial[at]) * quadratic[at]
        trial[at] = 1 - trial[at]
        energy += lowest
        until[at] = step + tenure + int(rng.random() * SPREAD)
        if energy < best - tie:
            best = energy
            n[:] = trial
