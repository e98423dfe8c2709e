"""Problem files of other tools: every state has the energy that the format defines."""

import io
import json
import zipfile

import numpy as np
import pytest
from scipy import sparse
from scipy.io import mmread, mmwrite

from annealcam.errors import ArgumentError, ProblemFileError, ProblemTooLargeError
from annealcam.qubo.energies import bits
from annealcam.qubo.files import read_problem

Q = np.array([[1.0, -2.5, 0.0], [0.5, -4.0, 3.0], [0.0, 1e-3, 2.0]])
QUBO = "c a comment\np qubo 0 4 2 2\n0 0 -1.5\n2 2 4\nc couplers\n0 2 3\n1 3 -2\n"
CUT = "4 3\n1 2 1\n2 3 2.5\n1 4 -1\n"
ORLIB = "2\n2 2\n1 1 5\n1 2 -3\n3 3\n1 2 4\n2 2 -7\n1 3 1\n"
GKA = "3\n1 1 -63.0\n1 2 126\n3 3 -2\n"
BQPJSON = {
    "version": "1.0.0", "id": 1, "metadata": {}, "variable_ids": [4, 7, 9], "scale": 2.0,
    "variable_domain": "spin", "offset": 0.25, "linear_terms": [{"id": 9, "coeff": -1.0}],
    "quadratic_terms": [{"id_head": 4, "id_tail": 7, "coeff": 0.5}],
}  # fmt: skip


def read(tmp_path, content, **options):
    path = tmp_path / "file"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_problem(path, **options)


def check(source, energy, labels):
    """The energies of all states, and the labels, are those expected."""
    states = bits(np.arange(2**source.problem.d), source.problem.d).astype(float)
    expected = [energy(*n) for n in states]
    assert np.allclose(source.problem.energies() + source.offset, expected, rtol=0, atol=1e-12)
    assert source.labels == tuple(labels)


def of_matrix(*n):
    return np.array(n) @ Q @ np.array(n)


def test_qbsolv(tmp_path):
    source = read(tmp_path, QUBO)
    check(source, lambda a, b, c, d: -1.5 * a + 4 * c + 3 * a * c - 2 * b * d, range(4))


def test_maximum_cut(tmp_path):
    source = read(tmp_path, CUT)
    check(source, lambda a, b, c, d: -((a != b) + 2.5 * (b != c) - (a != d)), (1, 2, 3, 4))
    assert read(tmp_path, "3 0\n").problem.d == 3


def test_or_library(tmp_path):
    first, second = (read(tmp_path, ORLIB, format=f"orlib:{k}") for k in (1, 2))
    check(first, lambda a, b: -(5 * a - 6 * a * b), (1, 2))
    check(second, lambda a, b, c: -(8 * a * b - 7 * b + 2 * a * c), (1, 2, 3))
    check(read(tmp_path, "1\n2 1\n1 2 4\n"), lambda a, b: -8 * a * b, (1, 2))


def test_text_with_its_size(tmp_path):
    check(read(tmp_path, GKA), lambda a, b, c: -63 * a + 126 * a * b - 2 * c, (1, 2, 3))


@pytest.mark.parametrize("matrix", [Q, np.triu(Q), Q + Q.T])
@pytest.mark.parametrize("name", ["text", "commas", "npy", "mtx", "mtx sparse", "csr", "coo"])
def test_matrices(tmp_path, matrix, name):
    path = tmp_path / "file"
    if name in ("text", "commas"):
        np.savetxt(path, matrix, delimiter="," if name == "commas" else " ")
    elif name == "npy":
        np.save(tmp_path / "file.npy", matrix)
        (tmp_path / "file.npy").rename(path)
    elif name.startswith("mtx"):
        with open(path, "wb") as file:
            mmwrite(file, sparse.csc_array(matrix) if "sparse" in name else matrix, precision=17)
    else:
        with open(path, "wb") as file:
            sparse.save_npz(file, sparse.csr_array(matrix).asformat(name))
    check(read_problem(path), lambda *n: np.array(n) @ matrix @ np.array(n), range(3))


@pytest.mark.parametrize("symmetry", ["general", "symmetric", "skew-symmetric"])
@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.parametrize("field", ["real", "integer", "pattern"])
def test_matrix_market_is_read_as_scipy_reads_it(tmp_path, symmetry, dense, field):
    rng = np.random.default_rng(2)
    half = np.tril(rng.integers(-3, 4, (5, 5)) if field == "integer" else rng.normal(size=(5, 5)))
    mirrored = {"general": Q[0, 1] * half @ half, "symmetric": half + np.tril(half, -1).T,
                "skew-symmetric": np.tril(half, -1) - np.tril(half, -1).T}[symmetry]  # fmt: skip
    if field == "pattern" and (dense or symmetry == "skew-symmetric"):
        return
    matrix = (mirrored != 0).astype(float) if field == "pattern" else mirrored
    with open(tmp_path / "file", "wb") as file:
        stored = matrix if dense else sparse.coo_array(matrix)
        mmwrite(file, stored, "a comment", field, 17, symmetry)
    read_back = mmread(tmp_path / "file")
    matrix = read_back if dense else read_back.toarray()
    check(read_problem(tmp_path / "file"), lambda *n: np.array(n) @ matrix @ np.array(n), range(5))


def test_nine_whole_numbers_are_coo_unless_the_format_is_matrix(tmp_path):
    text = "0 1 2\n1 0 3\n2 3 0\n"
    assert "COO" in read(tmp_path, text).kind
    source = read(tmp_path, text, format="matrix")
    check(source, lambda a, b, c: 2 * a * b + 4 * a * c + 6 * b * c, range(3))


def test_bqpjson(tmp_path):
    def energy(*n):
        a, b, c = (2 * x - 1 for x in n)
        return 2.0 * (0.5 * a * b - c + 0.25)

    check(read(tmp_path, json.dumps(BQPJSON)), energy, (4, 7, 9))


def test_offset_of_coo_text(tmp_path):
    source = read(tmp_path, "# vartype=SPIN\n# offset=42\n0 1 -1\n")
    check(source, lambda a, b: 42 - (2 * a - 1) * (2 * b - 1), (0, 1))


def changed(**changes):
    return json.dumps(BQPJSON | changes)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (QUBO.replace("2 2\n0", "2 3\n0"), "has 4 lines `i j value`, but announces 5"),
        (QUBO.replace("1 3 -2", "1 1 -2"), "3 nodes and 1 couplers, but line 2 announces 2 and 2"),
        (QUBO.replace("1 3", "1 4"), "line 7: 1 4 must be variables from 0 to 3"),
        (QUBO.replace("4 2 2", "4 2"), "no line `p qubo"),
        (QUBO.replace("-1.5", "nan"), "contains NaN"),
        (CUT[:-3], "line 4: '1 4'"),
        (CUT.replace("1 4", "0 4"), "line 4: 0 4 must be variables from 1 to 4"),
        (CUT.replace("1 4", "4 4"), "line 4: an edge must join two different nodes"),
        (CUT.replace("4 3", "4 2"), "3 lines `i j value`, but announces 2"),
        (ORLIB, "contains 2 problems; choose one by format orlib:1 to orlib:2"),
        ("1\n2 2\n1 2 1\n", "1 lines `i j value`, but announces 2"),
        ("1\n2 1\n1 2 1\n1 1 1\n", "2 lines `i j value`, but announces 1"),
        (GKA.replace("3 3", "4 4"), "line 4: 4 4 must be variables from 1 to 3"),
        ("# offset=x\n0 0 1\n", "offset=x: must be a number"),
        ("# offset=nan\n0 0 1\n", "contains NaN"),
        ("-1.0 nan\n2 3\n", "Q: contains NaN"),
        ("%%MatrixMarket matrix array real general\n2 3\n1\n2\n3\n4\n5\n6\n", "must be square"),
        ("%%MatrixMarket matrix coordinate complex general\n1 1 1\n1 1 2 3\n", "complex"),
        ("%%MatrixMarket matrix coordinate real general\n2 2 1\n3 1 2\n", "3 1 must be var"),
        ("%%MatrixMarket matrix coordinate real general\n2 2 1\n0 1 2\n", "0 1 must be var"),
        ("%%MatrixMarket matrix array real\n1 1\n1\n", "no first line `%%MatrixMarket"),
        ("%%MatrixMarket matrix array pattern general\n1 1\n1\n", "pattern entries"),
        ("%%MatrixMarket matrix array real symmetric\n2 2\n1\n2\n3\n4\n", "must have 3"),
        ("%%MatrixMarket matrix coordinate real general\n9 9 999999999\n", "announces 999999999"),
        (changed(scale=float("nan")), "contains NaN"),
        (changed(variable_domain="qudit"), "variable_domain='qudit': must be spin or boolean"),
        (changed(variable_ids=[4, 7, 7]), "variable_ids: must be different"),
        (changed(linear_terms=[{"id": 5, "coeff": 1}]), "id 5, which is none of"),
        (changed(quadratic_terms=[{"id_head": 4, "id_tail": 4, "coeff": 1}]), "twice the id 4"),
        (changed(linear_terms=[{}]), "not a valid dimod model in JSON or bqpjson .'id'"),
        (b"\x93NUMPY", "not a valid .npy file"),
        (b"\xff\xfe\x00", "is not a problem file"),
    ],
)
def test_malformed_files_are_one_line(tmp_path, content, match):
    with pytest.raises(ProblemFileError, match=match) as caught:
        read(tmp_path, content)
    assert str(caught.value).startswith(f"{tmp_path / 'file'}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        "p qubo 0 1000000000 1 0\n0 0 1\n",
        "1000000000 1\n1 2 1\n",
        "1\n1000000000 1\n1 2 1\n",
        "1000000000\n1 2 1\n",
        "%%MatrixMarket matrix array real general\n1000000000 1000000000\n1\n",
        changed(variable_ids=list(range(1025))),
    ],
)
def test_too_many_variables_are_refused_before_allocation(tmp_path, content):
    with pytest.raises(ProblemTooLargeError, match="problems are limited to 1024"):
        read(tmp_path, content)


def test_headers_of_arrays_are_checked_before_allocation(tmp_path):
    header = {"descr": "<f8", "fortran_order": False, "shape": (1000, 1000)}
    with open(tmp_path / "short.npy", "wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(ProblemFileError, match="too short for an array"):
        read_problem(tmp_path / "short.npy")
    matrix = sparse.csr_array(Q)
    matrix.indices[0] = 99
    sparse.save_npz(tmp_path / "wrong.npz", matrix)
    with pytest.raises(ProblemFileError, match="not a valid .npz file"):
        read_problem(tmp_path / "wrong.npz")


@pytest.mark.parametrize(
    "pointers",
    [
        np.array([False, True, False, False]),
        np.array([0, 3, 1, 3], dtype=np.uint64),
        np.array([0, 127, -2, 3], dtype=np.int8),  # -129 is 127 there
        np.array([0.0, 1.0, 2.0, 3.0]),
    ],
)
def test_pointers_of_sparse_matrices_cannot_decrease_unnoticed(tmp_path, pointers):
    """Compiled code of scipy would write outside of the matrix."""
    parts = {"indices": np.array([0, 1, 2]), "data": np.ones(3), "shape": np.array([3, 3])}
    np.savez(tmp_path / "p.npz", **parts, indptr=pointers, format=np.bytes_("csr"))
    with pytest.raises(ProblemFileError, match="indptr: must be signed whole numbers"):
        read_problem(tmp_path / "p.npz")


def test_headers_inside_archives_are_checked_before_allocation(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f8", "fortran_order": False, "shape": (10**6, 10**6)}
    )
    with zipfile.ZipFile(tmp_path / "p.npz", "w") as packed:
        packed.writestr("h.npy", header.getvalue())
    with pytest.raises(ProblemFileError, match="too short for an array"):
        read_problem(tmp_path / "p.npz")


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("1 " * (3 << 20) + "\n" + "1 \n" * (2 << 20), "over 4194304 words"),
        ("\n" * (3 << 20), "half as many lines"),
        ("1," * (1 << 20), "a line of over 128 KiB"),
        ("0 0 " + "1" * (1 << 20), "a line of over 128 KiB"),
        ('{"a": [' + "[]," * (5 << 20) + "1]}", "over 4194304 values"),
        ('{"a": ' + "[" * (5 << 20), "over 4194304 values"),
        ('{"a": ' + "[" * (1 << 20), "not a valid"),
    ],
)
def test_small_files_of_millions_of_objects_are_refused(tmp_path, content, match):
    with pytest.raises(ProblemFileError, match=match):
        read(tmp_path, content)


def test_errors_quote_little_of_a_file(tmp_path):
    for content in ("# vartype=" + "X" * 9999 + "\n", changed(variable_domain="[ " * 9999)):
        with pytest.raises(
            ProblemFileError, match="must be (SPIN or BINARY|spin or boolean)$"
        ) as e:
            read(tmp_path, content)
        assert len(str(e.value)) < 600


def test_unknown_formats(tmp_path):
    with pytest.raises(ArgumentError, match="format='qub': one of npz, .*did you mean"):
        read(tmp_path, QUBO, format="qub")
    with pytest.raises(ProblemFileError, match="but no problem 3"):
        read(tmp_path, ORLIB, format="orlib:3")
    with pytest.raises(ProblemFileError, match="no line `p qubo"):
        read(tmp_path, CUT, format="qubo")
