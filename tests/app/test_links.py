"""The web page for networks of numbers, of labels and of one output."""

import re

import pytest

from annealcam.app.answer import answer_html, class_labels
from annealcam.app.choices import Choices
from annealcam.app.comparison import comparison_html
from annealcam.app.engine import Engine
from annealcam.app.networks import Networks

NETS = """
from annealcam.models.loaded import LoadedModel
from annealcam.models.preprocess import Preprocess
from tests.networks import small_network

def loaded(outputs, names, link):
    return LoadedModel(small_network(classes=outputs), Preprocess(40, 36), names, link=link)

def numbers():
    return loaded(3, None, "identity")

def one():
    return loaded(1, ["tumour"], None)

def labels():
    return loaded(3, ["cat", "dog", "fox"], "sigmoid")
"""


@pytest.mark.parametrize(
    ("name", "nouns", "known"),
    [
        ("numbers", "outputs", ["output 0", "output 1", "output 2"]),
        ("one", "classes", ["not tumour", "tumour"]),
        ("labels", "labels", ["cat", "dog", "fox"]),
    ],
)
def test_the_page_names_outputs_by_their_link(name, nouns, known, tmp_path, monkeypatch):
    (tmp_path / "appnets.py").write_text(NETS)
    monkeypatch.syspath_prepend(tmp_path)
    network = f"appnets:{name}"
    engine = Engine(Networks([network]))
    pair = []
    for target in (0, 1):
        choices = Choices("skimage:coffee", network, sampler="exact", target=target)
        pair.append((engine.opened_photo(choices), engine.explain(choices)))
    (photo, e), _ = pair
    assert class_labels(e, engine.networks[network].loaded.classes) == known
    answer, comparison = (
        re.sub(r"<style.*?</style>|<script.*?</script>|<[^>]+>", " ", str(html), flags=re.DOTALL)
        for html in (answer_html(photo, e, {}), comparison_html(*pair, {}))
    )
    assert f"Maps that separate the {nouns}" in comparison
    if name == "numbers":
        assert f"value {e.logits[0]:.3g} · what raises it" in answer
        assert "probab" not in answer + comparison
    else:
        assert f"probability {e.probability:.2g}" in answer
        assert "probability" in comparison
