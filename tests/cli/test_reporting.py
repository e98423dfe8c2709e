"""`-q`, `--json` and `-v` of every command, from one table."""

import functools
import importlib
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image

from annealcam._version import __version__
from annealcam.cli.interface.reporting import Reporting, json_list, json_of, reporting_as
from annealcam.cli.main import app
from annealcam.qubo.files import save_problem
from annealcam.render.figures.sheets import write_figure
from tests.cli.helpers import run, skip_report_picture
from tests.cli.test_study import CONFIG
from tests.problems import relu_problem

DIGITS = ("--model", "digits")
OWN = ("--model", "tests.networks:digit_network")
SET = ("--data", "digits", *DIGITS, "--layer", "block.1", "--photos-per-class", "1")


@dataclass(frozen=True)
class Row:
    """A command with the arguments of a short run.

    Attributes:
        words: the command and its arguments.
        keys: keys of its JSON, or of each item of a list.
        once: functions that take long; the second run of the command takes their first results.
        first: the commands of which it reads the results.
    """

    words: tuple[str, ...]
    keys: tuple[str, ...]
    once: tuple[str, ...] = ()
    first: tuple[str, ...] = ()


TABLE = {
    "explain": Row(("explain", "photos", *DIGITS, "-o", "explained"), ("photo", "selected")),
    "demo": Row(
        ("demo", "-o", "demo"), ("photo", "fidelity"),
        once=("annealcam.cli.photo_explainer.PhotoExplainer.explain_into",),
    ),
    "flip": Row(("flip", "photos", *OWN), ("photo", "channels", "margin", "proved")),
    "suffice": Row(("suffice", "photos/*.png", *OWN), ("photo", "channels", "bound")),
    "path": Row(("path", "photos", *OWN, "--most", "3", "-o", "paths"), ("photo", "rows")),
    "app": Row(("app", "--port", "0"), ("address",)),
    "evaluate": Row(
        ("evaluate", "photos", *DIGITS, "--methods", "annealcam,gradcam", "--metrics", "kept",
         "-o", "evaluated"), ("photos", "table"),
        once=("annealcam.evaluation.evaluation.evaluate", "annealcam.cli.evaluate._write"),
    ),
    "audit": Row(
        ("audit", *SET, "-o", "audited"), ("headline", "ranking"),
        once=("annealcam.audit.run.audit", "annealcam.audit.folder.write_audit"),
    ),
    "verify": Row(
        ("verify", "explained"), ("folder", "kind", "status", "faults"), first=("explain",)
    ),
    "anneal": Row(
        ("anneal", "p.npz", "--tau", "1", "-o", "annealed"), ("problem_file", "gap", "runs"),
        once=("annealcam.render.folder.write_annealing", "annealcam.annealing.difficulty.hardness"),
    ),
    "solve": Row(("solve", "p.npz"), ("problem_file", "energy", "optimal")),
    "compare-samplers": Row(
        ("compare-samplers", "photos", *DIGITS, "--samplers", "greedy"), ("photo", "rows")
    ),
    "convert": Row(("convert", "p.npz", "p.coo"), ("problem_file", "output", "d")),
    "study": Row(
        ("study", "s.toml", "--workers", "1", "-o", "studied"), ("data", "warnings", "folder"),
        once=("annealcam.study.run.engine.run_study",),
    ),
    "figures": Row(("figures", "studied"), ("data", "folder"), first=("study",)),
    "report": Row(
        ("report", "studied", "--photos", "1", "--no-maps"), ("index", "pages"), first=("study",),
        once=("annealcam.study.pages.report.write_report",),
    ),
    "train": Row(
        ("train", "--maps", "4", "--epochs", "1", "-o", "t.safetensors"), ("accuracy", "file"),
    ),
    "layers": Row(("layers", *DIGITS, "--photo", "photos"), ("name", "candidates", "default")),
    "model-card": Row(("model-card", "w.pth", "--force"), ("card", "doubt", "check")),
    "doctor": Row(("doctor",), ("python", "extras", "devices")),
    "atlas": Row(
        ("atlas", *SET, "-o", "mine"), ("classes", "folder"),
        once=("annealcam.atlas.build.build_atlas",),
    ),
    "atlas show": Row(
        ("atlas", "show", "mine", "--class", "3", "-o", "three.png"), ("class", "maps", "file"),
        first=("atlas",),
    ),
}  # fmt: skip


def served(_, listening, *, ready):
    """Do as if a page were open."""
    listening.close()
    ready("http://127.0.0.1:1")


class Fitted:
    """A fitted network, as `annealcam train` prints it."""

    def __init__(self):
        parts = {"test": {"photos": 9}}
        self.about = {"skipped": [], "accuracy": {"test": 0.5}, "parts": parts, "best_epoch": 1}

    def save(self, file):
        """Return the file of its card."""
        return file.with_suffix(".md")


def written(figure, file, kind, **options):
    """Write an empty file instead of a figure; pages contain true ones."""
    if isinstance(file, Path):
        file.touch()
    else:
        write_figure(figure, file, kind, **options)


# Instead of what takes long, and is tested elsewhere: drawings, pages and checks.
SHORT = {
    "annealcam.app.server.serve": served,
    "annealcam.cli.app._engine": lambda *_: None,
    "annealcam.cli.photo_explainer.check_explanation": lambda *_, **__: {},
    "annealcam.cli.photo_explainer.explanation_html": lambda *_, **__: "",
    "annealcam.render.figures.atlas.class_sheet": lambda *_: None,
    "annealcam.render.figures.best_k.best_k_figure": lambda *_, **__: None,
    "annealcam.render.figures.sheets.write_figure": written,
    "annealcam.study.figures.drawing.draw": lambda *_: [],
    "annealcam.training.trained.train": lambda *_, **__: Fitted(),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two photos, a problem, a study's configuration and a weights file."""
    import torch

    place = tmp_path_factory.mktemp("commands")
    (place / "photos").mkdir()
    rng = np.random.default_rng(0)
    for name in "12":
        picture = Image.fromarray(rng.integers(0, 256, (20, 20, 3), dtype=np.uint8))
        picture.save(place / "photos" / f"{name}.png")
    save_problem(relu_problem(4), place / "p.npz")
    (place / "s.toml").write_text(CONFIG)
    torch.save({"a.weight": torch.zeros(3, 3)}, place / "w.pth")
    return place


_FUNCTIONS = {}  # those that are called once, by the name


@pytest.fixture
def printed(folder, monkeypatch):
    """A function of a row and further options to what the command prints."""
    monkeypatch.chdir(folder)
    skip_report_picture(monkeypatch)
    for function, replacement in SHORT.items():
        monkeypatch.setattr(function, replacement)

    def run_row(name, *further):
        row = TABLE[name]
        for other in row.first:
            if not (folder / TABLE[other].words[-1]).exists():
                run_row(other)
        for function in row.once:
            if function not in _FUNCTIONS:
                _FUNCTIONS[function] = called_once(function)
            monkeypatch.setattr(function, _FUNCTIONS[function])
        return run(*row.words, *further)

    return run_row


def called_once(path):
    """Return a function that repeats the first result of another one."""
    owner, name = located(path)
    original = getattr(owner, name)
    results = {}

    @functools.wraps(original)
    def function(*args, **kwargs):
        key = tuple(value for value in (*args, *kwargs.values()) if isinstance(value, str | Path))
        if key not in results:
            results[key] = original(*args, **kwargs)
        return results[key]

    return function


def located(path):
    """Return what holds a function, and its name there, of a path with dots."""
    module, name = path.rsplit(".", 1)
    try:
        return importlib.import_module(module), name
    except ModuleNotFoundError:
        module, owner = module.rsplit(".", 1)
        return getattr(importlib.import_module(module), owner), name


def parsed(text):
    """Return the only JSON document of a text; NaN and infinity are refused."""
    return json.loads(text, parse_constant=lambda name: pytest.fail(name))


def commands():
    """Return all commands by the words that call them."""
    group = typer.main.get_command(app)
    inner = {f"atlas {name}": command for name, command in group.commands["atlas"].commands.items()}
    return group.commands | inner


def test_the_table_has_every_command():
    assert set(TABLE) == set(commands())


@pytest.mark.parametrize("name", TABLE)
def test_json_is_one_document(printed, name):
    document = parsed(printed(name, "--json").stdout)
    for record in document if isinstance(document, list) else [document]:
        assert [key for key in TABLE[name].keys if key not in record] == []
    assert document


@pytest.mark.parametrize("name", TABLE)
def test_quiet_prints_nothing(printed, name):
    result = printed(name, "-q")
    assert (result.stdout, result.stderr) == ("", "")


@pytest.mark.parametrize("command", commands().values(), ids=commands())
def test_every_command_has_the_three_options(command):
    options = {option for parameter in command.params for option in parameter.opts}
    assert {"-v", "--verbose", "-q", "--quiet", "--json"} <= options


def test_verbose_adds_the_time(printed):
    brief, detailed = (printed("convert", *more).stdout.splitlines() for more in ((), ("-v",)))
    assert detailed[:-1] == brief
    assert re.fullmatch(rf"\d+\.\d s, annealcam {re.escape(__version__)}", detailed[-1])


def test_numbers_paths_and_arrays_are_plain():
    record = {"a": np.array([1.0, math.inf]), 2: Path("x"), "c": (np.int64(3), math.nan, None)}
    with reporting_as(Reporting(json=True)):
        assert parsed(json_of(record)) == {"a": [1.0, None], "2": "x", "c": [3, None, None]}


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_list_is_one_document_with_an_item_a_line(capsys, count):
    with reporting_as(Reporting(json=True)), json_list() as add:
        for number in range(count):
            add({"number": number})
    text = capsys.readouterr().out
    assert [item["number"] for item in parsed(text)] == list(range(count))
    assert len(text.splitlines()) == (count + 2 if count else 1)


def test_a_list_is_complete_after_an_error(capsys):
    try:
        with reporting_as(Reporting(json=True)), json_list() as add:
            add(1)
            raise KeyError
    except KeyError:
        pass
    assert parsed(capsys.readouterr().out) == [1]


def test_verbose_has_every_class_and_the_summary(printed, folder):
    brief, detailed = (printed("audit", *more).stdout.splitlines() for more in ((), ("-v",)))
    named = [
        [line for line in lines if line.startswith("  focus: ")] for lines in (brief, detailed)
    ]
    assert [line.count(",") for (line,) in named] == [2, 9]  # of ten classes
    brief, detailed = (printed("study", *more).stdout for more in ((), ("-v",)))
    summary = (folder / "studied" / "summary.md").read_text("utf-8").strip()
    assert summary in detailed
    assert summary not in brief


def test_layers_of_several_photos_are_means(printed):
    words = TABLE["layers"].words[:-1]
    both = parsed(printed("layers", "--json").stdout)
    each = [parsed(run(*words, f"photos/{name}.png", "--json").stdout) for name in "12"]
    for mean, first, second in zip(both, *each, strict=True):
        for share in ("negative", "candidates", "dead"):
            assert mean.pop(share) == pytest.approx((first.pop(share) + second.pop(share)) / 2)
        assert mean == first == second
