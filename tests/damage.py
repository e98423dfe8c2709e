"""Single wrong bits in results on disk."""

import numpy as np

import annealcam as ac


def flipped(content, bit):
    """The content with one bit changed."""
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def bits_of(content, count, seed=0):
    """Numbers of bits of a content: some at random, the first and the last."""
    last = 8 * len(content) - 1
    return [0, last, *np.random.default_rng(seed).integers(last + 1, size=count).tolist()]


def unnoticed(folder, count=3):
    """The files of a result folder in which `verify` does not find each of some wrong bits."""
    (whole,) = [result for result in ac.verify(folder) if result.folder == folder]
    assert whole.status == "intact"
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    return [file for file in files if not all(_found(folder, file, count))]


def _found(folder, file, count):
    """Whether each wrong bit is found, by the name of the file."""
    content, name = file.read_bytes(), file.relative_to(folder).as_posix()
    for bit in bits_of(content, count):
        file.write_bytes(flipped(content, bit))
        (result,) = [result for result in ac.verify(folder) if result.folder == folder]
        file.write_bytes(content)
        named = name == "SHA256SUMS" or any(name in fault for fault in result.faults)
        yield result.status == "damaged" and named
