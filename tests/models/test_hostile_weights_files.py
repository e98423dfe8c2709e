"""Weights files that hold no network, are damaged, or were made to do harm: one line, no code."""

import argparse
import io
import pathlib
import pickle
import zipfile

import pytest
import torch
from torch import nn

import annealcam as ac
from annealcam.errors import ModelError, ModelNameError
from annealcam.models.state_dicts.search import read_state_dicts
from tests.models.zip_files import with_long_part
from tests.networks import tiny


class Bomb:
    """Unpickling this writes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return pathlib.Path.touch, (self.path,)


HOSTILE = {
    "nothing": (b"", "empty"),
    "text": (b"not a file of tensors", "damaged"),
    "a web page": (b"<!DOCTYPE html><html>", "web page"),
    "Git LFS": (b"version https://git-lfs.github.com/spec/v1", "git lfs pull"),
    "Keras": (b"\x89HDF\r\n", "Keras"),
    "gzip": (b"\x1f\x8b" + b"0" * 50, "unpack"),
    "a list": (lambda: saved([1, 2]), r"holds no named tensors \(a list"),
    "an empty dictionary": (lambda: saved({}), "empty dictionary"),
    "numbers": (lambda: saved({"epoch": 1}), r"a dict with epoch"),
    "a tensor": (lambda: saved(torch.ones(2)), r"a Tensor"),
    "a whole network": (lambda: saved(nn.Linear(2, 2)), r"a whole network \(Linear\).*state_dict"),
    "one in a dictionary": (lambda: saved({"model": nn.Linear(2, 2)}), "a whole network"),
    "a hard-wired size": (
        lambda: saved({"fc.weight": torch.zeros(1).expand(10**6, 10**6)}), "larger than the file",
    ),
    "a header of safetensors": (
        b"\xff\xff\xff\xff\xff\0\0\0{", "damaged",
    ),
    "shapes beyond the file": (
        (lambda h: len(h).to_bytes(8, "little") + h)(
            b'{"w":{"dtype":"F32","shape":[1000000,1000000],"data_offsets":[0,4000000000000]}}'
        ),
        "damaged",
    ),
    "no values": (lambda: saved({"w": torch.ones(2, device="meta")}), "no values"),
    "sparse": (lambda: saved({"w": torch.eye(2).to_sparse()}), "plain tensors"),
}  # fmt: skip


def saved(content, **options):
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("case", HOSTILE)
def test_files_without_tensors_of_a_network(case, tmp_path):
    content, match = HOSTILE[case]
    file = tmp_path / "mine.pth"
    file.write_bytes(content() if callable(content) else content)
    with pytest.raises(ModelError, match=match) as caught:
        ac.load_model(file, architecture=tiny)
    assert "\n" not in str(caught.value)


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(ModelNameError, match="no such file"):
        ac.load_model(tmp_path / "mine.pth", architecture=tiny)
    with pytest.raises(ModelNameError, match="is a folder"):
        ac.load_model(tmp_path, architecture=tiny)
    (tmp_path / "net.onnx").write_bytes(b"\x08\x07")
    with pytest.raises(ModelError, match="ONNX"):
        ac.load_model(tmp_path / "net.onnx", architecture=tiny)


@pytest.mark.parametrize("legacy", [False, True])
def test_code_in_a_file_is_not_run(legacy, tmp_path):
    mark, file = tmp_path / "mark", tmp_path / "mine.pth"
    content = {"state_dict": tiny().state_dict(), "bomb": Bomb(mark)}
    torch.save(content, file, _use_new_zipfile_serialization=not legacy)
    loaded = ac.load_model(file, architecture=tiny)
    assert "bomb" in loaded.record["weights"]["left_aside"]
    torch.save({"fc.weight": Bomb(mark)}, file, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(ModelError, match="holds no named tensors"):
        ac.load_model(file, architecture=tiny)
    file.write_bytes(pickle.dumps(Bomb(mark)))
    with pytest.raises(ModelError, match="plain tensors"):
        ac.load_model(file, architecture=tiny)
    assert not mark.exists()
    torch.load(io.BytesIO(saved({"bomb": Bomb(mark)})), weights_only=False)
    assert mark.exists()  # it would have been


def test_calls_of_the_system_are_refused(tmp_path):
    file = tmp_path / "mine.pth"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a/data.pkl", b"\x80\x02cos\nsystem\nX\x04\0\0\0true\x85R.")
        archive.writestr("a/version", b"3")
    with pytest.raises(ModelError, match=r"would call os\.system; nothing of it was run"):
        ac.load_model(file, architecture=tiny)


def test_stand_ins_are_gone_after_the_file_is_read(tmp_path):
    before = set(map(str, torch.serialization.get_safe_globals()))
    torch.save({"a": argparse.Namespace(), "model": {"w": torch.ones(2)}}, tmp_path / "w.pth")
    assert list(read_state_dicts(tmp_path / "w.pth")[0].tensors) == ["w"]
    assert set(map(str, torch.serialization.get_safe_globals())) == before


def rewritten(content, change):
    """Write the parts of a zip file again, each as `change(archive, name, data)` does."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(buffer, "w") as copy:
        for name in archive.namelist():
            change(copy, name, archive.read(name))
    return buffer.getvalue()


def test_bombs_of_zip(tmp_path):
    file = tmp_path / "mine.pth"
    content = saved({"w": torch.zeros(10**6)})
    deflated = zipfile.ZIP_DEFLATED
    file.write_bytes(rewritten(content, lambda z, n, d: z.writestr(n, d, compress_type=deflated)))
    with pytest.raises(ModelError, match="unpack to more than the file's size"):
        read_state_dicts(file)
    file.write_bytes(rewritten(saved({"w": torch.rand(50)}), lambda z, n, d: z.writestr(n, d)))
    assert read_state_dicts(file)[0].tensors["w"].shape == (50,)
    file.write_bytes(rewritten(saved({}), lambda z, n, d: z.writestr("other", b"x" * 500)))
    with pytest.raises(ModelError, match="zip file without tensors"):
        read_state_dicts(file)


def test_a_part_that_is_longer_than_the_file(tmp_path):
    (tmp_path / "w.pth").write_bytes(with_long_part(saved({"w": torch.rand(50)})))
    with pytest.raises(ModelError, match="unpack to more than the file's size"):
        read_state_dicts(tmp_path / "w.pth")


def test_nests_of_references_are_walked_once(tmp_path):
    nest = [1]
    for _ in range(60):
        nest = [nest] * 10
    deep = {"model": {"w": torch.ones(1)}}
    torch.save({"nest": nest, "deep": deep}, tmp_path / "w.pth")
    assert read_state_dicts(tmp_path / "w.pth")[0].found.key == "deep.model"


@pytest.mark.parametrize("name", ["a\nb", "x" * 501])
def test_odd_names_of_tensors_are_refused(name, tmp_path):
    torch.save({"model": {name: torch.ones(1), "b": torch.ones(1)}}, tmp_path / "w.pth")
    with pytest.raises(ModelError, match=r"refused, a tensor is named"):
        read_state_dicts(tmp_path / "w.pth")
    torch.save({"b": torch.ones(1), "n\n" * 300: 1}, tmp_path / "w.pth")
    (left,) = read_state_dicts(tmp_path / "w.pth")[0].found.left_aside
    assert left.isprintable()
    assert len(left) == 80
