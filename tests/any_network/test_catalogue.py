"""Each network is explained by default as plain PyTorch computes it, or refused in one sentence."""

import itertools
import os
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

import annealcam as ac
from annealcam.attribution.forward_pass import run_forward
from annealcam.attribution.network.inputs import batches
from annealcam.attribution.network.replay import behind
from annealcam.errors import AnnealcamError
from tests.any_network.catalogue import ENTRIES, table
from tests.any_network.independent import run_plainly

PAGE = Path(__file__).parents[2] / "docs" / "networks-table.md"
FAST = {"sampler": "exact", "max_qubits": 6, "gradients": "plain"}
marked = [pytest.param(e, id=e.name, marks=pytest.mark.long if e.long else ()) for e in ENTRIES]
pytestmark = [
    pytest.mark.filterwarnings("ignore::annealcam.errors.AnnealcamWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


def skip_without(entry):
    for package in entry.needs:
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed")


def as_given(entry, image):
    """The image as `explain` gets it, and as the network does."""
    inputs = image if isinstance(image, tuple) else (image,)
    batch = tuple(each[None] for each in inputs)
    if not entry.given_as_batch:
        return image, batch
    return (batch if isinstance(image, tuple) else batch[0]), batch


def close(found, expected, tolerance):
    expected = np.asarray(expected.float() if isinstance(expected, torch.Tensor) else expected)
    assert np.shape(found) == expected.shape
    scale = np.abs(expected).max() or 1.0
    assert np.abs(np.asarray(found) - expected).max() <= tolerance * scale


def test_there_are_enough_networks():
    names = [entry.name for entry in ENTRIES]
    assert len(set(names)) == len(names) >= 60


def test_the_page_is_that_of_the_networks():
    if os.environ.get("ANNEALCAM_NETWORKS_TABLE"):
        PAGE.write_text(table())
    assert PAGE.read_text() == table()


@pytest.mark.parametrize("entry", marked)
def test_network(entry):
    skip_without(entry)
    network = entry.make()
    given, batch = as_given(entry, entry.image())
    if entry.refusal is not None:
        with pytest.raises(AnnealcamError) as refusal:
            ac.explain(network, given, **FAST, **entry.options)
        assert str(refusal.value) == entry.refusal
        return
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        e = ac.explain(network, given, **FAST, **entry.options)
    e = e[0] if entry.given_as_batch else e
    check_the_record(entry, e)
    check_the_warnings(entry, caught, e)
    check_the_numbers(entry, network, given, batch, e)


def check_the_record(entry, e):
    of = e.provenance
    found = (of["layer"], of["form"], of["prefix_tokens"], of["channels"], e.map.shape)
    assert found == (entry.layer, entry.form.name, entry.form.prefix, entry.maps, entry.grid)
    found = (of["link"], of["rows_of_an_image"], of["run"])
    assert found == (entry.link, entry.rows, entry.run)


def check_the_warnings(entry, caught, e):
    texts = e.provenance["warnings"]
    raised = [str(w.message) for w in caught if issubclass(w.category, ac.errors.AnnealcamWarning)]
    assert sorted(raised) == sorted(texts)
    doubts = [t for t in texts if "runs " in t or "outputs" in t]
    if entry.warning is None:
        assert doubts == []
    else:
        assert any(text.startswith(entry.warning) for text in doubts)


def check_the_numbers(entry, network, given, batch, e):
    """Compare all numbers that come out of the network with those of plain PyTorch."""
    sign = -1.0 if entry.options.get("direction") == "down" else 1.0
    plain = run_plainly(
        network, like_weights(network, batch), entry.layer, lambda z: sign * z[0, e.target],
        run=entry.run, arrangement=entry.form, rows=entry.rows, grid=entry.grid,
        logits=entry.logits, head=entry.head,
    )  # fmt: skip
    close(e.logits, plain.logits[0], max(entry.tolerance, 1e-4))
    expected = {"softmax": torch.softmax, "sigmoid": lambda z, _: z.sigmoid()}.get(entry.link)
    if expected is not None:
        assert e.probability == pytest.approx(
            float(expected(plain.logits[0].double(), 0)[e.target]), abs=1e-5 + entry.tolerance / 10
        )
    captured = captured_of(entry, network, given, e)
    close(captured.activations[0], plain.maps[0], entry.tolerance)
    close(captured.gradients[0], plain.gradients[0], entry.tolerance)
    contributions = (plain.maps * plain.gradients)[0].double()
    close(e.contribution, contributions.flatten(1).sum(dim=1), 10 * entry.tolerance)
    close(e.evidence, contributions.sum(dim=0), 10 * entry.tolerance)
    close(e.selected_maps, plain.maps[0][torch.from_numpy(e.selected)], entry.tolerance)


def captured_of(entry, network, given, e):
    options = {k: v for k, v in entry.options.items() if k in ("link", "output")}
    ((adapted, images),), _ = batches(network, given, **options)
    return run_forward(
        adapted, images, layer=e.provenance["layer"], target=e.target, integrated=False,
        run=e.provenance["run"] if e.provenance["runs"] > 1 else None,
        direction=e.provenance["direction"],
    ).captured  # fmt: skip


def like_weights(network, batch):
    weight = next(network.parameters(), None)
    return batch if weight is None else tuple(each.to(weight.dtype) for each in batch)


def is_for_batches(entry):
    apart = entry.refusal or entry.long or entry.given_as_batch or entry.needs
    return entry.any_batch and not apart and entry.tolerance < 1e-3


SINGLY = [entry for entry in ENTRIES if is_for_batches(entry)]


@pytest.mark.parametrize("entry", [pytest.param(e, id=e.name) for e in SINGLY])
def test_batches_and_singles_agree(entry):
    """An image has the same explanation alone and among others."""
    images = [entry.image(number) for number in range(3)]
    several = isinstance(images[0], tuple)
    batch = tuple(map(torch.stack, zip(*images, strict=True))) if several else torch.stack(images)
    network = entry.make()
    together = ac.explain(network, batch, **FAST, **entry.options)
    for image, of_batch in zip(images, together, strict=True):
        alone = ac.explain(network, image, **FAST, **entry.options)
        of = alone.provenance
        assert of["layer"] == of_batch.provenance["layer"]
        assert alone.target == of_batch.target
        close(of_batch.logits, alone.logits, 1e-4)
        close(of_batch.contribution, alone.contribution, 1e-3)
        close(of_batch.evidence, alone.evidence, 1e-3)


def output_of(network, image, entry):
    outputs = []
    handle = network.get_submodule(entry.layer).register_forward_hook(
        lambda module, given, output: outputs.append(output)
    )
    with torch.no_grad():
        network(image[None])
    handle.remove()
    return entry.form.maps(outputs[entry.run], entry.rows, entry.grid)[0]


# LeViT's blocks begin with zeros; the others spread a corner over a grid as small as here.
SPREAD = ("levit", "swin_v2_t", "xcit", "mvitv2")
ARRANGED = [
    pytest.param(e, id=e.name, marks=pytest.mark.long if e.long else ())
    for e in ENTRIES
    if e.refusal is None
    and e.form.name != "channels first"
    and not any(name in e.name for name in SPREAD)
]


@pytest.mark.parametrize("entry", ARRANGED)
def test_tokens_lie_where_their_pixels_are(entry):
    """Other pixels in a corner of the image change the cell in that corner of the grid most."""
    skip_without(entry)
    network, image = entry.make(), entry.image()
    before = output_of(network, image, entry)
    for corner in itertools.product((0, -1), repeat=len(entry.grid)):
        changed = image.clone()
        sides = [s // cells for s, cells in zip(image.shape[1:], entry.grid, strict=True)]
        patch = [
            slice(0, a) if at == 0 else slice(-a, None) for at, a in zip(corner, sides, strict=True)
        ]
        changed[(slice(None), *patch)] += 3.0
        difference = (output_of(network, changed, entry) - before).pow(2).sum(dim=0)
        cell = np.unravel_index(int(difference.argmax()), entry.grid)
        assert cell == tuple(at % cells for at, cells in zip(corner, entry.grid, strict=True))


@pytest.mark.parametrize("entry", [pytest.param(e, id=e.name) for e in SINGLY if not e.head])
def test_masked_maps_give_the_logits_of_a_hook_that_masks_them(entry):
    network = entry.make()
    given, batch = as_given(entry, entry.image())
    mask = torch.arange(entry.maps) % 2
    options = {k: v for k, v in entry.options.items() if k in ("link", "output")}
    ((adapted, images),), _ = batches(network, given, **options)
    with behind(adapted, images, entry.layer, run=entry.run) as (maps, rest):
        found = rest.logits(maps * mask.reshape(1, -1, *[1] * len(entry.grid)))
    returned = run_masked(network, like_weights(network, batch), entry, mask)
    expected = returned if entry.logits is None else entry.logits(returned)
    close(found[0], expected[0], max(entry.tolerance, 1e-4))


def run_masked(network, batch, entry, mask):
    """What a network returns if a plain hook multiplies its maps by the mask."""
    runs = itertools.count()

    def hook(module, given, output):
        if output.ndim < 3 or next(runs) != entry.run:
            return None
        if entry.form.name == "channels first":
            return output * mask.reshape(1, -1, *[1] * (output.ndim - 2))
        if entry.form.name == "channels last":
            return output * mask
        changed = output.clone()
        patches = slice(entry.form.prefix, entry.form.prefix + int(np.prod(entry.grid)))
        if entry.form.name == "tokens":
            changed[:, patches] *= mask
        else:
            changed[patches] *= mask
        return changed

    handle = network.get_submodule(entry.layer).register_forward_hook(hook)
    with torch.no_grad():
        returned = network(*(each.clone() for each in batch))
    handle.remove()
    return returned
