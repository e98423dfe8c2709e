"""The analysis of gaps and success: every number made again from the rows."""

import numpy as np
import pyarrow.compute as pc
import pytest

from annealcam.study.analysis import analyse, annealing, evidence, overlap
from tests.study.tables import study_table, table_of

OPTIONS = {"bootstrap": 50, "permutations": 9, "seed": 5}
CLASSES = ("cat", "dog", "fox", "hen")
QUARTILES = ("least", "q25", "median", "q75", "largest")


@pytest.fixture(scope="module")
def table():
    return study_table(classes=CLASSES, settings=(("one", "block"), ("two", "block")))


@pytest.fixture(scope="module")
def answers(table):
    return analyse(table, **OPTIONS)


def rows_of(table, **where):
    return [r for r in table.to_pylist() if all(r[name] == v for name, v in where.items())]


def own_rows(table, row, *names):
    own = rows_of(table, selector="anneal", **{name: row[name] for name in names})
    return [r for r in own if row.get("class") in (None, r["target"])]


def quartiles(rows, name):
    return pytest.approx(np.quantile([r[name] for r in rows], [0, 0.25, 0.5, 0.75, 1]))


RUN = ("model", "layer", "normalisation", "tau")


def test_each_image_has_one_gap_a_normalisation(table, answers):
    gaps = rows_of(answers["gaps"])
    assert len(gaps) == 2 * 2 * 4 * 4  # networks, normalisations, classes, images
    for row in gaps:
        first = own_rows(table, row, "model", "layer", "normalisation", "image")[0]
        names = ("d", "gap", "gap_s", "final_gap", "landau_zener_applies")
        assert {name: row[name] for name in names} == {name: first[name] for name in names}
        assert (row["interior"], row["class"]) == (first["gap_interior"], first["target"])


def test_gaps_by_d_and_in_all(answers):
    for row in rows_of(answers["gap_by_d"]):
        names = ("model", "layer", "normalisation", "d")
        own = rows_of(answers["gaps"], **{name: row[name] for name in names})
        assert [row[name] for name in QUARTILES] == quartiles(own, "gap")
        assert row["images"] == len(own)
        assert row["hardest_image"] == min(own, key=lambda r: r["gap"])["image"]
    for row in rows_of(answers["gap_summary"]):
        names = ("model", "layer", "normalisation")
        own = rows_of(answers["gaps"], **{name: row[name] for name in names})
        assert [row[name] for name in QUARTILES] == quartiles(own, "gap")
        assert row["interior_share"] == pytest.approx(np.mean([r["interior"] for r in own]))
        share = np.mean([r["landau_zener_applies"] for r in own])
        assert row["landau_zener_share"] == pytest.approx(share)
        slope, at_0 = np.polyfit([r["d"] for r in own], np.log([r["gap"] for r in own]), 1)
        assert (row["fit_a"], row["fit_b"]) == pytest.approx((np.exp(at_0), -slope))
    assert pc.sum(answers["gap_by_d"]["images"]).as_py() == answers["gaps"].num_rows


def test_success_by_d_and_by_class(table, answers):
    for row in rows_of(answers["success_by_d"]):
        own = own_rows(table, row, *RUN, "d")
        assert [row[name] for name in QUARTILES] == quartiles(own, "success_probability")
        assert row["images"] == len(own)
        assert row["guess"] == pytest.approx(np.mean([r["guess"] for r in own]))
    for row in rows_of(answers["success_by_class"]):
        own = own_rows(table, row, *RUN)
        assert [row[name] for name in QUARTILES] == quartiles(own, "success_probability")
        assert (row["images"], row["d"]) == (4, np.mean([r["d"] for r in own]))
    for row in rows_of(answers["success_by_maps"]):
        own = [r for r in own_rows(table, row, *RUN) if r["channels"] == row["maps"]]
        assert [row[name] for name in QUARTILES] == quartiles(own, "success_probability")
        assert (row["images"], row["d"]) == (len(own), np.mean([r["d"] for r in own]))
        assert row["guess"] == pytest.approx(np.mean([r["guess"] for r in own]))
    sums = {pc.sum(answers[f"success_by_{by}"]["images"]) for by in ("d", "maps", "class")}
    assert len(sums) == 1


def test_success_fits_each_setting_and_all_together(table, answers):
    fits = rows_of(answers["success_fit"])
    assert len(fits) == (2 + 1) * 4
    for row in fits:
        names = RUN if row["model"] != "all" else ("normalisation", "tau")
        own = own_rows(table, row, *names)
        d, f = [r["d"] for r in own], [r["success_probability"] for r in own]
        slope, at_0 = np.polyfit(d, np.log(f), 1)
        assert (row["a"], row["b"]) == pytest.approx((np.exp(at_0), -slope))
        assert (row["images"], row["clusters"]) == (len(own), 4 if row["model"] != "all" else 8)
        assert row["layer"] == ("block" if row["model"] != "all" else "all")


def test_landau_zener_where_it_applies_only(table, answers):
    names = (*RUN, "image", "landau_zener")
    shown = {tuple(r[n] for n in names) for r in rows_of(answers["landau_zener"])}
    applies = rows_of(table, selector="anneal", landau_zener_applies=True)
    assert shown == {tuple(r[n] for n in names) for r in applies}
    for row in rows_of(answers["landau_zener"]):
        [own] = own_rows(table, row, *RUN, "image")
        names = ("success_probability", "landau_zener", "d")
        assert [row[name] for name in names] == [own[name] for name in names]


def test_best_of_shots_beside_guessing(table, answers):
    for row in rows_of(answers["best_of_shots"]):
        own = own_rows(table, row, *RUN, "d", "shots")
        for name in ("best_of_shots", "guess_best"):
            assert row[name] == pytest.approx(np.mean([r[name] for r in own]))
        assert row["optimal_share"] == pytest.approx(np.mean([r["optimal"] for r in own]))
        assert row["shots"] == row["d"] ** 2


def test_every_table_has_its_schema(answers):
    schemas = annealing.SCHEMAS | overlap.SCHEMAS | evidence.SCHEMAS
    assert {name: table.schema for name, table in answers.items()} == schemas


def test_rows_without_annealing_or_gap_are_left_out():
    def row(image, **more):
        about = {"model": "m", "layer": "l", "image": image, "target": "a", "selector": "anneal"}
        return (
            about
            | {"tau": 10.0, "normalisation": "per_qubit", "d": 4, "selected": [1], "k": 1}
            | more
        )

    rows = [row("1", success_probability=0.5, guess=0.1), row("2", gap=0.1), row("3")]
    answers = analyse(table_of(rows), **OPTIONS)
    assert answers["success_by_d"]["images"].to_pylist() == [1]
    for name in ("interior", "landau_zener_applies"):
        assert answers["gaps"][name].to_pylist() == [None]
    [fit] = rows_of(answers["success_fit"])
    assert [fit[name] for name in ("a", "b", "b_low", "b_high")] == [None] * 4  # one d only
    assert answers["gap_summary"]["interior_share"].to_pylist() == [None]
    assert answers["best_of_shots"].num_rows == answers["landau_zener"].num_rows == 0
