"""The generated pages of the reference: all public names, all commands, readable docstrings."""

from __future__ import annotations

import re
from functools import partial

import pytest
from typer.main import get_command

from annealcam.cli.main import app
from tools.check_site import foreign_resources
from tools.reference_pages import (
    homes,
    plain_docstring,
    public_names,
    public_signature,
    write_reference,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reference")
    write_reference(folder)
    return folder


def test_every_public_name_has_one_entry_and_a_line(folder):
    text = "".join(page.read_text("utf-8") for page in (folder / "api").iterdir())
    entries, module = [], ""
    for kind, name in re.findall(r"^\.\. (auto\w+|py:data|py:module):: (\S+)", text, re.MULTILINE):
        if kind == "py:module":
            module = name
        else:
            entries.append(f"{module}.{name}" if kind == "py:data" else name)
    assert len(entries) == len(set(entries))
    for package, names in homes().items():
        assert set(names) == set(public_names()[package])
        for home in names.values():
            assert home in entries
            assert f":py:obj:`~{home}`\n     - " in text
    assert "\n     - \\\n" not in text  # without a description


def test_every_command_and_option_is_described(folder):
    text = (folder / "cli.md").read_text("utf-8")
    commands = get_command(app).commands
    for name, command in commands.items():
        if command.hidden:
            continue
        assert f"## annealcam {name}" in text
        for parameter in getattr(command, "params", []):
            if parameter.param_type_name == "option" and not parameter.hidden:
                assert parameter.opts[-1] in text, (name, parameter.opts)


def test_formulas_become_literal_and_stars_stay_stars():
    lines = ["Return a.", "", "    a = b * |c|", "", "Of d_ * e, `f_ * g`.", "", ">>> 2 * 3", "6"]
    plain_docstring(None, "", "", None, None, lines)
    assert lines == [
        "Return a.", "", "::", "", "    a = b * |c|", "", "Of d\\_ \\* e, `f_ * g`.", "",
        ">>> 2 * 3", "6",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ('<img src="https://a.org/b.png">', ["https://a.org/b.png"]),
        ('<link rel="stylesheet" href="//a.org/b.css">', ["//a.org/b.css"]),
        ('<link rel="canonical" href="https://a.org/">', []),
        ('<img src="b.png"><a href="https://a.org">a</a>', []),
        ("<style>@import 'https://a.org'</style>", ["//@import 'https://a.org'"]),
    ],
)
def test_resources_of_other_machines_are_found(html, found):
    assert foreign_resources(html) == found


def test_private_fields_are_not_in_signatures():
    hide = partial(public_signature, None, "class", "", None, None)
    assert hide("(a: dict[str, int], _b: tuple[int, ...] = (1, 2), *, c: int)", None) == (
        "(a: dict[str, int], *, c: int)", None,
    )  # fmt: skip
    assert hide("(a: int, b_: int)", "None") is None
    assert hide(None, None) is None


def test_pages_named_in_docstrings_are_links():
    lines = ["See docs/large.md, `docs/method.md`."]
    plain_docstring(None, "", "", None, None, lines)
    assert lines == ["See :doc:`/large`, `docs/method.md`."]
