"""Parts of a build: equal after writing and reading, and joined in any order to the same bits."""

from dataclasses import fields
from functools import reduce
from itertools import permutations

import numpy as np
import pytest

from annealcam._internal.storage.resumable import arrays_read, write_arrays
from annealcam.atlas.parts import Part, read_part, write_part
from annealcam.atlas.peaks import StrongestPhotos
from annealcam.errors import OutputError

WORK = {"channels": 4, "classes": 3, "top": 2, "photos": 100}


def some_part(seed):
    """Photos 10 seed to 10 seed + 9 of three classes, four channels."""
    rng = np.random.default_rng(seed)
    numbers = np.arange(10 * seed, 10 * seed + 10)
    maps = rng.random((10, 4, 3, 3)).astype(np.float32)
    strongest = StrongestPhotos.none(4, 2).with_batch(
        maps.max((2, 3)).T, maps.mean((2, 3)).T, numbers, lambda i, c: maps[i, c]
    )
    return Part(
        strongest=strongest,
        sums=rng.random((5, 4)) * 10.0 ** rng.integers(-8, 8, (5, 4)),
        keys=np.array([(seed, label) for label in (0, 1, 2)] + [(seed + 9, 0), (seed + 9, 2)]),
        selected=rng.integers(0, 5, (4, 3)),
        counts=rng.integers(1, 9, 3),
        thumbnails={n: rng.bytes(n + 1) for n in sorted(strongest.numbers())},
        signs=rng.integers(0, 99, 2),
        skipped=[{"image": f"photo-{9 - seed}", "reason": "cannot be read: ümlaut"}],
    )


def same(a, b):
    """Whether two parts agree to the bit."""
    arrays = [(x, y) for x, y in zip(vars(a).values(), vars(b).values(), strict=True)
              if isinstance(x, np.ndarray)]  # fmt: skip
    arrays += zip(vars(a.strongest).values(), vars(b.strongest).values(), strict=True)
    return all(np.array_equal(x, y) for x, y in arrays) and all(
        (list(getattr(a, name)), getattr(a, name)) == (list(getattr(b, name)), getattr(b, name))
        for name in ("thumbnails", "skipped")
    )


def test_a_part_is_read_as_it_was_written(tmp_path):
    part = some_part(3)
    write_part(part, tmp_path / "part.npz")
    assert same(read_part(tmp_path / "part.npz", **WORK), part)
    assert {field.name for field in fields(Part)} == set(vars(part))
    assert [file.name for file in tmp_path.iterdir()] == ["part.npz"]


def test_a_part_without_photos_is_one_too(tmp_path):
    nothing = Part(StrongestPhotos.none(4, 2), np.zeros((0, 4)), np.zeros((0, 2), dtype=np.int64),
                   np.zeros((4, 3), dtype=np.int64), np.zeros(3, dtype=np.int64), {},
                   np.zeros(2, dtype=np.int64), [])  # fmt: skip
    write_part(nothing, tmp_path / "part.npz")
    read = read_part(tmp_path / "part.npz", **WORK)
    assert same(read, nothing)
    assert not read.profiles().any()
    assert same(read.joined(some_part(1)), some_part(1))


def test_parts_are_joined_in_any_order_to_the_same_bits():
    parts = [some_part(seed) for seed in range(4)]
    first, *others = (reduce(Part.joined, order) for order in permutations(parts))
    for other in others:
        assert same(first, other)
        assert first.profiles().tobytes() == other.profiles().tobytes()
    totals = sum(np.array([p.sums[p.keys[:, 1] == c].sum(0) for c in range(3)]) for p in parts)
    np.testing.assert_allclose(first.profiles(), (totals / first.counts[:, None]).T)
    assert set(first.thumbnails) == first.strongest.numbers()


@pytest.mark.parametrize("content", [b"", b"no zip", None])
def test_a_damaged_part_raises_an_error_with_its_name(tmp_path, content):
    file = tmp_path / "part.npz"
    write_part(some_part(1), file)
    file.write_bytes(file.read_bytes()[:200] if content is None else content)
    with pytest.raises(OutputError, match=r"part\.npz: cannot be read .*remove it"):
        read_part(file, **WORK)


@pytest.mark.parametrize(
    "change",
    [{"channels": 5}, {"classes": 4}, {"top": 3}, {"photos": 30}],
    ids=lambda change: next(iter(change)),
)
def test_a_part_of_other_work_is_refused(tmp_path, change):
    write_part(some_part(3), tmp_path / "part.npz")
    with pytest.raises(OutputError, match=r"part\.npz: cannot be read \(.*; remove it"):
        read_part(tmp_path / "part.npz", **(WORK | change))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sums", np.full((5, 4), np.nan)), ("keys", np.full((5, 2), 3)), ("counts", np.zeros(3)),
        ("pictured", np.zeros(0, dtype=np.int64)), ("signs", np.zeros(3, dtype=np.int64)),
        ("skipped", ["photo-1"]), ("selected", np.zeros((4, 2), dtype=np.int64)),
        ("boxes", np.full((4, 2, 4), 2.0)), ("photos", np.full((4, 2), -1)),
    ],
)  # fmt: skip
def test_a_part_that_does_not_fit_itself_is_refused(tmp_path, name, value):
    file = tmp_path / "part.npz"
    write_part(some_part(3), file)
    with arrays_read(file) as arrays:
        write_arrays(file, arrays | {name: value})
    with pytest.raises(OutputError, match=r"part\.npz: cannot be read \(.*; remove it"):
        read_part(file, **WORK)
