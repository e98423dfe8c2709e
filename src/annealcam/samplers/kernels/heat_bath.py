"""Heat-bath sampling of selections of k maps, for `annealcam.samplers.inclusion`.

Selections S of k maps are to be drawn with the weights pi(S) ~ exp(-E(S) / T). With the field
linear + Q n of the other k - 1 maps, replacing map p of S by map q changes the energy by
field_q - field_p, so that the conditional distribution of the k-th map, given the others R, is

    P(q | R) = exp(-field_q / T) / z,   over all maps q outside R (p is one of them).

Drawing the k maps of S anew in turn, each from its conditional distribution, leaves pi unchanged:
a sweep. No draw is rejected, although nearly all of hundreds of maps would be.

Each draw also estimates the probability of every map q to be selected, by its expectation rather
than by its outcome (Rao and Blackwell): 1 for q in R, and P(q | R) for the others. These sum to k.

A chain begins at a high temperature, which falls to T geometrically; the last chain begins at a
given selection and at T, so that the chains disagree where that selection lies in a basin that
the others do not find. Chains are independent: their spread is the error of their mean.

exp(x) is (polynomial of exp(x / 256))^256, of degree 6, which compilers turn into vector
instructions. Its relative error is below 1e-6 for -36 <= x <= 0; lower x count as -36.
"""

from __future__ import annotations

import numpy as np

from annealcam._internal.compilation import compiler

compiled = compiler("contract", "nnan", "nsz", "reassoc")
LEAST = -36.0 / 256


@compiled
def run(linear, quadratic, members, temperature, scale, tie, sweeps, rng, total):  # type: ignore[no-untyped-def]
    """Sample from all chains, and return the lowest energy before the first counted sweep.

    Chain c has the maps `members[c]`, which change. `temperature` is in units of the magnitude of
    the lowest energy met, or of `scale` if that is within `tie` of zero, and not below `tie`.
    `sweeps` are those that lower the temperature, and those that are counted. `total[c]` becomes
    the estimates of chain c.
    """
    chains, k = members.shape
    d = len(linear)
    fields, free = np.empty((chains, d)), np.ones((chains, d))
    energy = np.zeros(chains)
    rest, weight = np.empty(d), np.empty(d)
    hot = 0.0
    for c in range(chains):
        fields[c] = linear
        for i in range(k):
            energy[c] += fields[c, members[c, i]]
            fields[c] += quadratic[members[c, i]]
            free[c, members[c, i]] = 0.0
        hot = max(hot, fields[c].max() - fields[c].min())
    lowest = energy.min()
    cold = 0.0
    falling, counted = sweeps
    for step in range(falling + counted):
        if step <= falling:
            cold = max(temperature * (abs(lowest) if abs(lowest) > tie else scale), tie)
        if step == falling:
            total[:] = 0.0
        for c in range(chains):
            t = cold
            if step < falling and c < chains - 1 and hot > cold:
                t = hot * (cold / hot) ** (step / falling)
            energy[c] += _sweep(
                quadratic, members[c], free[c], fields[c], t, rest, weight, rng, total[c]
            )
            if step < falling:
                lowest = min(lowest, energy[c])
    total /= counted * k
    return lowest


@compiled
def _sweep(quadratic, members, free, field, temperature, rest, weight, rng, total):  # type: ignore[no-untyped-def]
    """Draw every map anew, in turn, and add the estimates to `total`; return the change of energy.

    `free` is 1 for maps outside the selection and 0 inside; `rest` and `weight` are for work.
    """
    d = len(field)
    change = 0.0
    factor = 1.0 / (256.0 * temperature)
    for i in range(len(members)):
        p = members[i]
        row = quadratic[p]
        free[p] = 1.0
        low = np.inf
        for q in range(d):
            rest[q] = field[q] - row[q]
            low = min(low, rest[q] if free[q] > 0.0 else np.inf)
        z = 0.0
        for q in range(d):
            x = min(max((low - rest[q]) * factor, LEAST), 0.0)  # above 0: inside, and not free
            y = 1 + x * (
                1 + x * (1 / 2 + x * (1 / 6 + x * (1 / 24 + x * (1 / 120 + x * (1 / 720)))))
            )
            for _ in range(8):
                y *= y
            weight[q] = y * free[q]
            z += weight[q]
        left = rng.random() * z
        new = p
        for q in range(d):
            if weight[q] > 0.0:
                new = q
                left -= weight[q]
                if left < 0.0:
                    break
        for q in range(d):
            total[q] += weight[q] / z
        for j in range(len(members)):
            total[members[j]] += j != i
        change += rest[new] - rest[p]
        row = quadratic[new]
        for q in range(d):
            field[q] = rest[q] + row[q]
        members[i] = new
        free[new] = 0.0
    return change
