"""Maps on a grid of one or three axes: the numbers of the same maps on a grid of two."""

import numpy as np
import pytest
import torch

from annealcam._internal.map_axes import grid_axes, over_grid
from annealcam.attribution.cam import CAM_METHODS, MAP_FORMS, cam_maps, selection_map
from annealcam.attribution.cams.inputs import CamInputs
from annealcam.attribution.cams.perturbation import _stretched
from annealcam.attribution.candidates import alive, build_problem, diverse, find_candidates, ranked
from annealcam.attribution.evidence import Head, alignment, drawn_evidence, evidence
from annealcam.attribution.importance import IMPORTANCES, importance_of
from annealcam.attribution.record import fidelity_of

GRIDS = [(42,), (6, 1, 7), (2, 3, 7)]
FROM_GRADIENTS = [m for m in CAM_METHODS if m not in ("scorecam", "ablationcam", "finercam")]


@pytest.fixture
def maps():
    """Activations and gradients of two images."""
    return torch.randn(2, 9, 6, 7).relu(), torch.randn(2, 9, 6, 7)


def on(grid, *values):
    """The same maps on another grid."""
    return tuple(v.reshape(*v.shape[:-2], *grid) for v in values)


def equal(a, b):
    torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("name", IMPORTANCES)
def test_importances(maps, grid, name):
    equal(importance_of(*on(grid, *maps), name), importance_of(*maps, name))


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("name", FROM_GRADIENTS)
def test_cam_methods(maps, grid, name):
    moved = CAM_METHODS[name].weights(CamInputs(*on(grid, *maps)))
    equal(moved, CAM_METHODS[name].weights(CamInputs(*maps)))
    equal(cam_maps(*on(grid, *maps), name), *on(grid, cam_maps(*maps, name)))


@pytest.mark.parametrize("grid", GRIDS)
def test_maps_of_selections(maps, grid):
    f, g = (values[0] for values in maps)
    weights = g.mean(dim=(1, 2))
    for form in MAP_FORMS:
        moved = selection_map(*on(grid, f), weights, *on(grid, f * g), form=form)
        equal(moved, *on(grid, selection_map(f, weights, f * g, form=form)))


@pytest.mark.parametrize("grid", GRIDS)
def test_evidence_and_what_a_head_suits(maps, grid):
    gradients, g = maps[1][0], (maps[0] * maps[1])[0]
    moved_gradients, moved = on(grid, gradients, g)
    equal(evidence(moved), *on(grid, evidence(g)))
    assert drawn_evidence(moved)[1] == drawn_evidence(g)[1]
    equal(drawn_evidence(moved)[0], *on(grid, drawn_evidence(g)[0]))
    equal(alignment(moved), alignment(g))
    head, expected = Head.of(moved_gradients, moved), Head.of(gradients, g)
    assert (head.pooled, head.incoherence) == (expected.pooled, pytest.approx(expected.incoherence))
    chosen = torch.tensor([1, 4])
    assert fidelity_of(moved, chosen) == pytest.approx(fidelity_of(g, chosen), abs=1e-6)


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("objective", ["evidence", "relative", "sum"])
def test_candidates_and_problems(maps, grid, objective):
    f, g = (values[0] for values in maps)
    weight = importance_of(*maps, "alignment" if objective == "evidence" else "contribution")[0]
    options = {"beta": None, "limit": 4, "objective": objective}
    found, problem = build_problem(f, g, weight, **options)
    moved, same = build_problem(*on(grid, f, g), weight, **options)
    assert moved.channels.tolist() == found.channels.tolist()
    np.testing.assert_allclose(same.h, problem.h, rtol=1e-9)
    np.testing.assert_allclose(same.J, problem.J, rtol=1e-9)


@pytest.mark.parametrize("grid", GRIDS)
def test_rankings(maps, grid):
    f, weight = maps[0][0], torch.linspace(1.0, 0.1, 9)
    (moved,) = on(grid, f)
    assert alive(moved).tolist() == alive(f).tolist()
    assert ranked(moved, weight).tolist() == ranked(f, weight).tolist()
    limits = {"beta": 0.5, "size": 3, "limit": 5}
    assert diverse(moved, weight, **limits).tolist() == diverse(f, weight, **limits).tolist()
    expected = find_candidates(f, weight, limit=3).channels.tolist()
    assert find_candidates(moved, weight, limit=3).channels.tolist() == expected


@pytest.mark.parametrize("grid", [(5,), (3, 4), (2, 3, 4)])
def test_masks_are_stretched_along_each_axis(grid):
    """A map that rises linearly along an axis does so after it is resized, from 0 to 1."""
    for axis, length in enumerate(grid):
        shape = [length if i == axis else 1 for i in range(len(grid))]
        rising = torch.linspace(2.0, 7.0, length).reshape(shape).expand(grid)
        size = tuple(3 * side for side in grid)
        shape[axis] *= 3
        expected = torch.linspace(0.0, 1.0, 3 * length).reshape(shape).expand(size)
        torch.testing.assert_close(_stretched(rising[None], size)[0], expected)


def test_axes_and_weights():
    maps = torch.ones(2, 3, 4, 5, 6)
    assert (grid_axes(maps), grid_axes(maps[0], first=1)) == ((2, 3, 4), (1, 2, 3))
    weights = torch.arange(6.0).reshape(2, 3)
    assert torch.equal((over_grid(weights, maps) * maps).amax(dim=(2, 3, 4)), weights)
    assert torch.equal((over_grid(weights, maps) * maps).amin(dim=(2, 3, 4)), weights)
