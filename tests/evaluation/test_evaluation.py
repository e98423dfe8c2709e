"""Photos through methods and metrics: scores are those of the metrics themselves."""

import json
import warnings

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.spatial.distance import cosine
from typer.testing import CliRunner

import annealcam as ac
from annealcam.attribution.activations import capture
from annealcam.cli.evaluate import FILES
from annealcam.cli.main import app
from annealcam.errors import ArgumentError, ImageError
from annealcam.evaluation.evaluation import evaluate
from annealcam.evaluation.masks import mask_in_view
from annealcam.evaluation.methods import DEFAULT_METHODS, method_maps
from annealcam.evaluation.scores import DEFAULT, LOCALISATION, METRICS, ON_GRIDS
from annealcam.evaluation.set_overlap import overlap_lines
from annealcam.metrics.localisation import best_iou, energy_inside, pointing_game
from annealcam.metrics.pixels import resized
from annealcam.metrics.randomised import random_weights
from annealcam.metrics.reference_maps import centred_gaussian
from annealcam.metrics.removal import road
from annealcam.metrics.sensitivity import class_sensitivity
from annealcam.models.images import load_photo
from annealcam.models.loaded import LoadedModel
from annealcam.models.photo_files import photos_in
from annealcam.models.preprocess import Preprocess
from annealcam.settings import resolve
from tests.damage import unnoticed
from tests.networks import small_network

ON_PHOTOS = [name for name in METRICS if name not in ON_GRIDS]


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for number in range(3):
        Image.fromarray(rng.integers(0, 255, (24, 24, 3), dtype=np.uint8)).save(
            folder / f"{number}.png"
        )
    (folder / "broken.png").write_bytes(b"no")
    return folder


@pytest.fixture(scope="module")
def network():
    return LoadedModel(small_network(maps=14), Preprocess(20, 20), None)


def test_every_method_by_every_metric(photos, network):
    found = evaluate(
        network, photos_in(photos), resolve(sampler="exact"), metrics=ON_PHOTOS, masks={},
        batch=2,
    )  # fmt: skip
    assert len(found.lines) == len(DEFAULT_METHODS) * len(ON_PHOTOS)
    assert len(found.rows) == 3 * len(DEFAULT_METHODS)
    assert len(found.skipped) == 1
    assert "broken.png" in found.skipped[0]
    for row in found.rows:
        if row["method"] != "annealcam":
            continue
        image = network.preprocess(load_photo(row["photo"]))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            e = ac.explain(network.model, image, layer="3", sampler="exact")
        share = e.contribution[e.selected].sum() / e.contribution.sum()
        assert (row["target"], row["maps"]) == (e.target, len(e.selected))
        assert row["kept"] == pytest.approx(share, rel=1e-3)
    references = [
        line for line in found.lines if line.method == "gaussian" and line.metric == "kept"
    ]
    assert (references[0].mean, references[0].missing) == (None, 3)
    html = found._repr_html_()
    assert html.count("<tr>") == 1 + len(DEFAULT_METHODS)
    assert html.count(">no value<") == sum(line.mean is None for line in found.lines)
    assert "<th class='number'>kept ↑</th>" in html


def test_a_batch_does_not_matter(photos, network):
    options = {"methods": ["annealcam", "gradcam", "random", "random_map"]}
    options |= {"metrics": ["insertion", "road"]}
    one, many = (
        evaluate(network, photos_in(photos), resolve(sampler="exact"), batch=b, **options).rows
        for b in (1, 3)
    )
    keyed = {(row["photo"], row["method"]): row for row in many}
    for row in one:
        for metric in options["metrics"]:
            assert row[metric] == pytest.approx(
                keyed[row["photo"], row["method"]][metric], rel=1e-3, abs=1e-5
            )


def maps_and_images(photos, network, method):
    """What Grad-CAM and the like say of each photo, by the library's own functions."""
    names = sorted(str(file) for file in photos.glob("[0-9].png"))
    images = torch.stack([network.preprocess(load_photo(name)) for name in names])
    return names, images, np.stack(ac.cam(network.model, images, layer="3", method=method))


def column(found, method, metric):
    return [row[metric] for row in found.rows if row["method"] == method]


def test_road_is_the_metrics_own(photos, network):
    how = resolve(sampler="exact", seed=3)
    found = evaluate(network, photos_in(photos), how, methods=["gradcam"], batch=2)
    _, images, maps = maps_and_images(photos, network, "gradcam")
    targets = [row["target"] for row in found.rows]
    expected = road(network.model, images, maps, targets=targets, seed=3).combined
    assert column(found, "gradcam", "road") == pytest.approx(expected, abs=1e-6)
    assert [line.metric for line in found.lines] == list(DEFAULT)


def test_sensitivity_compares_with_the_next_likely_class(photos, network):
    settings, options = resolve(sampler="exact"), {"metrics": ["sensitivity"], "batch": 2}
    found = evaluate(network, photos_in(photos), settings, methods=["gradcam"], **options)
    _, images, maps = maps_and_images(photos, network, "gradcam")
    second = network.model(images).argsort(dim=1)[:, -2].tolist()
    others = ac.cam(network.model, images, layer="3", target=second, method="gradcam")
    expected = class_sensitivity(maps, np.stack(others)).rank_correlation
    assert column(found, "gradcam", "sensitivity") == pytest.approx(expected, abs=1e-6)
    assert np.isfinite(expected).any()


def test_a_random_classifier_changes_the_maps_and_is_restored(photos, network):
    weight = network.model[6].weight.detach().clone()
    how, options = resolve(sampler="exact", seed=3), {"metrics": ["random_classifier"]}
    found = evaluate(network, photos_in(photos), how, methods=["hirescam", "gaussian"], **options)
    assert torch.equal(network.model[6].weight, weight)
    _, images, maps = maps_and_images(photos, network, "hirescam")
    targets = [row["target"] for row in found.rows if row["method"] == "hirescam"]
    scale = float(weight.double().std(correction=0))
    drawn = np.random.default_rng(3).standard_normal(weight.shape) * scale
    with torch.no_grad():
        f = network.model[:4](images).double().numpy()
    others = np.maximum(np.einsum("na,nahw->nhw", drawn[targets], f), 0)
    expected = class_sensitivity(maps, others).rank_correlation
    assert column(found, "hirescam", "random_classifier") == pytest.approx(expected, abs=1e-3)
    assert column(found, "gaussian", "random_classifier") == pytest.approx([1, 1, 1])


@pytest.mark.parametrize("method", ["ablationcam", "finercam"])
def test_methods_that_run_the_network_run_the_random_classifier(photos, network, method):
    how, options = resolve(sampler="exact", seed=3), {"metrics": ["random_classifier"]}
    found = evaluate(network, photos_in(photos), how, methods=[method], **options)
    _, images, maps = maps_and_images(photos, network, method)
    targets = [row["target"] for row in found.rows]
    with random_weights(network.model[6], seed=3):
        others = ac.cam(network.model, images, layer="3", target=targets, method=method)
    expected = class_sensitivity(maps, others).rank_correlation
    assert column(found, method, "random_classifier") == pytest.approx(
        expected, abs=1e-3, nan_ok=True
    )
    assert (np.array(expected) < 0.99).any()


def test_a_random_selection_keeps_its_maps_for_another_class(photos, network):
    how, metrics = resolve(sampler="exact", cardinality=3), ["sensitivity", "random_classifier"]
    found = evaluate(network, photos_in(photos), how, methods=["random"], metrics=metrics, batch=3)
    _, images, _ = maps_and_images(photos, network, "gradcam")
    captured = capture(network.model, images, layer="3")
    chosen = [
        maps["random"].channels for maps in method_maps(captured, how, ["random"], seeds=range(3))
    ]
    weight = network.model[6].weight.detach().double().numpy()
    drawn = np.random.default_rng(0).standard_normal(weight.shape) * weight.std()
    f = captured.activations.double().numpy()
    targets = captured.targets.tolist()
    second = captured.logits.argsort(dim=1)[:, -2].tolist()

    def maps_of(weights):
        each = zip(weights, f, chosen, strict=True)
        return np.stack([np.maximum(np.tensordot(w[c], g[c], 1), 0) for w, g, c in each])

    own = maps_of(weight[targets])
    for metric, others in (
        ("sensitivity", weight[second]), ("random_classifier", drawn[targets])
    ):  # fmt: skip
        expected = class_sensitivity(own, maps_of(others)).rank_correlation
        assert np.isfinite(expected).any()
        assert column(found, "random", metric) == pytest.approx(expected, abs=1e-4, nan_ok=True)


def test_fidelity_is_the_cosine_with_the_evidence(photos, network):
    how, options = resolve(sampler="exact"), {"metrics": ["fidelity"]}
    methods = ["hirescam", "annealcam", "gaussian"]
    found = evaluate(network, photos_in(photos), how, methods=methods, **options)
    assert column(found, "hirescam", "fidelity") == pytest.approx([1, 1, 1])
    _, _, evidence = maps_and_images(photos, network, "hirescam")
    gaussian = centred_gaussian(evidence[0].shape)
    expected = [1 - cosine(gaussian.ravel(), e.ravel()) for e in evidence]
    assert column(found, "gaussian", "fidelity") == pytest.approx(expected, abs=1e-6)
    assert all(0 < value < 1 for value in column(found, "annealcam", "fidelity"))


def test_localisation_is_the_metrics_own(photos, network):
    names, images, maps = maps_and_images(photos, network, "gradcam")
    rng = np.random.default_rng(1)
    whole = rng.random((24, 24)) < 0.4  # 24 to 20 pixels, by the nearest
    masks = {names[0]: whole, names[2]: [(2, 3, 20, 15)]}
    how = resolve(sampler="exact")
    found = evaluate(network, photos_in(photos), how, methods=["gradcam"], masks=masks, batch=2)
    assert [line.metric for line in found.lines] == [*DEFAULT, *LOCALISATION]
    large = resized(maps, (20, 20)).numpy()
    measures = {"pointing": pointing_game, "energy": energy_inside, "iou": best_iou}
    for metric, measure in measures.items():
        scores = column(found, "gradcam", metric)
        for i in (0, 2):
            seen = mask_in_view(network.preprocess, masks[names[i]], names[i], (24, 24))
            assert scores[i] == pytest.approx(measure(large[i], seen), rel=1e-5)
        assert np.isnan(scores[1])
    line = next(line for line in found.lines if line.metric == "pointing")
    assert (line.images, line.missing) == (2, 1)
    assert found.notes == ["masks: 2 of 3 photos have one in view"]
    assert images.shape == (3, 3, 20, 20)


def test_the_overlap_is_over_all_photos(photos, network, tmp_path):
    how, options = resolve(sampler="exact"), {"metrics": ["kept", "overlap"], "batch": 2}
    red = str(tmp_path / "red.png")  # of another class
    Image.new("RGB", (24, 24), (255, 0, 0)).save(red)
    names = [str(photos / "0.png"), red, str(photos / "1.png"), red]
    found = evaluate(network, names, how, methods=["topk_contribution", "gaussian"], **options)
    assert [(line.method, line.metric) for line in found.lines] == [
        (method, metric)
        for method in ("topk_contribution", "gaussian")
        for metric in ("kept", "overlap")
    ]
    targets = column(found, "topk_contribution", "target")
    assert targets == [targets[0], targets[1]] * 2
    seen = capture(
        network.model, torch.stack([network.preprocess(load_photo(n)) for n in names]), layer="3"
    )
    maps = [
        own["topk_contribution"].channels
        for own in method_maps(seen, how, ["topk_contribution"], seeds=[0, 1, 2, 3])
    ]
    (expected,), _ = overlap_lines({"topk_contribution": maps}, targets)
    assert found.lines[1] == expected
    assert (expected.images, found.lines[3].mean, found.lines[3].missing) == (4, None, 4)
    assert "overlap" not in found.rows[0]
    few = evaluate(network, names[:3], how, methods=["topk_contribution"], **options)
    assert few.notes[0].startswith("overlap: no value; it needs two predicted classes")


def test_a_cardinality_is_kept(photos, network):
    how = resolve(sampler="exact", cardinality=3)
    names = ["annealcam", "topk_contribution", "random"]
    found = evaluate(network, photos_in(photos), how, methods=names, metrics=["kept"])
    assert {row["maps"] for row in found.rows} == {3}
    assert found.sizes == dict.fromkeys(names, 3.0)


def test_all_methods_explain_the_contrast(photos, network):
    how = resolve(sampler="exact", cardinality=3)
    methods, metrics = ["annealcam", "gradcam"], ["fidelity", "sensitivity", "random_classifier"]
    options = {"methods": methods, "metrics": metrics, "batch": 2}
    found = evaluate(network, photos_in(photos), how, against="next", **options)
    plain = evaluate(network, photos_in(photos), how, **options)
    assert (found.provenance["against"], plain.provenance["against"]) == ("next", None)
    names, images, _ = maps_and_images(photos, network, "gradcam")
    contrast = {"layer": "3", "sampler": "exact", "cardinality": 3, "against": "next"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        explained = [ac.explain(network.model, image, **contrast) for image in images]
        others = [
            ac.explain(network.model, image, target=int(np.argsort(e.logits)[-2]), **contrast)
            for image, e in zip(images, explained, strict=True)
        ]
    assert [row["photo"] for row in found.rows if row["method"] == "gradcam"] == names
    for method, map_of in (
        ("annealcam", lambda e: e.map), ("gradcam", lambda e: e.baselines["gradcam"])
    ):  # fmt: skip
        maps = np.stack([map_of(e) for e in explained])
        expected = class_sensitivity(maps, np.stack([map_of(e) for e in others])).rank_correlation
        assert np.isfinite(expected).any()
        assert column(found, method, "sensitivity") == pytest.approx(
            expected, abs=1e-5, nan_ok=True
        )
        cosines = [
            1 - cosine(map_.ravel(), np.maximum(e.evidence, 0).ravel())
            for map_, e in zip(maps, explained, strict=True)
        ]
        assert column(found, method, "fidelity") == pytest.approx(cosines, abs=1e-5)
    assert column(found, "gradcam", "sensitivity") != column(plain, "gradcam", "sensitivity")


def test_photos_of_a_contrasted_class_are_skipped(photos, network, tmp_path):
    red = str(tmp_path / "red.png")  # of another class
    Image.new("RGB", (24, 24), (255, 0, 0)).save(red)
    names = [*sorted(str(file) for file in photos.glob("[0-9].png")), red]
    how, options = resolve(sampler="exact"), {"methods": ["gradcam"], "metrics": ["sensitivity"]}
    targets = column(evaluate(network, names, how, **options), "gradcam", "target")
    assert targets[0] == targets[1] == targets[2] != targets[3]
    found = evaluate(network, names, how, against=targets[0], **options)
    assert [row["photo"] for row in found.rows] == [red]
    assert (
        found.skipped[0] == f"{names[0]}: is predicted to show '{targets[0]}', a class of against"
    )
    assert (len(found.skipped), found.provenance["photos"]) == (3, 1)
    assert found.provenance["against"] == targets[0]
    image = network.preprocess(load_photo(red))
    logits = network.model(image[None])[0].detach().numpy()
    second = next(c for c in np.argsort(-logits) if c not in targets)
    own, other = (
        ac.explain(
            network.model, image, layer="3", target=int(c), against=targets[0], cardinality=1
        )
        for c in (targets[3], second)
    )
    pair = [e.baselines["gradcam"][None] for e in (own, other)]
    expected = class_sensitivity(*pair).rank_correlation
    assert column(found, "gradcam", "sensitivity") == pytest.approx(expected, abs=1e-5, nan_ok=True)
    with pytest.raises(ArgumentError, match="every photo is predicted to show a class that it"):
        evaluate(network, names, how, against=[targets[0], targets[3]], **options)


def test_old_names_of_methods_are_accepted_with_a_warning(photos, network):
    names, options = photos_in(photos)[:1], {"metrics": ["kept"]}
    with pytest.warns(DeprecationWarning, match="use methods='topk_alpha'"):
        old = evaluate(network, names, resolve(), methods=["topk-alpha"], **options)
    new = evaluate(network, names, resolve(), methods=["topk_alpha"], **options)
    assert old.rows == new.rows
    assert repr(new) == "Evaluation(photos=1, methods=1, metrics=1, skipped=0)"


def test_what_cannot_be(photos, network, tmp_path):
    how = resolve(sampler="exact")
    with pytest.raises(ArgumentError, match="methods='gradcm': one of.*did you mean 'gradcam'"):
        evaluate(network, photos_in(photos), how, methods=["gradcm"])
    with pytest.raises(ArgumentError, match="metrics='keep'"):
        evaluate(network, photos_in(photos), how, metrics=["keep"])
    with pytest.raises(ArgumentError, match="cardinality=17: above max_qubits=16; lower it, or"):
        evaluate(
            network, photos_in(photos), resolve(sampler="exact", cardinality=17, max_qubits=16)
        )
    with pytest.raises(ArgumentError, match="at least one"):
        evaluate(network, [], how)
    with pytest.raises(ArgumentError, match="metrics='iou': needs the place of the object"):
        evaluate(network, photos_in(photos), how, metrics=["iou"])
    wrong = {str(photos / "0.png"): np.ones((5, 5), bool)}
    with pytest.raises(ArgumentError, match=r"of shape \(5, 5\) for .*0.png"):
        evaluate(network, photos_in(photos), how, masks=wrong)
    with pytest.raises(ImageError, match="none of 1 photos can be read"):
        evaluate(network, [str(photos / "broken.png")], how)
    with pytest.raises(ArgumentError, match="an empty folder"):
        photos_in(tmp_path)


@pytest.fixture
def own_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(
        "from tests.networks import small_network\n"
        "from annealcam.models.preprocess import Preprocess\n"
        "def make():\n    return small_network(maps=14), Preprocess(20, 20), None\n"
    )
    return ["--model", "own:make"]


def command(*options):
    return CliRunner().invoke(app, ["evaluate", *map(str, options)])


def test_the_command(photos, tmp_path, own_model):
    options = (photos, *own_model, "--methods", "annealcam,gaussian", "-o", "out")
    found = command(*options, "--metrics", "kept,deletion")
    assert found.exit_code == 1, found.output
    assert "3 photos, own:make, layer 3" in found.output
    assert found.output.endswith("3 of 4 photos evaluated; 1 could not be read\n")
    assert "broken.png" in found.output
    names = {file.name for file in (tmp_path / "out").iterdir()}
    assert names == {"SHA256SUMS", *FILES} - {"grids.csv"}
    told = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert len(told["table"]) == 4
    assert len((tmp_path / "out" / "scores.csv").read_text().splitlines()) == 7
    assert unnoticed(tmp_path / "out", 1) == []
    again = command(  # takes its place
        *options, "--metrics", "overlap", "--cardinality", 2, "--against", "next"
    )
    assert again.exit_code == 1, again.output
    told = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert (told["cardinality"], told["against"], len(told["table"])) == (2, "next", 2)
    assert "photos each" in again.output
    wrong = command(photos, "--methods", "x", "-o", "other")
    assert wrong.exit_code == 2
    assert not (tmp_path / "other").exists()


def test_the_command_with_masks(photos, tmp_path, own_model):
    (tmp_path / "boxes.csv").write_text("photo,left,top,right,bottom\n1.png,0,0,24,24\n")
    options = (photos, *own_model, "--methods", "gradcam", "-o", "out")
    found = command(*options, "--masks", "boxes.csv", "--metrics", "pointing,energy,iou")
    assert found.exit_code == 1, found.output
    assert "masks: 1 of 3 photos have one in view" in found.output
    told = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert [(line["mean"], line["missing"]) for line in told["table"]] == [(1.0, 2)] * 3
    wrong = command(*options, "--metrics", "iou")
    assert wrong.exit_code == 2
    assert "give masks (--masks PLACE)" in wrong.output
