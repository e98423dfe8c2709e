"""The page holds what the explanation holds, asks nobody for anything, and believes no name."""

import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import annealcam as ac
from annealcam.atlas.atlas import Atlas, Portrait, Region
from annealcam.errors import AnnealcamWarning, OutputError
from annealcam.evaluation.faithfulness import check_explanation
from annealcam.evaluation.solver_comparison import compare_with_explanation
from annealcam.render.explanation_text import (
    core_sentence,
    cut_sentence,
    fidelity_sentence,
    price_sentence,
)
from annealcam.render.html.cards import MOST_CARDS
from annealcam.render.html.explanation import explanation_html
from annealcam.render.html.maps import page_scene, signed_uri
from annealcam.render.views import view_of_explanation
from annealcam.settings import resolve
from tests.networks import headed, small_network

NAMES = ["ant", "bee", "cat", "dog", "eel"]
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


class Page(HTMLParser):
    """What is on a page: its elements, its text, and the text of its scripts by id."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.text, self.scripts, self._inside = [], [], {}, None
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._inside = dict(attrs).get("id", "script") if tag in ("script", "style") else None

    def handle_endtag(self, tag):
        if tag in ("script", "style"):
            self._inside = None

    def handle_data(self, data):
        if self._inside is None:
            self.text.append(data)
        else:
            self.scripts[self._inside] = self.scripts.get(self._inside, "") + data

    def all(self, tag, kind=None):
        own = [attrs for name, attrs in self.elements if name == tag]
        return [a for a in own if kind is None or kind in (a.get("class") or "").split()]

    def words(self):
        return " ".join(" ".join(self.text).split())


@pytest.fixture
def e(network, images):
    return ac.explain(network, images[0], layer="3", class_names=NAMES, tau=20.0, photo_name="a b")


def test_all_of_it_is_on_the_page(images, tmp_path):
    how = {"objective": "relative", "tau": 20.0}
    network, settings = small_network(seed=3), resolve(**how)
    e = ac.explain(network, images[0], layer="3", target=1, class_names=NAMES, **how)
    checked = check_explanation(network, images[0], e, settings, class_names=NAMES)
    rows = compare_with_explanation(e)
    path = e.to_html(tmp_path / "e.html", checked=checked, comparison=rows)
    page = Page(path.read_text(encoding="utf-8"))
    page_text = page.words()
    words = ["Grad-CAM", "Grad-CAM++", "Proved optimal", "F = ", "minimum gap", "bee"]
    for word in (*words, checked["classes"][0]["class"], "top-k by contribution"):
        assert word in page_text
    assert f"{len(e.selected)} of 12" in page_text
    assert [c["data-map"] for c in page.all("li", "map")] == [str(c) for c in e.selected]
    assert len(page.all("g", "node")) == e.problem.d
    assert len(page.all("g", "selected")) == len(e.selected)
    assert len(page.all("svg", "chart")) == 4  # levels, success, states, curve
    for row in rows:
        assert row["sampler"] in page_text
    for key in e.provenance:
        assert key == "warnings" or key.replace("_", " ") in page_text


def test_the_evidence_the_fidelity_and_the_stand_ins_are_on_the_page(images, tmp_path):
    network = small_network(maps=40)
    e = ac.explain(
        network, images[0], layer="3", class_names=NAMES, max_qubits=8, cardinality=3, beta=0.0
    )
    flip = ac.flip_set(network, images[0], layer="3", class_names=NAMES)
    assert flip.flipped
    page = Page(e.to_html(tmp_path / "e.html", flip=flip, annealing=False).read_text())
    words = page.words()
    assert flip.sentence in words
    for channel in flip.channels:
        assert str(channel) in words
    for text in (
        fidelity_sentence(e), core_sentence(e), cut_sentence(e), price_sentence(e),
        f"against for {e.class_name}", "draw the evidence with few maps", "alignment",
    ):  # fmt: skip
        assert text in words
    for other, _ in e.stand_ins.values():
        assert f"stand-in {other}" in words
    assert len(page.all("span", "sure")) == 1 + 2 * len(e.core)  # the legend, cards, table
    assert len(page.all("div", "grey")) == 1
    evidence = next(a for a in page.all("img") if a["alt"].startswith("Map of Evidence"))
    assert evidence["src"] == signed_uri(page_scene(view_of_explanation(e)), e.evidence)
    assert "redundancy" not in words
    assert "This was not searched for this page" not in words
    assert "This was not searched for this page" in Page(explanation_html(e)).words()


@pytest.mark.parametrize(("target", "words"), [(None, "prefers"), (0, "Evidence for")])
def test_a_contrast_is_in_the_title(network, images, target, words):
    e = ac.explain(
        network, images[0], layer="3", target=target, against="eel", class_names=NAMES
    )  # fmt: skip
    text = Page(explanation_html(e)).words()
    assert words in text
    assert f"{e.class_name} and not eel" in text
    assert "lead over eel" in text
    assert "% of the logit" not in text


def test_results_of_version_0_1_have_a_page():
    e = ac.Explanation.load(Path(__file__).parents[2] / "data_v0" / "default")
    text = Page(explanation_html(e)).words()
    assert "relevance against redundancy" in text
    assert "Fidelity" not in text


def test_the_numbers_for_machines_are_those_of_the_json(e):
    page = Page(explanation_html(e))
    assert json.loads(page.scripts["explanation-data"]) == json.loads(json.dumps(e.as_json()))


def is_inside(address):
    return address.startswith(("data:image/", "#"))


def test_nothing_is_fetched_and_every_picture_has_words(e):
    html = explanation_html(e)
    page = Page(html)
    places = [a[name] for _, a in page.elements for name in ("src", "href", "srcset", "data")
              if a.get(name)]  # fmt: skip
    assert places
    assert all(is_inside(place) for place in places)
    assert html.count("url(") == html.count("url(data:image/")
    assert "@import" not in html
    assert "default-src &#39;none&#39;" in html
    for attrs in page.all("img"):
        assert "alt" in attrs
        assert attrs["alt"] or attrs.get("id") == "lit"
    for attrs in [a for _, a in page.elements if a.get("role") == "img"] + page.all("svg"):
        assert attrs["aria-label"]
    ids = [a["id"] for _, a in page.elements if a.get("id")]
    assert len(ids) == len(set(ids))
    links = {a["href"][1:] for a in page.all("a")}
    assert links <= set(ids)


def test_names_are_escaped(network, images):
    names = [HOSTILE] * 5
    e = ac.explain(
        network, images[0], layer="3", class_names=names, model_name=HOSTILE, photo_name=HOSTILE
    )  # fmt: skip
    checked = check_explanation(network, images[0], e, resolve(), class_names=names)
    html = explanation_html(e, checked=checked)
    page = Page(html)
    plain = Page(explanation_html(replace(e, provenance={**e.provenance, "photo": "x"})))
    assert len(page.all("script")) == len(plain.all("script"))
    assert not any(a.get("onerror") for a in page.all("img"))
    assert not [a for a in page.all("img") if not a["alt"] and a.get("id") != "lit"]
    assert HOSTILE in page.words()
    assert json.loads(page.scripts["explanation-data"])["provenance"]["photo"] == HOSTILE


def test_it_is_small(images, atlas):
    e = ac.explain(
        small_network(maps=90), images[0], layer="3", importance="gradcam", objective="sum",
        beta=1.0, max_qubits=60, sampler="greedy",
    )  # fmt: skip
    assert len(e.selected) > MOST_CARDS
    html = explanation_html(e, photo=noise(448), atlas=replace(atlas, channels=90))
    assert len(html) < 3_000_000
    page = Page(html)
    assert len(page.all("li", "map")) == MOST_CARDS
    assert f"The first {MOST_CARDS} of {len(e.selected)}" in page.words()
    assert "simulate the annealing of at most 16" in page.words()


def test_nothing_selected(tmp_path):
    model = headed(lambda x: torch.rand(len(x), 3, 4, 4), [1.0] * 3)
    with pytest.warns(AnnealcamWarning):
        e = ac.explain(model, torch.zeros(3, 4, 4), layer="maps", target=1, objective="relative")
    page_text = Page(e.to_html(tmp_path / "e.html").read_text()).words()
    for words in ("No feature map was selected", "Nothing to select", "nothing to anneal",
                  "Warning: no map is alive", "does not predict"):  # fmt: skip
        assert words in page_text
    checked = check_explanation(model, torch.zeros(3, 4, 4), e, resolve())
    assert "No feature map" in Page(explanation_html(e, checked=checked)).words()


def test_a_single_map(tmp_path):
    e = ac.explain(
        headed(torch.abs, [1.0, -1.0, -1.0]), torch.ones(3, 4, 4), layer="maps", target=0,
        objective="relative",
    )  # fmt: skip
    page = Page(e.to_html(tmp_path / "e.html").read_text())
    assert len(page.all("g", "node")) == len(page.all("li", "map")) == 1
    assert len(page.all("line")) > 0  # of the charts; the graph has no edge
    assert not [a for a in page.all("line") if "data-ends" in a]


def test_a_cardinality_is_shown(network, images, tmp_path):
    e = ac.explain(network, images[0], layer="3", cardinality=2, tau=20.0)
    page_text = Page(e.to_html(tmp_path / "e.html").read_text()).words()
    assert "No selection of exactly 2 maps" in page_text
    assert "exactly 2 maps (subspace)" in page_text
    assert "change of the energy" not in page_text  # one map more or less is not allowed


def test_without_a_view_or_a_photo(e):
    page = Page(explanation_html(replace(e, view=None)))
    assert "grey field" in page.words()
    shown = explanation_html(replace(e, view=None), photo=Image.new("L", (30, 60)))
    assert "grey field" not in shown
    assert "--aspect: 0.5000" in shown


def test_the_photo_given_is_the_one_shown(e):
    red = explanation_html(e, photo=Image.new("RGB", (8, 8), "red"))
    assert red != explanation_html(e, photo=Image.new("RGB", (8, 8), "blue"))
    assert explanation_html(e) == explanation_html(e, photo=Image.fromarray(np.array(e.view)))


@pytest.mark.parametrize("optimal", [True, False, None])
def test_the_proof_is_shown(e, optimal):
    info = {"optimum": -9.0, "lower_bound": -9.5}
    judged = replace(e, selection=replace(e.selection, optimal=optimal, info=info))
    words = {True: "Proved optimal", False: "the lowest is -9", None: "energy below -9.5"}[optimal]
    assert words in Page(explanation_html(judged)).words()


def test_a_place_that_cannot_be_written(e, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        e.to_html(tmp_path / "file" / "e.html", annealing=False)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def noise(side):
    """The picture that packs worst."""
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


class KnownMaps(Atlas):
    """An atlas that needs no folder."""

    def portrait(self, channel):
        region = Region("x.jpg", 0, 1.0, (0.0, 0.0, 0.5, 0.5))
        return Portrait(channel, (region,), np.ones(2), np.ones(2), self.classes)

    def crops(self, channel):
        return [noise(200)] * 6


@pytest.fixture
def atlas(tmp_path):
    return KnownMaps(
        folder=tmp_path, model="Sequential", layer="3", data="digits",
        classes=("church", "truck"), counts=np.array([1, 1]), channels=12, settings={},
        verified=True,
    )  # fmt: skip


def test_an_atlas_shows_what_maps_respond_to(e, atlas):
    page = Page(explanation_html(e, atlas=atlas))
    assert page.words().count("responds to mostly: church") == len(e.selected)
    crops = [a for a in page.all("img") if "that excites map" in a["alt"]]
    assert len(crops) == 4 * len(e.selected)
    assert "an atlas of digits" in page.words()


def test_an_atlas_of_another_layer_is_not_shown(e, atlas):
    other = replace(atlas, layer="1")
    page = Page(explanation_html(e, atlas=other))
    assert "of another network or layer" in page.words()
    assert "responds to mostly" not in page.words()
