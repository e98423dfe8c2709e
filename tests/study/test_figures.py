"""Figures show the columns that they are given, and write them beside the pictures."""

import re
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv

from annealcam.study.analysis.results import numbers, where, write_csv
from annealcam.study.figures import drawing
from annealcam.study.figures.drawing import FIGURES, draw
from annealcam.study.figures.gaps import gap_by_d_figure, gap_histogram_figure
from annealcam.study.figures.overlap import (
    main_run,
    matrices_figure,
    overlap_by_k_figure,
    overlap_figure,
)
from annealcam.study.figures.panels import settings_of, stem
from annealcam.study.figures.success import (
    best_of_shots_figure,
    landau_zener_figure,
    success_by_class_figure,
    success_by_d_figure,
    success_by_maps_figure,
)
from tests.render.test_latex import latex_rows
from tests.study import synthetic

ONE_RUN = {"taus": (10.0,), "normalisations": ("per_qubit",)}
TABLE_OF = {name: table for name, _, table, _ in FIGURES}


def results_of(*sizes, **options):
    return synthetic.tables(synthetic.analysis(*sizes, **options))


@pytest.fixture(scope="module")
def results():
    return results_of(3)


def drawn_only(figure, folder, name):
    """In place of `save`, which takes most of the time."""
    assert figure.axes
    names = [f"{name}.{kind}" for kind in ("png", "svg", "pdf")]
    for file in names:
        (folder / file).touch()
    return names


def read_csv(file, schema):
    """A table as any reader of CSV gets it, given the types of its columns."""
    options = csv.ConvertOptions(
        column_types=schema, strings_can_be_null=True, quoted_strings_can_be_null=False
    )
    return csv.read_csv(file, convert_options=options)


@pytest.mark.parametrize(
    ("settings", "classes", "runs"),
    [
        (1, 10, {"taus": (10.0, 50.0)}),
        (6, 2, {"taus": (50.0,), "normalisations": ("unit",), "few": 2}),
        (6, 10, {"taus": (10.0,), "normalisations": ("per_qubit",), "few": 1}),
    ],
)
def test_every_figure_with_its_numbers(settings, classes, runs, tmp_path, monkeypatch):
    monkeypatch.setattr(drawing, "save", drawn_only)
    results = results_of(settings, classes, **runs)
    written = draw(results, tmp_path)
    assert sorted(written) == sorted(path.name for path in tmp_path.iterdir())
    tables = TABLE_OF | {"gap_summary": "gap_summary", "success_fit": "success_fit"}
    if settings == 1:  # F against N_f needs networks of different size
        assert not [name for name in written if name.startswith("success_by_maps")]
        del tables["success_by_maps"]
    for name, table in tables.items():
        expected = results[table]
        assert read_csv(tmp_path / f"{name}.csv", expected.schema) == expected
    matrices = [name for name in written if re.fullmatch(r"overlap_matrix.*\.csv", name)]
    assert len(matrices) == settings
    expected = results["overlap_matrix"]
    parts = [read_csv(tmp_path / name, expected.schema) for name in matrices]
    assert pa.concat_tables(parts) == expected


def test_every_figure_is_written_as_pictures(tmp_path):
    results = results_of(1, 2, **ONE_RUN)
    (matrix,) = settings_of(results["overlap_matrix"])
    results[stem("overlap_matrix", *matrix)] = results["overlap_matrix"]
    for name in draw(results, tmp_path):
        file = tmp_path / name
        if file.suffix == ".tex":
            table = results[TABLE_OF.get(file.stem, file.stem)]
            assert len(latex_rows(file)) == table.num_rows
        elif file.suffix != ".csv":
            start = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}[file.suffix]
            assert file.read_bytes().startswith(start)
            assert file.with_suffix(".csv").exists()


@pytest.mark.parametrize("left", [*sorted(set(TABLE_OF.values())), "overlap_matrix"])
def test_without_a_table_there_is_no_figure(left, tmp_path, monkeypatch):
    monkeypatch.setattr(drawing, "save", drawn_only)
    results = results_of(2, 2, **ONE_RUN)
    empty = {name: table.slice(0, 0) for name, table in results.items()}
    assert draw(empty, tmp_path) == []
    figures = 2 if left == "overlap_matrix" else 1
    assert len(draw(empty | {left: results[left]}, tmp_path)) == 5 * figures
    assert draw({}, tmp_path) == []


def test_nothing_known_is_nothing_drawn(tmp_path):
    unknown = ("gap", "least", "q25", "median", "landau_zener")
    columns = synthetic.analysis(1, 2, **ONE_RUN)
    tables = {
        name: columns[name] | {key: [None] * len(columns[name][key]) for key in unknown
                               if key in columns[name]}
        for name in ("gaps", "gap_by_d", "landau_zener")
    }  # fmt: skip
    assert draw(synthetic.tables(tables), tmp_path) == []


def test_some_things_unknown(tmp_path, monkeypatch):
    monkeypatch.setattr(drawing, "save", drawn_only)
    columns = synthetic.analysis(2, 2, **ONE_RUN)
    for table in columns.values():
        for name, column in table.items():
            if isinstance(column[0], float) and name not in ("tau", "threshold"):
                column[0] = None
    results = synthetic.tables(columns)
    draw(results, tmp_path)
    for name, table in TABLE_OF.items():
        assert read_csv(tmp_path / f"{name}.csv", results[table].schema) == results[table]


def test_values_of_every_kind(tmp_path):
    table = pa.table({
        "model": ["7", "a,\"b\"\n", None], "class": ["1.5", "true", "é"], "d": [3, None, -4],
        "gap": [0.1 + 0.2, 1e-300, float("inf")], "interior": [True, False, None],
    })  # fmt: skip
    write_csv(table, tmp_path / "x.csv")
    options = csv.ParseOptions(newlines_in_values=True)
    types = csv.ConvertOptions(
        column_types=table.schema, strings_can_be_null=True, quoted_strings_can_be_null=False
    )
    assert csv.read_csv(tmp_path / "x.csv", parse_options=options, convert_options=types) == table


def test_names_that_no_file_can_have(tmp_path, monkeypatch):
    monkeypatch.setattr(drawing, "save", drawn_only)
    one = synthetic.analysis(1, 2, few=1)["overlap_matrix"]
    odd = [("net/18", "a:b"), ("net:18", "a/b"), ("NET_18", "a b")]
    many = {name: column * 3 for name, column in one.items()}
    for place, name in enumerate(("model", "layer")):
        many[name] = [setting[place] for setting in odd for _ in one[name]]
    table = synthetic.table("overlap_matrix", many)
    written = draw({"overlap_matrix": table}, tmp_path)
    assert [name for name in written if name.endswith(".csv")] == [
        "overlap_matrix-net_18-a_b.csv",
        "overlap_matrix-net_18-a_b-2.csv",
        "overlap_matrix-NET_18-a_b-3.csv",
    ]
    second = read_csv(tmp_path / "overlap_matrix-net_18-a_b-2.csv", table.schema)
    assert second["model"].unique().to_pylist() == ["net:18"]


def test_matrices_are_the_table(results):
    own = where(results["overlap_matrix"], model="paper-16")
    figure = matrices_figure(own)
    images = [axes.images[0] for axes in figure.axes[:-1]]
    assert len(images) == len(synthetic.SELECTORS)
    assert {image.get_clim() for image in images} == {(0.0, 1.0)}
    for image, selector in zip(images, synthetic.SELECTORS, strict=True):
        drawn = np.asarray(image.get_array()).ravel()
        assert np.array_equal(drawn, numbers(where(own, selector=selector), "overlap"))


def test_one_row_a_selector(results):
    table = results["overlap"]
    assert main_run(table) == ("per_qubit", 100.0)
    figure = overlap_figure(table)
    assert len(figure.axes) == 3
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert len(names) == len(synthetic.SELECTORS)
    own = where(table, model="paper-24")
    drawn = {tuple(xy) for line in figure.axes[1].lines for xy in line.get_xydata().tolist()}
    assert {x for x, _ in drawn} >= {*numbers(own, "off_diagonal"), *numbers(own, "split_half")}
    assert f"{numbers(own, 'k')[0]:.1f}" in [text.get_text() for text in figure.axes[1].texts]


def test_curves_over_k(results):
    figure = overlap_by_k_figure(results["overlap_by_k"])
    for axes, model in zip(figure.axes, synthetic.MODELS, strict=False):
        own = where(results["overlap_by_k"], model=model)
        for line, selector in zip(axes.lines, own["selector"].unique().to_pylist(), strict=True):
            curve = where(own, selector=selector)
            assert np.array_equal(line.get_data(), [numbers(curve, "k"), numbers(curve, "overlap")])


def test_histograms_count_every_gap(results):
    figure = gap_histogram_figure(results["gaps"])
    panels = figure.axes[:6]
    order = [(c, m) for c in synthetic.NORMALISATIONS for m in synthetic.MODELS[:3]]
    for axes, second, (normalisation, model) in zip(panels, figure.axes[6:], order, strict=True):
        own = where(results["gaps"], model=model, normalisation=normalisation)
        deep, shallow, at_end = (sum(bar.get_height() for bar in bars) for bars in axes.containers)
        gap, final, inside = (numbers(own, n) for n in ("gap", "final_gap", "interior"))
        assert deep + shallow == inside.sum()
        assert at_end == len(gap) - inside.sum()
        under = ((gap < 0.9 * final) & (inside == 1)).sum()
        assert deep == under
        x, share = second.lines[0].get_data()
        assert np.array_equal(x, np.sort(gap))
        assert share[-1] == 1
        assert second.texts[0].get_text() == (
            f"{inside.mean():.0%} inside\n{under / len(gap):.0%} under 0.9"
        )


@pytest.mark.parametrize("make", [gap_by_d_figure, success_by_d_figure])
def test_medians_and_fits(make, results):
    name = make.__name__.removesuffix("_figure")
    second = {"gap_by_d": "gap_summary", "success_by_d": "success_fit"}[name]
    plain, fitted = make(results[name]), make(results[name], results[second])
    axes = plain.axes[0]
    keys = {"normalisation": "per_qubit"} | (
        {"tau": 10.0} if "tau" in results[name].column_names else {}
    )
    own = where(results[name], model="paper-16", **keys)
    drawn = [line.get_ydata().tolist() for line in axes.lines]
    assert own["median"].to_pylist() in drawn
    more = len(fitted.axes[0].lines) - len(axes.lines)
    assert more == 1


def test_the_fit_is_the_one_of_all_settings(results):
    fits = results["success_fit"]
    b = [0.5 if model == "all" else 9.0 for model in fits["model"].to_pylist()]
    fits = fits.set_column(fits.column_names.index("b"), "b", pa.array(b))
    figure = success_by_d_figure(results["success_by_d"], fits)
    x, y = figure.axes[0].lines[-1].get_data()
    assert np.allclose(y, np.exp(-0.5 * x))


def test_guessing_is_weighted_by_images():
    table = {
        "model": ["a", "b"], "layer": ["x", "x"], "normalisation": ["per_qubit"] * 2,
        "tau": [10.0] * 2,
        "d": [4, 4], "images": [1, 3], "shots": [16, 16], "best_of_shots": [0.9, 0.8],
        "guess_best": [0.2, 0.6], "optimal_share": [1.0, None],
    }  # fmt: skip
    lines = {line.get_label(): line for line in best_of_shots_figure(pa.table(table)).axes[0].lines}
    assert lines["as many guesses"].get_ydata() == [pytest.approx(0.5)]


def test_classes_and_formula(results):
    figure = success_by_class_figure(results["success_by_class"])
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == list(synthetic.NAMES)
    table = results["landau_zener"]
    figure = landau_zener_figure(table)
    own = where(table, normalisation="per_qubit", tau=10.0, model="paper-16")
    lines = figure.axes[0].lines
    assert np.array_equal(
        lines[1].get_data(), [numbers(own, "landau_zener"), numbers(own, "success_probability")]
    )


def test_success_against_the_number_of_maps(results):
    table = results["success_by_maps"]
    figure = success_by_maps_figure(table)
    sizes = sorted(set(table["maps"].to_pylist()))
    labels = [t.get_text() for t in figure.axes[-1].get_xticklabels()]
    assert [label.split("\n")[0] for label in labels] == list(map(str, sizes))
    own = where(table, normalisation="per_qubit", tau=10.0, model="paper-16")
    place = sizes.index(own["maps"][0].as_py())
    assert np.array_equal(figure.axes[0].lines[0].get_data(), [[place], numbers(own, "median")])
    assert f"{own['d'][0].as_py():.1f}" in labels[place].split("\nd ")[1].split(", ")
    assert success_by_maps_figure(where(table, maps=sizes[0])) is None


def test_importing_draws_nothing():
    code = (
        "import sys, annealcam.study.figures.drawing, annealcam.study.claims.markdown;"
        "print({'matplotlib', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
