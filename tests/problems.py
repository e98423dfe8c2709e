"""Small selection problems that the tests share."""

import itertools

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import annealcam as ac
from annealcam.testing import relu_problem as relu_problem


def evidence_problem(
    d: int, seed: int = 0, *, pixels: int = 6, cardinality: int | None = 3, kind: str = "signed"
) -> tuple[ac.SelectionProblem, np.ndarray, np.ndarray]:
    """Return the problem |b - A n|^2 - 1 with |b| = 1 and its diagonal, with A and b."""
    rng = np.random.default_rng([seed, d])
    A = rng.normal(size=(pixels, d)) * rng.uniform(0.1, 1.0, d)
    if kind == "positive":
        A = np.abs(A)
    if kind == "copies":  # every map twice
        A = np.repeat(A, 2, axis=1)[:, :d]
    if kind == "dead":
        A[:, 0] = 0.0
    b = A.sum(axis=1)
    b /= np.linalg.norm(b)
    A *= 1.5 / (cardinality or d / 2)
    gram = A.T @ A
    p = ac.SelectionProblem(
        4 * A.T @ b - 2 * np.diagonal(gram), 4 * (gram - np.diag(np.diagonal(gram))), beta=0.5,
        cardinality=cardinality, diagonal=2 * np.diagonal(gram),
    )  # fmt: skip
    return p, A, b


@st.composite
def problems(draw, largest=7, cardinality=False):
    """Any problem: signs, zeros, ties and all."""
    d = draw(st.integers(1, largest))
    number = st.integers(-128, 128).map(lambda i: i / 64)  # exact in binary: ties are exact too
    h = draw(arrays(np.float64, d, elements=number))
    J = draw(arrays(np.float64, (d, d), elements=number))
    J = np.triu(J, 1)
    k = draw(st.integers(1, d)) if cardinality else None
    return ac.SelectionProblem(h, J + J.T, beta=draw(st.integers(0, 16)) / 16, cardinality=k)


def by_the_formula(p, n):
    pairs = itertools.combinations(range(p.d), 2)
    redundancy = sum(p.J[a, b] * n[a] * n[b] for a, b in pairs)
    return (1 - p.beta) * redundancy - p.beta * sum(p.h[a] * n[a] for a in range(p.d))
