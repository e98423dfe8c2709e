"""The analysis of overlaps: every number made again from the rows, and what must not matter."""

import itertools
import math

import numpy as np
import pytest

from annealcam.errors import ArgumentError
from annealcam.study.analysis import analyse, annealing, evidence, overlap
from annealcam.study.table.columns import SELECTORS
from tests.study.tables import study_table, table_of

OPTIONS = {"bootstrap": 200, "permutations": 99, "seed": 5}
SETTINGS = (("paper-16", "block"), ("paper-16", "block.1"))


@pytest.fixture(scope="module")
def table():
    return study_table(settings=SETTINGS, images=5)


@pytest.fixture(scope="module")
def answers(table):
    return analyse(table, **OPTIONS)


def rows_of(table, **where):
    return [r for r in table.to_pylist() if all(r[name] == v for name, v in where.items())]


def only(columns, **where):
    [row] = rows_of(columns, **where)
    return row


def vote(image, name, selected, selector="exact", **more):
    about = {"model": "m", "layer": "l", "image": f"{name}/{image}", "target": name}
    return about | {"selector": selector, "selected": selected, "k": len(selected)} | more


def mean_overlap(rows):
    """Straight from the definition, with dictionaries."""
    histograms = {}
    for row in rows:
        own = histograms.setdefault(row["target"], {})
        for a, w in zip(row["selected"], row["weights"] or [1.0] * row["k"], strict=True):
            share = w / sum(row["weights"]) if row["weights"] else 1.0
            own[a] = own.get(a, 0.0) + share
    pairs = [
        sum(math.sqrt(p[a] / sum(p.values()) * q[a] / sum(q.values())) for a in p if a in q)
        for p, q in itertools.combinations(histograms.values(), 2)
    ]
    return np.mean(pairs)


@pytest.mark.parametrize("selector", SELECTORS)
def test_overlap_is_made_again_from_the_rows(table, answers, selector):
    free = rows_of(table, selector=selector, cardinality=None, model="paper-16", layer="block")
    for row in rows_of(answers["overlap"], selector=selector, layer="block"):
        run = {"tau": row["tau"], "normalisation": row["normalisation"]}
        own = [r for r in free if {name: r[name] for name in run} == run]
        draws = [[r for r in own if r["draw"] == draw] for draw in {r["draw"] for r in own}]
        assert row["off_diagonal"] == pytest.approx(np.mean([mean_overlap(d) for d in draws]))
        assert (row["classes"], row["images"]) == (3, 15)
        assert row["k"] == pytest.approx(np.mean([r["k"] for r in own]))
        assert row["relevance"] == pytest.approx(np.mean([r["relevance"] for r in own]))
        known = [r["redundancy"] for r in own if r["redundancy"] is not None]
        assert row["redundancy"] == pytest.approx(np.mean(known))
        assert row["low"] <= row["off_diagonal"] <= row["high"]
        assert row["ratio"] == pytest.approx(row["off_diagonal"] / row["split_half"])


def test_there_is_a_row_for_each_selector_and_run_in_their_order(answers):
    rows = rows_of(answers["overlap"], layer="block")
    runs = [(r["normalisation"], r["tau"]) for r in rows if r["selector"] == "anneal"]
    assert sorted(runs) == [
        ("per_qubit", 10.0),
        ("per_qubit", 100.0),
        ("unit", 10.0),
        ("unit", 100.0),
    ]
    assert list(dict.fromkeys(r["selector"] for r in rows)) == list(SELECTORS)


def test_matrix_has_the_mean_of_the_table(answers):
    matrix = answers["overlap_matrix"]
    for selector in SELECTORS:
        cells = rows_of(matrix, selector=selector, layer="block")
        assert len(cells) == 9
        assert [c["overlap"] for c in cells if c["class_a"] == c["class_b"]] == [1.0] * 3
        run = {name: cells[0][name] for name in ("tau", "normalisation")}
        row = only(answers["overlap"], selector=selector, layer="block", **run)
        pairs = [c["overlap"] for c in cells if c["class_a"] != c["class_b"]]
        assert np.mean(pairs) == pytest.approx(row["off_diagonal"])
        expected = (100.0, "per_qubit") if selector == "anneal" else (None, None)
        assert (run["tau"], run["normalisation"]) == expected


def test_overlap_by_k_is_made_again_from_the_rows(table, answers):
    for row in rows_of(answers["overlap_by_k"], layer="block"):
        chosen = {"selector": row["selector"], "cardinality": row["k"], "layer": "block"}
        own = rows_of(table, **chosen)
        draws = [[r for r in own if r["draw"] == draw] for draw in {r["draw"] for r in own}]
        assert row["overlap"] == pytest.approx(np.mean([mean_overlap(d) for d in draws]))
        assert row["images"] == len({r["image"] for r in own})
        assert row["low"] <= row["overlap"] <= row["high"]
    assert {r["k"] for r in rows_of(answers["overlap_by_k"])} == {1, 2, 3}


def test_order_of_rows_does_not_matter(table, answers):
    shuffled = table.take(np.random.default_rng(0).permutation(table.num_rows))
    assert analyse(shuffled, **OPTIONS) == answers


def test_one_setting_does_not_touch_another(table, answers):
    alone = analyse(study_table(images=5), **OPTIONS)["overlap"]
    assert rows_of(answers["overlap"], layer="block") == rows_of(alone)


def test_differences_to_the_exact_optimum_are_paired(answers):
    exact = only(answers["overlap"], selector="exact", layer="block")
    for row in rows_of(answers["overlap"], layer="block"):
        assert row["minus_exact"] == pytest.approx(row["off_diagonal"] - exact["off_diagonal"])
        assert row["minus_exact_low"] <= row["minus_exact"] <= row["minus_exact_high"]
    assert (exact["minus_exact_low"], exact["minus_exact_high"]) == (0.0, 0.0)


def test_equal_selections_differ_by_nothing_whatever_images_are_drawn():
    rows = []
    for selector in ("exact", "topk_alpha"):
        for name, image, seed in itertools.product("abc", range(6), [7]):
            rng = np.random.default_rng([seed, ord(name), image])
            rows.append(vote(image, name, rng.choice(6, 2, replace=False).tolist(), selector))
    row = only(analyse(table_of(rows), **OPTIONS)["overlap"], selector="topk_alpha")
    assert row["high"] - row["low"] > 0.05
    assert row["minus_exact_low"] == row["minus_exact"] == row["minus_exact_high"] == 0.0


def test_without_the_exact_optimum_there_is_no_difference():
    answers = analyse(study_table(selectors=("topk_alpha",)), **OPTIONS)
    for name in ("minus_exact", "minus_exact_low"):
        assert answers["overlap"][name].to_pylist() == [None]
    assert answers["gaps"].num_rows == answers["success_by_d"].num_rows == 0


def test_identical_classes_give_1_and_disjoint_ones_0():
    same = [vote(i, name, [3, 900]) for name in "ab" for i in range(4)]
    apart = [vote(i, name, [2 * n, 2 * n + 1]) for n, name in enumerate("ab") for i in range(4)]
    for rows, value, p in ((same, 1.0, 1.0), (apart, 0.0, None)):
        row = only(analyse(table_of(rows), **OPTIONS)["overlap"])
        names = ("off_diagonal", "low", "high", "split_half")
        numbers = [row[name] for name in names]
        assert numbers == pytest.approx([value, value, value, 1.0], abs=1e-12)
        assert row["exact_zero_share"] == row["zero_share"] == 1 - value
        assert p is None or row["p_value"] == p
    assert row["p_value"] < 0.1
    assert row["null_mean"] > 0.5


def test_few_images_and_none():
    rows = [vote(i, name, [0, n]) for n, name in enumerate("ab") for i in range(3)]
    single, silent = vote(0, "c", [5]), vote(0, "d", [])
    row = only(analyse(table_of([*rows, single, silent]), **OPTIONS)["overlap"])
    assert (row["classes"], row["images"]) == (3, 8)
    assert row["split_half"] == pytest.approx(1.0)  # of the classes that have one
    one = only(analyse(table_of(rows[:3]), **OPTIONS)["overlap"])
    unknown = ("off_diagonal", "low", "high", "bias", "p_value", "null_mean", "zero_share", "ratio")
    assert [one[name] for name in unknown] == [None] * len(unknown)
    assert (one["classes"], one["split_half"]) == (1, pytest.approx(1.0))
    lonely = only(analyse(table_of([single]), **OPTIONS)["overlap"])
    assert lonely["split_half"] is None


def test_draws_do_not_add_up():
    """Twice the votes would overlap more: the overlap is the mean over draws."""
    rng, rows = np.random.default_rng(2), []
    for name, image, draw in itertools.product("ab", range(3), range(40)):
        chosen = rng.choice(30, 2, replace=False).tolist()
        rows.append(vote(image, name, chosen, "random", draw=draw))
    row = only(analyse(table_of(rows), **OPTIONS)["overlap"])
    assert row["off_diagonal"] < 0.4 < mean_overlap([{"weights": None, **r} for r in rows])
    assert row["images"] == 6


def test_an_empty_table_has_all_names_and_no_rows():
    answers = analyse(table_of([]), **OPTIONS)
    assert {table.num_rows for table in answers.values()} == {0}
    assert (
        answers.keys()
        == annealing.SCHEMAS.keys() | overlap.SCHEMAS.keys() | evidence.SCHEMAS.keys()
    )


def test_progress_is_reported():
    steps = []
    analyse(study_table(images=2), **OPTIONS, progress=lambda *now: steps.append(now))
    assert steps == [("overlaps of paper-16 block", 0, 1), ("analysed", 1, 1)]


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("bootstrap", 0, "bootstrap=0: must be 1 or more"),
        ("permutations", -1, "permutations=-1: must be 1 or more"),
        ("threshold", 2, "threshold=2: must lie between 0 and 1"),
    ],
)
def test_options_are_checked(option, value, message):
    with pytest.raises(ArgumentError, match=message):
        analyse(table_of([]), **(OPTIONS | {option: value}))
