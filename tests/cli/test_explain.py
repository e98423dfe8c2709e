"""The command: end to end in one process, on photos good and bad."""

import json
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

import annealcam as ac
from annealcam.samplers.registry import SAMPLERS
from tests.cli.helpers import run, skip_report_picture


@pytest.fixture
def nets(tmp_path, monkeypatch):
    """A user's own small network, `nets:make`, in the working folder."""
    (tmp_path / "nets.py").write_text(
        "from tests.networks import small_network\n"
        "from annealcam.models.preprocess import Preprocess\n"
        "def make():\n"
        "    names = 'ant', 'bee', 'cat', 'dog', 'elk'\n"
        "    return small_network(), Preprocess(resize=40, crop=36), names\n"
        "def signed():\n"
        "    import torch\n"
        "    return torch.nn.Sequential(*list(small_network())[:3], *list(small_network())[4:])\n"
    )
    monkeypatch.chdir(tmp_path)
    Image.fromarray(skimage.data.chelsea()).save(tmp_path / "cat.png")
    return "nets:make"


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A bundled photo with all that can be written, in a path with a space in it."""
    folder = tmp_path_factory.mktemp("a demo") / "out"
    printed = run("explain", "skimage:chelsea", "--compare", "--html", "-o", folder)
    return printed, folder / "chelsea"


def test_demo_writes_what_it_promises(demo):
    printed, folder = demo
    files = {p.name for p in folder.iterdir()}
    assert files == {
        "SHA256SUMS", "explanation.json", "maps.npz", "overlay.png", "report.png",
        "comparison.csv", "check.json", "explanation.html",
    }  # fmt: skip
    assert str(folder / "report.png") in printed.stdout
    assert "tiger cat" in printed.stdout
    assert "proved optimal" in printed.stdout
    assert "Fidelity 0.9" in printed.stdout
    flip = json.loads((folder / "check.json").read_text())["flip_set"]
    assert flip["sentence"] in printed.stdout
    assert (flip["proved"], flip["competitor_name"]) == (True, "Egyptian cat")
    page = (folder / "explanation.html").read_text(encoding="utf-8")
    assert flip["sentence"] in page
    assert Image.open(folder / "report.png").width > 1000


def test_demo_equals_the_golden_file(demo):
    """The golden file holds `golden_of(record)` of a demo that was looked at.

    After an intended change, write it again: `python -m tests.cli.test_explain DEMO_FOLDER`.
    """
    golden = json.loads((Path(__file__).parents[1] / "golden" / "demo.json").read_text())
    record = json.loads((demo[1] / "explanation.json").read_text())
    own = golden_of(record)
    assert own.pop("selected") == [pytest.approx(row, rel=1e-4) for row in golden.pop("selected")]
    for name in ("target", "problem"):
        assert own.pop(name) == pytest.approx(golden.pop(name), rel=1e-5)
    assert own.pop("candidates") == golden.pop("candidates")
    assert own == pytest.approx(golden, rel=1e-5)


def golden_of(record):
    """Return the numbers of a result that must not change unnoticed."""
    about = record["selection"] | record["selection"]["info"] | record["provenance"] | record
    names = (
        "energy", "optimal", "success_probability", "best_of_shots_probability",
        "guess_probability", "share", "fidelity", "residual", "best_fidelity",
        "best_residual", "completeness", "candidates",
    )  # fmt: skip
    columns = (
        "channel", "importance", "alpha", "contribution", "share", "largest_cosine",
        "inclusion", "stand_in", "stand_in_cost",
    )  # fmt: skip
    return {
        "target": {name: record["target"][name] for name in ("index", "logit", "probability")},
        "selected": [{name: row[name] for name in columns} for row in record["selected"]],
        "problem": {name: record["problem"][name] for name in ("d", "beta", "cardinality")},
        **{name: about[name] for name in names},
    }


def test_demo_is_the_librarys_own_explanation(demo):
    record = json.loads((demo[1] / "explanation.json").read_text())
    stored = ac.Explanation.load(demo[1])
    assert record["provenance"]["layer"] == "bn2"
    assert record["provenance"]["layer_was_named"] is False
    assert (record["provenance"]["objective"], record["provenance"]["beta"]) == ("evidence", 0.0)
    assert record["problem"]["d"] == 16
    assert stored.optimal
    assert stored.energy == ac.solve_exact(stored.problem).energy
    model, preprocess, _ = ac.load_model()
    own = ac.explain(model, preprocess(Image.fromarray(skimage.data.chelsea())))
    assert np.array_equal(own.selected, stored.selected)
    assert np.allclose(own.map, stored.map, atol=1e-5)
    assert own.provenance["dead"] == stored.provenance["dead"] > 0
    assert own.provenance["left_out"] == stored.provenance["left_out"] > 0


def test_options_reach_the_result(nets, monkeypatch):
    skip_report_picture(monkeypatch)
    run(
        "explain", "cat.png", "--model", nets, "--layer", "3", "--target", "bee",
        "--preset", "paper", "--beta", "0.6", "--cardinality", "2", "--max-qubits", "4",
        "--tau", "20", "--shots", "9", "--normalisation", "unit", "--seed", "5", "-o", "out",
    )  # fmt: skip
    e = ac.Explanation.load("out/cat")
    record = e.provenance
    assert (e.target, record["target_name"], record["layer"]) == (1, "bee", "3")
    assert (record["importance"], record["map_form"]) == ("gradcam", "sum_of_relu")
    assert (e.problem.beta, e.problem.cardinality, len(e.selected)) == (0.6, 2, 2)
    assert (record["photo"], record["layer_was_named"]) == ("cat.png", True)
    assert (record["tau"], e.normalisation, e.selection.shots, record["seed"]) == (
        20.0,
        "unit",
        9,
        5,
    )
    assert e.problem.d <= 4


@pytest.mark.parametrize("sampler", [name for name, s in SAMPLERS.items() if s.built_in])
def test_samplers(nets, sampler, monkeypatch):
    skip_report_picture(monkeypatch)
    run("explain", "cat.png", "--model", nets, "--sampler", sampler, "-o", "out")
    assert ac.Explanation.load("out/cat").selection.sampler == sampler


def test_several_photos_go_on_past_the_bad_ones(nets, tmp_path, monkeypatch):
    skip_report_picture(monkeypatch)
    (tmp_path / "bad.jpg").write_text("no image")
    Image.new("L", (50, 40), 99).save(tmp_path / "grey.png")
    (tmp_path / "sub").mkdir()
    for name in ("cat.jpg", "cat-2.jpg"):
        Image.new("RGB", (40, 40), "red").save(tmp_path / "sub" / name)
    result = run(
        "explain", "bad.jpg", "cat.png", "none.png", "grey.png", "sub/cat.jpg",
        "sub/cat-2.jpg",
        "--model", nets, "-o", "out", code=1,
    )  # fmt: skip
    assert sorted(p.name for p in (tmp_path / "out").iterdir() if p.is_dir()) == [
        "cat", "cat-2", "cat-2-2", "grey",
    ]  # fmt: skip
    lines = [line for line in result.stderr.splitlines() if line.startswith("annealcam: ")]
    assert len([line for line in lines if "warning" not in line]) == 2
    assert "bad.jpg: not an image" in result.stderr
    assert "none.png: cannot be read" in result.stderr


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (["--beta", "1.5"], "beta=1.5"),
        (["--tau", "0"], "tau=0"),
        (["--cardinality", "0"], "cardinality=0"),
        (["--cardinality", "99"], "cardinality=99: there are only"),
        (["--layer", "33"], "layer='33'"),
        (["--layer", "5"], "not maps"),
        (["--target", "dig"], "did you mean 'dog'"),
        (["--target", "7"], "classes 0 to 4"),
        (["--sampler", "x"], "sampler='x'"),
        (["--importance", "x"], "importance='x'"),
        (["--preset", "x"], "preset='x'"),
        (["--max-qubits", "0"], "max_qubits=0"),
        (["--device", "nowhere"], "device='nowhere'"),
    ],
)
def test_wrong_usage_is_one_line_and_two(nets, options, match):
    result = run("explain", "cat.png", "--model", nets, *options, "-o", "out", code=2)
    assert match in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("model", "code"),
    [
        ("nets:missing", 2),
        ("nets_gone:make", 1),
        ("torchvision:resnet18:nothing.pth", 2),
        ("who", 2),
        ("gone.pt2", 2),
    ],
)
def test_a_model_that_cannot_be_loaded(nets, tmp_path, model, code):
    result = run("explain", "cat.png", "--model", model, "-o", "out", code=code)
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_output_that_cannot_be_written(nets, tmp_path):
    (tmp_path / "file").write_text("mine")
    assert "cannot be written" in run(
        "explain", "cat.png", "--model", nets, "-o", "file", code=1
    ).stderr  # fmt: skip
    (tmp_path / "out" / "cat").mkdir(parents=True)
    (tmp_path / "out" / "cat" / "mine.txt").write_text("mine")
    result = run("explain", "cat.png", "--model", nets, "-o", "out", code=1)
    assert "mine.txt, which is no part of a result" in result.stderr
    assert (tmp_path / "out" / "cat" / "mine.txt").read_text() == "mine"


def test_signed_maps_are_warned_of(nets, monkeypatch):
    skip_report_picture(monkeypatch)
    result = run("explain", "cat.png", "--model", "nets:signed", "--layer", "2", "-o", "out")
    assert "signed maps" in result.stderr


def test_layers_lists_what_can_be_explained(nets):
    result = run("layers", "--model", nets, "--photo", "cat.png", "--importance", "gradcam")
    starred = [line for line in result.stdout.splitlines() if line.startswith("*  3")]
    assert len(starred) == 1
    assert "not negative" in starred[0]
    assert "17 x 17" in result.stdout
    assert "% negative" in result.stdout


def test_names_with_dollars_are_drawn_as_they_are(nets, tmp_path):
    (tmp_path / "odd.py").write_text(
        "from tests.networks import small_network\n"
        "from annealcam.models.preprocess import Preprocess\n"
        "def make():\n"
        "    return small_network(), Preprocess(40, 36), ['cost $x_{$ of', *'bcde']\n"
    )
    result = run("explain", "cat.png", "--model", "odd:make", "--target", "0", "-o", "out")
    assert "cost $x_{$ of" in result.stdout
    assert (tmp_path / "out" / "cat" / "report.png").stat().st_size > 10_000


def test_fewer_names_than_classes(nets, tmp_path):
    (tmp_path / "few.py").write_text(
        "from tests.networks import small_network\n"
        "def make():\n"
        "    return small_network(), (lambda p: __import__('torch').zeros(3, 30, 30)), ['a']\n"
    )
    result = run("explain", "cat.png", "--model", "few:make", "-o", "out", code=2)
    assert "1 names, but the model has 5 classes" in result.stderr


def test_odd_names_of_photos_stay_in_their_folder_and_are_printed_as_they_are(nets, tmp_path):
    Image.new("RGB", (40, 40), "red").save(tmp_path / "a:cat:b.png")
    (tmp_path / "in").mkdir()
    Image.new("RGB", (40, 40), "red").save(tmp_path / "in" / "...png", format="PNG")
    result = run("explain", "a:cat:b.png", "in/...png", "--model", nets, "-o", "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir() if p.is_dir()) == [
        "a:cat:b",
        "photo",
    ]
    assert "a:cat:b.png: " in result.stdout
    assert "skimage:cat: not bundled" in run(
        "explain", "skimage:cat", "--model", nets, "-o", "new", code=1
    ).stderr  # fmt: skip
    assert not (tmp_path / "new").exists()


def test_version_and_help():
    assert run("--version").stdout.strip() == ac.__version__
    assert "explain" in run("--help").stdout


def test_check_is_printed_and_kept(nets, monkeypatch):
    skip_report_picture(monkeypatch)
    result = run("explain", "skimage:coffee", "--model", nets, "--check", "-o", "out")
    record = json.loads(Path("out/coffee/check.json").read_text())
    assert [row["method"] for row in record["channels"]] == [
        "selection", "top-k by contribution", "top-k by alpha", "random"
    ]  # fmt: skip
    assert "of the logit (probability" in result.stdout
    for row in record["figures"]:
        assert f"{row['figure']}: {row['meaning']}" in result.stdout
        printed = [" ".join(line.split()) for line in result.stdout.splitlines()]
        assert " ".join(row["cells"]) in printed


if __name__ == "__main__":
    import sys

    demo_record = json.loads((Path(sys.argv[1]) / "explanation.json").read_text())
    file = Path(__file__).parents[1] / "golden" / "demo.json"
    file.write_text(json.dumps(golden_of(demo_record), indent=1) + "\n")
