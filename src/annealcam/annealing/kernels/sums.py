"""Sums in the order of numpy, so that compiled code and numpy have equal bits.

Numpy halves an array, at a multiple of 8, until a part has at most 128 numbers. Such a part is
summed by eight accumulators, which are added pairwise, and then the numbers that are left over.
"""

import numpy as np

from annealcam.annealing.kernels.compilation import plain

_PART, _DEPTH = 128, 64


@plain
def pairwise_sum(x):
    """Return the sum of contiguous numbers, equal to that of numpy to the bit.

    The halves that contain the next number are nested: `end` and `left` have the end of each, and
    the sum of its left neighbour; `is_right` is set where it has one.
    """
    end, left = np.empty(_DEPTH, np.int64), np.empty(_DEPTH)
    is_right = np.zeros(_DEPTH, np.bool_)
    start, depth, end[0] = 0, 0, x.size
    while True:
        while end[depth] - start > _PART:
            half = (end[depth] - start) >> 1
            depth += 1
            end[depth], is_right[depth] = start + half - (half & 7), False
        total = _sum_of_part(x, start, end[depth])
        start = end[depth]
        while is_right[depth]:
            total = left[depth] + total
            depth -= 1
        if depth == 0:
            return total
        left[depth], is_right[depth], end[depth] = total, True, end[depth - 1]


@plain
def _sum_of_part(x, start, end):
    if end - start < 8:
        total = 0.0
        for i in range(start, end):
            total += x[i]
        return total
    r0, r1, r2, r3 = x[start], x[start + 1], x[start + 2], x[start + 3]
    r4, r5, r6, r7 = x[start + 4], x[start + 5], x[start + 6], x[start + 7]
    whole = end - ((end - start) & 7)
    for i in range(start + 8, whole, 8):
        r0 += x[i]
        r1 += x[i + 1]
        r2 += x[i + 2]
        r3 += x[i + 3]
        r4 += x[i + 4]
        r5 += x[i + 5]
        r6 += x[i + 6]
        r7 += x[i + 7]
    total = ((r0 + r1) + (r2 + r3)) + ((r4 + r5) + (r6 + r7))
    for i in range(whole, end):
        total += x[i]
    return total
