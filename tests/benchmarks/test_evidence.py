"""The benchmark of the evidence objective: grids, methods, and its tables."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from annealcam.errors import ArgumentError
from annealcam.models.loaded import LoadedModel
from benchmarks.evidence.__main__ import stored, without_nan
from benchmarks.evidence.measure import own_cell
from benchmarks.evidence.methods import Photo, maps_of_methods, top
from benchmarks.evidence.networks import Subject, grids_of, open_network
from benchmarks.evidence.report import report
from benchmarks.second_family import SIDE, STORED, random_crops, train


def subject(logits: torch.Tensor, folders: list[str]) -> Subject:
    """Photos whose pixels are all equal to their number."""
    images = torch.arange(len(logits)).float()[:, None, None, None].expand(-1, 3, 2, 2)
    network = LoadedModel(torch.nn.Identity(), torch.as_tensor, None)
    return Subject("a", network, "b", images, folders, logits)


def photo() -> Photo:
    """Three maps on a 2 x 2 grid; their sum is 3, 1, 0 and -2."""
    maps = np.array([[[4.0, 0], [0, 0]], [[0, 1.0], [0, 0]], [[-1.0, 0], [0, -2.0]]])
    e = SimpleNamespace(
        selected=np.array([0]),
        map=np.maximum(maps[0], 0),
        alpha=np.array([1, 2, 3]),
        candidates=np.array([0, 1]),
        problem=None,
    )
    former = SimpleNamespace(selected=np.array([1]), map=np.ones((2, 2)))
    return Photo(e, former, np.array([[2.0, 1.0], [1.0, 0.0]]), maps, 0)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _greedy(monkeypatch):
    solved = SimpleNamespace(n=np.array([0, 1]))
    monkeypatch.setattr("benchmarks.evidence.methods.ac.solve", lambda *_, **__: solved)


def test_a_grid_holds_confident_photos_of_four_classes_row_by_row():
    classes = [0, 0, 1, 2, 3, 3]
    logits = 9.0 * torch.eye(5)[classes]
    logits[4] = 0.0  # not confident
    folders = ["a", "a", "b", "c", "d", "d"]
    grids = grids_of(subject(logits, folders), 20)
    assert len(grids) == 20
    for grid in grids:
        numbers = grid.image[0, ::2, ::2].flatten().int().tolist()
        assert grid.classes == [classes[i] for i in numbers]
        assert sorted(grid.classes) == [0, 1, 2, 3]
        assert 4 not in numbers
    again = grids_of(subject(logits, folders), 20)
    assert all(torch.equal(a.image, b.image) for a, b in zip(grids, again, strict=True))


def test_too_few_classes_for_a_grid_are_an_error():
    with pytest.raises(ArgumentError, match="6 of 6 photos"):
        grids_of(subject(9.0 * torch.eye(3)[[0, 0, 1, 1, 2, 2]], list("aabbcc")), 2)


def test_methods_draw_their_maps_on_one_photo():
    p = photo()
    assert p.contributions.tolist() == [4.0, 1.0, -3.0]
    assert p.evidence.tolist() == [[3.0, 1.0], [0.0, 0.0]]
    assert p.alignments.tolist() == [12.0, 1.0, -3.0]  # <g, G+>: they add up to ||G+||^2
    maps = maps_of_methods(p)
    assert maps["top-k by contribution"].tolist() == [[4.0, 0.0], [0.0, 0.0]]
    assert maps["top-k by alpha"].tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert maps["greedy"].tolist() == [[0.0, 1.0], [0.0, 0.0]]
    assert top(np.array([1.0, 2.0, 2.0]), 2).tolist() == [1, 2]


def test_own_cells_of_one_photo():
    shares = own_cell(photo(), 0)
    assert shares["evidence"] == 1.0
    assert shares["Grad-CAM"] == 0.5
    assert shares["evidence map (all maps)"] == 0.75
    assert shares["relative (former default)"] == 0.25
    assert shares["top-k by alpha"] == 0.25  # an empty map counts as chance
    assert shares["Grad-CAM, as sharp as evidence"] == pytest.approx(1.0)
    assert 0.25 <= shares["random live maps"] < 1.0


def test_the_report_pairs_methods_and_counts_what_is_not_defined(tmp_path):
    names = [*own_cell(photo(), 0)]
    cells = {name: [0.5, 0.7] for name in names} | {"evidence": [0.6, 0.9]}
    result = {
        "title": "net, layer", "settings": {"grids": 2}, "own cell": cells,
        "photos": {"cosine 5": {"evidence": [0.5, float("nan"), 1.0]}},
        "cost": {"forward and backward": {"ratio": 1.2, "ratio of minima": 1.1, "seconds": 2}},
    }  # fmt: skip
    file = tmp_path / "net.json"
    file.write_text(json.dumps(without_nan(result), allow_nan=False))
    text = report([stored(file, {"grids": 2})], 5)
    assert "| evidence less greedy | +0.150 [+0.100, +0.200] |" in text
    assert "| evidence | 0.750 [0.500, 1.000] (1 undefined) |" in text
    assert "| net, layer | forward and backward | 1.20 | 1.10 | 2.00 |" in text
    with pytest.raises(ArgumentError, match="delete the file"):
        stored(file, {"grids": 3})


def test_the_report_of_heads_has_overlaps():
    heads = {"kept 3": {"default": [1.0, 0.0, 1.0, 1.0]},
             "channels 3": {"default": [[0, 1], [0, 1], [1, 2], [1, 2]]}}  # fmt: skip
    result = {"title": "head", "heads": heads, "predicted": [4, 4, 7, 7], "maps": 3}
    text = report([result], 5)
    assert "| default | 0.750 [0.250, 1.000] |" in text
    assert "| default | 0.500 ± 0.000 |" in text  # both classes share one of two channels


def test_random_crops_are_mirrored_rectangles():
    """On a ramp from -1 to 1, a crop shows where it lies."""
    ramp = (torch.arange(STORED) + 0.5) / STORED * 2 - 1
    x = torch.stack(
        [ramp.expand(STORED, -1), ramp[:, None].expand(-1, STORED), torch.zeros(2 * [STORED])]
    )
    crops = random_crops(x.expand(200, -1, -1, -1), torch.Generator().manual_seed(0))
    inner = crops[:, :, 5:-5, 5:-5]
    slope_x = (inner[:, 0, 0, -1] - inner[:, 0, 0, 0]) / (inner.shape[-1] - 1) * SIDE / 2
    slope_y = (inner[:, 1, -1, 0] - inner[:, 1, 0, 0]) / (inner.shape[-1] - 1) * SIDE / 2
    area, ratio = (slope_x * slope_y).abs(), (slope_x / slope_y).abs()
    assert 0.2 < (slope_x < 0).float().mean() < 0.8
    assert (slope_y > 0).all()
    assert area.min() + 1e-2 >= 0.25
    assert area.max() <= 1 + 1e-2
    assert ratio.max() <= 4 / 3 + 1e-2
    assert crops.abs().max() <= 1


def test_training_continues_to_the_same_bits_and_refuses_another_plan(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.second_family.BATCH", 4)
    pixels = torch.randint(0, 256, (8, 3, 32, 32), dtype=torch.uint8)
    labels = torch.tensor([0, 1] * 4)
    whole = train(pixels, labels, tmp_path / "a.pt", 2, 0).state_dict()
    monkeypatch.setattr("builtins.print", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(pixels, labels, tmp_path / "b.pt", 2, 0)
    monkeypatch.undo()
    monkeypatch.setattr("benchmarks.second_family.BATCH", 4)
    with pytest.raises(ArgumentError, match="delete the file"):
        train(pixels, labels, tmp_path / "b.pt", 3, 0)
    again = train(pixels, labels, tmp_path / "b.pt", 2, 0).state_dict()
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    file = tmp_path / "resnet18.safetensors"
    save_file({name: value.contiguous() for name, value in whole.items()}, file)
    read = open_network(str(file)).model.state_dict()
    assert all(torch.equal(whole[name], read[name]) for name in whole)


def interrupted(*_values, **_options):
    raise KeyboardInterrupt
