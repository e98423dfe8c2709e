"""Problems with couplings of both signs."""

import numpy as np

import annealcam as ac

KINDS = ("whole numbers", "normal", "cut", "sparse", "equal", "copies")


def general(kind, d, seed, *, cardinality=None):
    rng = np.random.default_rng([d, seed])
    Q = rng.integers(-100, 101, (d, d)) * (rng.random((d, d)) < 0.5)
    linear = rng.integers(-100, 101, d)
    if kind == "normal":
        Q, linear = rng.normal(size=(d, d)), rng.normal(size=d)
    if kind == "sparse":
        Q = Q * (rng.random((d, d)) < 0.3)
    if kind == "equal":
        Q, linear = np.ones((d, d)), np.full(d, -d // 3)
    if kind == "copies":
        Q[d // 2 :], Q[:, d // 2 :] = 0, 0
    Q = np.triu(Q, 1) + np.triu(Q, 1).T
    if kind == "cut":  # reversing all spins changes nothing
        Q = 2 * np.abs(np.sign(Q))
        linear = -Q.sum(axis=1) / 2
    return ac.SelectionProblem(-2.0 * linear, 2.0 * Q, beta=0.5, cardinality=cardinality)


def beasley(d, seed):
    """A problem like the instances of Beasley: 10 % of the couplings, whole numbers up to 100."""
    rng = np.random.default_rng([d, seed])
    Q = np.triu(rng.integers(-100, 101, (d, d)) * (rng.random((d, d)) < 0.1), 1)
    return ac.SelectionProblem(-2.0 * rng.integers(-100, 101, d), 4.0 * (Q + Q.T), beta=0.5)
