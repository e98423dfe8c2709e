"""What a release needs: files that exist, checks that run, and a README that the index can show."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
import yaml

import annealcam as ac

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8"))
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]
PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "CODE_OF_CONDUCT.md", "SECURITY.md")


@pytest.fixture
def long_description(monkeypatch):
    """The function, without hatchling, which only builds need."""
    base = ModuleType("hatchling.metadata.plugin.interface")
    base.MetadataHookInterface = object
    monkeypatch.setitem(sys.modules, base.__name__, base)
    monkeypatch.syspath_prepend(ROOT)
    from tools.long_description import long_description

    return long_description


def test_the_version_is_that_of_the_citation_and_of_the_newest_release():
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    releases = [line for line in re.findall("^## (.+)$", changelog, re.M) if line != "Unreleased"]
    assert releases[0] == f"{ac.__version__} - {CITATION['date-released']}"
    assert CITATION["version"] == ac.__version__
    assert re.search(r"^### Coming from", changelog, re.MULTILINE)


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_links_to_exists(page):
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", (ROOT / page).read_text("utf-8"))
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_path_in_the_guide_for_contributors_exists():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    names = re.findall(r"`((?:\.ci|src|tests|docs)[\w/.]*|\.[\w-]+\.yaml|[A-Z]\w*\.\w+)`", text)
    assert len(names) > 8
    assert [name for name in names if not (ROOT / name).exists()] == []


def test_every_target_of_make_in_the_guide_for_contributors_exists():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    targets = {word for line in re.findall(r"make ([a-z -]+)", text) for word in line.split()[:1]}
    rules = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert {"demo", "test", "wheel-check"} <= targets <= set(rules)


def test_the_workflow_runs_the_checks_on_every_version_that_is_stated():
    (job,) = WORKFLOW["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    stated = [c.split(" :: ")[-1] for c in PROJECT["classifiers"] if "Python :: 3." in c]
    assert job["strategy"]["matrix"]["python"] == stated
    uses = [step["uses"] for step in job["steps"] if "uses" in step]
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@v\d+\.\d+\.\d+", name) for name in uses)


def test_the_hooks_need_no_network():
    assert [repository["repo"] for repository in HOOKS] == ["local"]
    hooks = [hook for repository in HOOKS for hook in repository["hooks"]]
    assert {hook["language"] for hook in hooks} == {"system"}
    assert all(hook["entry"].startswith(".venv/bin/python -m ") for hook in hooks)


def test_the_image_copies_only_files_that_it_is_given():
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    given = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copied = re.findall(
        r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text("utf-8"), re.M
    )
    names = {name for line in copied for name in line.split()}
    assert names == given
    assert all((ROOT / name).exists() for name in names)


def test_links_of_the_readme_lead_somewhere_on_the_index(long_description):
    readme = (ROOT / "README.md").read_text("utf-8")
    relative = r"\]\((?!https?:|#)|<img[^>]*src=\"(?!https?:)"
    assert re.search(relative, readme)
    for source in (None, "https://example.org/blob/main/"):
        assert re.findall(relative, long_description(readme, source)) == []


def test_pictures_and_links_are_completed_or_left_out(long_description):
    text = '[![p](a.png)](b.md) <img src="c.png" width="9"> [d](#d) [e](https://e.org)'
    assert long_description(text, None).strip() == "[d](#d) [e](https://e.org)"
    assert long_description(text, "https://s.org/blob/main") == (
        "[![p](https://s.org/raw/main/a.png)](https://s.org/blob/main/b.md) "
        '<img src="https://s.org/raw/main/c.png" width="9"> [d](#d) [e](https://e.org)'
    )
