"""Observations equal explanations photo by photo, survive the disk, and can be interrupted."""

import numpy as np
import pytest
import torch

import annealcam as ac
from annealcam._internal.storage.resumable import arrays_read, write_arrays
from annealcam.audit.observations import METHODS, observe, read_observations, write_observations
from annealcam.data.sets import load_set
from annealcam.errors import OutputError
from annealcam.models.network_layer import NetworkLayer
from annealcam.settings import resolve
from benchmarks.planted.patch import stamped
from tests.audit.networks import greys, reader
from tests.audit.observed import PATCH, grey_observations, observed


def test_observations_equal_explanations():
    photos, network = stamped(greys(2), PATCH).photos, reader()
    observations = observed(photos, network)
    for i in range(len(photos)):
        image = network.preprocess(photos.open(i))
        target = int(photos.labels[i])
        e = ac.explain(network.model, image, layer="maps", target=target, sampler="exact")
        assert set(np.flatnonzero(observations.selected[i])) == set(e.selected)
        np.testing.assert_allclose(observations.maps["annealcam"][i], e.map, rtol=1e-6)
        np.testing.assert_allclose(
            observations.contributions[i], e.contribution, rtol=1e-5, atol=1e-8
        )
        for method in ("gradcam", "gradcam++"):
            np.testing.assert_allclose(observations.maps[method][i], e.baselines[method], rtol=1e-6)


@pytest.mark.parametrize("how", [{}, {"objective": "relative"}, {"preset": "paper"}])
def test_observations_of_a_contrast_equal_explanations(how):
    digits = load_set("digits").subset(np.arange(5))
    network = NetworkLayer.open("digits", "block.1", digits.first_photo())
    settings = resolve(sampler="exact", **how)
    observations = observe(digits, network, settings, targets=range(10), against="rest", batch=2)
    for i in range(len(digits)):
        e = ac.explain(
            network.model, network.inputs([digits.open(i)])[0], layer="block.1",
            target=int(digits.labels[i]), against="rest", sampler="exact", **how,
        )  # fmt: skip
        assert set(np.flatnonzero(observations.selected[i])) == set(e.selected)
        expected = e.provenance["beta"] if not how else e.problem.beta
        assert observations.beta[i] == pytest.approx(expected)
        np.testing.assert_allclose(
            observations.contributions[i], e.contribution, rtol=1e-4, atol=1e-5
        )
        np.testing.assert_allclose(observations.maps["annealcam"][i], e.map, rtol=1e-4, atol=1e-6)


@pytest.fixture(scope="module")
def clean():
    return grey_observations()[0]


def test_observations_survive_the_disk(tmp_path, clean):
    write_observations(clean, tmp_path / "part.npz")
    read = read_observations(tmp_path / "part.npz", photos=greys(), channels=3)
    assert (read.images, read.skipped) == (clean.images, clean.skipped)
    for name, array in vars(clean).items():
        if isinstance(array, np.ndarray):
            np.testing.assert_array_equal(getattr(read, name), array)
    for method in METHODS:
        np.testing.assert_array_equal(read.maps[method], clean.maps[method])
    (tmp_path / "part.npz").write_bytes(b"no archive")
    with pytest.raises(OutputError, match="remove it"):
        read_observations(tmp_path / "part.npz", photos=greys(), channels=3)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("labels", lambda a: a + 3), ("labels", lambda a: a[1:]), ("labels", lambda a: a * 1.0),
        ("means", lambda a: a[:, :2]), ("means", lambda a: a * np.nan),
        ("maps.gradcam", lambda a: a / 0.0), ("maps.gradcam", lambda a: a[..., None]),
        ("selected", lambda a: a.astype(int)), ("views", lambda a: a[:, :5]),
        ("images", lambda a: ["elsewhere"] * 36), ("images", lambda a: [3] * 36),
        ("skipped", lambda a: 3), ("on_mask", None),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_observations_that_do_not_fit_are_refused(tmp_path, clean, name, change):
    file = tmp_path / "part.npz"
    write_observations(clean, file)
    with arrays_read(file) as arrays:
        array = arrays.pop(name)
        write_arrays(file, arrays if change is None else arrays | {name: change(array)})
    with pytest.raises(OutputError, match=r"part\.npz: cannot be read \(.*; remove it") as raised:
        read_observations(file, photos=greys(), channels=3)
    assert "\n" not in str(raised.value)


def test_top_k_maps_are_those_of_largest_importance():
    digits = load_set("digits").subset(np.arange(6))
    network = NetworkLayer.open("digits", "block.1", digits.first_photo())
    observations = observe(digits, network, resolve(sampler="exact"))
    images = network.inputs([digits.open(i) for i in range(len(digits))])
    captured = network.capture(images)
    for i, image in enumerate(images):
        e = ac.explain(network.model, image, layer="block.1", sampler="exact")
        top = torch.from_numpy(np.argsort(-e.importance, kind="stable")[: len(e.selected)].copy())
        expected = captured.contribution_maps[i, top].sum(dim=0).relu().numpy()
        np.testing.assert_allclose(observations.maps["topk_importance"][i], expected, rtol=1e-5)
