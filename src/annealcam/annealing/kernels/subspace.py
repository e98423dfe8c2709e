"""The states of one Hamming weight: the operators D and U, and functions of A = U D - k.

A vector of weight w over s qubits has one entry for each w-subset of {0, ..., s-1}, in ascending
order of its state number. The subsets whose largest member is p are a run of choose[p, w - 1]
entries that starts at choose[p, w], and within it they are the (w-1)-subsets of {0, ..., p-1} in
the same order. So D and U, which delete and insert a member, are recursions over the largest member
that add whole runs:

    D x = sum over p of (run p of x, p deleted) + (D of run p, a smaller member deleted).

No table of neighbours is needed, except for small blocks with short runs (`leaf_tables` in
simulation/johnson.py). simulation/subspace.py derives f(A) = sum_j c_j U^j D^j, which `rotate` and
`transform` evaluate by Horner's rule: down to D^j x for all j, then up with one U for each weight.
"""

from annealcam.annealing.kernels.compilation import compiled
from annealcam.annealing.kernels.state import dephase

LEAF = 256  # largest block with a table of neighbours


@compiled
def propagate(state, turns, real, imag, phases, pieces, below, d, k, choose, tables):
    """Rotate, then for each step apply phases[step] and rotate with the next coefficients.

    Every rotation consists of `pieces` equal ones. `turns` is the diagonal E / 2 pi, and the phase
    factor of a state is exp(-2 pi i phases[step] turns).
    """
    for step in range(phases.size + 1):
        if step > 0:
            dephase(state[0], state[1], turns, phases[step - 1], 1.0)
        for _ in range(pieces):
            rotate(state, real[step], imag[step], below, d, k, choose, tables)


@compiled
def rotate(state, real, imag, below, d, k, choose, tables):
    """Apply sum_j (real[j] + i imag[j]) U^j D^j in place; `below` (2, n) is for lower weights."""
    depth = real.size - 1
    for part in range(2):
        _descend(state[part], below[part], depth, d, k, choose, tables)
    for j in range(depth, -1, -1):
        re = _level(state[0], below[0], j, d, k, choose)
        im = _level(state[1], below[1], j, d, k, choose)
        _multiply(re, im, real[j], imag[j])
        if j < depth:
            insert(_level(state[0], below[0], j + 1, d, k, choose), re, d, k - j, choose, tables)
            insert(_level(state[1], below[1], j + 1, d, k, choose), im, d, k - j, choose, tables)


@compiled
def transform(x, real, below, d, k, choose, tables):
    """Apply sum_j real[j] U^j D^j to a real vector, in place."""
    depth = real.size - 1
    _descend(x, below, depth, d, k, choose, tables)
    for j in range(depth, -1, -1):
        y = _level(x, below, j, d, k, choose)
        for a in range(y.size):
            y[a] *= real[j]
        if j < depth:
            insert(_level(x, below, j + 1, d, k, choose), y, d, k - j, choose, tables)


@compiled
def _multiply(re, im, real, imag):
    for a in range(re.size):
        before = re[a]
        re[a] = real * before - imag * im[a]
        im[a] = imag * before + real * im[a]


@compiled
def _descend(x, below, depth, d, k, choose, tables):
    """Fill `below` with D x, D^2 x, ..., D^depth x."""
    for j in range(depth):
        upper = _level(x, below, j, d, k, choose)
        lower = _level(x, below, j + 1, d, k, choose)
        lower[:] = 0
        delete(upper, lower, d, k - j, choose, tables)


@compiled
def _level(x, below, j, d, k, choose):
    """Return the vector of weight k - j, which is x or a part of `below`."""
    if j == 0:
        return x
    start = 0
    for i in range(1, j):
        start += choose[d, k - i]
    return below[start : start + choose[d, k - j]]


@compiled
def delete(x, y, s, w, choose, tables):
    """Add D x to y: each (w-1)-subset gains x of every w-subset of {0..s-1} that contains it."""
    if w == 1:
        total = x[0]
        for p in range(1, s):
            total += x[p]
        y[0] += total
    elif w == 2:
        _delete_of_pair(x, y, s)
    elif choose[s, w] <= LEAF:
        for a in range(choose[s, w]):
            for j in range(w):
                y[tables[w, a, j]] += x[a]
    else:
        for p in range(w - 1, s):
            size, start = choose[p, w - 1], choose[p, w]
            _add(x[start : start + size], y[:size])  # p is deleted; then a smaller member
            delete(x[start:], y[size:], p, w - 1, choose, tables)


@compiled
def insert(y, x, s, w, choose, tables):
    """Add U y to x, U = D^T: each w-subset gains y of every (w-1)-subset that it contains."""
    if w == 1:
        for p in range(s):
            x[p] += y[0]
    elif w == 2:
        _insert_to_pair(y, x, s)
    elif choose[s, w] <= LEAF:
        for a in range(choose[s, w]):
            total = x[a]
            for j in range(w):
                total += y[tables[w, a, j]]
            x[a] = total
    else:
        for p in range(w - 1, s):
            size, start = choose[p, w - 1], choose[p, w]
            _add(y[:size], x[start : start + size])
            insert(y[size:], x[start:], p, w - 1, choose, tables)


@compiled
def _add(x, y):
    for a in range(x.size):
        y[a] += x[a]


@compiled
def _delete_of_pair(x, y, s):
    """Delete both members of each pair q < p in one pass over x."""
    start = 0
    for p in range(1, s):
        total = x[start]
        y[0] += total
        for q in range(1, p):
            y[q] += x[start + q]
            total += x[start + q]
        y[p] += total
        start += p


@compiled
def _insert_to_pair(y, x, s):
    start = 0
    for p in range(1, s):
        for q in range(p):
            x[start + q] += y[q] + y[p]
        start += p


@compiled
def fill(sums, s, w, base, fields, quadratic, choose):
    """Write base + sum_p field_p + sum_{p<q} Q_pq of every w-subset of {0..s-1}.

    Row w of `fields` is the field; the rows before it are memory for those of smaller subsets.
    """
    if w == 0:
        sums[0] = base
    elif w == 1:
        for p in range(s):
            sums[p] = base + fields[1, p]
    else:
        for p in range(w - 1, s):
            for q in range(p):
                fields[w - 1, q] = fields[w, q] + quadratic[p, q]
            deeper = base + fields[w, p]
            fill(sums[choose[p, w] :], p, w - 1, deeper, fields, quadratic, choose)
