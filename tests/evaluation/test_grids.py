"""Grids of photos: which photos make them, what they look like, and scores recomputed by hand."""

import json
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from PIL import Image
from torch import nn
from typer.testing import CliRunner

import annealcam as ac
from annealcam.attribution.activations import capture
from annealcam.cli.main import app
from annealcam.errors import ArgumentError
from annealcam.evaluation import GridChoice, evaluate
from annealcam.evaluation.grids import Prediction, choose_grids, compose, compose_shrunk
from annealcam.evaluation.methods import method_maps
from annealcam.evaluation.scores import ON_GRIDS
from annealcam.metrics.grids import grid_pointing, single_map_grid_pointing
from annealcam.models.images import load_photo
from annealcam.models.loaded import LoadedModel
from annealcam.models.photo_files import photos_in
from annealcam.models.preprocess import Preprocess
from annealcam.settings import resolve

COLOURS = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1), "white": (1, 1, 1),
           "yellow": (1, 1, 0)}  # fmt: skip
MAPS = [(1, -1, -1), (-1, 1, -1), (-1, -1, 1), (1, 1, 1), (1, 1, -1), (1, 0, 0), (0, 1, 0),
        (0, 0, 1)]  # fmt: skip
HALF = (0.5, 0.5, 0.5)


def colour_network(head="pooled"):
    """A network that knows five colours; with a flattening head it takes 20 x 20 pixels only."""
    net = nn.Sequential(nn.Conv2d(3, 8, 5, stride=2, bias=False), nn.ReLU())
    mean = torch.tensor(MAPS, dtype=torch.float32)[:, :, None, None] / 25
    net[0].weight.data = mean.expand(8, 3, 5, 5).clone()
    weight = torch.full((5, 8), -1.0)
    weight[:, :5] += 9 * torch.eye(5)
    weight[[0, 1, 2, 4, 4, 3], [5, 6, 7, 5, 6, 7]] = 2.0
    if head == "pooled":
        net.extend([nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5, bias=False)])
        net[-1].weight.data = weight
    else:
        net.extend([nn.Flatten(), nn.Linear(8 * 64, 5, bias=False)])
        net[-1].weight.data = (weight / 64).repeat_interleave(64, dim=1)
    return net.eval()


def load_colours():
    """For the command line: `tests.evaluation.test_grids:load_colours`."""
    return colour_network(), Preprocess(20, 20, HALF, HALF), list(COLOURS)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Two noisy photos of each of five colours, and one photo that the network is not sure of."""
    folder = tmp_path_factory.mktemp("colours")
    rng = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        for number in range(2):
            noise = rng.normal(0, 0.25, (24, 24, 3))
            pixels = np.clip(0.15 + 0.7 * np.array(colour) + noise, 0, 1)
            file = folder / f"{name}{number}.png"
            Image.fromarray((255 * pixels).astype(np.uint8)).save(file)
    Image.new("RGB", (24, 24), (128, 128, 128)).save(folder / "grey.png")
    (folder / "broken.png").write_bytes(b"no")
    return folder


@pytest.fixture
def network():
    return LoadedModel(*load_colours())


def predictions(counts, probability=0.9):
    return [
        Prediction(f"{target}-{i}", target, probability)
        for target, count in enumerate(counts)
        for i in range(count)
    ]


@given(counts=st.lists(st.integers(0, 7), min_size=4, max_size=9), seed=st.integers(0, 99))
@settings(max_examples=100, deadline=None)
def test_grids_are_as_many_as_can_be_and_share_no_photo(counts, seed):
    """m grids of four exist if and only if sum_c min(n_c, m) >= 4 m."""
    possible = [m for m in range(1, 20) if sum(min(n, m) for n in counts) >= 4 * m]
    if not possible:
        with pytest.raises(ArgumentError, match="of 4 different predicted classes"):
            choose_grids(predictions(counts), GridChoice(), seed=seed)
        return
    grids = choose_grids(predictions(counts), GridChoice(), seed=seed)
    assert len(grids) == max(possible)
    assert all(len({p.target for p in grid}) == 4 == len(grid) for grid in grids)
    photos = [p.photo for grid in grids for p in grid]
    assert len(set(photos)) == len(photos)


def test_the_choice_is_seeded_random_and_limited():
    many = predictions([3] * 8)
    one, same, other = (choose_grids(many, GridChoice(), seed=seed) for seed in (1, 1, 2))
    assert one == same != other
    assert choose_grids(many, GridChoice(most=2), seed=1) == one[:2]
    assert len(one) == 6
    corners = Counter(
        choose_grids(many, GridChoice(most=1), seed=s)[0][0].target for s in range(400)
    )
    assert len(corners) == 8
    assert min(corners.values()) > 25  # 50 expected


def test_only_confident_photos_count():
    unsure = predictions([2, 2, 2, 2], 0.5)
    with pytest.raises(
        ArgumentError,
        match="a grid of 2 x 2 needs photos of 4 different predicted classes with a probability "
        "above 0.5, and here 3 classes have any; give more photos, or lower",
    ):
        choose_grids(unsure + predictions([1, 1, 1]), GridChoice(), seed=0)
    assert len(choose_grids(unsure, GridChoice(probability=0.4), seed=0)) == 2
    for wrong, match in (
        ({"side": 1}, "grid side=1: must be 2 or more"),
        ({"most": 0}, "number of grids=0: must be 1 or more"),
        ({"probability": 1.0}, r"must be in \[0, 1\)"),
    ):
        with pytest.raises(ArgumentError, match=match):
            GridChoice(**wrong)


def test_photos_lie_side_by_side_row_by_row():
    images = [torch.randn(3, 4, 5) for _ in range(9)]
    grid = compose(images, 3)
    assert grid.shape == (1, 3, 12, 15)
    for cell, image in enumerate(images):
        row, column = divmod(cell, 3)
        place = grid[0, :, 4 * row : 4 * row + 4, 5 * column : 5 * column + 5]
        assert torch.equal(place, image)
    small = compose_shrunk([torch.randn(3, 4, 6) for _ in range(4)], 2)
    assert small.shape == (1, 3, 4, 6)
    with pytest.raises(ArgumentError, match="a grid needs photos of one size"):
        compose([torch.zeros(3, 2, 2), torch.zeros(3, 2, 3)] * 2, 2)


def by_hand(network, found, composed, method, seed):
    """The scores of every grid, from the library's own functions."""
    scores = []
    for number in sorted({row["grid"] for row in found.grid_rows}):
        rows = [r for r in found.grid_rows if (r["grid"], r["method"]) == (number, method)]
        inputs = [network.preprocess(load_photo(row["photo"])) for row in rows]
        targets = [int(network.model(x[None]).argmax()) for x in inputs]
        assert [row["target"] for row in rows] == targets
        assert [row["cell"] for row in rows] == list(range(4))
        cells = []
        for cell, target in enumerate(targets):
            image = composed(inputs, 2)
            captured = capture(network.model, image, layer="1", targets=[target])
            one_seed = [seed + 4 * number + cell]
            (own,) = method_maps(captured, resolve(seed=seed), [method], seeds=one_seed)
            gradcam = ac.cam(network.model, image[0], layer="1", target=target)
            map_, channels = own[method].map, own[method].channels
            g = (captured.activations * captured.gradients)[0].numpy()
            cells.append(
                [grid_pointing(map_, cell), grid_pointing(map_, cell, sharpness_of=gradcam),
                 single_map_grid_pointing(g[channels], cell)]
            )  # fmt: skip
        scores.append(np.nanmean(cells, axis=0))
    return np.array(scores)


@pytest.mark.parametrize("method", ["annealcam", "gradcam++"])
@pytest.mark.parametrize("head", ["pooled", "flattened"])
def test_scores_are_those_of_the_metrics_recomputed_by_hand(photos, head, method):
    network = LoadedModel(colour_network(head), Preprocess(20, 20, HALF, HALF), None)
    found = evaluate(
        network, photos_in(photos), resolve(seed=4), methods=[method, "gradcam"],
        metrics=list(ON_GRIDS), layer="1",
    )  # fmt: skip
    composed = compose if head == "pooled" else compose_shrunk
    expected = by_hand(network, found, composed, method, seed=4)
    gradcam = by_hand(network, found, composed, "gradcam", seed=4)
    assert len(expected) == 2
    for i, metric in enumerate(ON_GRIDS):
        line = next(v for v in found.lines if (v.method, v.metric) == (method, metric))
        assert line.mean == pytest.approx(expected[:, i].mean(), rel=1e-5)
        assert line.minus_gradcam == pytest.approx((expected - gradcam)[:, i].mean(), abs=1e-6)
        assert (line.images, line.null) == (2, 0.25)
        assert 0.3 < line.mean < 0.99
    shrunk = "photos are shrunk, since the network takes 20 x 20 pixels only; "
    assert (shrunk in found.notes[0]) == (head == "flattened")
    assert found.provenance["grids"]["grid_pixels"] == ([40, 40] if head == "pooled" else [20, 20])


def test_grids_of_a_contrast_are_explained_against_it(photos, network):
    options = {"methods": ["hirescam"], "metrics": ["grid_pointing"], "layer": "1"}
    found = evaluate(network, photos_in(photos), resolve(), against="rest", **options)
    plain = evaluate(network, photos_in(photos), resolve(), **options)
    for number in (0, 1):
        rows = [row for row in found.grid_rows if row["grid"] == number]
        image = compose([network.preprocess(load_photo(row["photo"])) for row in rows], 2)
        with torch.no_grad():
            logits = network.model(image)[0]
        for row in rows:
            others = logits.clone()
            others[row["target"]] = -torch.inf
            weight = -others.softmax(dim=0)
            weight[row["target"]] = 1.0
            maps = network.model[:2](image).detach().requires_grad_()
            (gradient,) = torch.autograd.grad(network.model[2:](maps)[0] @ weight, maps)
            drawn = (gradient * maps)[0].sum(dim=0).relu().detach().numpy()
            assert row["grid_pointing"] == pytest.approx(
                grid_pointing(drawn, row["cell"]), rel=1e-4
            )
    shares = [[row["grid_pointing"] for row in result.grid_rows] for result in (found, plain)]
    assert np.mean(shares[0]) > np.mean(shares[1])


def test_the_result_says_how_the_grids_were_made(photos, network):
    found = evaluate(
        network, photos_in(photos), resolve(sampler="exact"), methods=["gradcam", "random"],
        metrics=["grid-pointing", "kept"], batch=3,
    )  # fmt: skip
    assert found.notes == [
        "grids: 2 of 2 x 2 photos of different predicted classes; 10 of 11 photos have a "
        "probability above 0.5, and none is in two grids; chance 0.250"
    ]
    about = found.provenance["grids"]
    assert (about["grids"], about["chance"], about["photos_used"]) == (2, 0.25, 8)
    assert (about["photos_confident"], about["photos_read"]) == (10, 11)
    assert found.provenance["photos"] == 11
    assert (len(found.rows), len(found.grid_rows)) == (11 * 2, 2 * 4 * 2)
    assert len(found.skipped) == 1  # once, though photos are read twice
    assert [(line.method, line.metric) for line in found.lines] == [
        (method, metric) for method in ("gradcam", "random") for metric in ("grid_pointing", "kept")
    ]
    assert found.lines[0].minus_gradcam is None
    assert found.lines[2].minus_gradcam == pytest.approx(found.lines[2].minus_first)


def test_a_batch_does_not_matter(photos, network):
    one, many = (
        evaluate(
            network, photos_in(photos), resolve(sampler="exact"), metrics=list(ON_GRIDS), batch=b,
            methods=["annealcam", "random", "gaussian"],
        ).grid_rows
        for b in (1, 16)
    )  # fmt: skip
    for a, b in zip(one, many, strict=True):
        for name in ("grid", "cell", "photo", "method", "target", "maps"):
            assert a[name] == b[name]
        for name in ON_GRIDS:
            assert b[name] == pytest.approx(a[name], rel=1e-4, nan_ok=True)


def test_a_larger_grid_than_there_are_classes(photos, network):
    with pytest.raises(ArgumentError, match="a grid of 3 x 3 needs photos of 9 different"):
        evaluate(
            network, photos_in(photos), resolve(), methods=["gradcam"], metrics=["grid_pointing"],
            grids=GridChoice(side=3),
        )  # fmt: skip


@pytest.mark.parametrize("spelling", ["grid-pointing", "grid_pointing"])
def test_the_command(photos, tmp_path, spelling):
    options = ["evaluate", str(photos), "--model", "tests.evaluation.test_grids:load_colours"]
    options += ["--methods", "annealcam,gradcam,random", "-o", str(tmp_path / "out")]
    ran = CliRunner().invoke(app, [*options, "--metrics", spelling])
    assert ran.exit_code == 1, ran.output  # one photo is broken
    files = {file.name for file in (tmp_path / "out").iterdir()}
    assert files == {"SHA256SUMS", "evaluation.json", "table.csv", "table.tex", "grids.csv",
                     "evaluation.png", "evaluation.svg", "evaluation.pdf"}  # fmt: skip
    text = " ".join(ran.output.split())
    assert "11 photos, 2 grids, tests.evaluation.test_grids:load_colours, layer" in text
    assert "grids: 2 of 2 x 2 photos" in text
    assert "grid_pointing, paired with Grad-CAM: annealcam -0." in text
    result = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert [line["metric"] for line in result["table"]] == ["grid_pointing"] * 3
    assert result["grids"]["side"] == 2
    wrong = CliRunner().invoke(app, [*options, "--metrics", spelling, "--grid-side", "3"])
    assert wrong.exit_code == 2
    assert "needs photos of 9 different predicted classes" in " ".join(wrong.output.split())
