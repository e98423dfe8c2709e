"""Figures show the columns that they are given, and write them beside the pictures."""

import re
import subprocess
import sys

import numpy as np
import pytest

from annealcam.errors import OutputError
from annealcam.study.figures import FIGURES, draw
from annealcam.study.figures.columns import read_csv, where, write_csv
from annealcam.study.figures.gaps import gap_by_d_figure, gap_histogram_figure
from annealcam.study.figures.matrices import matrices_figure
from annealcam.study.figures.overlaps import main_run, overlap_by_k_figure, overlap_figure
from annealcam.study.figures.shots import best_of_shots_figure, landau_zener_figure
from annealcam.study.figures.successes import success_by_class_figure, success_by_d_figure
from tests.study import synthetic_columns as synthetic

NAMES = [name for name, *_ in FIGURES]
TABLE_OF = {name: table for name, _, table, _ in FIGURES}


@pytest.fixture(scope="module")
def columns():
    return synthetic.analysis(3)


@pytest.mark.parametrize(
    ("settings", "classes", "runs"),
    [
        (1, 10, {"taus": (10.0, 50.0)}),
        (6, 2, {"taus": (50.0,), "normalisations": ("unit",), "few": 2}),
        (6, 10, {"taus": (10.0,), "normalisations": ("per_qubit",), "few": 1}),
    ],
)
def test_every_figure_with_its_numbers(settings, classes, runs, tmp_path):
    columns = synthetic.analysis(settings, classes, **runs)
    written = draw(columns, tmp_path)
    assert sorted(written) == sorted(path.name for path in tmp_path.iterdir())
    for name in NAMES:
        assert read_csv(tmp_path / f"{name}.csv") == columns[TABLE_OF[name]]
    assert read_csv(tmp_path / "gap_summary.csv") == columns["gap_summary"]
    assert read_csv(tmp_path / "success_fit.csv") == columns["success_fit"]
    matrices = [name for name in written if re.fullmatch(r"overlap_matrix.*\.csv", name)]
    assert len(matrices) == settings
    parts = [read_csv(tmp_path / name) for name in matrices]
    whole = {k: [v for part in parts for v in part[k]] for k in columns["overlap_matrix"]}
    assert whole == columns["overlap_matrix"]
    for path in tmp_path.iterdir():
        if path.suffix != ".csv":
            start = {".png": b"\x89PNG", ".svg": b"<?xml"}[path.suffix]
            assert path.read_bytes().startswith(start)
            assert path.with_suffix(".csv").exists()


def test_equal_columns_make_equal_files(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        draw(synthetic.analysis(1, 2, taus=(10.0,), normalisations=("per_qubit",)), tmp_path / name)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


@pytest.mark.parametrize("left", [*sorted(set(TABLE_OF.values())), "overlap_matrix"])
def test_without_a_table_there_is_no_figure(left, tmp_path):
    whole = synthetic.analysis(1, 2, taus=(10.0,), normalisations=("per_qubit",))
    empty = {name: [] for name in whole[left]}
    only = {name: {key: [] for key in table} for name, table in whole.items()}
    assert draw(only | {left: empty}, tmp_path) == []
    written = draw(only | {left: whole[left]}, tmp_path)
    assert len(written) == 3
    assert draw({}, tmp_path) == []


def test_nothing_known_is_nothing_drawn(columns, tmp_path):
    unknown = {"gap": None, "least": None, "q25": None, "median": None, "landau_zener": None}
    tables = {
        name: columns[name] | {k: [v] * len(columns[name][k]) for k, v in unknown.items()
                               if k in columns[name]}
        for name in ("gaps", "gap_by_d", "landau_zener")
    }  # fmt: skip
    assert draw(tables, tmp_path) == []


def test_some_things_unknown(tmp_path):
    columns = synthetic.analysis(1, 2, taus=(10.0,), normalisations=("per_qubit",))
    for table in columns.values():
        for name, column in table.items():
            if isinstance(column[0], float) and name not in ("tau", "threshold"):
                column[0] = None
    draw(columns, tmp_path)
    for name in NAMES:
        assert read_csv(tmp_path / f"{name}.csv") == columns[TABLE_OF[name]]


def test_values_of_every_kind(tmp_path):
    kinds = {
        "model": ["7", "a,\"b\"\n", None], "class": ["1.5", "true", "é"], "d": [3, None, -4],
        "gap": [0.1 + 0.2, 1e-300, float("inf")], "interior": [True, False, None],
    }  # fmt: skip
    write_csv(kinds, tmp_path / "x.csv")
    assert read_csv(tmp_path / "x.csv") == kinds
    write_csv({"gap": [np.float64(0.1)], "interior": [np.bool_(True)]}, tmp_path / "y.csv")
    assert read_csv(tmp_path / "y.csv") == {"gap": [0.1], "interior": [True]}


@pytest.mark.parametrize("text", ["", "d\nx\n", "d,gap\n1\n"])
def test_files_that_are_no_table(text, tmp_path):
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(OutputError, match=r"x\.csv"):
        read_csv(tmp_path / "x.csv")


def test_names_that_no_file_can_have(tmp_path):
    one = synthetic.analysis(1, 2, few=1)["overlap_matrix"]
    odd = [("net/18", "a:b"), ("net:18", "a/b"), ("NET_18", "a b")]
    many = {name: column * 3 for name, column in one.items()}
    for place, name in enumerate(("model", "layer")):
        many[name] = [setting[place] for setting in odd for _ in one[name]]
    written = draw({"overlap_matrix": many}, tmp_path)
    assert [name for name in written if name.endswith(".csv")] == [
        "overlap_matrix-net_18-a_b.csv",
        "overlap_matrix-net_18-a_b-2.csv",
        "overlap_matrix-NET_18-a_b-3.csv",
    ]
    assert read_csv(tmp_path / "overlap_matrix-net_18-a_b-2.csv")["model"][0] == "net:18"


def test_matrices_are_the_columns(columns):
    own = where(columns["overlap_matrix"], model="paper-16")
    figure = matrices_figure(own)
    images = [axes.images[0] for axes in figure.axes[:-1]]
    assert len(images) == len(synthetic.SELECTORS)
    assert {image.get_clim() for image in images} == {(0.0, 1.0)}
    for image, selector in zip(images, synthetic.SELECTORS, strict=True):
        drawn = np.asarray(image.get_array()).ravel()
        assert np.array_equal(drawn, where(own, selector=selector)["overlap"])


def test_one_row_a_selector(columns):
    table = columns["overlap"]
    assert main_run(table) == ("per_qubit", 100.0)
    figure = overlap_figure(table)
    assert len(figure.axes) == 3
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert len(names) == len(synthetic.SELECTORS)
    own = where(table, model="paper-24")
    drawn = {tuple(xy) for line in figure.axes[1].lines for xy in line.get_xydata().tolist()}
    assert {x for x, _ in drawn} >= set(own["off_diagonal"]) | set(own["split_half"])
    assert f"{own['k'][0]:.1f}" in [text.get_text() for text in figure.axes[1].texts]


def test_curves_over_k(columns):
    figure = overlap_by_k_figure(columns["overlap_by_k"])
    for axes, model in zip(figure.axes, synthetic.MODELS, strict=False):
        own = where(columns["overlap_by_k"], model=model)
        for line, selector in zip(axes.lines, dict.fromkeys(own["selector"]), strict=True):
            curve = where(own, selector=selector)
            assert np.array_equal(line.get_data(), [curve["k"], curve["overlap"]])


def test_histograms_count_every_gap(columns):
    figure = gap_histogram_figure(columns["gaps"])
    panels = figure.axes[:6]
    order = [(c, m) for c in synthetic.NORMALISATIONS for m in synthetic.MODELS[:3]]
    for axes, second, (normalisation, model) in zip(panels, figure.axes[6:], order, strict=True):
        own = where(columns["gaps"], model=model, normalisation=normalisation)
        deep, shallow, at_end = (sum(bar.get_height() for bar in bars) for bars in axes.containers)
        assert deep + shallow == sum(own["interior"])
        assert at_end == len(own["gap"]) - sum(own["interior"])
        rows = zip(own["gap"], own["final_gap"], own["interior"], strict=True)
        under = sum(gap < 0.9 * final and interior for gap, final, interior in rows)
        assert deep == under
        x, share = second.lines[0].get_data()
        assert np.array_equal(x, np.sort(own["gap"]))
        assert share[-1] == 1
        assert second.texts[0].get_text() == (
            f"{np.mean(own['interior']):.0%} inside\n{under / len(own['gap']):.0%} under 0.9"
        )


@pytest.mark.parametrize("make", [gap_by_d_figure, success_by_d_figure])
def test_medians_and_fits(make, columns):
    name = make.__name__.removesuffix("_figure")
    second = {"gap_by_d": "gap_summary", "success_by_d": "success_fit"}[name]
    plain, fitted = make(columns[name]), make(columns[name], columns[second])
    axes = plain.axes[0]
    keys = {"normalisation": "per_qubit"} | ({"tau": 10.0} if "tau" in columns[name] else {})
    own = where(columns[name], model="paper-16", **keys)
    drawn = [line.get_ydata().tolist() for line in axes.lines]
    assert own["median"] in drawn
    more = len(fitted.axes[0].lines) - len(axes.lines)
    assert more == 1


def test_the_fit_is_the_one_of_all_settings(columns):
    fits = {k: list(v) for k, v in columns["success_fit"].items()}
    fits["b"] = [0.5 if model == "all" else 9.0 for model in fits["model"]]
    figure = success_by_d_figure(columns["success_by_d"], fits)
    x, y = figure.axes[0].lines[-1].get_data()
    assert np.allclose(y, np.exp(-0.5 * x))


def test_guessing_is_weighted_by_images():
    table = {
        "model": ["a", "b"], "layer": ["x", "x"], "normalisation": ["per_qubit"] * 2, "tau": [10.0] * 2,
        "d": [4, 4], "images": [1, 3], "shots": [16, 16], "best_of_shots": [0.9, 0.8],
        "guess_best": [0.2, 0.6], "optimal_share": [1.0, None],
    }  # fmt: skip
    lines = {line.get_label(): line for line in best_of_shots_figure(table).axes[0].lines}
    assert lines["as many guesses"].get_ydata() == [pytest.approx(0.5)]


def test_classes_and_formula(columns):
    figure = success_by_class_figure(columns["success_by_class"])
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == list(synthetic.NAMES)
    table = columns["landau_zener"]
    figure = landau_zener_figure(table)
    own = where(table, normalisation="per_qubit", tau=10.0, model="paper-16")
    lines = figure.axes[0].lines
    assert np.array_equal(lines[1].get_data(), [own["landau_zener"], own["success_probability"]])


def test_importing_draws_nothing():
    code = (
        "import sys, annealcam.study.figures, annealcam.study.claims.summary;"
        "print({'matplotlib', 'torch', 'pyarrow'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
