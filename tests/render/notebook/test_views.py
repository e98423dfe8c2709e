"""Results in notebooks: cards of HTML in a real browser, and plots whose data are the results'."""

import os
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib import pyplot, rcParams
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from PIL import Image
from torch import nn

import annealcam as ac
from annealcam import annealing
from annealcam.annealing.levels.gap import MinimumGap
from annealcam.errors import ArgumentError
from annealcam.render.figures.sheets import GREEN
from annealcam.render.notebook.levels import points_of
from annealcam.render.notebook.sets import margins
from annealcam.verification import VerifiedList, verify
from tests.browser import open_browser
from tests.networks import small_network
from tests.problems import relu_problem

NAMES = ["<script>alert(1)</script>", "$x_{$ & co", "cat\x1b[2J", "dog", "eel"]


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 24, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, 5)
    )  # fmt: skip


@pytest.fixture(scope="module")
def image():
    return torch.randn(3, 16, 16, generator=torch.Generator().manual_seed(3))


@pytest.fixture(scope="module")
def results(network, image):
    """One result of each kind that has a plot, by name."""
    p = relu_problem(6, 1)
    e = ac.explain(network, image, layer="1", class_names=NAMES, cardinality=3, tau=20.0)
    return {
        "run": ac.anneal(p, tau=30.0),
        "path": ac.anneal_path(p, tau=10.0, points=21),
        "batch": ac.anneal_batch([relu_problem(4, i) for i in range(5)], tau=[10.0, 30.0]),
        "batch at one tau": ac.anneal_batch([relu_problem(4, i) for i in range(5)], tau=10.0),
        "sweep": ac.tau_sweep(p, [3.0, 30.0, 100.0]),
        "best": ac.optimal_tau(p, points=5, overhead=5.0),
        "gap": ac.minimum_gap(p),
        "curve": ac.spectrum(p, points=11),
        "hardness": annealing.hardness(p, [10.0, 100.0]),
        "hardware": ac.hardware_report(p, members=10, tau=5.0),
        "flip": ac.flip_set(network, image, layer="1", class_names=NAMES),
        "sufficient": ac.sufficient_set(
            network, image, layer="1", cardinality=3, class_names=NAMES
        ),
        "explanation": e,
    }  # fmt: skip


@pytest.fixture(scope="module")
def cards(results, tmp_path_factory):
    """The HTML of these and of results without a plot."""
    e = results["explanation"]
    folder = tmp_path_factory.mktemp("results")
    e.save(folder / "<b>whole")
    others = {
        "exact": ac.solve_exact(e.problem),
        "selection": e.selection,
        "problem": e.problem,
        "verified": verify(folder),
    }
    return {name: result._repr_html_() for name, result in (results | others).items()}


def lines(axes):
    """The data of all lines, (2, points) each."""
    return [np.array(line.get_data(), dtype=float) for line in axes.lines]


def labelled(axes, label):
    """The data of the line with a label."""
    return next(np.array(x.get_data(), float) for x in axes.lines if x.get_label() == label)


def drawn(result, **options):
    """The axes of a plot in a figure of its own."""
    return result.plot(Figure().add_subplot(), **options)


def test_plots_take_axes_and_leave_everything_else_as_it_was(results):
    before, figures = dict(rcParams), pyplot.get_fignums()
    for result in results.values():
        figure = Figure()
        ours, other = figure.subplots(1, 2)
        assert result.plot(ax=ours) is ours
        assert figure.axes == [ours, other]
        figure.draw_without_rendering()  # names such as "$x_{$" are no formulas
        assert not other.has_data()
        assert ours.has_data()
        with pytest.raises(ArgumentError, match=r"ax=3: must be axes of matplotlib"):
            result.plot(3)
    assert dict(rcParams) == before
    assert pyplot.get_fignums() == figures


def test_plots_without_axes_make_one_figure(results):
    figures = pyplot.get_fignums()
    axes = results["gap"].plot()
    assert len(pyplot.get_fignums()) == len(figures) + 1
    pyplot.close(axes.figure)


def test_axes_have_labels_with_units(results):
    units = {"path": "τ", "batch": "1 / energy unit", "sweep": "1 / energy unit", "gap": "energy",
             "curve": "energy units", "best": "TTS99 (1 / energy unit)", "flip": "logit units",
             "hardness": "1 / energy unit", "run": "probability", "hardware": "probability",
             "sufficient": "probability"}  # fmt: skip
    for name, unit in units.items():
        axes = drawn(results[name])
        assert unit in f"{axes.get_xlabel()} {axes.get_ylabel()}", name


def test_final_states(results):
    run = results["run"]
    axes = drawn(run)
    widths = np.array([bar.get_width() for bar in axes.patches[:17]])
    order = np.argsort(-run.probabilities, kind="stable")[:16]
    np.testing.assert_array_equal(np.sort(widths[:16]), np.sort(run.probabilities[order]))
    assert widths.sum() == pytest.approx(1.0)
    best = [bar for bar in axes.patches[:16] if bar.get_facecolor() == to_rgba(GREEN)]
    assert [bar.get_width() for bar in best] == [pytest.approx(run.success_probability, abs=1e-5)]


def test_levels_of_a_path(results):
    path = results["path"]
    data = lines(drawn(path))
    for line, population in zip(data, path.populations.T, strict=False):
        np.testing.assert_array_equal(line, [path.s, population])
    np.testing.assert_array_equal(data[-1], [path.s, path.ground_fidelity])


def test_batches_and_sweeps(results):
    batch, sweep, best = results["batch"], results["sweep"], results["best"]
    data = lines(drawn(batch))
    np.testing.assert_array_equal([y for _, y in data[:5]], batch.success_probability)
    np.testing.assert_array_equal(data[5][1], np.median(batch.success_probability, axis=0))
    one = results["batch at one tau"].success_probability[:, 0]
    np.testing.assert_array_equal(lines(drawn(results["batch at one tau"]))[0][1], np.sort(one))
    axes = drawn(sweep)
    expected = [sweep.tau, sweep.success_probability]
    np.testing.assert_array_equal(labelled(axes, "F, one shot"), expected)
    assert set(labelled(axes, "one guess")[1]) == {sweep.guess}
    axes = drawn(best)
    np.testing.assert_array_equal(labelled(axes, "TTS99"), [best.sweep.tau, best.sweep.tts99])
    np.testing.assert_array_equal(lines(axes)[1].ravel(), [best.tau, best.tts99])


def test_the_gap_along_a_run(results):
    gap, p = results["gap"], relu_problem(6, 1)
    curve = ac.spectrum(p, points=41, tol=1e-10)
    exact = curve.energies[:, 1] - curve.energies[:, 0]
    known, doubt = gap.along(curve.s).T
    assert (known >= exact - 1e-8).all()
    assert (exact >= known - doubt - 1e-8).all()
    assert gap.along(gap.s)[0, 0] == pytest.approx(gap.gap, rel=1e-6)
    axes = drawn(gap)
    np.testing.assert_array_equal(
        labelled(axes, "gap"), [points_of(gap), gap.along(points_of(gap))[:, 0]]
    )
    assert set(labelled(axes, "certified lower bound")[1]) == {gap.certificate}
    assert [gap.s, gap.gap] in [line.ravel().tolist() for line in lines(axes)]
    for outside in (-0.1, [0.5, 1.1]):
        with pytest.raises(ArgumentError, match="s: all points must lie between 0 and 1"):
            gap.along(outside)


def test_a_problem_without_a_gap():
    flat = ac.minimum_gap(ac.SelectionProblem([0.0, 0.0], np.zeros((2, 2))))
    assert isinstance(flat, MinimumGap)
    assert flat.along([0.0, 1.0]).tolist() == [[np.inf, 0.0], [np.inf, 0.0]]
    assert drawn(flat).get_title("left") == "Every state is a ground state: there is no gap."
    assert "there is no gap" in flat._repr_html_()


def test_levels_with_the_gap_marked(results):
    curve, gap = results["curve"], results["gap"]
    axes = drawn(curve, gap=gap)
    above = curve.energies - curve.energies[:, :1]
    np.testing.assert_array_equal(labelled(axes, "gap"), [curve.s, above[:, 1]])
    assert [gap.s, gap.gap] in [line.ravel().tolist() for line in lines(axes)]
    assert not any(line.shape == (2, 1) for line in lines(drawn(curve)))


def test_margins_are_those_without_the_maps(network, image, results):
    flip = results["flip"]
    maps = network[:2](image[None])
    expected = []
    for count in range(len(flip.channels) + 1):
        kept = maps.clone()
        kept[:, flip.channels[:count].tolist()] = 0.0
        z = network[2:](kept)[0].detach().double()
        expected.append(float(z[flip.target] - z[flip.competitor]))
    np.testing.assert_allclose(margins(flip), expected, atol=1e-5)
    np.testing.assert_array_equal(lines(drawn(flip))[0][1], margins(flip))
    np.testing.assert_allclose(flip.effects, -np.diff(expected), atol=1e-5)
    assert flip.as_json()["effects"] == flip.effects.tolist()
    older = replace(flip, effects=None)
    np.testing.assert_array_equal(lines(drawn(older))[0][1], [flip.margin, flip.margin_without])


def test_sufficient_sets_and_hardware(results):
    s, report = results["sufficient"], results["hardware"]
    axes = drawn(s)
    assert [bar.get_height() for bar in axes.patches] == [s.probability_of_all, s.probability]
    assert lines(axes)[0][1].tolist() == [np.exp(s.bound)] * 2
    heights = [bar.get_height() for bar in drawn(report).patches]
    assert heights[0] == report.ensemble.survival
    assert report.coherent[5.0].best_of_shots in heights
    assert report.thermal.best_of_shots in heights


def test_explanations(results):
    e = results["explanation"]
    axes = drawn(e)
    np.testing.assert_array_equal(axes.images[0].get_array(), np.asarray(e.overlay()))
    photo = Image.new("RGB", (40, 30), "white")
    with pytest.warns(ac.errors.AnnealcamWarning, match="overlay"):
        axes = drawn(e, photo=photo)
    assert axes.images[0].get_array().shape == (30, 40, 3)
    panels = e.plot_maps()
    assert len(panels) == 2 + len(e.selected)
    assert all(panel.images for panel in panels)
    assert len(panels[0].figure.axes) == len(panels)
    fewer = e.plot_maps(most=1)
    assert [panel.get_title().split(" (")[0] for panel in fewer][2:] == [f"map {e.selected[0]}"]
    pyplot.close(panels[0].figure)
    pyplot.close(fewer[0].figure)
    with pytest.raises(ArgumentError, match="most=0: must be 1 or more"):
        e.plot_maps(most=0)


@pytest.mark.parametrize("size", [16, (2, 4, 4)])
def test_explanations_of_signals_and_volumes(results, size):
    flat = results["explanation"]
    grid = (14 * 14,) if size == 16 else (7, 4, 7)
    e = replace(
        flat, map=flat.map.reshape(grid), evidence=flat.evidence.reshape(grid), view=None,
        selected_maps=flat.selected_maps.reshape(-1, *grid), baselines={},
    )  # fmt: skip
    assert drawn(e).images
    panels = e.plot_maps()
    assert len(panels) == 2 + len(e.selected)
    pyplot.close(panels[0].figure)


class Reader(HTMLParser):
    """The tags and the attributes that load something."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.sources = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.sources += [v for name, v in attrs if name in ("src", "href", "srcset", "data")]


def test_cards_are_small_and_escape_names(cards):
    for name, html in cards.items():
        page = Reader(html)
        assert not {"script", "link", "iframe", "b"} & set(page.tags), name
        assert all(source.startswith("data:image/webp;base64,") for source in page.sources)
        assert "\x1b" not in html
        assert name == "explanation" or len(html) < 30_000, name
    assert "&lt;script&gt;" in cards["flip"]
    assert "&lt;script&gt;" in cards["sufficient"]
    assert "&lt;b&gt;whole" in cards["verified"]


def test_lists_of_verified_results(tmp_path, results):
    results["explanation"].save(tmp_path / "a")
    results["explanation"].save(tmp_path / "b")
    (tmp_path / "b" / "maps.npz").write_bytes(b"")
    found = verify(tmp_path)
    assert isinstance(found, VerifiedList)
    assert isinstance(found, list)
    html = found._repr_html_()
    assert "2 results: 1 intact, 1 damaged" in html
    assert "maps.npz" in html
    assert repr(found[0]).startswith("Verified(folder=")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_cards_in_a_browser(cards, scheme, tmp_path):
    """Text has the colour of the page, nothing is fetched, and nothing is wider than the page."""
    shots = Path(os.environ.get("ANNEALCAM_SHOTS") or tmp_path)
    shots.mkdir(parents=True, exist_ok=True)
    head = '<!doctype html><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
    body = "".join(f"<h4>{name}</h4>{html}" for name, html in cards.items())
    file = tmp_path / "cards.html"
    file.write_text(f"{head}<body style='font-family:sans-serif'>{body}", encoding="utf-8")
    with open_browser(scheme=scheme, width=800) as tab:
        tab.page.goto(file.as_uri())
        tab.page.screenshot(path=shots / f"cards {scheme}.png", full_page=True)
        colours = tab.page.evaluate(
            """() => [...document.querySelectorAll('.annealcam-card td, .annealcam-card p')]
                     .map(x => getComputedStyle(x).color)"""
        )
        own = tab.page.evaluate("() => getComputedStyle(document.body).color")
        assert set(colours) == {own}
        assert tab.page.evaluate("() => document.documentElement.scrollWidth") <= 800
        assert tab.page.locator("svg.chart text").first.is_visible()
        assert (tab.errors, tab.foreign) == ([], [])


def test_small_networks_have_flip_sets_where_effects_do_not_add_up(image):
    flip = ac.flip_set(small_network(seed=3), image, layer="1", class_names=NAMES)
    axes = drawn(flip)
    assert lines(axes)[0][1][-1] == flip.margin_without
    assert flip._repr_html_().count("<tr>") == (1 + len(flip.channels) if len(flip.channels) else 0)
