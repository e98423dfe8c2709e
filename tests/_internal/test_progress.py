"""Progress of long functions: what is reported, and bars that end with the work."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

import annealcam as ac
from annealcam._internal.progress import bar
from annealcam.errors import ArgumentError
from annealcam.samplers.exact import branch_and_bound
from tests.problems import relu_problem


class Reports(list):
    def __call__(self, text, done, total):
        assert isinstance(text, str)
        assert isinstance(done, int)
        assert isinstance(total, int)
        self.append((text, done, total))


@pytest.mark.parametrize("d", [6, 20])
def test_exact_solutions_report_blocks_and_seconds(d):
    p = relu_problem(d, 3)
    reports = Reports()
    x = ac.solve_exact(p, progress=reports)
    quiet = ac.solve_exact(p)
    assert x.n.tolist() == quiet.n.tolist()
    assert x.lower_bound == quiet.lower_bound
    assert reports
    if x.method == "enumeration":
        assert reports[-1][1] == reports[-1][2]


def test_trees_report_the_seconds_of_their_limit():
    reports = Reports()
    x = branch_and_bound(relu_problem(30, 3), time_limit=60.0, progress=reports)
    assert x.proved
    assert {total for _, _, total in reports} == {60}
    assert all(0 <= done <= 60 for _, done, _ in reports)
    unlimited = Reports()
    branch_and_bound(relu_problem(30, 3), progress=unlimited)
    assert {total for _, _, total in unlimited} == {0}


def test_levels_and_gaps_report_their_snapshots():
    p, reports = relu_problem(7, 3), Reports()
    curve = ac.spectrum(p, points=5, progress=reports)
    np.testing.assert_array_equal(curve.energies, ac.spectrum(p, points=5).energies)
    assert int(reports[-1][0].split()[2]) in (curve.snapshots - 1, curve.snapshots)
    assert all(0 <= done <= total for _, done, total in reports)
    reports.clear()
    gap = ac.minimum_gap(p, progress=reports)
    assert gap.gap == ac.minimum_gap(p).gap
    snapshots = [done for _, done, _ in reports]
    assert snapshots == sorted(set(snapshots))
    assert {total for _, _, total in reports} <= {0}


FUNCTIONS = {
    "solve_exact": lambda p, **how: ac.solve_exact(p, **how),
    "branch_and_bound": lambda p, **how: branch_and_bound(p, **how),
    "minimum_gap": lambda p, **how: ac.minimum_gap(p, **how),
    "spectrum": lambda p, **how: ac.spectrum(p, points=2, **how),
    "anneal_batch": lambda p, **how: ac.anneal_batch([p], tau=2.0, **how),
    "hardness": lambda p, **how: ac.annealing.hardness(p, [2.0], **how),
    "hardware_report": lambda p, **how: ac.hardware_report(p, members=2, tau=2.0, **how),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_bars_change_no_result(name, capfd):
    p = relu_problem(4, 1)
    plain, shown, hidden = (FUNCTIONS[name](p, progress=how) for how in (None, True, False))
    assert repr(plain) == repr(shown) == repr(hidden)
    assert capfd.readouterr() == ("", "")  # standard error is no terminal here
    with pytest.raises(ArgumentError, match=r"progress=3: must be True, False, a function or None"):
        FUNCTIONS[name](p, progress=3)


def test_a_notebook_shows_a_native_bar_that_disappears(monkeypatch):
    shown = []
    handle = SimpleNamespace(update=lambda html: shown.append(html))
    display = SimpleNamespace(HTML=str, display=lambda html, **_: shown.append(html) or handle)
    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    monkeypatch.setattr("annealcam._internal.progress.PAUSE", 0.0)

    def interrupted():
        with bar("two <b>") as update:
            update("step <1>", 1, 4)
            update(2, 4)
            update("unknown", 2, 0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert shown == [
        "<progress></progress> two &lt;b&gt;",
        '<progress value="1" max="4"></progress> step &lt;1&gt;, 1 of 4',
        '<progress value="2" max="4"></progress> two &lt;b&gt;, 2 of 4',
        "<progress></progress> unknown",
        "",
    ]


def test_a_terminal_shows_texts_as_they_are(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with bar("work") as update:
        update("step [/bold] \x1b[2J", 1, 4)
    assert "\x1b[2J" not in capsys.readouterr().err
