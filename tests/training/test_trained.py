"""Networks fitted to digits and small folders: equal bits, model cards, shipped accuracies."""

import json
import os

import pytest
import torch
from PIL import Image

import annealcam as ac
from annealcam.data.sets import load_set
from annealcam.data.splits import draw_per_class
from annealcam.errors import ArgumentError
from annealcam.models.checkpoints import checkpoint_file, read_header
from annealcam.models.load import load_trunk
from annealcam.training import trained
from annealcam.training.examples import photos_of
from annealcam.training.fit import Recipe, accuracy, best_of
from annealcam.training.trained import card, split_hash, train
from tests.training.small import small_set

PHOTOS_PER_CLASS = 20


def few_digits(name="digits", **options):
    return draw_per_class(load_set(name, **options), PHOTOS_PER_CLASS)


def fitted(seed, epochs=2):
    recipe = Recipe(epochs=epochs, batch=16, mirror=False, shift=4)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(trained, "load_set", few_digits)
        return train("digits", trunk="plain", maps=8, recipe=recipe, seed=seed)


@pytest.fixture(scope="module")
def digits():
    return fitted(seed=1)


def test_equal_seeds_give_equal_files(digits, tmp_path):
    state = torch.get_rng_state()
    again = fitted(seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    one, two = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    digits.save(one)
    again.save(two)
    assert one.read_bytes() == two.read_bytes()
    assert (tmp_path / "one.md").read_text()[5:] == (tmp_path / "two.md").read_text()[5:]
    other = fitted(seed=2, epochs=1)
    assert other.epochs[0] != digits.epochs[0]


def test_the_representation_is_short(digits):
    assert repr(digits).startswith("Trained(data='digits', trunk='plain', maps=8, classes=10, ")
    assert len(repr(digits)) <= 300


def test_two_epochs_are_better_than_chance_and_the_best_is_kept(digits):
    about = digits.about
    assert about["accuracy"]["test"] > 0.5
    assert about["best_epoch"] == best_of(digits.epochs).number
    validation = photos_of(digits.trunk, few_digits(part="validation"))
    assert accuracy(digits.network, validation) == about["accuracy"]["validation"]
    assert max(e.accuracy for e in digits.epochs) == about["accuracy"]["validation"]


def test_the_card_and_the_header_list_data_and_accuracy(digits, tmp_path):
    file = tmp_path / "mine.safetensors"
    text = digits.save(file).read_text()
    about = read_header(str(file))["about"]
    assert about == json.loads(json.dumps(digits.about))
    assert (about["seed"], about["split_seed"], about["data"], about["maps"]) == (1, 0, "digits", 8)
    sets = {part: few_digits(part=part) for part in trained.PARTS}
    assert about["split_hash"] == split_hash({part: s.fingerprint() for part, s in sets.items()})
    for part, s in sets.items():
        assert about["parts"][part] == {"photos": len(s), "hash": s.fingerprint()}
        assert s.fingerprint() in text
    for wanted in (about["split_hash"], f"{about['accuracy']['test']:.4f}", "seed 1", "# mine"):
        assert wanted in text
    names = [set(s.images) for s in sets.values()]
    assert not names[0] & names[1]
    assert not names[0] & names[2]
    assert not names[1] & names[2]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine.md", "mine.safetensors"]


def test_a_trunk_is_trained_on_request_only(tmp_path):
    for i in range(30):
        kind = ("dark", "bcorrect")[i % 2]
        (tmp_path / "set" / kind).mkdir(parents=True, exist_ok=True)
        small_set(30).open(i).save(tmp_path / "set" / kind / f"{i:02}.png")
    (tmp_path / "set" / "dark" / "broken.png").write_bytes(b"")
    for finetune in (False, True):
        result = train(
            f"folder:{tmp_path / 'set'}", trunk="torchvision:squeezenet1_1:none", cut="features.2",
            maps=2, recipe=Recipe(epochs=1, batch=12), finetune=finetune, cache=tmp_path / "cache",
        )  # fmt: skip
        assert result.network.frozen != finetune
        untrained = load_trunk("torchvision:squeezenet1_1:none", "features.2").fingerprint()
        assert (result.trunk.fingerprint() == untrained) != finetune
        assert len(result.about["skipped"]) == 1
        file = tmp_path / f"{finetune}.safetensors"
        assert "broken.png" in result.save(file).read_text()
        loaded = ac.load_model(str(file))
        x = loaded.preprocess(Image.new("RGB", (230, 230), "red"))[None]
        with torch.no_grad():
            assert torch.equal(loaded.model(x), result.network(x))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"maps": 0}, "maps=0"),
        ({"seed": -1}, "seed=-1"),
        ({"data": "digit"}, "did you mean 'digits'"),
        ({"trunk": "plain", "cut": "0"}, "cut='0'"),
    ],
)
def test_invalid_arguments_are_refused(options, message):
    with pytest.raises(ArgumentError, match=message):
        train(**{"data": "digits", "trunk": "plain"} | options)


def recomputed(name, root=None):
    """Return the accuracy of a shipped network on the test photos of its card, and its header."""
    model, preprocess, classes = ac.load_model(name)
    about = read_header(name)["about"]
    images = load_set(about["data"], part="test", root=root, seed=about["split_seed"])
    assert images.fingerprint() == about["parts"]["test"]["hash"]
    assert images.classes == classes
    correct = 0
    with torch.inference_mode():
        for start in range(0, len(images), 32):
            numbers = range(start, min(start + 32, len(images)))
            x = torch.stack([preprocess(images.open(i)) for i in numbers])
            correct += int((model(x).argmax(dim=1).numpy() == images.labels[numbers]).sum())
    return correct / len(images), about


def test_the_digits_networks_accuracy():
    share, about = recomputed("digits")
    assert share == about["accuracy"]["test"] >= 0.97


@pytest.mark.long
@pytest.mark.skipif("ANNEALCAM_DATA" not in os.environ, reason="needs ANNEALCAM_DATA")
@pytest.mark.parametrize("maps", [16, 24, 32])
def test_the_shipped_heads_accuracy(maps):
    share, about = recomputed(f"paper-{maps}")
    assert share == pytest.approx(
        about["accuracy"]["test"], abs=1e-3
    )  # processors round differently
    assert share >= 0.88


@pytest.mark.parametrize("name", ["paper-16", "paper-24", "paper-32", "digits"])
def test_shipped_networks_have_their_cards(name):
    text = checkpoint_file(name).with_suffix(".md").read_text(encoding="utf-8")
    assert text == card(name, read_header(name)["about"])
