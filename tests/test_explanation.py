"""The result: stored and read back to the bit, never half-written, and drawn."""

import base64
import io
import json
import pickle
import shutil
from dataclasses import FrozenInstanceError, replace
from html.parser import HTMLParser
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import annealcam as ac
from annealcam._internal.heatmaps import heatmap
from annealcam._internal.pictures.geometry import geometry_record
from annealcam._internal.storage import files
from annealcam._internal.storage.checksums import CHECKSUMS
from annealcam._internal.storage.files import written_aside
from annealcam.errors import ArgumentError, OutputError
from annealcam.explanation import FILES, MARKER
from annealcam.models.preprocess import Preprocess
from annealcam.render.subject_text import share_text
from tests.networks import headed, same


@pytest.fixture
def e(network, images):
    return ac.explain(network, images[0], layer="3", class_names=list("abcde"), shots=4)


@pytest.mark.parametrize("sampler", ["anneal", "exact", "sa"])
def test_round_trip(network, images, tmp_path, sampler):
    e = ac.explain(network, images[0], layer="3", sampler=sampler, cardinality=2)
    back = ac.Explanation.load(e.save(tmp_path / "a b" / "x"))
    assert same(e, back)
    assert back.provenance == e.provenance
    assert back.map.dtype == e.map.dtype
    assert (back.energy, back.optimal) == (e.energy, e.optimal)
    assert back.problem.cardinality == 2


def test_round_trip_of_nothing(tmp_path):
    model = headed(lambda x: torch.rand(1, 3, 4, 4), [1.0] * 3)
    with pytest.warns(ac.errors.AnnealcamWarning):
        e = ac.explain(model, torch.zeros(3, 4, 4), layer="maps", target=1, objective="relative")
    assert same(e, ac.Explanation.load(e.save(tmp_path / "x")))


@pytest.mark.parametrize("grid", [(16,), (2, 2, 4)])
def test_maps_of_one_and_three_axes(network, images, tmp_path, grid):
    """Everything but the shape of the maps is that of the same maps of two axes."""
    flat = ac.explain(network, images[0, :, :14, :14], layer="3", sampler="exact", cardinality=3)
    e = replace(
        flat,
        map=flat.map.reshape(grid),
        evidence=flat.evidence.reshape(grid),
        selected_maps=flat.selected_maps.reshape(-1, *grid),
        baselines={name: raw.reshape(grid) for name, raw in flat.baselines.items()},
    )
    assert e.as_json() == flat.as_json()
    assert np.array_equal(e.largest_cosines, flat.largest_cosines)
    for back in (ac.Explanation.load(e.save(tmp_path / "x")), pickle.loads(pickle.dumps(e))):
        assert same(e, back)
        assert back.map.shape == back.evidence.shape == back.baselines["gradcam"].shape == grid
        assert not back.map.flags.writeable
    assert repr(e) == repr(flat)


def test_frozen(e, tmp_path):
    with pytest.raises(FrozenInstanceError):
        e.target = 3
    with pytest.raises(ValueError, match="read-only"):
        e.map[0, 0] = 1
    with pytest.raises(TypeError):
        e.provenance["seed"] = 4
    with pytest.raises(TypeError):
        e.baselines["mine"] = e.map
    with pytest.raises(TypeError):
        e.selection.info["optimum"] = 1
    with pytest.raises(ValueError, match="read-only"):
        ac.Explanation.load(e.save(tmp_path / "x")).selection.n[0] = 1
    assert same(pickle.loads(pickle.dumps(e)), e)


def test_numpy_numbers_are_stored_as_plain_ones(network, images, tmp_path):
    e = ac.explain(
        network, images[0], layer="3", seed=np.int64(3), beta=np.float32(0.5),
        cardinality=np.int32(2), max_qubits=np.int64(5), shots=np.uint8(7), tau=np.float64(10),
    )  # fmt: skip
    assert same(e, ac.Explanation.load(e.save(tmp_path / "x")))
    assert (type(e.provenance["seed"]), type(e.provenance["beta"])) == (int, float)


def test_json_tells_the_selection(e, tmp_path):
    record = json.loads((e.save(tmp_path / "x") / MARKER).read_text())
    assert [row["channel"] for row in record["selected"]] == e.selected.tolist()
    assert record["target"]["probability"] == pytest.approx(
        float(torch.tensor(e.logits).softmax(0)[e.target]), rel=1e-6
    )
    assert record["provenance"]["annealcam"] == ac.__version__
    assert record["selection"]["info"]["success_probability"] > 0


def test_an_older_result_is_replaced_as_a_whole(e, tmp_path):
    folder = e.save(tmp_path / "x")
    (folder / "overlay.png").write_text("of an older picture")
    e.save(folder)
    assert sorted(p.name for p in folder.iterdir()) == [
        "SHA256SUMS",
        "explanation.json",
        "maps.npz",
    ]
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_a_failure_leaves_the_older_result_untouched(e, tmp_path):
    folder = e.save(tmp_path / "x")
    before = {p.name: p.read_bytes() for p in folder.iterdir()}

    def fail_half_way():
        with written_aside(folder, names=FILES, marker=MARKER) as aside:
            (aside / MARKER).write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize("one_step", [True, False])
def test_what_a_killed_writer_leaves_is_mended_at_once(e, tmp_path, monkeypatch, one_step):
    """Whatever rename dies, and however, the finished result is there or comes back."""
    if not one_step:
        monkeypatch.setattr(files, "exchange", lambda *_: False)
    folder = e.save(tmp_path / "x")
    real, calls = Path.rename, []

    def dies(self, target):
        calls.append(target)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(self, target)

    if not one_step:
        monkeypatch.setattr(Path, "rename", dies)
        with pytest.raises(KeyboardInterrupt):
            e.save(folder)
        monkeypatch.setattr(Path, "rename", real)
    assert same(e, ac.Explanation.load(folder))
    folder.rename(tmp_path / ".x.old")  # what kill -9 would leave
    (tmp_path / ".x.new-dead").mkdir()
    assert same(e, ac.Explanation.load(folder))
    e.save(folder)
    assert same(e, ac.Explanation.load(folder))
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_a_link_to_a_folder_is_followed(e, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    e.save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert same(e, ac.Explanation.load(tmp_path / "real"))


def test_foreign_files_are_never_replaced(e, tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "thesis.tex").write_text("years of work")
    with pytest.raises(OutputError, match="holds thesis.tex"):
        e.save(tmp_path / "x")
    folder = e.save(tmp_path / "y")
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="holds notes.txt"):
        e.save(folder)
    assert (folder / "notes.txt").read_text() == "mine"
    assert same(e, ac.Explanation.load(folder))
    (tmp_path / "z").mkdir()
    (tmp_path / "z" / "report.png").write_text("no result of ours")
    with pytest.raises(OutputError, match="holds report.png"):
        e.save(tmp_path / "z")
    with pytest.raises(OutputError, match="is a file"):
        e.save(tmp_path / "x" / "thesis.tex")
    with pytest.raises(OutputError, match="cannot be written"):
        e.save(tmp_path / "x" / "thesis.tex" / "below")
    assert (tmp_path / "x" / "thesis.tex").read_text() == "years of work"


def without_checksums(folder):
    (folder / CHECKSUMS).unlink()
    return folder


def test_unreadable_results(e, tmp_path):
    with pytest.raises(OutputError, match="no explanation.json"):
        ac.Explanation.load(tmp_path)
    folder = without_checksums(e.save(tmp_path / "x"))
    whole = (folder / "maps.npz").read_bytes()
    for damaged in (b"PK broken", b"", whole[: len(whole) // 2]):
        (folder / "maps.npz").write_bytes(damaged)
        with pytest.raises(OutputError, match="x: cannot be read"):
            ac.Explanation.load(folder)
    record = json.loads((folder / MARKER).read_text())
    e.save(folder)
    (without_checksums(folder) / MARKER).write_text(json.dumps({**record, "format": 99}))
    with pytest.raises(OutputError, match="format 99"):
        ac.Explanation.load(folder)


def test_results_of_earlier_versions_are_not_verified(e, tmp_path):
    folder = e.save(tmp_path / "x")
    assert (e.verified, ac.Explanation.load(folder).verified) == (None, True)
    old = ac.Explanation.load(without_checksums(folder))
    assert old.verified is False
    assert same(e, old)
    assert [r.status for r in ac.verify(folder)] == ["unverified"]
    shutil.copytree(folder, tmp_path / ".x.new-1")  # of a writer that was killed
    assert [r.folder for r in ac.verify(tmp_path)] == [folder]


@pytest.mark.parametrize(
    ("name", "change", "fault"),
    [
        ("alpha", lambda a: a[:-1], "alpha|importance"),
        ("evidence", lambda a: a.T[:1], "evidence has the shape"),
        ("logits", lambda a: a * np.nan, "logits contains NaN"),
        ("n", lambda a: 1 - a, "selected maps and n differ"),
        ("n", lambda a: 2 * a, "n is no selection"),
        ("selected", lambda a: a + 1000, "selected maps and n differ"),
        ("candidates", lambda a: a[::-1], "candidates"),
        ("h", lambda a: 2 * a, "the energy is"),
        ("map", lambda a: a[0, 0], "has the shape"),
    ],
)
def test_without_checksums_contents_that_do_not_fit_are_found(e, tmp_path, name, change, fault):
    folder = without_checksums(e.save(tmp_path / "x"))
    arrays = dict(np.load(folder / "maps.npz"))
    np.savez(folder / "maps.npz", **{**arrays, name: change(arrays[name])})
    with pytest.raises(OutputError, match=fault):
        ac.Explanation.load(folder)
    assert [r.status for r in ac.verify(tmp_path)] == ["damaged"]


def test_heatmap_is_bilinear_and_peaks_at_one():
    raw = np.array([[0.0, 1.0], [2.0, 4.0]])
    torchs = torch.nn.functional.interpolate(
        torch.tensor(raw)[None, None], size=(8, 12), mode="bilinear", align_corners=False
    )[0, 0].numpy()
    assert np.allclose(heatmap(raw, (8, 12)), torchs / torchs.max(), atol=1e-6)
    own = heatmap(np.random.default_rng(0).random((7, 7)), (224, 200))
    assert own.shape == (224, 200)
    assert (own.min() >= 0, own.max()) == (True, 1.0)
    assert np.array_equal(heatmap(np.full((2, 2), 3.0), (4, 4)), np.ones((4, 4)))
    assert not heatmap(np.zeros((2, 2)), (4, 4)).any()
    for size in ((0, 3), (3, -1)):
        with pytest.raises(ArgumentError, match="size="):
            heatmap(raw, size)


def test_overlay_colours_most_where_the_map_is_strongest(e):
    photo = Image.new("RGB", (120, 120), (90, 90, 90))
    drawn = e.overlay(photo)
    assert drawn.size == photo.size
    change = np.abs(np.asarray(drawn, dtype=int) - 90).sum(axis=-1)
    heat = e.heatmap((120, 120))
    assert change[heat == 1].max() > change[heat < 0.2].max()


@pytest.mark.parametrize("name", ["default", "paper"])
def test_results_of_version_0_1_load_with_equal_numbers(name, tmp_path):
    """They were written by the code of 0.1: `convention`, `reads`, mean g x mean f."""
    folder = Path(__file__).parent / "data_v0" / name
    e = ac.Explanation.load(folder)
    old = json.loads((folder / MARKER).read_text())
    with np.load(folder / "maps.npz") as arrays:
        for key in ("map", "selected", "importance", "alpha", "contribution", "logits", "view"):
            assert np.array_equal(getattr(e, key), arrays[key])
        assert np.array_equal(e.problem.h, arrays["h"])
        assert np.array_equal(e.problem.J, arrays["J"])
        assert np.array_equal(e.selection.n, arrays["n"])
        assert np.array_equal(e.baselines["gradcam++"], arrays["baseline_gradcam++"])
    assert (e.energy, e.optimal) == (old["selection"]["energy"], old["selection"]["optimal"])
    assert e.selection.shots == old["selection"]["reads"] == 8
    renamed = {"paper": "per_qubit", "text": "unit"}
    assert e.normalisation == renamed[old["provenance"]["convention"]]
    assert (e.target, e.class_name) == (1, "b")
    again = ac.anneal(e.problem, **e.annealing).success_probability
    assert again == pytest.approx(e.selection.info["success_probability"], abs=1e-6)
    with pytest.warns(DeprecationWarning, match="convention: renamed, use normalisation"):
        assert e.convention == e.normalisation
    assert same(e, ac.Explanation.load(e.save(tmp_path / "x")))
    assert (e.fidelity, e.evidence) == (None, None)
    k = len(e.selected)  # the best k maps, by the problem of 0.1 alone
    sets = [np.isin(np.arange(e.problem.d), n) for n in combinations(range(e.problem.d), k)]
    weight = np.exp([(e.energy - e.problem.energy(n)) / (0.01 * abs(e.energy)) for n in sets])
    np.testing.assert_allclose(e.inclusion, weight @ sets / weight.sum(), atol=1e-9)
    assert set(e.core) <= set(e.selected) == set(e.stand_ins)


def test_the_repr_is_short(e):
    text = repr(e)
    assert text.startswith("Explanation(model='Sequential', layer='3', target=")
    assert f"selected=[{', '.join(map(str, e.selected))}]" in text
    provenance = {**e.provenance, "model": "m" * 500, "layer": "l" * 500, "target_name": "t" * 500}
    many = np.zeros((12, *e.map.shape), dtype=np.float32)
    long = replace(e, provenance=provenance, selected=np.arange(1000, 1012), selected_maps=many)
    assert len(repr(long)) <= 300


class Reader(HTMLParser):
    """Pictures, texts and links of a piece of HTML."""

    def __init__(self, html):
        super().__init__()
        self.sources, self.texts, self.tags = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data):
        self.texts.append(data)


def test_a_notebook_shows_map_evidence_selected_maps_and_one_line_of_facts(e):
    page = Reader(e._repr_html_())
    assert page.tags.count("img") == 2 + len(e.selected)
    assert all(source.startswith("data:image/webp;base64,") for source in page.sources)
    text = "".join(page.texts)
    assert all(f"map {channel}" in text for channel in e.selected)
    assert f"{len(e.selected)} of {len(e.alpha)} maps" in text
    assert " of the logit" not in text  # the layer does not raise it
    raised = replace(e, provenance={**e.provenance, "completeness": -1.0})
    assert f"{share_text(raised.share)} of the logit" in raised._repr_html_()
    assert f"fidelity {e.fidelity:.2f}" in text
    assert text.count("(sure)") == len(e.core)
    first = Image.open(io.BytesIO(base64.b64decode(page.sources[0].partition(",")[2])))
    height, width = e.view.shape[:2]
    assert first.width / first.height == pytest.approx(width / height, rel=0.02)


def test_a_notebook_escapes_names_and_needs_no_view(e):
    names = {"target_name": "<script>alert(1)</script>", "model": "<b>", "layer": "&"}
    odd = replace(e, provenance={**e.provenance, **names}, view=None)
    html = odd._repr_html_()
    assert "<script" not in html
    assert "<b>" not in html
    assert "&lt;script&gt;" in html
    nothing = replace(e, selected=e.selected[:0], selected_maps=e.selected_maps[:0])
    assert Reader(nothing._repr_html_()).tags.count("img") == 2
    older = replace(nothing, evidence=None, fidelity=None)  # as version 0.1 wrote
    assert Reader(older._repr_html_()).tags.count("img") == 1
    assert "fidelity" not in older._repr_html_()


CELLS = 7  # of a map, along each side of the network's view


def bright_cells(x):
    """Maps of which one is how bright each cell of 32 pixels is."""
    brightness = torch.nn.functional.avg_pool2d(x.mean(dim=1, keepdim=True), 32)
    return torch.relu(torch.cat([brightness - brightness.amin(), 0 * brightness], dim=1))


@pytest.mark.parametrize("size", [(320, 213), (213, 320), (300, 300), (640, 100)])
@pytest.mark.parametrize("how", ["preprocess", "recorded", "copy"])
def test_the_overlay_of_a_cropped_photo_peaks_where_the_photo_does(size, how):
    """A white square is where the overlay is brightest, to half a cell of the map."""
    preprocess = Preprocess(256, 224, mean=[0.0] * 3, std=[1.0] * 3)
    left, top, right, _ = preprocess.box(*size)
    cell = (right - left) / CELLS
    centre = (left + 5.5 * cell, top + 1.5 * cell)
    photo = Image.new("RGB", size)
    photo.paste((255, 255, 255), tuple(round(c + s * cell / 2) for s in (-1, 1) for c in centre))
    model = headed(bright_cells, [1.0, 0.0])
    e = ac.explain(model, preprocess(photo), layer="maps", target=0, gradients="plain")
    assert np.unravel_index(e.map.argmax(), e.map.shape) == (1, 5)
    black, options = Image.new("RGB", size), {"preprocess": preprocess}
    if how != "preprocess":
        record = geometry_record(preprocess, photo)
        e, options = replace(e, provenance={**e.provenance, **record}), {}
    if how == "copy":
        black = Image.new("RGB", (2 * size[0], 2 * size[1]))
    light = np.asarray(e.overlay(black, **options), dtype=float).sum(axis=2)
    scale = black.width / size[0]
    y, x = (float(np.mean(places)) for places in np.nonzero(light > 0.99 * light.max()))
    assert abs((x + 0.5) / scale - centre[0]) < cell / 2
    assert abs((y + 0.5) / scale - centre[1]) < cell / 2


def test_an_overlay_whose_place_is_not_known_warns(e):
    photo = Image.new("RGB", (320, 200))
    with pytest.warns(ac.errors.AnnealcamWarning, match="Pass preprocess="):
        stretched = e.overlay(photo)
    with pytest.warns(ac.errors.AnnealcamWarning, match="no method `box`"):
        assert np.array_equal(e.overlay(photo, lambda image: image), stretched)
