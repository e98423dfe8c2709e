"""Compiled loops over the states of one Hamming weight. Compile time is cached between processes.

A vector of weight w over s qubits has one entry for each w-subset of {0, ..., s-1}, in ascending
order of its state number. There the subsets whose largest member is p are one run of
choose[p, w - 1] entries, from choose[p, w] on, and within it they are the (w-1)-subsets of
{0, ..., p-1} in the same order. So D and U, which delete and insert one member, are recursions over
the largest member that add whole runs. No table of neighbours is needed, but for small blocks
(`leaf_tables` in _johnson.py), where the runs would be too short.
"""
# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from annealcam.annealing.kernels.state import compiled, dephase

LEAF = 256  # largest block that a table of neighbours serves


@compiled
def propagate(state, turns, real, imag, phases, pieces, below, d, k, choose, tables):
    """Rotate, then for each step: phase by phases[step], rotate with the next coefficients.

    Every rotation is done in `pieces` equal ones. `turns` is the diagonal E / 2 pi; the phase of a
    state is exp(-2 pi i phases[step] turns).
    """
    for step in range(phases.size + 1):
        if step > 0:
            dephase(state[0], state[1], turns, phases[step - 1], 1.0)
        for _ in range(pieces):
            rotate(state, real[step], imag[step], below, d, k, choose, tables)


@compiled
def rotate(state, real, imag, below, d, k, choose, tables):
    """Apply sum_j (real[j] + i imag[j]) U^j D^j, in place; `below` (2, n) has the lower weights."""
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
    """The vector of weight k - j: x itself, or its place in `below`."""
    if j == 0:
        return x
    start = 0
    for i in range(1, j):
        start += choose[d, k - i]
    return below[start : start + choose[d, k - j]]


@compiled
def delete(x, y, s, w, choose, tables):
    """y += D x: y of a (w-1)-subset gains x of every w-subset of {0..s-1} that contains it."""
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
            _add(x[start : start + size], y[:size])  # p deleted; below, a smaller member
            delete(x[start:], y[size:], p, w - 1, choose, tables)


@compiled
def insert(y, x, s, w, choose, tables):
    """x += U y, the transpose of D: x of a w-subset gains y of every (w-1)-subset in it."""
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
    """Both members of each pair q < p in one pass over x."""
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

    Row w of `fields` holds the field; the rows below are room for those of smaller subsets.
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
