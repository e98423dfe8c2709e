"""Licences: every package that annealcam and its extras need here has one that was read."""

from __future__ import annotations

from importlib.metadata import distribution

import pytest

from tools.licences import closure, is_reviewed, licence_of, main


def test_every_licence_is_reviewed(capsys):
    main()
    table = capsys.readouterr().out
    lines = {line.split()[0]: line for line in table.splitlines()}
    assert lines["annealcam"].endswith("Apache-2.0")
    assert lines["numpy"].split()[1:3] == [distribution("numpy").version, "annealcam"]
    assert lines["pyarrow"].split()[2:] == ["extras", "Apache-2.0"]


@pytest.mark.parametrize(
    ("licence", "reviewed"),
    [
        ("MIT", True),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", True),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("AGPL-3.0-or-later", False),
        ("MIT AND GPL-2.0-only", False),
        ("UNKNOWN", False),
        ("", False),
    ],
)
def test_licences_are_reviewed_part_by_part(licence, reviewed):
    assert is_reviewed(licence) == reviewed


def test_a_closure_follows_markers_and_extras():
    found, missing = closure(["jinja2", "no-such-package; python_version > '3'", "x; extra == 'y'"])
    assert set(found) == {"jinja2", "markupsafe"}
    assert missing == {"no-such-package"}
    assert licence_of(found["jinja2"]) == "BSD-3-Clause"
