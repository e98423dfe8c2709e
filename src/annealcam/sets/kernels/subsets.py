"""Compiled search for the k maps that keep a class best, for `annealcam.sets.best_subset`.

Derivation. With z_0 the logits without any map and A_a what map a adds to them, the selection n has
the logits z(n) = z_0 + sum_a n_a A_a, and

    log p_c(n) = z_c(n) - log sum_j exp z_j(n)

is concave in n. At a point x of {0 <= n <= 1, sum n = k} let g be its gradient. Then for every set
S of k maps

    log p_c(S) <= b + sum_{a in S} g_a,    b = log p_c(x) - g x.

The maps are sorted by g, largest first, and the sets are visited in lexicographic order, depth
first. With t maps still to be chosen from map i on, and G the prefix sums of g, no set of the
branch is above b + (sum of g over the maps chosen so far) + G_{i+t} - G_i. Where this is not above
the best value, the branch ends, and so do those that begin with a later map, whose sums are no
larger. Close to the maximum of the relaxation few sets pass this test, so that those of hundreds of
maps can be visited one by one.

Logits are relative to the class: d_j = z_j - z_c, so that d_c = 0 and log p_c = -log sum_j exp d_j.
"""

from __future__ import annotations

import numpy as np

from annealcam._internal.compilation import compiler

compiled = compiler()


@compiled
def _log_probability(d):  # type: ignore[no-untyped-def]
    most = d.max()
    total = 0.0
    for j in range(d.size):
        total += np.exp(d[j] - most)
    return -most - np.log(total)


@compiled
def visit(effects, none, prefix, base, members, best, slack, limit):  # type: ignore[no-untyped-def]
    """Visit all sets whose bound is above the best value by more than `slack`.

    Args:
        effects: (maps, classes), relative to the class, in the order of decreasing g.
        none: (classes,), the logits without maps, relative to the class.
        prefix: (maps + 1,), prefix sums of g, from 0.
        base: b.
        members: (k,), places of the best set so far; overwritten by a better one.
        best: its value.
        slack: by how much the bound must exceed the best value.
        limit: number of sums of logits after which the search ends.

    Returns:
        the best value, and whether all sets were visited or excluded.
    """
    maps, k = len(effects), len(members)
    place = np.zeros(k, np.int64)
    logits = np.zeros((k + 1, none.size))
    logits[0] = none
    bound = np.zeros(k + 1)
    bound[0] = base
    depth, visited = 0, 0
    while depth >= 0:
        i, left = place[depth], k - depth
        if i + left > maps or bound[depth] + prefix[i + left] - prefix[i] <= best + slack:
            depth -= 1
            if depth >= 0:
                place[depth] += 1
            continue
        if visited == limit:
            return best, False
        visited += 1
        for j in range(none.size):
            logits[depth + 1, j] = logits[depth, j] + effects[i, j]
        if left > 1:
            bound[depth + 1] = bound[depth] + prefix[i + 1] - prefix[i]
            depth += 1
            place[depth] = i + 1
            continue
        value = _log_probability(logits[k])
        if value > best:
            best = value
            members[:] = place
        place[depth] += 1
    return best, True
