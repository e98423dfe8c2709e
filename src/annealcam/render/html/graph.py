"""The selection as a graph: how relevant each candidate is, and which of them are alike."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from annealcam._internal.types import Array
from annealcam.explanation import Explanation

MOST_NODES = 48
EDGES_A_NODE = 2  # about so many are drawn: more are a thicket
LEAST_COSINE = 0.5  # two maps less alike than that are not joined
WIDTH, HEIGHT, MARGIN = 720.0, 440.0, 34.0
SMALLEST, LARGEST = 6.0, 24.0  # radii of relevance 0 and 1
MOST_STRETCH = 1.5
CLEARANCE = 14.0  # between two nodes: room for a number


@dataclass(frozen=True)
class Node:
    """A candidate: `cost` is how the energy changes when it alone is added, or taken away."""

    channel: int
    x: float
    y: float
    radius: float
    relevance: float
    selected: bool
    like: int | None
    cosine: float
    cost: float


@dataclass(frozen=True)
class Edge:
    """Two maps that are alike; `strength` is 0 at the threshold and 1 at a cosine of 1."""

    ends: tuple[int, int]
    places: tuple[float, float, float, float]
    cosine: float
    strength: float


@dataclass(frozen=True)
class Graph:
    """What is drawn: some nodes of all, and the edges of at least a cosine."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    threshold: float
    left_out: int


def selection_graph(e: Explanation) -> Graph:
    """Return the graph of an explanation's candidates: the selected and the most relevant ones.

    A node's radius is linear in its relevance h. Places come from the cosines alone (see
    `layout`), so that equal problems make equal graphs.
    """
    shown = _shown(e.problem.h, e.selection.n.astype(bool))
    h, J = e.problem.h[shown], e.problem.J[np.ix_(shown, shown)]
    radii = SMALLEST + (LARGEST - SMALLEST) * np.clip(h, 0.0, 1.0)
    places = layout(J, radii)
    cost = _costs(e)
    nodes = []
    for i, p in enumerate(shown):
        other = int(np.argmax(J[i])) if len(shown) > 1 else None
        nodes.append(
            Node(
                channel=int(e.candidates[p]),
                x=float(places[i, 0]),
                y=float(places[i, 1]),
                radius=float(radii[i]),
                relevance=float(h[i]),
                selected=bool(e.selection.n[p]),
                like=None if other is None else int(e.candidates[shown[other]]),
                cosine=0.0 if other is None else float(J[i, other]),
                cost=float(cost[p]),
            )
        )
    threshold = threshold_of(J)
    return Graph(
        tuple(nodes), tuple(_edges(nodes, J, threshold)), threshold, e.problem.d - len(shown)
    )


def threshold_of(J: Float[Array, "d d"]) -> float:
    """Return the cosine from which pairs are joined: two decimals, at least `LEAST_COSINE`.

    So high that about `EDGES_A_NODE` pairs a node are left.

    >>> threshold_of(np.array([[0.0, 0.9], [0.9, 0.0]]))
    0.5
    """
    pairs = np.sort(J[np.triu_indices(len(J), 1)])[::-1]
    most = EDGES_A_NODE * len(J)
    if len(pairs) <= most:
        return LEAST_COSINE
    return min(1.0, max(LEAST_COSINE, math.ceil(100 * float(pairs[most - 1])) / 100))


def layout(J: Float[Array, "d d"], radii: Float[Array, " d"]) -> Float[Array, "d 2"]:
    """Return places (x, y) in the picture: maps that are alike lie close together.

    Distances are to be sqrt(2 - 2 J), those of the maps at unit length, as well as a plane
    allows: classical scaling as a start, then 200 rounds of majorisation (SMACOF). What is far
    from the middle is then drawn nearer (its distance becomes the square root), and nodes are
    pushed apart until none covers another. No chance is involved, and the order of the maps does
    not matter.

    >>> layout(np.zeros((1, 1)), np.ones(1)).round().tolist()
    [[360.0, 220.0]]
    """
    d = len(J)
    wanted = np.sqrt(2.0 * np.clip(1.0 - J, 0.01, None)) * (1.0 - np.eye(d))
    places = _upright(_scaled_classically(wanted))
    for _ in range(200 if d > 2 else 0):
        apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
        pull = -wanted / np.where(apart > 1e-9, apart, np.inf)
        pull[np.diag_indices(d)] = -pull.sum(axis=1)
        places = pull @ places / d
    return _kept_apart(_fitted(_upright(_drawn_nearer(places, radii))), radii)


def _drawn_nearer(places: Float[Array, "d 2"], radii: Float[Array, " d"]) -> Float[Array, "d 2"]:
    """Distances from the middle of the relevant maps under the square root: they get the room."""
    weight = np.clip(radii - 0.9 * SMALLEST, 1e-3, None)
    centred = places - (weight[:, None] * places).sum(axis=0) / max(weight.sum(), 1e-9)
    return centred / np.sqrt(np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9))


def _scaled_classically(wanted: Float[Array, "d d"]) -> Float[Array, "d 2"]:
    """Torgerson's scaling: the two leading eigenvectors of the centred squares."""
    d = len(wanted)
    centre = np.eye(d) - 1.0 / d if d else np.eye(0)
    values, vectors = np.linalg.eigh(-0.5 * centre @ wanted**2 @ centre)
    places = np.zeros((d, 2))
    take = min(2, d)
    leading = np.sqrt(np.clip(values[::-1][:take], 0.0, None))
    places[:, :take] = vectors[:, ::-1][:, :take] * leading
    return places


def _upright(places: Float[Array, "d 2"]) -> Float[Array, "d 2"]:
    """Turned so that the long side lies flat, with one sign out of two that are equally good."""
    if len(places) < 2:
        return places
    centred = places - places.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    turned = centred @ axes.T
    skew = (turned**3).sum(axis=0)
    return turned * np.where(skew < 0, -1.0, 1.0)


def _fitted(places: Float[Array, "d 2"]) -> Float[Array, "d 2"]:
    """Stretched over the picture, one direction at most `MOST_STRETCH` as far as the other."""
    room = np.array([WIDTH, HEIGHT]) - 2 * MARGIN
    if len(places) == 0:
        return places
    low, high = places.min(axis=0), places.max(axis=0)
    factors = room / np.maximum(high - low, 1e-9)
    factors = np.minimum(factors, MOST_STRETCH * factors.min())
    middle = np.array([WIDTH, HEIGHT]) / 2
    return middle + (places - (low + high) / 2) * (factors if (high - low).max() > 1e-9 else 1.0)


def _kept_apart(
    places: Float[Array, "d 2"], radii: Float[Array, " d"], *, rounds: int = 300
) -> Float[Array, "d 2"]:
    """Nodes pushed away from each other, and back into the picture, until none covers another."""
    least = radii[:, None] + radii[None] + CLEARANCE
    low, high = radii[:, None] + 4, np.array([WIDTH, HEIGHT]) - radii[:, None] - 4
    spiral = np.arange(len(places)) * 2.399963  # the golden angle: for nodes in the same place
    places = places + 1e-3 * np.stack([np.cos(spiral), np.sin(spiral)], axis=1)
    for _ in range(rounds):
        offset = places[:, None] - places[None]
        apart = np.linalg.norm(offset, axis=-1) + np.eye(len(places))
        short = np.clip(least - apart, 0.0, None) * (1.0 - np.eye(len(places)))
        if not short.any():
            break
        push = (offset / apart[..., None] * short[..., None]).sum(axis=1)
        places = np.clip(places + 0.5 * push, low, high)
    return places


def _shown(h: Float[Array, " d"], selected: Bool[Array, " d"]) -> Int[Array, " shown"]:
    """The selected and the most relevant candidates, in the problem's order."""
    return np.sort(np.lexsort((np.arange(len(h)), -h, ~selected))[:MOST_NODES])


def _costs(e: Explanation) -> Float[Array, " d"]:
    """How the energy changes when one map alone is added to the selection, or taken away."""
    n = e.selection.n.astype(np.float64)
    added = e.problem.linear + e.problem.quadratic @ n
    return np.where(n > 0, -added, added)


def _edges(nodes: list[Node], J: Float[Array, "d d"], threshold: float) -> list[Edge]:
    """Weakest first, so that the strong ones lie on top."""
    rows, columns = np.nonzero(np.triu(threshold <= J, 1))
    pairs = sorted(zip(rows, columns, strict=True), key=lambda pair: J[pair])
    span = max(1.0 - threshold, 1e-9)
    return [
        Edge(
            (nodes[i].channel, nodes[j].channel),
            (nodes[i].x, nodes[i].y, nodes[j].x, nodes[j].y),
            float(J[i, j]),
            min(1.0, max(0.0, float((J[i, j] - threshold) / span))),
        )
        for i, j in pairs
    ]
