"""Pages, reports, notebooks and folders of grey, multi-channel, volumetric and one-axis inputs."""

import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import annealcam as ac
from annealcam.errors import ArgumentError
from annealcam.render.figures.picture import report_picture
from annealcam.render.folder import write_folder
from annealcam.render.html.explanation import explanation_html
from annealcam.render.html.notebook import notebook_html
from tests.networks import same

SHAPES = {"grey": (1, 20, 16), "bands": (12, 20, 16), "volume": (1, 9, 12, 10), "signal": (2, 90)}
NOUNS = {"grey": "image", "bands": "image", "volume": "volume", "signal": "signal"}


def network_for(shape):
    """Two convolutions, average pooling and a linear layer, for inputs of one shape."""
    axes = len(shape) - 1
    conv = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}[axes]
    pool = {1: nn.AdaptiveAvgPool1d, 2: nn.AdaptiveAvgPool2d, 3: nn.AdaptiveAvgPool3d}[axes]
    torch.manual_seed(0)
    return nn.Sequential(
        conv(shape[0], 8, 3, padding=1), nn.ReLU(), conv(8, 10, 3, stride=2, padding=1), nn.ReLU(),
        pool(1), nn.Flatten(), nn.Linear(10, 3),
    ).eval()  # fmt: skip


@pytest.fixture(params=SHAPES)
def kind(request):
    return request.param


@pytest.fixture
def e(kind):
    return explained(kind)


@cache
def explained(kind):
    shape = SHAPES[kind]
    image = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    return ac.explain(network_for(shape), image, cardinality=3, class_names=list("abc"))


def texts(figure):
    return [text.get_text() for text in figure.texts]


def test_the_result_stores_and_loads_its_view(e, kind, tmp_path):
    shape = SHAPES[kind]
    assert e.map.ndim == len(shape) - 1
    expected = (*shape[1:], 3) if NOUNS[kind] == "image" else shape
    assert e.view.shape == (expected if kind != "volume" else shape[1:])
    assert e.provenance["view"]["input"] == list(shape)
    assert same(e, ac.Explanation.load(e.save(tmp_path / "x")))


def test_the_page(e, kind):
    html = explanation_html(e)
    assert f"<b>{NOUNS[kind].capitalize()}</b> as the network sees it" in html
    assert html.count("url(") == html.count("url(data:image/")
    assert ("All 9 slices across the depth" in html) == (kind == "volume")
    assert ('<div class="above">' in html) == (kind in ("volume", "signal"))
    note = {"grey": "one channel, shown in grey", "bands": "12 channels: 0, 1 and 2 are shown"}
    assert note.get(kind, "") in html
    alts = re.findall(r'alt="(Map \d+ over the \w+)"', html)
    assert alts == [f"Map {channel} over the {NOUNS[kind]}" for channel in e.selected]
    without = explanation_html(replace(e, view=None))
    noun = {"image": "photo"}.get(NOUNS[kind], NOUNS[kind])
    assert f"This result contains no {noun}" in without


def test_the_report_and_the_notebook(e, kind):
    figure = report_picture(e)
    words = " ".join(texts(figure))
    for text in (f"{NOUNS[kind]} as the network sees it", "Grad-CAM++", "evidence: all 10 maps"):
        assert text in words
    assert len(figure.axes) == 5 + len(e.selected) + 2 + (kind == "volume")
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.texts]
    assert not [(i, j) for i in range(len(boxes)) for j in range(i) if boxes[i].overlaps(boxes[j])]
    ends = [box.transformed(figure.transFigure.inverted()) for box in boxes]
    assert min(min(box.x0, box.y0) for box in ends) >= 0
    assert max(max(box.x1, box.y1) for box in ends) <= 1.001
    assert notebook_html(e).count("<img") == 2 + len(e.selected)


def test_the_folder(e, tmp_path):
    write_folder(e, None, tmp_path / "x", page=explanation_html(e))
    names = {path.name for path in (tmp_path / "x").iterdir()}
    assert {"explanation.json", "maps.npz", "overlay.png", "report.png"} <= names
    assert max(Image.open(tmp_path / "x" / "overlay.png").size) in range(440, 449)
    assert same(e, ac.Explanation.load(tmp_path / "x"))


def test_an_overlay_without_a_photo_shows_the_stored_input(e, kind):
    drawn = e.overlay()
    grey = e.overlay(strength=0.0)
    assert drawn.size == grey.size
    if kind in ("volume", "signal"):
        with pytest.raises(ArgumentError, match="cannot lie over a photo"):
            e.overlay(Image.new("RGB", (9, 9)))
    else:
        assert np.array_equal(np.asarray(grey), e.view)
        assert np.array_equal(e.overlay(Image.fromarray(e.view)), drawn)


def test_another_view_of_the_input():
    image = torch.randn(SHAPES["bands"], generator=torch.Generator().manual_seed(1))
    e = ac.explain(network_for(SHAPES["bands"]), image, cardinality=3)
    chosen = e.with_view(image, bands=(7, 4, 11))
    assert "12 channels: 7, 4 and 11 are shown as red" in explanation_html(chosen)
    assert same(e.with_view(image.numpy()), e)
    assert np.array_equal(chosen.map, e.map)
    assert not np.array_equal(chosen.view, e.view)
    for odd in ("x", torch.zeros(3), None, {}):
        with pytest.raises(ArgumentError, match="image"):
            e.with_view(odd)
    with pytest.raises(ArgumentError, match="bands=\\(1, 2\\): must be three channels"):
        e.with_view(image, bands=(1, 2))


def test_nothing_selected_is_shown(e):
    nothing = replace(e, selected=e.selected[:0], selected_maps=e.selected_maps[:0],
                      map=np.zeros_like(e.map))  # fmt: skip
    assert "No feature map was selected" in explanation_html(nothing)
    assert "No feature map was selected" in texts(report_picture(nothing))
    assert nothing.overlay().size == e.overlay().size
