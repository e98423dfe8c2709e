"""Help texts name what the library offers; lists that are costly to import are written out."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from annealcam.annealing.hamiltonian import NORMALISATIONS
from annealcam.attribution.importance import IMPORTANCES
from annealcam.cli.interface import names as written
from annealcam.cli.main import app
from annealcam.data.sets import NAMES as SETS
from annealcam.data.splits import PARTS
from annealcam.evaluation.methods import METHODS
from annealcam.evaluation.scores import METRICS
from annealcam.models.loaded import SHIPPED
from annealcam.models.sources.efficientnet_lite import LITE
from annealcam.qubo.objectives import BETA, FIDELITY
from annealcam.samplers.registry import SAMPLERS
from annealcam.settings import PRESETS
from annealcam.study.config import PRESETS as STUDIES
from tests.cli.helpers import run

COMMANDS = typer.main.get_command(app).commands


def help_of(command, option):
    (parameter,) = (p for p in COMMANDS[command].params if p.name == option)
    return parameter.help


@pytest.mark.parametrize(
    ("command", "option", "names"),
    [
        ("explain", "model", [*LITE, *SHIPPED]),
        ("explain", "importance", IMPORTANCES),
        ("explain", "preset", [name for name in PRESETS if name]),
        ("explain", "sampler", SAMPLERS),
        ("solve", "sampler", SAMPLERS),
        ("compare-samplers", "samplers", SAMPLERS),
        ("evaluate", "metrics", METRICS),
        ("evaluate", "methods", METHODS),
        ("study", "preset", STUDIES),
    ],
)
def test_help_lists_every_name(command, option, names):
    for name in names:
        assert name in help_of(command, option)


def test_every_option_has_a_help_text():
    for name, command in COMMANDS.items():
        assert command.help, name
        for parameter in command.params:
            assert parameter.name == "help" or parameter.help, (name, parameter.name)


def test_defaults_without_a_value_are_shown():
    text = run("explain", "--help-all", env={"COLUMNS": "200"}).stdout
    beta = "(by the head for evidence, 0.667 for relative or 0.9 for sum)"
    for default in ("(d^2)", "(the predicted class)", beta):
        assert f"[default: {default}]" in text


@pytest.mark.parametrize("command", ["", "atlas show", *COMMANDS])
def test_the_help_of_each_command_fits_a_screen(command):
    text = run(*command.split(), "--help", env={"COLUMNS": "80"}).stdout
    assert len(text.splitlines()) <= 40
    assert "<bool>" not in text


def test_less_used_options_are_named_in_the_help_and_described_by_help_all():
    brief, whole = (
        " ".join(run("explain", word, env={"COLUMNS": "200"}).stdout.split())
        for word in ("--help", "--help-all")
    )
    for option in ("--gradients", "--transform-input", "--atlas"):
        assert option in brief
        assert option in whole
    text = "plain: the gradient"
    assert text in whole
    assert text not in brief


def test_a_wide_screen_has_the_defaults_and_a_narrow_one_those_that_fit():
    wide, narrow = (run("explain", "--help", env={"COLUMNS": n}).stdout for n in ("160", "80"))
    assert "[default: (the predicted class)]" in wide
    assert "[default: anneal]" in wide
    assert narrow.count("[default") == 0
    assert "[default: atlas]" in run("atlas", "--help", env={"COLUMNS": "80"}).stdout


def test_the_help_is_unchanged_by_help_all():
    first, _, again = (
        run("explain", word, env={"COLUMNS": "80"}).stdout
        for word in ("--help", "--help-all", "--help")
    )
    assert first == again


def test_help_imports_no_numerical_library():
    code = (
        "import sys; from annealcam.cli.main import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "assert not {'numpy', 'scipy', 'PIL', 'torch', 'numba', 'jaxtyping'} & set(sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run(
        [sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL, env=environment
    )


def test_commands_are_grouped_and_an_example_is_given():
    text = run("--help", env={"COLUMNS": "100"}).stdout
    assert "Example: annealcam explain photo.jpg" in text
    for panel in ("Explain", "Trust", "Annealing", "Studies and networks"):
        assert f"─ {panel} ─" in text


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("explain --model eff", [name for name in LITE if name.startswith("eff")]),
        ("explain --sampler t", [name for name in SAMPLERS if name.startswith("t")]),
        ("explain --preset ", [name for name in PRESETS if name]),
        ("study --preset ", list(STUDIES)),
        ("ver", ["verify"]),
    ],
)
def test_shells_complete_names(words, names):
    environment = {
        "_ANNEALCAM_COMPLETE": "complete_bash",
        "COMP_WORDS": f"annealcam {words}",
        "COMP_CWORD": str(words.count(" ") + 1),
    }
    found = run(env=environment, prog_name="annealcam", complete_var="_ANNEALCAM_COMPLETE")
    assert sorted(found.stdout.split()) == sorted(names)


def test_names_to_complete_are_those_of_the_library():
    assert set(written.MODELS) == {*LITE, *SHIPPED}
    assert set(written.IMPORTANCES) == set(IMPORTANCES)
    assert (written.SETS, written.PARTS) == (SETS, PARTS)
    assert tuple(NORMALISATIONS) == written.NORMALISATIONS
    assert tuple(name for name in PRESETS if name) == written.PRESETS
    assert set(written.STUDIES) == set(STUDIES)
    assert (dict(BETA), FIDELITY) == (written.BETA, written.FIDELITY)


def test_the_page_on_the_command_line_has_an_example_of_each_command():
    text = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text("utf-8")
    assert set(re.findall(r"\*\*`([a-z-]+)`\*\*", text)) == set(COMMANDS)
    examples = re.findall(r"^    \$ annealcam ([a-z][a-z-]*)", text, flags=re.MULTILINE)
    assert set(examples) == set(COMMANDS)


def test_the_old_name_of_the_normalisation_is_an_alias():
    (parameter,) = (p for p in COMMANDS["explain"].params if p.name == "normalisation")
    assert parameter.opts == ["--normalisation", "--convention"]
