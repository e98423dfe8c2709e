"""Of a weights file that is not the published one, nothing is read."""

from __future__ import annotations

import hashlib

import pytest

from annealcam.errors import ModelError
from annealcam.models import SHIPPED, checkpoints, load_model
from annealcam.models.sources.published import published


@pytest.fixture
def damaged_heads(tmp_path, monkeypatch):
    for name in SHIPPED:
        content = bytearray(checkpoints.checkpoint_file(name).read_bytes())
        content[-1] ^= 1
        (tmp_path / f"{name}.safetensors").write_bytes(content)
    monkeypatch.setattr(checkpoints, "_HEADS", tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", SHIPPED)
def test_one_wrong_bit_of_a_shipped_network_is_one_line(damaged_heads, name):
    file = damaged_heads / f"{name}.safetensors"
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    with pytest.raises(ModelError) as raised:
        load_model(name)
    assert str(raised.value) == (
        f"model='{name}': {file} is not the published file (SHA-256 {checkpoints._SHA256[name]} "
        f"expected, {found} found); run pip install --force-reinstall --no-deps annealcam"
    )


def test_a_shipped_network_that_is_missing_is_one_line(damaged_heads):
    (damaged_heads / "digits.safetensors").unlink()
    with pytest.raises(ModelError, match=r"model='digits': .* cannot be read .*--force-reinstall"):
        load_model("digits")


def test_a_file_is_read_once_in_a_process_but_never_passes_with_another_sha256(tmp_path):
    file = tmp_path / "weights"
    file.write_bytes(b"abc")
    sha256 = hashlib.sha256(b"abc").hexdigest()
    names = {"model": "m", "package": "p"}
    before = published.cache_info().misses
    assert [published(file, sha256, **names) for _ in range(3)] == [file] * 3
    assert published.cache_info().misses == before + 1
    for _ in range(2):  # a failure is not remembered
        with pytest.raises(ModelError, match=f"SHA-256 {'0' * 64} expected, {sha256} found"):
            published(file, "0" * 64, **names)
    assert published.cache_info().misses == before + 3
