"""`verify` finds every wrong bit of every kind of result, and names its file."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import annealcam as ac
from annealcam._internal.storage.files import seal
from annealcam.cli.main import app
from annealcam.errors import ArgumentError, ModelError
from annealcam.models.checkpoint_files import is_checkpoint
from annealcam.models.checkpoints import checkpoint_file, read_header, write_checkpoint
from annealcam.models.load import load_model
from annealcam.models.paper_network import PaperNetwork
from annealcam.models.trunks import plain_trunk
from annealcam.verification import KINDS
from tests.atlas.synthetic_atlas import write_synthetic_atlas
from tests.damage import bits_of, flipped, unnoticed
from tests.networks import small_network
from tests.study.runs import run_folder
from tests.study.tables import study_table


def explanation(folder):
    image = torch.rand(3, 14, 14, generator=torch.Generator().manual_seed(0))
    ac.explain(small_network(), image, layer="3", sampler="exact").save(folder)


def study(folder):
    run_folder(folder, study_table(classes=("a", "b"), images=2))
    seal(folder)


def checkpoint(file):
    torch.manual_seed(0)
    trunk = plain_trunk()
    net = PaperNetwork(trunk.layers, features=trunk.features, maps=3, classes=2).eval()
    write_checkpoint(file, net, trunk, ("a", "b"), {"seed": 3})
    return net


MADE = {"explanation": explanation, "atlas": write_synthetic_atlas, "study": study}


@pytest.mark.parametrize("kind", MADE)
def test_one_wrong_bit_in_any_file_is_found(tmp_path, kind):
    folder = tmp_path / kind
    MADE[kind](folder)
    assert [(result.kind, result.status) for result in ac.verify(tmp_path)] == [(kind, "intact")]
    assert unnoticed(folder) == []


@pytest.mark.parametrize("kind", MADE)
def test_results_without_checksums_are_read_and_unverified(tmp_path, kind):
    MADE[kind](tmp_path / kind)
    (tmp_path / kind / "SHA256SUMS").unlink()
    assert [result.status for result in ac.verify(tmp_path)] == ["unverified"]
    marker = next(name for name, (of_kind, _) in KINDS.items() if of_kind == kind)
    (tmp_path / kind / marker).write_text("{")
    assert [result.status for result in ac.verify(tmp_path)] == ["damaged"]


def test_one_wrong_bit_of_a_checkpoint_is_found(tmp_path):
    file = tmp_path / "mine.safetensors"
    checkpoint(file)
    content = file.read_bytes()
    start = int.from_bytes(content[:8], "little") + 8
    bits = [*range(8 * 8), *bits_of(content[:start], 60), *bits_of(content, 10)]
    for bit in bits:
        file.write_bytes(flipped(content, bit))
        for path in (file, tmp_path):
            assert [(r.kind, r.status) for r in ac.verify(path)] == [("checkpoint", "damaged")]
        with pytest.raises(ModelError) as raised:
            load_model(file)
        assert "\n" not in str(raised.value)
    for cut in (0, 7, 8, start - 1, start, len(content) - 1):
        file.write_bytes(content[:cut])
        with pytest.raises(ModelError):
            load_model(file)
    result = CliRunner().invoke(app, ["verify", str(tmp_path.parent / "none")])
    assert result.exit_code == 2


def test_a_checkpoint_comes_back_and_those_of_earlier_versions_are_unverified(tmp_path):
    file = tmp_path / "mine.safetensors"
    net = checkpoint(file)
    assert [r.status for r in ac.verify(file)] == ["intact"]
    loaded, x = load_model(file), torch.randn(2, 3, 32, 32)
    assert torch.equal(loaded.model(x), net(x))
    assert "sha256" not in read_header(str(file))
    shipped = checkpoint_file("digits")
    assert is_checkpoint(shipped)
    assert [(r.kind, r.status) for r in ac.verify(shipped)] == [("checkpoint", "unverified")]
    result = CliRunner().invoke(app, ["verify", str(file), str(shipped)])
    assert result.exit_code == 0
    assert "1 intact, 1 unverified" in result.output


def test_every_result_of_a_tree_is_listed_and_one_wrong_bit_ends_with_1(tmp_path):
    for kind, make in MADE.items():
        make(tmp_path / "some" / kind)
    checkpoint(tmp_path / "mine.safetensors")
    assert CliRunner().invoke(app, ["verify", str(tmp_path)]).exit_code == 0
    for file in (tmp_path / "mine.safetensors", tmp_path / "some" / "atlas" / "regions.parquet"):
        content = file.read_bytes()
        file.write_bytes(flipped(content, 4 * len(content)))
    result = CliRunner().invoke(app, ["verify", str(tmp_path)])
    assert result.exit_code == 1
    assert "2 intact, 2 damaged" in " ".join(result.output.split())
    assert "regions.parquet" in result.output


def test_other_paths_are_refused(tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    for path in (tmp_path, tmp_path / "letter.txt", tmp_path / "missing"):
        with pytest.raises(ArgumentError, match="path="):
            ac.verify(path)
    np.save(tmp_path / "a.npy", np.eye(2))
    (tmp_path / "others.safetensors").write_bytes(b"no tensors")
    with pytest.raises(ArgumentError, match="holds no result"):
        ac.verify(tmp_path)


def test_verifying_a_checkpoint_needs_no_torch(tmp_path):
    file = tmp_path / "mine.safetensors"
    checkpoint(file)
    code = "import annealcam as ac, sys; "
    code += f"print(ac.verify({str(file)!r})[0].status, 'torch' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == ["intact", "False"]
