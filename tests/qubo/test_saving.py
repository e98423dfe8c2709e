"""Saved problems: what any format holds comes back to the bit; the rest is refused by name."""

import contextlib
import itertools

import dimod
import numpy as np
import pytest
from hypothesis import given, strategies as st

import annealcam as ac
from annealcam.errors import AnnealcamError, ArgumentError, OutputError
from annealcam.qubo.convert import as_problem, offset_of
from annealcam.qubo.files.writers import WRITERS
from tests.problems import problems, relu_problem

LABELS = ("b", 7, ("x", 2), "ä", 0)
HOLDS_OFFSET = [name for name, writer in WRITERS.items() if "offset" in writer.holds]
KEEPS_LABELS = ("npz", "bqm", "json")


def model(labels=LABELS, offset=0.75):
    rng = np.random.default_rng(3)
    bqm = dimod.BinaryQuadraticModel(rng.normal(size=5), rng.normal(size=(5, 5)), offset, "BINARY")
    bqm.remove_interaction(1, 3)
    bqm.set_linear(4, 0.0)
    return bqm.relabel_variables(dict(enumerate(labels)), inplace=False)


def saved(problem, path, name, **options):
    ac.save_problem(problem, path, format=name, **options)
    return ac.read_problem(path)


def same(source, problem):
    """The coefficients, and so the energies and the order of the variables, are the same bits."""
    problem = as_problem(problem)
    assert np.array_equal(source.problem.linear, problem.linear)
    assert np.array_equal(source.problem.quadratic, problem.quadratic)


@pytest.mark.parametrize("name", [name for name in WRITERS if name != "maxcut"])
def test_every_format_returns_the_same_bits(tmp_path, name):
    bqm = model()
    source = saved(bqm, tmp_path / "file", name, drop=["offset"])
    same(source, bqm)
    assert source.offset == (0.75 if name in HOLDS_OFFSET else 0.0)
    if name in KEEPS_LABELS:
        assert source.labels == LABELS
    again = saved(source, tmp_path / "again", name)
    same(again, source.problem)
    assert (again.labels, again.offset) == (source.labels, source.offset)


@given(problems(), st.sampled_from([name for name in WRITERS if name != "maxcut"]))
def test_any_problem_in_any_format(tmp_path_factory, problem, name):
    path = tmp_path_factory.mktemp("saved") / "file"
    if problem.d == 0 and "empty" not in WRITERS[name].holds:
        with pytest.raises(ArgumentError, match="holds no problem without variables"):
            saved(problem, path, name)
        return
    source = saved(problem, path, name, drop=["diagonal"])
    same(source, problem)
    assert source.offset == 0.0


@given(st.integers(2, 7), st.integers(0, 99), st.booleans())
def test_maximum_cuts_return_the_same_cuts(tmp_path_factory, n, seed, whole):
    rng = np.random.default_rng(seed)
    weights = np.triu(rng.integers(-3, 4, (n, n)) if whole else rng.normal(size=(n, n)), 1)
    edges = [
        (i + 1, j + 1, float(weights[i, j])) for i, j in zip(*np.nonzero(weights), strict=True)
    ]
    path = tmp_path_factory.mktemp("cut") / "file"
    path.write_text("\n".join([f"{n} {len(edges)}", *(f"{i} {j} {w!r}" for i, j, w in edges)]))
    source = ac.read_problem(path)
    again = saved(source, path, "maxcut")
    assert np.allclose(again.problem.energies(), source.problem.energies(), rtol=0, atol=1e-12)
    assert again.maximised
    energy = again.problem.energy(np.arange(n) % 2)
    cut = sum(w for i, j, w in edges if (i - j) % 2)
    assert energy == pytest.approx(-cut, abs=1e-12)


def test_the_ending_of_the_name_chooses_the_format(tmp_path):
    kinds = {}
    for name, writer in WRITERS.items():
        for suffix in writer.suffixes:
            if name != "maxcut":
                path = tmp_path / f"p{suffix}"
                ac.save_problem(relu_problem(4), path)
                kinds[name] = ac.read_problem(path, format=name).kind
                assert ac.read_problem(path).kind == kinds[name]
    assert len(set(kinds.values())) == len(kinds) == len(WRITERS) - 2  # sparse has no ending


def test_what_a_format_cannot_hold_is_refused_by_name(tmp_path):
    path = tmp_path / "file"
    fixed = relu_problem(4).with_cardinality(2)
    convex = ac.SelectionProblem(fixed.h, fixed.J, diagonal=np.ones(4))
    for name, writer in WRITERS.items():
        for part, problem in {"cardinality": fixed, "diagonal": convex, "offset": model()}.items():
            if part in writer.holds or (name == "maxcut" and part == "offset"):
                continue
            with pytest.raises(ArgumentError, match=f"^format='{name}': holds no {part}") as caught:
                ac.save_problem(problem, path, format=name)
            able = [other for other, writer in WRITERS.items() if part in writer.holds]
            assert f"; use {', '.join(able)}; " in str(caught.value)
    assert not path.exists()
    source = saved(convex, path, "coo", drop="diagonal")
    same(source, convex)
    with pytest.raises(ArgumentError, match="holds only maximum cuts"):
        ac.save_problem(relu_problem(4), path, format="maxcut")


@pytest.mark.parametrize("name", ["npz", "lp"])
def test_a_cardinality_is_held(tmp_path, name):
    source = saved(relu_problem(5).with_cardinality(2), tmp_path / "file", name, penalty=True)
    assert source.problem.cardinality == 2
    same(source, relu_problem(5))


@pytest.mark.parametrize("name", ["bqm", "json", "bqpjson", "coo"])
def test_a_penalty_has_the_energies_of_to_bqm(tmp_path, name):
    problem = relu_problem(5).with_cardinality(2)
    bqm = problem.to_bqm()
    source = saved(problem, tmp_path / "file", name, penalty=True)
    assert source.problem.cardinality is None
    same(source, bqm)
    assert source.offset == offset_of(bqm) == problem.penalty * 4


def test_numbers_of_variables_are_kept_where_they_can_be(tmp_path):
    ascending, other = model((0, 3, 4, 9, 12)), model((3, 0, 12, 4, 9))
    for name, labels in {"coo": (0, 3, 4, 9, 12), "bqpjson": (0, 3, 4, 9, 12)}.items():
        assert saved(ascending, tmp_path / "file", name).labels == labels
    assert saved(other, tmp_path / "file", "bqpjson").labels == (3, 0, 12, 4, 9)
    assert saved(other, tmp_path / "file", "coo").labels == (0, 1, 2, 3, 4)
    same(saved(other, tmp_path / "file", "coo"), other)


def test_bad_arguments_are_one_line(tmp_path):
    p = relu_problem(2)
    with pytest.raises(ArgumentError, match=r"its ending names no format .*\.npz, \.lp"):
        ac.save_problem(p, tmp_path / "p.txt")
    with pytest.raises(ArgumentError, match="format='qub': one of .*did you mean 'qubo'"):
        ac.save_problem(p, tmp_path / "p", format="qub")
    with pytest.raises(OutputError, match="cannot be written"):
        ac.save_problem(p, tmp_path / "none" / "p.npz")
    with pytest.raises(ArgumentError, match="labels: cannot be written to the format json"):
        ac.save_problem({(object, object): 1.0}, tmp_path / "p.json")
    odd = (None, 5, -1, 1.5, b"x", "a\0b", [], {}, object(), float("nan"))
    for value, key in itertools.product(odd, ("path", "format", "drop", "problem")):
        arguments = {"problem": p, "path": tmp_path / "p.npz", key: value}
        with contextlib.suppress(AnnealcamError):  # None is a format, and [] is no `drop`
            ac.save_problem(arguments.pop("problem"), arguments.pop("path"), **arguments)
    for value in odd:
        for options in ({}, {"format": value}, {"maximise": value}):
            with pytest.raises(AnnealcamError, match="^[^\n]*$"):
                ac.read_problem(tmp_path / "no" if options else value, **options)


def test_an_older_file_survives_a_failure(tmp_path, monkeypatch):
    path = tmp_path / "p.npz"
    ac.save_problem(relu_problem(3), path)
    before = path.read_bytes()

    def full(self, raw):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(OutputError, match="No space left"):
        ac.save_problem(relu_problem(4), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


QUBO = "p qubo 0 2 2 1\n0 0 2\n1 1 3\n0 1 -4\n"


@pytest.mark.parametrize(
    ("text", "kind", "natural"),
    [
        (QUBO, "a qbsolv file", False),
        ("2\n1 1 2\n2 2 3\n1 2 -4\n", "sparse text with its size", False),
        ("1\n2 3\n1 1 2\n2 2 3\n1 2 -2\n", "an OR-Library problem", True),
        ("3 3\n1 2 2\n2 3 1\n1 3 -1", "a maximum cut (rudy)", True),
        ("Maximize\n 2 x + 3 y + [ -8 x * y ] / 2 + 1\nBinary\n x y\nEnd", "an LP file", True),
    ],
)
def test_maximisation_negates_the_energies(tmp_path, text, kind, natural):
    path = tmp_path / "file"
    path.write_text(text)
    up, down = (ac.read_problem(path, maximise=maximise) for maximise in (True, False))
    default = ac.read_problem(path)
    assert np.array_equal(up.problem.energies(), -down.problem.energies())
    assert up.offset == -down.offset
    assert (up.maximised, down.maximised, default.maximised) == (True, False, natural)
    same(default, (up if natural else down).problem)
    assert default.kind == kind
    other = down if natural else up
    assert other.kind == f"{kind}, {'minimised' if natural else 'maximised'}"


def test_a_maximised_qbsolv_file_has_its_published_value(tmp_path):
    (tmp_path / "file").write_text(QUBO)
    source = ac.read_problem(tmp_path / "file", maximise=True)
    assert ac.solve_exact(source.problem).energy == -3.0  # the maximum of 2a + 3b - 4ab
    npz = tmp_path / "p.npz"
    convex = ac.SelectionProblem([1.0, 0.5], np.zeros((2, 2)), diagonal=[1.0, 1.0])
    ac.save_problem(convex, npz)
    negated = ac.read_problem(npz, maximise=True, cardinality=1).problem
    assert (negated.cardinality, negated.diagonal, negated.beta) == (1, None, 0.7)
    assert np.array_equal(negated.energies(), -convex.energies())
