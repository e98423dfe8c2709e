"""Help texts name what the library offers; lists that are costly to import are written out."""

import pytest
import typer

from annealcam.attribution.importance import IMPORTANCES
from annealcam.cli.main import app
from annealcam.evaluation.methods import METHODS
from annealcam.evaluation.scores import METRICS
from annealcam.models.loaded import SHIPPED
from annealcam.models.sources.efficientnet_lite import LITE
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
    text = run("explain", "--help", env={"COLUMNS": "200"}).stdout
    beta = "(by the head for evidence, 0.667 for relative or 0.9 for sum)"
    for default in ("(d^2)", "(the predicted class)", beta):
        assert f"[default: {default}]" in text


def test_the_old_name_of_the_normalisation_is_an_alias():
    (parameter,) = (p for p in COMMANDS["explain"].params if p.name == "normalisation")
    assert parameter.opts == ["--normalisation", "--convention"]
