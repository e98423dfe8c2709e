"""`annealcam audit`, from the command line to its folder."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from benchmarks.planted.patch import Patch, planted
from tests.audit.networks import CLASSES, greys
from tests.cli.helpers import run
from tests.damage import unnoticed

PATCH = Patch(side=0.25, pattern="plain")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Photos in class folders, the patch on all of the first class; masks of all but the patch."""
    photos = greys(6)
    made = planted(photos, 0, PATCH, share=1.0, elsewhere=0.0)
    lines = ["photo,left,top,right,bottom"]
    for i, name in enumerate(photos.images):
        kind = CLASSES[photos.labels[i]]
        (tmp_path / "data" / kind).mkdir(parents=True, exist_ok=True)
        made.photos.open(i).save(tmp_path / "data" / kind / f"{name}.png")
        left, top, right, bottom = PATCH.box(name, (32, 32))
        mask = np.full((32, 32), 255, dtype=np.uint8)
        mask[top:bottom, left:right] = 0
        (tmp_path / "masks" / kind).mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask).save(tmp_path / "masks" / kind / f"{name}.png")
        lines.append(f"{kind}/{name}.png,{left},{top},{right},{bottom}")
    (tmp_path / "boxes.csv").write_text("\n".join(lines))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def audited(*words):
    return run("audit", "--data", "folder:data", "--part", "all", "--layer", "maps", "-o", "out",
               "--model", "tests.audit.networks:cli_reader", *words)  # fmt: skip


def test_masks_put_the_patched_class_first(folder):
    audited("--masks", "masks")
    record = json.loads((folder / "out" / "audit.json").read_text())
    assert record["headline"] == "outside"
    first = record["ranking"][0]
    assert first["class"] == "patched"
    assert first["mean"] == pytest.approx(1.0)
    assert first["low"] == pytest.approx(1.0)
    rows = list(csv.DictReader((folder / "out" / "dictionary.csv").open()))
    own = [row for row in rows if row["class"] == "patched"]
    assert [row["map"] for row in own] == ["0"]
    assert float(own[0]["selected"]) == 1.0
    assert float(own[0]["on_object"]) == pytest.approx(0.0)
    assert "map 0: selected for 100%" in (folder / "out" / "summary.md").read_text()
    assert {"ranking.png", "ranking.svg", "class-1.png"} <= {
        file.name for file in (folder / "out").iterdir()
    }
    assert not (folder / "out.parts").exists()
    assert unnoticed(folder / "out", 1) == []


def test_boxes_of_the_patch_are_the_other_way_round(folder):
    audited("--masks", "boxes.csv")
    ranking = json.loads((folder / "out" / "audit.json").read_text())["ranking"]
    outside = [r for r in ranking if r["score"] == "outside" and r["method"] == "annealcam"]
    assert {r["class"]: r["mean"] for r in outside}["patched"] == pytest.approx(0.0)
    audited("--masks", "boxes.csv")  # the same audit again takes the older one's place


def test_without_masks_the_headline_is_sameness(folder):
    audited()
    record = json.loads((folder / "out" / "audit.json").read_text())
    assert record["headline"] == "sameness"
    assert not any(row["score"] == "outside" for row in record["ranking"])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "objective evidence: for 18 photos those that draw the evidence together, for 0"),
        (["--beta", "1"], "objective evidence, beta 1."),
        (["--preset", "paper"], "objective sum of the preset paper, with the importance gradcam."),
        (["--importance", "contribution"], "objective relative, with the importance contribution."),
    ],
)
def test_the_summary_names_the_objective(words, sentence, folder):
    audited(*words)
    assert f"Maps are selected by the {sentence}" in (folder / "out" / "summary.md").read_text()


def test_an_audit_of_a_contrast_says_so(folder):
    audited("--against", "next")
    assert json.loads((folder / "out" / "audit.json").read_text())["against"] == "next"
    summary = (folder / "out" / "summary.md").read_text()
    assert "of each photo: label, contrasted with the most likely other class." in summary


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        ([], 2, "--data"),
        (["--data", "digits"], 2, "--model"),
        (["--data", "digits", "--model", "digits", "--explain", "mine"], 2, "explain='mine'"),
        (["--data", "digits", "--model", "digits", "--against", "3"], 2, "against='3'"),
        (["--data", "digits", "--model", "digits", "--masks", "nowhere"], 2, "masks='nowhere'"),
        (["--data", "digits", "--model", "digits", "--atlas", "nowhere"], 1, "holds no atlas"),
        (
            ["--data", "digits", "--model", "digits", "--photos-per-class", "0"],
            2,
            "photos_per_class",
        ),
        (["--data", "digits", "--model", "paper-16"], 2, "--explain predicted"),
    ],
)
def test_errors_are_one_line(words, code, line, tmp_path):
    result = run("audit", *words, "-o", tmp_path / "out", code=code)
    lines = [text for text in result.output.splitlines() if text.startswith("annealcam:")]
    assert len(lines) == 1
    assert line in lines[0]
    assert not (tmp_path / "out").exists()
