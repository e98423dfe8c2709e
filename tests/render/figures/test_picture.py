"""The picture of an explanation: everything that it must show is on it, and inside it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import annealcam as ac
from annealcam.errors import AnnealcamWarning
from annealcam.render.explanation_text import map_facts
from annealcam.render.figures.picture import MOST_MAPS, report_picture, save_report
from annealcam.render.subject_text import share_text
from tests.networks import headed, small_network

VIEW = Image.new("RGB", (64, 64), (120, 130, 140))


def texts(figure):
    return [t.get_text() for t in figure.texts]


def test_everything_is_on_it_and_inside_it(network, images):
    e = ac.explain(network, images[0], layer="3", class_names=list("abcde"), cardinality=3)
    figure = report_picture(e, VIEW)
    all_text = " ".join(texts(figure))  # sentences are broken into lines
    for channel in e.selected:
        assert f"map {channel}" in all_text
    for word in (
        "Grad-CAM",
        "Grad-CAM++",
        "annealcam",
        "photo",
        "random guesses",
        "proved optimal",
        "evidence: all 12 maps",
        f"Fidelity {e.fidelity:.2f}",
        "against",
    ):
        assert word in all_text
    assert len(figure.axes) == 5 + len(e.selected) + 2  # panels, maps, colour keys
    figure.draw_without_rendering()
    for text in figure.texts:
        box = text.get_window_extent().transformed(figure.transFigure.inverted())
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= 1.001
        assert box.y1 <= 1.001
    # no text runs over another one
    boxes = [t.get_window_extent() for t in figure.texts]
    clashes = [(i, j) for i in range(len(boxes)) for j in range(i) if boxes[i].overlaps(boxes[j])]
    assert not clashes


@pytest.mark.parametrize("evidence", [True, False])
def test_the_file_is_what_matplotlib_draws(evidence, network, images, tmp_path):
    objective = "evidence" if evidence else "relative"
    e = ac.explain(network, images[0], layer="3", objective=objective)
    save_report(e, VIEW, tmp_path / "own.png")
    report_picture(e, VIEW).savefig(tmp_path / "matplotlib.png")
    own, theirs = (
        np.asarray(Image.open(tmp_path / f"{name}.png").convert("RGB")).astype(float)
        for name in ("own", "matplotlib")
    )
    assert own.shape == theirs.shape

    def blocks(picture):  # letters are drawn with other edges
        high, wide = (side // 12 for side in picture.shape[:2])
        return picture[: high * 12, : wide * 12].reshape(high, 12, wide, 12, 3).mean(axis=(1, 3))

    assert np.abs(blocks(own) - blocks(theirs)).mean() < 1.8
    assert np.corrcoef(blocks(own).ravel(), blocks(theirs).ravel())[0, 1] > 0.99


def test_a_long_title_is_wrapped(network, images):
    names = ["a very long name of a class, such as taxonomists give " * 2, *"bcde"]
    e = ac.explain(
        network, images[0], layer="3", target=0, class_names=names,
        model_name="torchvision:a_network_with_a_long_name:IMAGENET1K_V1",
    )  # fmt: skip
    figure = report_picture(e, VIEW)
    figure.draw_without_rendering()
    ends = [t.get_window_extent().x1 for t in figure.texts]
    assert max(ends) <= figure.bbox.x1
    assert "layer 3" in " ".join(texts(figure))


def test_facts_of_a_map(network, images):
    e = ac.explain(network, images[0], layer="3")
    all_text = map_facts(e, 0)
    assert f"{e.importance[e.selected[0]]:.3g}" in all_text
    assert f"cosine {e.largest_cosines[0]:.2f}" in all_text
    assert share_text(e.shares[0]) in all_text
    assert ("not sure" in all_text) == (e.selected[0] not in e.core)
    assert f"alignment {e.importance[e.selected[0]]:.3g}" in all_text


def test_results_of_version_0_1_have_no_evidence():
    e = ac.Explanation.load(Path(__file__).parents[2] / "data_v0" / "default")
    all_text = "\n".join(texts(report_picture(e, VIEW)))
    assert "Grad-CAM++" in all_text
    assert "evidence" not in all_text
    assert "Fidelity" not in all_text


def test_nothing_selected(tmp_path):
    model = headed(lambda x: torch.rand(1, 3, 4, 4), [1.0] * 3)
    with pytest.warns(AnnealcamWarning):
        e = ac.explain(model, torch.zeros(3, 4, 4), layer="maps", target=1, objective="relative")
    save_report(e, VIEW, tmp_path / "r.png")
    assert np.asarray(Image.open(tmp_path / "r.png")).std() > 0
    assert "No feature map was selected" in texts(report_picture(e, VIEW))


def test_more_maps_than_fit(images):
    e = ac.explain(
        small_network(maps=90), images[0], layer="3", importance="gradcam",
        beta=1.0, max_qubits=60, sampler="greedy",
    )  # fmt: skip
    figure = report_picture(e, VIEW)
    assert len(e.selected) > MOST_MAPS
    assert any(f"{len(e.selected) - MOST_MAPS} more" in text for text in texts(figure))
