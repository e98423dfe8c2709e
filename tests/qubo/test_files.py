"""Problem files: what dimod and numpy write is what is read; what is broken is one clear line."""

import json
import zipfile

import dimod
import numpy as np
import pytest
from dimod.serialization import coo
from hypothesis import given, strategies as st

from annealcam.errors import ArgumentError, ProblemFileError, ProblemTooLargeError
from annealcam.qubo.energies import bits
from annealcam.qubo.files import read_problem, save_problem
from tests.problems import problems

LABELS = ("b", 7, ("x", 2), "ä", 0)


def model(vartype="SPIN", labels=LABELS, seed=0):
    rng = np.random.default_rng(seed)
    bqm = dimod.BinaryQuadraticModel(rng.normal(size=5), rng.normal(size=(5, 5)), 0.75, vartype)
    bqm.remove_interaction(1, 3)
    return bqm.relabel_variables(dict(enumerate(labels)), inplace=False)


def same_energies(content, bqm):
    """Every state of the file's problem has the energy that dimod itself gives it."""
    bqm = dimod.BinaryQuadraticModel(bqm, dtype=np.float64)
    n = bits(np.arange(2**content.problem.d), content.problem.d)
    samples = n if bqm.vartype is dimod.BINARY else 2 * n - 1
    expected = bqm.energies((samples, list(content.labels)))
    assert np.allclose(content.problem.energies() + content.offset, expected, rtol=0, atol=1e-12)
    assert set(content.labels) == set(bqm.variables)


@pytest.mark.parametrize("vartype", ["SPIN", "BINARY"])
@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_dimods_binary_files(tmp_path, vartype, version, dtype):
    bqm = dimod.BinaryQuadraticModel(model(vartype), dtype=dtype)
    (tmp_path / "any.name").write_bytes(bqm.to_file(version=version).read())
    content = read_problem(tmp_path / "any.name")
    assert content.labels == LABELS
    assert vartype in content.kind
    same_energies(content, bqm)


@pytest.mark.parametrize("vartype", ["SPIN", "BINARY"])
def test_dimods_json(tmp_path, vartype):
    bqm = model(vartype)
    (tmp_path / "model").write_text(json.dumps(bqm.to_serializable(), indent=1))
    same_energies(read_problem(tmp_path / "model"), bqm)


@pytest.mark.parametrize("vartype", ["SPIN", "BINARY"])
def test_coo_text_is_read_as_dimod_reads_it(tmp_path, vartype):
    text = coo.dumps(model(vartype, labels=(3, 0, 11, 4, 7)), vartype_header=True)
    (tmp_path / "model.coo").write_text(text + "\n\n# the end\n3 0 0.5\n")
    content = read_problem(tmp_path / "model.coo")
    assert content.labels == (0, 3, 4, 7, 11)
    same_energies(content, coo.loads(text + "\n3 0 0.5\n"))


def test_coo_text_that_dimods_reader_would_skip(tmp_path):
    (tmp_path / "small.coo").write_bytes("\ufeff0 0 -1e-3 # small\r\n0\t1 +.5\r\n".encode())
    content = read_problem(tmp_path / "small.coo")
    same_energies(content, dimod.BinaryQuadraticModel({0: -1e-3}, {(0, 1): 0.5}, "BINARY"))
    assert "BINARY, by default" in content.kind


@given(st.one_of(problems(), problems(cardinality=True)))
def test_saved_problems_come_back_to_the_bit(tmp_path_factory, problem):
    path = tmp_path_factory.mktemp("saved") / "p.npz"
    save_problem(problem, path)
    content = read_problem(path)
    assert np.array_equal(content.problem.h, problem.h)
    assert np.array_equal(content.problem.J, problem.J)
    assert (content.problem.beta, content.problem.cardinality) == (
        problem.beta,
        problem.cardinality,
    )
    assert (content.labels, content.offset) == (tuple(range(problem.d)), 0.0)


def test_beta_and_cardinality_in_place_of_the_files(tmp_path):
    path = tmp_path / "p.npz"
    np.savez_compressed(path, h=[1, 0, 1], J=np.zeros((3, 3), dtype=np.float32))
    assert read_problem(path).problem.beta == 0.7
    content = read_problem(path, beta=0.25, cardinality=2).problem
    assert (content.beta, content.cardinality) == (0.25, 2)
    assert np.array_equal(content.energies()[:4], [0.0, -0.25, 0.0, -0.25])
    with pytest.raises(ArgumentError, match="cardinality=4: must be at most .* 3"):
        read_problem(path, cardinality=4)
    with pytest.raises(ArgumentError, match=r"beta=1.5"):
        read_problem(path, beta=1.5)
    (tmp_path / "m.json").write_text(json.dumps(model().to_serializable()))
    fixed = read_problem(tmp_path / "m.json", cardinality=2)
    assert fixed.problem.cardinality == 2
    same_energies(fixed, model())
    with pytest.raises(ArgumentError, match=r"beta=0.5: applies only to files of h and J"):
        read_problem(tmp_path / "m.json", beta=0.5)


def test_models_without_variables(tmp_path):
    (tmp_path / "none").write_bytes(
        dimod.BinaryQuadraticModel({}, {}, 2.5, "SPIN").to_file().read()
    )
    content = read_problem(tmp_path / "none")
    assert (content.problem.d, content.offset, content.labels) == (0, 2.5, ())


def refused(path, match):
    """The reason, in one line that begins with the file."""
    with pytest.raises(ProblemFileError, match=match) as caught:
        read_problem(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "no line `i j value`"),
        ("# vartype=SPIN\n", "no line `i j value`"),
        ("0 0 1\n0 1\n", "line 2: '0 1' must be"),
        ("0 0 x", "line 1: '0 0 x'"),
        ("a b 1.0", "line 1"),
        ("-1 0 1.0", "line 1"),
        ("0.0 0 1.0", "line 1"),
        ("0 1 2 3", "line 1"),
        ("0 0 nan", "biases: contains NaN or infinity"),
        ("0 1 inf", "biases: contains NaN or infinity"),
        ("# vartype=SPIN\n# vartype=BINARY\n0 0 1", "must be SPIN or BINARY"),
        ("# vartype=INTEGER\n0 0 1", "vartype=INTEGER"),
        ("hello, world", "line 1"),
        ("[1, 2]", "line 1"),
        ("{", "not a valid dimod model in JSON"),
        ("{}", "the type None"),
        ('{"type": "SampleSet"}', "the type 'SampleSet'"),
        ('{"type": "BinaryQuadraticModel"}', "'variable_labels'"),
    ],
)
def test_malformed_text(tmp_path, text, match):
    (tmp_path / "file").write_text(text)
    refused(tmp_path / "file", match)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"quadratic_head": [-1]}, "quadratic_head: must be below the number of labels, 2"),
        ({"quadratic_tail": [2**40]}, "quadratic_tail: must be below"),
        ({"quadratic_head": [0.5]}, "quadratic_head"),
        ({"quadratic_biases": [1.0, 2.0]}, "equal length"),
        ({"linear_biases": [1.0]}, "linear_biases: must be one for each of 2 labels"),
        ({"linear_biases": [1.0, "x"]}, "cannot"),
        ({"linear_biases": [1.0, float("nan")]}, "contains NaN"),
        ({"offset": float("inf")}, "contains NaN"),
        ({"variable_labels": ["a", "a"]}, "same label"),
        ({"variable_type": "REAL"}, "REAL"),
        ({"version": 3}, "is not a valid"),
        ({"use_bytes": True}, "is not a valid"),
    ],
)
def test_malformed_json(tmp_path, change, match):
    stored = dimod.BinaryQuadraticModel({"a": 1.0, "b": 0.0}, {"ab": 1.0}, "SPIN").to_serializable()
    (tmp_path / "model.json").write_text(json.dumps(stored | change))
    refused(tmp_path / "model.json", f"(?i){match}")


@pytest.mark.parametrize(
    ("arrays", "match"),
    [
        ({"h": [1.0]}, "but no J; write it by np.savez"),
        ({}, "but no h and no J"),
        ({"h": [1.0, 2.0], "J": np.zeros((3, 3))}, r"J: must have the shape \(2, 2\)"),
        ({"h": [[1.0]], "J": np.zeros((1, 1))}, "h: must have the shape"),
        ({"h": [1.0, 2.0], "J": [[0.0, 1.0], [0.0, 0.0]]}, "J: must be symmetric"),
        ({"h": [1.0], "J": [[1.0]]}, "must have a zero diagonal"),
        ({"h": [np.nan], "J": [[0.0]]}, "h: contains NaN or infinity; all"),
        ({"h": [1.0], "J": [[0.0]], "beta": 1.5}, "beta=1.5"),
        ({"h": [1.0], "J": [[0.0]], "beta": [0.5, 0.5]}, "beta: must be one number"),
        ({"h": [1.0], "J": [[0.0]], "cardinality": 2}, "cardinality=2"),
        ({"h": [1.0], "J": [[0.0]], "cardinality": 0.5}, "cardinality=0.5"),
        ({"h": ["a"], "J": [[0.0]]}, "h: must be an array of real numbers"),
        ({"h": [1j], "J": [[0.0]]}, "h: must be an array of real numbers"),
        ({"h": np.array([{}]), "J": [[0.0]]}, "allow_pickle=False"),
    ],
)
def test_malformed_npz(tmp_path, arrays, match):
    np.savez(tmp_path / "p.npz", **arrays)
    refused(tmp_path / "p.npz", match)


def test_files_that_are_no_problem_files(tmp_path):
    refused(tmp_path / "missing", "cannot be read .No such file")
    refused(tmp_path, "cannot be read")
    (tmp_path / "noise").write_bytes(bytes(range(256)))
    refused(tmp_path / "noise", "is not a problem file; give a dimod model")
    (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04 and no more")
    refused(tmp_path / "bad.npz", "is not a valid .npz file")
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("h.npy", bytes(80 << 20))
    refused(tmp_path / "bomb.npz", "unpacks to over 64 MiB")
    with open(tmp_path / "huge", "wb") as file:
        file.truncate((64 << 20) + 1)
    refused(tmp_path / "huge", "larger than 64 MiB")


def test_too_many_variables(tmp_path):
    (tmp_path / "large").write_bytes(dimod.BinaryQuadraticModel(1025, "SPIN").to_file().read())
    with pytest.raises(ProblemTooLargeError, match=r"large: d=1025"):
        read_problem(tmp_path / "large")
