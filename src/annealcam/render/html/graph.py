"""The selection problem as a graph: weights of the candidates, cosines of their pairs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from annealcam._internal.types import Array
from annealcam.explanation import Explanation
from annealcam.qubo.evidence import contribution_cosines

MOST_NODES = 48
EDGES_A_NODE = 2  # approximate number of drawn edges; more would be illegible
LEAST_COSINE = 0.5  # pairs of smaller cosine have no edge
WIDTH, HEIGHT, MARGIN = 720.0, 440.0, 34.0
SMALLEST, LARGEST = 6.0, 24.0  # radii at relevance 0 and 1
MOST_STRETCH = 1.5
CLEARANCE = 14.0  # between two nodes, for a number


@dataclass(frozen=True)
class Node:
    """A candidate.

    Attributes:
        weight: h; for the objective `evidence` the alignment, or for beta 1 the contribution, over
            the largest one.
        like: the channel of largest cosine with this one.
        cost: change of the energy when only this map is added or removed.
        inclusion: probability to be part of a nearly best selection.
    """

    channel: int
    x: float
    y: float
    radius: float
    weight: float
    selected: bool
    like: int | None
    cosine: float
    cost: float
    inclusion: float


@dataclass(frozen=True)
class Edge:
    """A pair of similar or of opposite maps.

    `strength` is 0 where |cosine| is the threshold, and 1 where it is 1.
    """

    ends: tuple[int, int]
    places: tuple[float, float, float, float]
    cosine: float
    strength: float


@dataclass(frozen=True)
class Graph:
    """The drawn nodes, the edges from a |cosine| on, and the number of nodes that are not drawn."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    threshold: float
    left_out: int


def selection_graph(e: Explanation) -> Graph:
    """Return the graph of the selected and the most important candidates of an explanation.

    The radius of a node is linear in its weight: the relevance h and the |cosines| of the maps for
    the objectives `relative` and `sum`; the alignment and the cosines of the contribution maps,
    which have both signs, for `evidence`. The positions depend only on the cosines (see `layout`),
    so that equal problems give equal graphs.
    """
    weight, cosines = _weights(e)
    shown = _shown(weight, e.selection.n.astype(bool))
    weight, cosines = weight[shown], cosines[np.ix_(shown, shown)]
    radii = SMALLEST + (LARGEST - SMALLEST) * np.clip(weight, 0.0, 1.0)
    places = layout(cosines, radii)
    cost = _costs(e)
    nodes = []
    for i, p in enumerate(shown):
        other = _most_similar(cosines, i)
        nodes.append(
            Node(
                channel=int(e.candidates[p]),
                x=float(places[i, 0]),
                y=float(places[i, 1]),
                radius=float(radii[i]),
                weight=float(weight[i]),
                selected=bool(e.selection.n[p]),
                like=None if other is None else int(e.candidates[shown[other]]),
                cosine=0.0 if other is None else float(cosines[i, other]),
                cost=float(cost[p]),
                inclusion=float(e.inclusion[p]),
            )
        )
    threshold = threshold_of(np.abs(cosines))
    return Graph(
        tuple(nodes), tuple(_edges(nodes, cosines, threshold)), threshold, e.problem.d - len(shown)
    )


def _weights(e: Explanation) -> tuple[Float[Array, " d"], Float[Array, "d d"]]:
    """Return the weights of all candidates, at most 1, and the cosines of their pairs."""
    if e.problem.diagonal is None:
        return e.problem.h, e.problem.J
    values = e.contribution if e.provenance["beta"] == 1 else e.importance
    weight = values[e.candidates].astype(np.float64)
    return weight / max(weight.max(), 1e-300), contribution_cosines(e.problem)


def _most_similar(cosines: Float[Array, "d d"], i: int) -> int | None:
    """Return the map of largest cosine with a map; None if there is no other one."""
    if len(cosines) < 2:
        return None
    others = cosines[i].copy()
    others[i] = -np.inf
    return int(np.argmax(others))


def threshold_of(J: Float[Array, "d d"]) -> float:
    """Return the cosine from which pairs have an edge: two decimals, at least `LEAST_COSINE`.

    At most about `EDGES_A_NODE` pairs a node lie above it.

    >>> threshold_of(np.array([[0.0, 0.9], [0.9, 0.0]]))
    0.5
    """
    pairs = np.sort(J[np.triu_indices(len(J), 1)])[::-1]
    most = EDGES_A_NODE * len(J)
    if len(pairs) <= most:
        return LEAST_COSINE
    return min(1.0, max(LEAST_COSINE, math.ceil(100 * float(pairs[most - 1])) / 100))


def layout(J: Float[Array, "d d"], radii: Float[Array, " d"]) -> Float[Array, "d 2"]:
    """Return positions (x, y) in the picture at which similar maps lie close together.

    The distances approximate sqrt(2 - 2 J), the distances of the maps scaled to unit length:
    classical scaling, then 200 iterations of majorisation (SMACOF). Distances from the centre are
    then replaced by their square roots, and nodes are pushed apart until none covers another.
    The result is deterministic and does not depend on the order of the maps.

    >>> layout(np.zeros((1, 1)), np.ones(1)).round().tolist()
    [[360.0, 220.0]]
    """
    d = len(J)
    distances = np.sqrt(2.0 * np.clip(1.0 - J, 0.01, None)) * (1.0 - np.eye(d))
    places = _upright(_scaled_classically(distances))
    for _ in range(200 if d > 2 else 0):
        apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
        pull = -distances / np.where(apart > 1e-9, apart, np.inf)
        pull[np.diag_indices(d)] = -pull.sum(axis=1)
        places = pull @ places / d
    return _kept_apart(_fitted(_upright(_drawn_nearer(places, radii))), radii)


def _drawn_nearer(places: Float[Array, "d 2"], radii: Float[Array, " d"]) -> Float[Array, "d 2"]:
    """Replace distances from the centre of the relevant maps by their square roots."""
    weight = np.clip(radii - 0.9 * SMALLEST, 1e-3, None)
    centred = places - (weight[:, None] * places).sum(axis=0) / max(weight.sum(), 1e-9)
    return centred / np.sqrt(np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9))


def _scaled_classically(distances: Float[Array, "d d"]) -> Float[Array, "d 2"]:
    """Return Torgerson's scaling: the two leading eigenvectors of the centred squares."""
    d = len(distances)
    centre = np.eye(d) - 1.0 / d if d else np.eye(0)
    values, vectors = np.linalg.eigh(-0.5 * centre @ distances**2 @ centre)
    places = np.zeros((d, 2))
    take = min(2, d)
    leading = np.sqrt(np.clip(values[::-1][:take], 0.0, None))
    places[:, :take] = vectors[:, ::-1][:, :take] * leading
    return places


def _upright(places: Float[Array, "d 2"]) -> Float[Array, "d 2"]:
    """Rotate the long side into the horizontal, and fix the sign of both axes."""
    if len(places) < 2:
        return places
    centred = places - places.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    turned = centred @ axes.T
    skew = (turned**3).sum(axis=0)
    return turned * np.where(skew < 0, -1.0, 1.0)


def _fitted(places: Float[Array, "d 2"]) -> Float[Array, "d 2"]:
    """Stretch over the picture, one direction at most `MOST_STRETCH` as much as the other."""
    size = np.array([WIDTH, HEIGHT]) - 2 * MARGIN
    if len(places) == 0:
        return places
    low, high = places.min(axis=0), places.max(axis=0)
    factors = size / np.maximum(high - low, 1e-9)
    factors = np.minimum(factors, MOST_STRETCH * factors.min())
    middle = np.array([WIDTH, HEIGHT]) / 2
    return middle + (places - (low + high) / 2) * (factors if (high - low).max() > 1e-9 else 1.0)


def _kept_apart(
    places: Float[Array, "d 2"], radii: Float[Array, " d"], *, rounds: int = 300
) -> Float[Array, "d 2"]:
    """Push nodes apart, and back into the picture, until none covers another."""
    least = radii[:, None] + radii[None] + CLEARANCE
    low, high = radii[:, None] + 4, np.array([WIDTH, HEIGHT]) - radii[:, None] - 4
    spiral = np.arange(len(places)) * 2.399963  # golden angle, for nodes at the same position
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


def _shown(weight: Float[Array, " d"], selected: Bool[Array, " d"]) -> Int[Array, " shown"]:
    """Return the selected and the most important candidates, in the problem's order."""
    return np.sort(np.lexsort((np.arange(len(weight)), -weight, ~selected))[:MOST_NODES])


def _costs(e: Explanation) -> Float[Array, " d"]:
    """Return the change of the energy when one map is added to the selection or removed."""
    n = e.selection.n.astype(np.float64)
    added = e.problem.linear + e.problem.quadratic @ n
    return np.where(n > 0, -added, added)


def _edges(nodes: list[Node], J: Float[Array, "d d"], threshold: float) -> list[Edge]:
    """Return the edges, the weakest first, so that strong edges lie on top."""
    rows, columns = np.nonzero(np.triu(threshold <= np.abs(J), 1))
    pairs = sorted(zip(rows, columns, strict=True), key=lambda pair: abs(J[pair]))
    span = max(1.0 - threshold, 1e-9)
    return [
        Edge(
            (nodes[i].channel, nodes[j].channel),
            (nodes[i].x, nodes[i].y, nodes[j].x, nodes[j].y),
            float(J[i, j]),
            min(1.0, max(0.0, float((abs(J[i, j]) - threshold) / span))),
        )
        for i, j in pairs
    ]
