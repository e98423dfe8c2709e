"""20,000 damaged problem files of all formats: each is read, or refused by one line, at once."""

import io
import random
import re
import time
import warnings

import dimod
import numpy as np
import pytest
from scipy import sparse
from scipy.io import mmwrite

import annealcam as ac
from annealcam.errors import AnnealcamError
from annealcam.qubo.files.reading import READERS
from annealcam.qubo.files.writers import WRITERS

FILES, SECONDS = 20_000, 2.0
TEXTS = (
    b"2\n2 2\n1 1 5\n1 2 -3\n3 3\n1 2 4\n2 2 -7\n1 3 1\n",
    b"c a\np qubo 0 4 2 2\n0 0 -1.5\n2 2 4\nc b\n0 2 3\n1 3 -2\n",
    b"# vartype=SPIN\n# offset=42\n0 1 -1\n",
)
WORDS = (
    b"nan", b"inf", b"-1", b"1e400", b"-1e308", b"9" * 25, b"9" * 5000, b"1000000000", b"0", b"",
    b"x", b"\n", b"\0", b"[", b"]", b"{", b"[]", b"null", b"true", b'"a"', b"[ " * 3000, b"/ 2",
    b"End", b"Binary\n", b"Subject To\n", b"*", b"^ 2", b"<=", b":", b"\\", b"#", b"\xff",
    b"# offset=1e400\n", b"# vartype=X\n", b"p qubo 0 9 9 9\n", b"\xef\xbb\xbf", b"1024 1024\n",
    b"1_0", b"0x1p3", b"1 1 1\n" * 50, b"\xd9\xa3", b"%", b"\r", b"\xc2\x85", b"- - -", b"1.5",
    b"'descr': '|O'", b"complex", b"pattern", b"skew-symmetric", b"integer",
)  # fmt: skip


def intact(folder):
    """Files of every format, by this library and by others."""
    rng = np.random.default_rng(0)
    labels = dict(enumerate(["b", "a", 3, ("x", 1), "é", 0]))
    bqm = dimod.BinaryQuadraticModel(rng.normal(size=6), rng.normal(size=(6, 6)), 1.25, "SPIN")
    bqm = bqm.relabel_variables(labels, inplace=False)
    (folder / "cut").write_text("4 3\n1 2 1\n2 3 2.5\n1 4 -1\n")
    fixed = ac.SelectionProblem(rng.random(5), np.zeros((5, 5)), cardinality=2, diagonal=np.ones(5))
    for name in WRITERS:
        problems = [ac.read_problem(folder / "cut")] if name == "maxcut" else [bqm, fixed]
        for problem in problems:
            options = {"penalty": True, "drop": ["offset", "diagonal"]}
            ac.save_problem(problem, folder / "file", format=name, **options)
            yield (folder / "file").read_bytes()
    for dtype in (np.float32, np.float64):
        yield dimod.BinaryQuadraticModel(bqm, dtype=dtype).to_file(version=1).read()
    matrix = sparse.csr_array(rng.integers(-2, 3, (6, 6)))
    for layout in ("csr", "csc", "coo", "bsr", "dia"):
        for compressed in (True, False):
            stream = io.BytesIO()
            sparse.save_npz(stream, matrix.asformat(layout), compressed=compressed)
            yield stream.getvalue()
    for content in (rng.normal(size=(4, 4)), matrix):
        stream = io.BytesIO()
        mmwrite(stream, content)
        yield stream.getvalue()
    yield from TEXTS


def damaged(raw, files, rng):
    """A file with one to six changes of bits, bytes, words and lengths."""
    raw = bytearray(raw)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        if not raw:
            break
        start = rng.randrange(len(raw))
        end = min(len(raw), start + rng.choice((1, 2, 4, 8, 30, 200)))
        match rng.randrange(8):
            case 0:
                raw[start] ^= 1 << rng.randrange(8)
            case 1:
                del raw[start:]
            case 2:
                del raw[start:end]
            case 3:
                raw[start:start] = raw[start:end] * rng.choice((1, 2, 50))
            case 4:
                raw[start:start] = rng.choice(WORDS)
            case 5:
                words = list(re.finditer(rb"[^\s,:\[\]{}]+", bytes(raw))) or [None]
                word = rng.choice(words)
                if word is not None:
                    raw[word.start() : word.end()] = rng.choice(WORDS)
            case 6:
                raw[start:end] = rng.randbytes(end - start)
            case _:
                other = rng.choice(files)
                raw[start:] = other[rng.randrange(len(other)) :]
    return bytes(raw)


def test_the_intact_files_are_read(tmp_path):
    for raw in intact(tmp_path):
        (tmp_path / "file").write_bytes(raw)
        assert ac.read_problem(tmp_path / "file", format="orlib:2" if raw == TEXTS[0] else None)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4))
def test_damaged_files(tmp_path, seed):
    rng, path = random.Random(seed), tmp_path / "file"
    files, refused = list(intact(tmp_path)), 0
    for number in range(FILES // 4):
        path.write_bytes(damaged(rng.choice(files), files, rng))
        format = rng.choice([None, None, rng.choice(list(READERS))])
        message, start = "", time.process_time()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                problem = ac.read_problem(path, format=format).problem
            assert np.isfinite(problem.h).all()
            assert np.isfinite(problem.J).all()
        except AnnealcamError as error:
            message, refused = str(error), refused + 1
        assert "\n" not in message, number
        assert len(message) < 700, number
        assert time.process_time() - start < SECONDS, number
    assert refused > FILES / 8
