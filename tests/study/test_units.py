"""Intervals over classes where the problems are those of classes: closed forms, and the claims."""

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from annealcam._internal.statistics import clustered_interval
from annealcam.study.analysis import analyse
from annealcam.study.analysis.rows import Rows
from annealcam.study.analysis.units import class_settings, pairs_interval
from annealcam.study.claims.claims import HOLDS, OPEN
from annealcam.study.claims.markdown import all_claims
from tests.study.tables import study_table, table_of

SETTING = ("net", "layer")
CLASSES, IMAGES = 10, 18


def rows_of(selections, *, h=lambda c, i: [1.0, 0.5], redundancy=lambda s, c, i: 0.2):
    """The rows of selectors: maps of each class, h and the redundancy of each image."""
    for selector, maps in selections.items():
        for c in range(CLASSES):
            for i in range(IMAGES):
                row = {
                    "model": "net", "layer": "layer", "image": f"{c}/{i:02d}", "class": str(c),
                    "predicted": str(c), "target": str(c), "selector": selector, "d": 2, "k": 2,
                    "selected": maps(c), "redundancy": redundancy(selector, c, i), "carried": 0.5,
                }  # fmt: skip
                problem = {"candidates": [0, 1], "h": h(c, i), "J": [0.0], "beta": 0.7}
                yield row | (problem if selector == "exact" else {})


def analysed(rows, resamples=20):
    return analyse(table_of(list(rows)), bootstrap=resamples, permutations=20, seed=0)


def row_of(results, selector):
    (row,) = [r for r in results["overlap"].to_pylist() if r["selector"] == selector]
    return row


def outcome(results, start):
    (found,) = [c for c in all_claims(results) if c.text.startswith(start)]
    return found.outcome


SAME = {"exact": lambda c: [c, c + 1], "topk_alpha": lambda c: [c, c + 1]}
LOWERS = "The optimisation lowers the redundancy"


def of_one_class(selector, c, i):
    """8 of 180 images differ, all of one class."""
    return 0.2 + 0.1 * (selector == "topk_alpha" and c == 3 and i < 8)


def test_one_class_of_ten_decides_nothing():
    results = analysed(rows_of(SAME, redundancy=of_one_class))
    row = row_of(results, "topk_alpha")
    mean, half = 0.1 * 8 / 180, stats.t.ppf(0.975, 9) * 0.1 * 8 / 180  # one class m, nine 0
    found = [row[f"redundancy_minus_exact{end}"] for end in ("", "_low", "_high")]
    assert found == pytest.approx([mean, mean - half, mean + half])
    assert (row["units"], row["unit"]) == (10, "classes")
    assert outcome(results, LOWERS) == OPEN


def test_the_same_images_decide_where_each_has_a_problem_of_its_own():
    own = rows_of(SAME, redundancy=of_one_class, h=lambda c, i: [1.0, 0.5 + 0.01 * i])
    results = analysed(own)
    row = row_of(results, "topk_alpha")
    values = np.zeros(180)
    values[:8] = 0.1
    low, high = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert row["redundancy_minus_exact_low"] == pytest.approx(low)
    assert row["redundancy_minus_exact_high"] == pytest.approx(high)
    assert (row["units"], row["unit"]) == (180, "images")
    assert outcome(results, LOWERS) == HOLDS


def test_a_difference_in_every_class_is_decided():
    every = rows_of(SAME, redundancy=lambda s, c, i: 0.2 + (s == "topk_alpha") * (c + 1) / 100)
    results = analysed(every)
    row = row_of(results, "topk_alpha")
    means = np.arange(1, 11) / 100
    low, high = stats.ttest_1samp(means, 0.0).confidence_interval(0.95)
    assert row["redundancy_minus_exact_low"] == pytest.approx(low)
    assert row["redundancy_minus_exact_high"] == pytest.approx(high)
    assert outcome(results, LOWERS) == HOLDS


def test_overlaps_are_compared_over_classes():
    """With a map that all classes share, each pair overlaps by 1/2; else by nothing."""
    all_share = {"exact": lambda c: [c, c + 20], "topk_alpha": lambda c: [c, 99]}
    results = analysed(rows_of(all_share))
    row = row_of(results, "topk_alpha")
    found = [row[f"minus_exact{end}"] for end in ("", "_low", "_high")]
    assert found == pytest.approx([0.5, 0.5, 0.5], abs=1e-12)
    assert outcome(results, "The optimisation lowers the overlap") == HOLDS
    one_pair = {
        "exact": lambda c: [c, c + 20],
        "topk_alpha": lambda c: [c, 99 if c < 2 else c + 20],
    }
    results = analysed(rows_of(one_pair))
    row = row_of(results, "topk_alpha")
    assert row["minus_exact"] == pytest.approx(0.5 / 45)
    means = np.array([0.5 / 9] * 2 + [0.0] * 8)
    away = 2 * 9 / 8 * (means - means.mean())
    half = stats.t.ppf(0.975, 9) * np.sqrt((away**2).sum() / 90)
    assert row["minus_exact_high"] - row["minus_exact"] == pytest.approx(half)
    assert outcome(results, "The optimisation lowers the overlap") == OPEN


def test_which_settings_have_the_problems_of_classes():
    table = study_table(settings=(("paper-16", "block"), ("paper-24", "block")))
    both = {("paper-16", "block"), ("paper-24", "block")}
    assert class_settings(Rows.from_table(table)) == both
    for column, change in {
        "h": lambda h: [*h[:-1], h[-1] * 1.01],
        "candidates": lambda maps: [*maps[:-1], 15 + maps[-1]],
        "dead": lambda dead: dead,
    }.items():
        rows = table.to_pylist()
        own = [r for r in rows if r["model"] == "paper-24" and r["selector"] == "exact"]
        first = next(r for r in own if r["cardinality"] is None)
        first[column] = change(first[column])
        if column == "dead":  # without a candidate that is alive
            first["candidates"], first["h"] = first["candidates"][1:], first["h"][1:]
        found = class_settings(Rows.from_table(pa.Table.from_pylist(rows, schema=table.schema)))
        assert found == {("paper-16", "block")}
    rounded = [r | {"h": r["h"] and [v * (1 + 1e-7) for v in r["h"]]} for r in table.to_pylist()]
    unknown = [r | {"h": None, "candidates": None} for r in table.to_pylist()]
    for rows in (rounded, unknown):
        table = pa.Table.from_pylist(rows, schema=table.schema)
        assert class_settings(Rows.from_table(table)) == both
    single = study_table(images=1)
    assert not class_settings(Rows.from_table(single))


def test_a_dead_map_is_no_candidate_and_may_change_the_unit_of_h():
    rows = list(rows_of(SAME, h=lambda c, i: [1.0, 0.5]))
    for number, row in enumerate(rows):
        if row["selector"] == "exact" and number % 3 == 0:
            row |= {"candidates": [1], "h": [1.0], "d": 1, "dead": 1}
    assert class_settings(Rows.from_table(table_of(rows))) == {SETTING}
    rows[0]["dead"] = 0
    assert not class_settings(Rows.from_table(table_of(rows)))


def test_clustered_intervals_are_students():
    rng = np.random.default_rng(1)
    values = rng.normal(size=(6, 7)) + rng.normal(size=(6, 1))
    for data, clusters, units in (
        (values.ravel(), np.repeat(np.arange(6), 7), values.mean(axis=1)),
        (values.ravel(), np.arange(42) + 5, values.ravel()),
    ):
        expected = stats.ttest_1samp(units, 0.0).confidence_interval(0.95)
        assert clustered_interval(data, clusters) == pytest.approx(tuple(expected))
    assert clustered_interval(np.ones(4), np.arange(4)) == (1.0, 1.0)
    assert np.isnan(clustered_interval(np.ones(4), np.zeros(4, dtype=int))).all()


def test_intervals_over_pairs_are_the_jackknifes():
    rng = np.random.default_rng(2)
    D = rng.normal(size=(7, 7))
    D += D.T
    D[:, 4] = D[4] = np.nan  # a class without votes
    known = [c for c in range(7) if c != 4]

    def mean(classes):
        return np.mean([D[a, b] for a in classes for b in classes if a != b])

    whole = mean(known)
    pseudo = [6 * whole - 5 * mean([c for c in known if c != out]) for out in known]
    expected = stats.ttest_1samp(pseudo, 0.0).confidence_interval(0.95)
    assert pairs_interval(D, whole) == pytest.approx(tuple(expected))
    assert np.isnan(pairs_interval(D[:2, :2], D[0, 1])).all()
