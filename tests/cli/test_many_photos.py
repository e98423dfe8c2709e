"""Many photos in one command: odd ones, interruptions, other settings, and other processes."""

import json
import os
import shutil
import socket

import numpy as np
import pytest
from PIL import Image

from annealcam._internal.storage.resumable import PartStore
from annealcam._internal.text import storable
from annealcam.cli.photos import loop
from tests.cli.helpers import run, skip_report_picture


def picture(file, seed=0):
    rng = np.random.default_rng(seed)
    Image.fromarray(rng.integers(0, 256, (12, 10, 3), dtype=np.uint8)).save(file, format="PNG")


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """A folder of four photos, in the working folder."""
    monkeypatch.chdir(tmp_path)
    skip_report_picture(monkeypatch)
    (tmp_path / "photos").mkdir()
    for number in range(4):
        picture(tmp_path / "photos" / f"{number}.png", number)
    return tmp_path / "photos"


def explain(*photos, code=0, output="out", **options):
    words = [f"--{name}={value}" for name, value in options.items()]
    return run(
        "explain", *photos, "--model", "digits", "--sampler", "greedy", "-o", output, *words,
        code=code,
    )  # fmt: skip


def contents(folder):
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def interrupted_after(count, monkeypatch):
    """Interrupt the command when it has finished `count` photos."""
    explain_into = loop.PhotoExplainer.explain_into
    calls = []

    def interrupting(*args, **kwargs):
        calls.append(args)
        if len(calls) > count:
            raise KeyboardInterrupt
        return explain_into(*args, **kwargs)

    monkeypatch.setattr(loop.PhotoExplainer, "explain_into", interrupting)
    return calls


def test_an_interrupted_command_goes_on_with_equal_bits(photos, tmp_path, monkeypatch):
    explain("photos", output="whole")
    with monkeypatch.context() as patch:
        interrupted_after(2, patch)
        line = "interrupted; finished explanations are kept in out, and the same command continues"
        assert line in explain("photos", code=130).stderr
    with monkeypatch.context() as patch:
        calls = interrupted_after(99, patch)
        printed = explain("photos")
    assert len(calls) == 2
    assert "\n4 of 4 photos explained (2 of them before)\n" in printed.stdout
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_what_is_damaged_or_changed_is_explained_again(photos, tmp_path, monkeypatch):
    explain("photos", output="whole")
    shutil.copytree("whole", "out")
    (tmp_path / "out" / "1" / "overlay.png").write_bytes(b"damaged")
    (tmp_path / "out" / "2" / "explanation.json").write_bytes(b"{")
    picture(photos / "3.png", 99)
    calls = interrupted_after(99, monkeypatch)
    assert "(1 of them before)" in explain("photos").stdout
    assert [args[1] for args in calls] == ["photos/1.png", "photos/2.png", "photos/3.png"]
    (two, three), whole = (
        (contents(tmp_path / "out" / n) for n in "23"),
        contents(tmp_path / "whole"),
    )
    assert two == {name[2:]: data for name, data in whole.items() if name.startswith("2/")}
    assert three["explanation.json"] != whole["3/explanation.json"]


def test_other_settings_are_refused_for_many_photos_and_named(photos, tmp_path):
    explain("photos")
    before = contents(tmp_path / "out")
    refused = explain("photos", cardinality=2, code=2).stderr
    assert "out: holds results with other settings, such as 0 (" in refused
    assert "settings.cardinality is None there, 2 here" in refused
    assert contents(tmp_path / "out") == before
    few = explain("photos/0.png", cardinality=2).stderr
    assert "out/0: replaces a result of other settings (" in few
    assert "4 of 4 photos explained\n" in run(
        "explain", "photos", "--model", "digits", "--sampler", "greedy", "-o", "out",
        "--cardinality", 2, "--overwrite",
    ).stdout  # fmt: skip
    file = tmp_path / "out" / "0" / "explanation.json"
    record = json.loads(file.read_text())
    del record["provenance"]["identity"]  # as in a result of an earlier version
    file.write_text(json.dumps(record))
    earlier = explain("photos", cardinality=2, code=2).stderr
    assert "such as 0 (it has no record of its settings)" in earlier


def test_a_second_process_in_the_folder_is_refused(photos, tmp_path):
    (tmp_path / "out").mkdir()
    with PartStore(tmp_path / "out", "result").alone():
        refused = explain("photos", code=1).stderr
    assert refused.count("\n") == 1
    assert "out: another process is writing this folder of explanations" in refused
    assert not list((tmp_path / "out").iterdir())


def test_photos_of_equal_names_have_their_own_results_in_later_commands_too(photos, tmp_path):
    (tmp_path / "more").mkdir()
    picture(tmp_path / "more" / "0.png", 7)
    shutil.copy(photos / "1.png", tmp_path / "more" / "1.png")
    explain("photos/0.png", "photos/1.png")
    for _ in range(2):
        explain("more/0.png", "more/1.png")
        named = {
            folder.name: json.loads((folder / "explanation.json").read_text())["provenance"]
            for folder in (tmp_path / "out").iterdir()
            if folder.is_dir()
        }
        assert {name: record["photo"] for name, record in named.items()} == {
            "0": "photos/0.png", "0-2": "more/0.png", "1": "photos/1.png",
        }  # fmt: skip


def test_patterns_stand_for_what_they_match(photos):
    assert "3 of 3 photos explained" in explain("photos/[0-1].png", "photos/3*").stdout
    assert (
        "photos='no*.png': no such file, and nothing matches it as a pattern"
        in explain("no*.png", code=2).stderr
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_odd_photos_are_one_line_each_and_the_rest_is_done(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    skip_report_picture(monkeypatch)
    names = (
        b"caf\xe9.png", b"-x.png", b"esc\x1b[2J.png", b"two\nlines.png",
        "\u202egnp.png".encode(), b"a" * 251 + b".png", b"a" * 250 + b"b.png",
        "\u00e9".encode() * 118 + b".png",
    )  # fmt: skip
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in names:
        with open(os.path.join(os.fsencode(folder), name), "wb") as file:
            picture(file)
    for name in ("A.png", "a.gif", "a.png"):
        picture(folder / name)
    os.mkfifo(folder / "pipe.png")
    for link, to in (("zero", "/dev/zero"), ("loop", "loop.png"), ("gone", "nowhere")):
        (folder / f"{link}.png").symlink_to(to)
    (folder / "round").symlink_to(".")
    (folder / "empty.png").touch()
    socket.socket(socket.AF_UNIX).bind("photos/socket.png")
    avif = "cut.avif"
    Image.new("RGB", (9, 9)).save(folder / avif)
    data = bytearray((folder / avif).read_bytes())
    (folder / avif).write_bytes(data[:-40] + bytes(40))
    result = explain("photos", code=1)
    done, bad = len(names) + 3, 7
    assert f"{done} of {done + bad} photos explained; {bad} could not be read\n" in result.stdout
    errors = [line for line in result.stderr.splitlines() if "warning" not in line]
    assert len(errors) == bad
    assert sum("is no ordinary file" in line for line in errors) == 3
    printed = result.stdout + result.stderr
    assert not set(printed) & set("\x1b\u202e\udce9")
    assert r"esc\x1b[2J.png" in printed
    assert r"two\nlines.png: " in printed
    results = [p.name for p in (tmp_path / "out").iterdir() if p.is_dir()]
    assert len({name.casefold() for name in results}) == len(results) == done
    assert all(name.isprintable() and len(os.fsencode(name)) <= 130 for name in results)
    recorded = {
        json.loads((tmp_path / "out" / n / "explanation.json").read_text())["provenance"]["photo"]
        for n in results
    }
    assert recorded >= {storable(f"photos/{os.fsdecode(name)}") for name in names}
    run("verify", "out")
