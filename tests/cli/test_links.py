"""Networks with one output, with labels and with numbers, from the command line to the page."""

import json
import re
from html.parser import HTMLParser

import pytest
import skimage.data
from PIL import Image

from tests.cli.helpers import run, skip_report_picture

NETS = """
import torch
from torch import nn
from annealcam.models.preprocess import Preprocess

def network(classes, bias=0.0):
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.Conv2d(8, 12, 3), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, classes),
    ).eval()
    nn.init.constant_(net[-1].bias, bias)
    return net

def one():
    return network(1, bias=-5.0), Preprocess(resize=40, crop=36), None

def three():
    return network(3, bias=0.5), Preprocess(resize=40, crop=36), None
"""


class Text(HTMLParser):
    """The text of a page outside the sections that are left out, and of its title."""

    def __init__(self, page, without):
        super().__init__()
        self.without, self.skip, self.text = without, 0, []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        if self.skip:
            self.skip += tag == self.tag
        elif tag in ("style", "script") or dict(attributes).get("id") in self.without:
            self.tag, self.skip = tag, 1

    def handle_endtag(self, tag):
        if self.skip:
            self.skip -= tag == self.tag

    def handle_data(self, data):
        if not self.skip:
            self.text.append(data)


@pytest.fixture
def nets(tmp_path, monkeypatch):
    (tmp_path / "linknets.py").write_text(NETS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    Image.fromarray(skimage.data.chelsea()).save("cat.png")
    skip_report_picture(monkeypatch)
    return tmp_path


def explained(*options, model="linknets:one"):
    found = run("explain", "cat.png", "--model", model, "--sampler", "exact", "-v", "-o", "out",
                *options)  # fmt: skip
    folder = "out/cat"
    with open(f"{folder}/explanation.json") as file:
        return found.stdout, json.load(file), folder


def flat(text):
    return " ".join(text.split())


def test_both_sides_of_one_output_on_page_and_in_the_check(nets):
    shares = []
    for side in ("tumour", "not tumour"):
        printed, record, folder = explained(
            "--classes", "tumour", "--target", side, "--html", "--check"
        )
        assert record["target"]["name"] == side
        assert record["provenance"]["link"] == "sigmoid"
        shares.append(record["target"]["probability"])
        with open(f"{folder}/explanation.html") as file:
            page = flat("".join(Text(file.read(), without=()).text))
        assert "Probabilities by sigmoid: the network has one output." in page
        assert "Probabilities by sigmoid: the network has one output." in flat(printed)
        assert "the other side of the output" in flat(printed)
        assert ("not the predicted class" in flat(printed)) == (shares[-1] < 0.5)
        with open(f"{folder}/check.json") as file:
            check = json.load(file)
        assert check["channels"][0]["probability"] == pytest.approx(shares[-1], abs=1e-6)
        names = [row["figure"] for row in check["figures"]]
        assert "next_class" in names
        assert "least_class" not in names
    assert sum(shares) == pytest.approx(1.0)
    assert shares[0] < 0.05


def test_labels_have_their_own_probabilities(nets):
    options = ("--link", "sigmoid", "--classes", "cat,dog,fox", "--target", "dog")
    printed, record, _ = explained(*options, "--html", model="linknets:three")
    p = 1 / (1 + 2.718281828459045 ** -record["target"]["logit"])
    assert record["target"]["probability"] == pytest.approx(p)
    assert flat(printed).count("Probabilities by sigmoid: as given.") == 1
    assert not re.search(r"\bclass(es)?\b", printed)
    printed = run("flip", "cat.png", "--model", "linknets:three", *options).stdout
    assert "dog" in printed
    printed = run("suffice", "cat.png", "--model", "linknets:three", *options).stdout
    assert "log p" in printed


@pytest.mark.parametrize("direction", ["up", "down"])
def test_numbers_have_neither_classes_nor_probabilities(nets, direction):
    options = ("--link", "identity", "--direction", direction)
    printed, record, folder = explained(*options, "--html", "--check", "--compare")
    verb = "raises" if direction == "up" else "lowers"
    assert re.search(rf"output 0: value -?[\d.]+, what {verb} it", flat(printed))
    with open(f"{folder}/explanation.html") as file:
        page = flat("".join(Text(file.read(), without=("annealing", "provenance")).text))
    assert f"What {verb}" in page
    assert "The outputs are read as numbers: link identity, as given." in page
    for text in (printed, page.replace("probability that one shot finds the optimum", "")):
        for word in ("class", "probab"):
            assert word not in text.lower(), text[max(0, text.lower().find(word) - 80) :][:160]
    assert record["target"]["probability"] is None
    assert record["provenance"]["direction"] == direction
    printed = run("suffice", "cat.png", "--model", "linknets:one", *options).stdout
    assert "value" in printed
    assert "class" not in printed
    refused = run("flip", "cat.png", "--model", "linknets:one", *options[:2], code=2)
    assert "no prediction can change" in flat(refused.output)


def test_the_direction_down_is_for_numbers_alone(nets):
    refused = run("explain", "cat.png", "--model", "linknets:three", "--direction", "down", code=2)
    assert "for numbers alone" in flat(refused.output)
