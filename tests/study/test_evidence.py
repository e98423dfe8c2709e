"""The selectors by evidence in a study, the annealing of their problems, and the checks."""

import math
import re
import shutil
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import torch

import annealcam as ac
from annealcam.annealing.success import guess_probability
from annealcam.attribution.activations import capture
from annealcam.metrics import cell_shares, rank_correlation
from annealcam.metrics.randomised import random_weights
from annealcam.study.analysis import analyse
from annealcam.study.analysis.evidence import check_tables
from annealcam.study.claims.evidence import evidence_claims
from annealcam.study.config import study_of
from annealcam.study.figures import drawing
from annealcam.study.run import store
from annealcam.study.run.checks import shrunk_side_by_side, side_by_side
from annealcam.study.run.engine import run_study
from annealcam.study.run.worker import evidence_maps, photos
from annealcam.study.table.columns import CHECKS_SCHEMA
from annealcam.study.table.rows import evidence_rows, penalised
from tests.networks import digit_network, small_network
from tests.study.runs import contents
from tests.study.tables import table_of

STUDY = {
    "shard": 2,
    "data": {"choose": "all", "per_class": 2},
    "network": {"models": ["tests.networks:digit_network"], "layers": ["3"]},
    "problem": {"explain": "label"},
    "annealing": {"tau": [1, 20], "normalisations": ["per_qubit"]},
    "baselines": {"random_draws": 2, "sizes": [1, 2]},
    "statistics": {"bootstrap": 30, "permutations": 10},
}
EVIDENCE = {"enabled": True, "cardinalities": [1, 2], "candidates": [4, 5], "penalties": [0.2, 1]}


@pytest.fixture(scope="module")
def study():
    return study_of(STUDY | {"evidence": EVIDENCE | {"grids": 1}})


@pytest.fixture(scope="module")
def image():
    return torch.randn(3, 20, 20, generator=torch.Generator().manual_seed(8))


@pytest.fixture(scope="module")
def network():
    return small_network(maps=14)


@pytest.fixture(scope="module")
def rows(network, image, study):
    captured = capture(network, image[None], layer="3", integrated=True)
    (problems,) = evidence_maps(study, captured)
    return list(evidence_rows(problems, study, seed=np.random.SeedSequence(0)))


def of(rows, selector, **equal):
    return [
        row for row in rows
        if row["selector"] == selector and all(row.get(n) == v for n, v in equal.items())
    ]  # fmt: skip


def explained(network, image, k, limit):
    return ac.explain(
        network, image, layer="3", cardinality=k, beta=0.0, max_qubits=limit, sampler="exact"
    )


@pytest.mark.parametrize("k", [1, 2])
def test_the_optimum_is_that_of_explain(network, image, rows, k):
    (row,) = of(rows, "evidence_exact", cardinality=k)
    e = explained(network, image, k, 5)
    assert row["selected"] == sorted(e.selected.tolist())
    assert row["candidates"] == e.candidates.tolist()
    assert row["h"] == e.problem.h.tolist()
    assert row["energy"] == e.energy
    assert row["fidelity"] == pytest.approx(e.fidelity, abs=1e-6)
    assert 0.2 < row["fidelity"] < 0.999


@pytest.mark.parametrize("k", [1, 2])
def test_the_top_k_by_alignment(network, image, rows, k):
    (row,) = of(rows, "topk_alignment", cardinality=k)
    rho = explained(network, image, k, 5).importance
    assert row["selected"] == sorted(np.argsort(-rho)[:k].tolist())


@pytest.mark.parametrize("d", [4, 5])
def test_the_annealer_has_exactly_k_maps(network, image, rows, d):
    p = explained(network, image, 2, d).problem
    runs = of(rows, "evidence_annealer", cardinality=2, d=d, constraint="subspace")
    assert [row["tau"] for row in runs] == [1, 20]
    for row in runs:
        assert row["k"] == 2
        result = ac.anneal(p, tau=row["tau"], normalisation="per_qubit")
        assert row["success_probability"] == result.success_probability
        assert row["gap"] == ac.minimum_gap(p, normalisation="per_qubit").gap
        assert row["guess"] == guess_probability(p, row["multiplicity"], 1)


def test_the_best_penalty_of_each_form(network, image, rows):
    p = explained(network, image, 2, 5).problem
    for constraint, form in (("penalty", p), ("centred penalty", p.centred())):
        runs = of(rows, "evidence_annealer", cardinality=2, constraint=constraint)
        assert [(row["d"], row["tau"]) for row in runs] == [(5, 1), (5, 20)]
        for row in runs:
            sufficient = ac.anneal(form, tau=row["tau"], constraint="penalty").success_probability
            if row["strength"] == 1.0:
                assert row["success_probability"] == pytest.approx(sufficient, abs=2e-5)
            else:
                assert row["success_probability"] > sufficient - 2e-5
            assert row["strength"] in (0.2, 1.0)


def test_a_sufficient_penalty_leaves_the_optimum(network, image):
    p = explained(network, image, 2, 5).problem
    found = ac.solve_exact(penalised(p, 1.0))
    assert found.n.tolist() == ac.solve_exact(p).n.tolist()


@pytest.fixture(scope="module")
def run(tmp_path_factory, study):
    folder = tmp_path_factory.mktemp("evidence") / "run"
    run_study(study, folder)
    return folder


def test_the_other_rows_do_not_change(run, tmp_path, monkeypatch):
    monkeypatch.setattr(drawing, "draw", lambda *_: [])
    run_study(study_of(STUDY), tmp_path)
    plain, both = store.read_table(tmp_path).to_pylist(), store.read_table(run).to_pylist()
    new = ("evidence_exact", "evidence_annealer", "topk_alignment")
    kept = [row for row in both if row["selector"] not in new]
    assert len(kept) < len(both)
    assert kept == plain
    assert not (tmp_path / "checks").exists()
    identity = store.read_manifest(tmp_path)["identity"]["config"]
    assert "evidence" not in identity
    assert identity["problem"].keys() == {
        "importance", "objective", "beta", "max_qubits", "explain"
    }  # fmt: skip


def test_the_checks_are_resumed_to_the_same_bytes(run, study, tmp_path, monkeypatch):
    monkeypatch.setattr(drawing, "draw", lambda *_: [])
    copy = shutil.copytree(run, tmp_path / "copy")
    assert len(contents(run, "checks")) == 10
    (copy / "checks" / "part-00003.parquet").unlink()
    run_study(study, copy)
    assert contents(copy, "checks") == contents(run, "checks")


def test_checks_by_their_definition(run, study):
    network, preprocess, _ = digit_network()
    table = store.read_checks(run)
    assert table.schema == CHECKS_SCHEMA
    images = photos(study.data)
    rows = of(table.to_pylist(), "evidence_exact", cardinality=2)
    beside = {(r["class"], r["other"]): r for r in rows if r["other"] is not None}
    alone = {r["class"]: r for r in rows if r["other"] is None}
    assert 80 < len(beside) <= 90  # a picture of fewer than two candidates has no such selection
    assert 8 < len(alone) <= 10

    def drawn(picture, target):
        e = ac.explain(
            network, picture, layer="3", target=target, cardinality=2, beta=0.0, max_qubits=5,
            sampler="exact",
        )  # fmt: skip
        return e.map

    for left, right, own in (("2", "7", 0), ("7", "2", 1)):
        row = beside[left, right]
        names = [row["image"], row["other_image"]]
        two = [preprocess(images.open(images.images.index(name))) for name in names]
        picture = side_by_side(*(two if own == 0 else two[::-1]))[0]
        share = cell_shares(drawn(picture, int(left))).sum(axis=0)[own]
        assert row["pointing"] == pytest.approx(share, abs=1e-6)
    row = alone["4"]
    number = images.images.index(row["image"])
    picture = preprocess(images.open(number))
    first = drawn(picture, 4)
    with random_weights(network[-1], seed=[0, number]):
        second = drawn(picture, 4)
    rho = float(rank_correlation(first[None].astype(float), second[None].astype(float))[0])
    assert row["rank_correlation"] == pytest.approx(rho, abs=1e-6)


def test_shrunk_photos_keep_their_mean():
    left, right = torch.rand(2, 3, 8, 8)
    picture = shrunk_side_by_side(left, right)
    assert picture.shape == (1, 3, 8, 8)
    assert picture[..., :4].sum() == pytest.approx(float(left.sum()) / 4, rel=1e-5)
    assert picture[..., 4:].sum() == pytest.approx(float(right.sum()) / 4, rel=1e-5)
    assert not picture[:, :, :2].any()
    assert not picture[:, :, 6:].any()


def test_the_summary_and_figures_of_a_run(run):
    names = {path.stem for path in (run / "figures").glob("*.png")}
    assert {
        "evidence", "evidence_overlap_matrix", "evidence_gap_by_d", "evidence_success_by_d",
        "evidence_constraints", "pointing", "pointing_matrix", "random_classifier",
    } <= names  # fmt: skip
    text = (run / "summary.md").read_text()
    assert "evidence, k = 2" in text
    assert "Evidence problems: The success probability F falls" in text
    assert "which has no strength to choose and fewer states" in text
    report = ac.study.write_report(run, photos=2)
    page = report.index.read_text()
    assert 'id="evidence"' in page
    pictures = re.findall(r"<image [^>]*href=\"([^\"]{12})", page)
    assert len(pictures) >= 14
    assert set(pictures) == {"data:image/p"}


def made_up(**values):
    about = {"model": "net", "layer": "a", "class": "x", "target": "x", "cardinality": 2,
             "k": 2, "d": 4, "selected": [0, 1]}  # fmt: skip
    return about | values


def test_the_ratio_of_constraints_is_a_geometric_mean_of_pairs():
    run = {"selector": "evidence_annealer", "tau": 5.0, "normalisation": "unit"}
    rows = [made_up(image="1", selector="evidence_exact", fidelity=0.5)]
    for image, inside, outside in (("1", 0.4, 0.1), ("2", 0.2, 0.2), ("3", 0.5, 0.125)):
        rows += [
            made_up(image=image, constraint="subspace", success_probability=inside, **run),
            made_up(image=image, constraint="penalty", success_probability=outside, **run),
            # a smaller problem of the same image does not count
            made_up(image=image, constraint="subspace", success_probability=0.9, **run) | {"d": 3},
        ]
    tables = analyse(table_of(rows), bootstrap=50, permutations=5, seed=0)
    (row,) = tables["evidence_constraints"].to_pylist()
    assert row["ratio"] == pytest.approx((0.25 * 1.0 * 0.25) ** (1 / 3))
    assert row["subspace"] == pytest.approx((0.4 * 0.2 * 0.5) ** (1 / 3))
    assert row["subspace_higher"] == pytest.approx(2 / 3)
    assert row["low"] <= row["ratio"] <= row["high"]
    assert {r["d"] for r in tables["evidence_success_by_d"].to_pylist()} == {3, 4}
    assert tables["success_by_d"].num_rows == 0


def test_fidelities_are_compared_image_by_image():
    rows = [
        made_up(image=str(i), selector=selector, fidelity=value, draw=None)
        for selector, values in {
            "evidence_exact": (0.9, 0.8, 0.7), "topk_contribution": (0.8, 0.6, 0.7)
        }.items()
        for i, value in enumerate(values)
    ]  # fmt: skip
    tables = analyse(table_of(rows), bootstrap=50, permutations=5, seed=0)
    best, other = (
        next(r for r in tables["evidence"].to_pylist() if r["selector"] == name)
        for name in ("evidence_exact", "topk_contribution")
    )
    assert (best["optimum_minus"], best["optimum_minus_low"]) == (0.0, 0.0)
    assert other["optimum_minus"] == pytest.approx(0.1)
    assert other["fidelity"] == pytest.approx(0.7)


def test_pointing_is_a_mean_over_pairs_of_classes():
    about = {"model": "net", "layer": "a", "selector": "evidence_exact", "cardinality": 5}
    shares = {("x", "y"): (0.5, 0.7), ("y", "x"): (1.0, None), ("x", "z"): (0.9, 0.9)}
    rows = [
        dict.fromkeys(CHECKS_SCHEMA.names) | about
        | {"class": a, "other": b, "image": str(i), "pointing": share}
        for (a, b), values in shares.items()
        for i, share in enumerate(values)
    ]  # fmt: skip
    rows += [dict(rows[0], other=None, pointing=None, rank_correlation=rho) for rho in (0.1, 0.4)]
    table = pa.Table.from_pylist(rows, schema=CHECKS_SCHEMA)
    tables = check_tables(table, 40, 0)
    cells = {(r["class_a"], r["class_b"]): r["pointing"] for r in tables["pointing_matrix"]}
    assert cells == pytest.approx({("x", "y"): 0.6, ("y", "x"): 1.0, ("x", "z"): 0.9})
    (mean,) = tables["pointing"]
    assert mean["pointing"] == pytest.approx((0.6 + 1.0 + 0.9) / 3)
    assert (mean["classes"], mean["grids"]) == (3, 5)
    (rho,) = tables["random_classifier"]
    assert (rho["images"], rho["rank_correlation"]) == (2, pytest.approx(0.25))


def test_a_study_without_evidence_has_no_such_claims():
    tables = analyse(table_of([]), bootstrap=5, permutations=5, seed=0)
    assert list(evidence_claims(tables)) == []
    assert not math.isnan(sum(t.num_rows for t in tables.values()))


@pytest.mark.filterwarnings("ignore::annealcam.errors.AnnealcamWarning")
def test_a_study_of_the_evidence_objective_selects_what_explain_selects(tmp_path, monkeypatch):
    monkeypatch.setattr(drawing, "draw", lambda *_: [])
    values = STUDY | {"problem": {"objective": "evidence", "max_qubits": 6, "explain": "label"}}
    study = study_of(values | {"annealing": {"tau": [], "normalisations": [], "gaps": False}})
    assert (study.problem.importance, study.problem.gradients) == ("alignment", "integrated")
    assert study.problem.beta is None
    run_study(replace(study, data=replace(study.data, per_class=1)), tmp_path)
    network, preprocess, _ = digit_network()
    images = photos(study.data)
    checked = 0
    for row in of(store.read_table(tmp_path).to_pylist(), "exact"):
        if row["d"] == 0:
            continue
        image = preprocess(images.open(images.images.index(row["image"])))
        k = row["cardinality"]
        e = ac.explain(
            network, image, layer="3", target=int(row["class"]), cardinality=k, max_qubits=6,
            sampler="exact",
        )  # fmt: skip
        if k is None:
            assert row["selected"] == sorted(e.selected.tolist())
            assert row["energy"] == pytest.approx(e.energy, rel=1e-5, abs=1e-5)
            checked += 1
        assert row["fidelity"] == pytest.approx(e.fidelity, abs=1e-6) or k is not None
    assert checked == 10
