"""Candidates: the live maps of positive importance, and those that are unlike each other."""

import numpy as np
import pytest
import torch

from annealcam.attribution.candidates import build_problem, diverse, find_candidates
from annealcam.errors import ArgumentError


def test_dead_maps_are_counted_and_never_candidates():
    maps = torch.ones(5, 3, 3)
    maps[1] = 0
    maps[3] = 1e-30  # faint is not dead
    result = find_candidates(maps, torch.tensor([1.0, 9.0, -1.0, 0.5, 0.0]), limit=16)
    assert result.channels.tolist() == [0, 3]
    assert (result.dead, result.left_out, result.left_out_share) == (1, 0, 0.0)


def test_the_limit_keeps_the_most_important_and_tells_the_rest():
    weights = torch.tensor([4.0, 1.0, 3.0, 2.0])
    result = find_candidates(torch.ones(4, 2, 2), weights, limit=2)
    assert result.channels.tolist() == [0, 2]
    assert result.left_out == 2
    assert result.left_out_share == pytest.approx(0.3)


@pytest.mark.parametrize("seed", range(20))
def test_the_share_left_out_is_a_share(seed):
    weights = torch.rand(500, generator=torch.Generator().manual_seed(seed))
    weights[torch.rand(500) < 0.9] *= 1e-9
    result = find_candidates(torch.ones(500, 1, 2), weights, limit=100)
    dropped = weights.double().sort().values[:400].sum() / weights.double().sum()
    assert result.left_out_share == pytest.approx(float(dropped), rel=1e-6)
    assert 0 <= result.left_out_share <= 1


def test_equal_importances_keep_the_lower_channels():
    result = find_candidates(torch.ones(6, 2, 2), torch.ones(6), limit=3)
    assert result.channels.tolist() == [0, 1, 2]


def one_by_one(maps, weights, beta, size, limit):
    """What `diverse` says, written down as its docstring."""
    flat = maps.flatten(1).double().numpy()
    unit = flat / np.linalg.norm(flat, axis=1, keepdims=True)
    taken = [0]
    while len(taken) < limit:
        rest = [p for p in range(len(flat)) if p not in taken]
        scores = [
            beta * float(weights[p] / weights[0])
            - (1 - beta) * (size - 1) * np.mean([abs(unit[p] @ unit[q]) for q in taken])
            for p in rest
        ]
        taken.append(rest[int(np.argmax(scores))])
    return taken


@pytest.mark.parametrize("seed", range(5))
def test_diverse_candidates_one_by_one(seed):
    drawing = torch.Generator().manual_seed(seed)
    maps = torch.randn(30, 4, 5, generator=drawing)
    weights = torch.rand(30, generator=drawing).sort(descending=True).values
    result = diverse(maps, weights, beta=0.8, size=6, limit=11)
    assert result.tolist() == one_by_one(maps, weights, 0.8, 6, 11)
    huge = diverse(maps * 1e30, weights * 1e-30, beta=0.8, size=6, limit=11)
    assert huge.tolist() == result.tolist()
    assert diverse(maps, weights, beta=1.0, size=6, limit=11).tolist() == list(range(11))
    assert sorted(diverse(maps, weights, beta=0.8, size=6, limit=99).tolist()) == list(range(30))


def test_copies_of_a_map_come_last():
    maps = torch.eye(6).reshape(6, 2, 3)[[0, 0, 0, 1, 2, 3]]
    weights = torch.tensor([9.0, 8.0, 7.0, 3.0, 2.0, 1.0])
    assert diverse(maps, weights, beta=0.5, size=4, limit=4).tolist() == [0, 3, 4, 5]
    result = find_candidates(maps, weights, limit=4, beta=0.5, size=4)
    assert result.channels.tolist() == [0, 3, 4, 5]
    assert (result.left_out, result.left_out_share) == (2, 0.5)


def test_a_problem_of_fewer_candidates_than_the_cardinality():
    maps, weights = torch.eye(6).reshape(6, 2, 3), torch.tensor([3.0, 2.0, -1.0, 1.0, -1.0, 0.0])
    with pytest.raises(ArgumentError, match="only 3 candidate maps for image 2; lower it$"):
        build_problem(maps, maps, weights, beta=0.7, limit=9, cardinality=4, image=2)
    result, problem = build_problem(
        maps, maps, weights, beta=0.7, limit=9, cardinality=4, fewer=True
    )
    assert result.channels.tolist() == [0, 1, 3]
    assert problem.cardinality == 3
    _, empty = build_problem(maps, maps, -weights.abs(), beta=0.7, limit=9, cardinality=4)
    assert (empty.d, empty.cardinality) == (0, None)
