"""Hashes: the files list every pin, and nothing else."""

from __future__ import annotations

import re

import pytest

from tools.hashes import BUILD, PACKAGES, SHARED, TOOLS, is_new, pins


def listed(file):
    """The hashes of a file by its requirements, in the order in which pip reads them."""
    requirements = file.read_text("utf-8").replace("\\\n", "").splitlines()
    return {line.split()[0]: line.split()[1:] for line in requirements}


@pytest.mark.parametrize(
    ("file", "versions"),
    [(PACKAGES, pins()), (BUILD, TOOLS | {name: pins()[name] for name in SHARED})],
    ids=["packages", "build"],
)
def test_every_pin_has_hashes(file, versions):
    hashes = listed(file)
    assert list(hashes) == [f"{name}=={version}" for name, version in versions.items()]
    for values in hashes.values():
        assert values == sorted(set(values))
        assert all(re.fullmatch("--hash=sha256:[0-9a-f]{64}", value) for value in values)
        assert values


@pytest.mark.parametrize(
    ("wheel", "new"),
    [
        ("six-1.17.0-py2.py3-none-any.whl", True),
        ("numpy-2.4.6-cp311-cp311-win_amd64.whl", True),
        ("numpy-2.0.0-cp310-cp310-win_amd64.whl", False),
        ("cffi-2.1.1-1-cp314-cp314t-macosx_11_0_arm64.whl", True),
        ("ruff-0.17.6-py3-none-musllinux_1_2_x86_64.whl", True),
        ("cryptography-50.0.2-cp39-abi3-manylinux_2_28_x86_64.whl", True),
        ("pp-1-pp311-pypy311_pp73-win_amd64.whl", False),
    ],
)
def test_wheels_for_older_pythons_are_left_out(wheel, new):
    assert is_new(wheel) == new
