"""What has equal bits, and how far the rest differs: docs/reproducibility.md.

Run as a program, this module computes the same results in a process with other instruction sets.
"""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

import annealcam as ac
from annealcam._internal.environment import environment, one_thread, processor
from annealcam._internal.extras import MissingExtraError
from annealcam.models.images import load_photo

PHOTOS = ("skimage:chelsea", "skimage:coffee")
TOLERANCE = 5e-5  # of the largest value of an array; docs/reproducibility.md
ARRAYS = ("map", "contribution", "evidence", "logits", "importance")
KINDS = ("svg", "pdf", "png")


@cache
def network_and_images() -> tuple[torch.nn.Module, torch.Tensor]:
    """Return the bundled network, and the photos as it takes them."""
    network = ac.load_model("efficientnet-lite0")
    return network.model, torch.stack([network.preprocess(load_photo(p)) for p in PHOTOS])


def results(*, batch: int, threads: int) -> dict[str, np.ndarray]:
    """Explain the photos by the bundled network."""
    model, images = network_and_images()
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        parts = [images] if batch > 1 else [image[None] for image in images]
        found = [e for part in parts for e in ac.explain(model, part, sampler="exact")]
        assert found[0].provenance["environment"]["threads"] == threads
    finally:
        torch.set_num_threads(before)
    arrays = {name: np.stack([getattr(e, name) for e in found]) for name in ARRAYS}
    picks = [np.isin(np.arange(e.importance.size), e.selected) for e in found]
    return {**arrays, "selected": np.stack(picks)}


def figures(folder: Path) -> None:
    """Draw pictures in a constrained layout."""
    from annealcam.render.figures.sheets import empty_sheet, write_figure

    figure = empty_sheet("pictures", width=6.0, height=3.0, dpi=50)
    for number, axes in enumerate(figure.subplots(2, 3).flat):
        axes.imshow(np.arange(4.0).reshape(2, 2))
        axes.set_title(f"{number} of {10**number}", size=7 + number)
    for kind in KINDS:
        write_figure(figure, folder / f"figure.{kind}", kind)


def portrait(folder: Path, threads: int) -> bytes:
    """Build an atlas of the digits, and return its table."""
    from annealcam.atlas.build import build_atlas
    from annealcam.data.sets import load_set

    torch.set_num_threads(threads)
    target = folder / f"atlas-{threads}"
    build_atlas(load_set("digits"), "digits", None, target, photos_per_class=1)
    assert torch.get_num_threads() == threads
    return (target / "channels.parquet").read_bytes() + (target / "regions.parquet").read_bytes()


def main(folder: Path) -> None:
    for threads in (1, 2):
        np.savez(folder / f"{threads}.npz", **results(batch=1, threads=threads))
        try:
            (folder / f"atlas-{threads}.bin").write_bytes(portrait(folder, threads))
        except MissingExtraError:
            continue
    figures(folder)
    (folder / "capability").write_text(str(processor()["torch"]), encoding="ascii")


def differences(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> dict[str, float]:
    """Return the largest difference of each array, as a share of its largest value."""
    return {name: float(np.abs(a[name] - b[name]).max() / np.abs(a[name]).max()) for name in ARRAYS}


def equal(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return all(a[name].tobytes() == b[name].tobytes() for name in a)


def check_near(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> None:
    found = differences(a, b)
    assert max(found.values()) < TOLERANCE, found
    assert np.array_equal(a["selected"], b["selected"])


@pytest.fixture(scope="module")
def alone():
    return results(batch=1, threads=1)


@pytest.fixture(scope="module")
def child(tmp_path_factory):
    """The same results by a process that uses no vector instructions of the processor."""
    folder = tmp_path_factory.mktemp("child")
    other = {
        "ATEN_CPU_CAPABILITY": "default", "OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "passive",
        "PYTHONHASHSEED": "5",
    }  # fmt: skip
    command = [sys.executable, "-W", "ignore", "-m", "tests.test_reproducibility", str(folder)]
    root = Path(__file__).parent.parent
    done = subprocess.run(
        command, env={**os.environ, **other}, cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


def loaded(file: Path) -> dict[str, np.ndarray]:
    with np.load(file) as arrays:
        return dict(arrays)


def test_equal_settings_give_equal_bits(alone):
    assert equal(alone, results(batch=1, threads=1))


def test_batches_are_within_the_tolerance(alone):
    check_near(alone, results(batch=2, threads=1))


def test_threads_are_within_the_tolerance(child):
    check_near(loaded(child / "1.npz"), loaded(child / "2.npz"))


def test_instruction_sets_are_within_the_tolerance(alone, child):
    if (child / "capability").read_text() == processor()["torch"]:
        pytest.skip("torch uses no further instructions of this processor")
    check_near(alone, loaded(child / "1.npz"))


def test_the_tolerance_separates_results(alone):
    """A photo one grey level brighter is another result."""
    model, images = network_and_images()
    e = ac.explain(model, images[0] + 1 / 128, sampler="exact")
    far = np.abs(e.logits - alone["logits"][0]).max() / np.abs(alone["logits"]).max()
    assert far > 10 * TOLERANCE


def test_an_atlas_has_equal_bits_on_any_number_of_threads(child):
    if not (child / "atlas-1.bin").exists():
        pytest.skip("pyarrow is not installed")
    assert (child / "atlas-1.bin").read_bytes() == (child / "atlas-2.bin").read_bytes()


def test_figures_have_equal_bytes_in_two_processes(child, tmp_path):
    figures(tmp_path)
    for kind in KINDS:
        name = f"figure.{kind}"
        assert (tmp_path / name).read_bytes() == (child / name).read_bytes(), kind


def test_one_thread_is_undone_after_an_error():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    inside: list[int] = []

    @one_thread()
    def fail() -> None:
        inside.append(environment()["threads"])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    after = environment(batch=3)
    torch.set_num_threads(before)
    assert (inside, after["threads"], after["batch"]) == ([1], 2, 3)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
