"""LP files: dimod's own have dimod's energies; everything beyond a QUBO is refused by name."""

import dimod
import numpy as np
import pytest

import annealcam as ac
from annealcam.errors import ProblemFileError
from tests.problems import relu_problem

NAMES = ("b", "a", "x_1", "f~{}", "!q")


def read(tmp_path, text):
    path = tmp_path / "file"
    path.write_text(text, encoding="utf-8")
    return ac.read_problem(path)


def cqm_of(seed, *, quadratic=True, k=None):
    rng = np.random.default_rng(seed)
    bqm = dimod.BinaryQuadraticModel(
        rng.integers(-3, 4, 5) / 2.0,
        np.triu(rng.normal(size=(5, 5)) * quadratic, 1),
        0.25,
        "BINARY",
    ).relabel_variables(dict(enumerate(NAMES)), inplace=False)
    cqm = dimod.ConstrainedQuadraticModel()
    cqm.set_objective(bqm)
    if k is not None:
        cqm.add_constraint([(v, 1) for v in NAMES], "==", rhs=k, label="c0")
    return cqm, bqm


@pytest.mark.parametrize("k", [None, 2])
@pytest.mark.parametrize("quadratic", [True, False])
def test_dimods_files_have_dimods_energies_and_order(tmp_path, quadratic, k):
    cqm, bqm = cqm_of(1, quadratic=quadratic, k=k)
    source = read(tmp_path, dimod.lp.dumps(cqm))
    assert source.labels == NAMES
    assert source.problem.cardinality == k
    again = dimod.lp.loads(dimod.lp.dumps(cqm))
    for n in np.random.default_rng(0).integers(0, 2, (8, 5)):
        energy = source.problem.energy(n) + source.offset
        sample = dict(zip(NAMES, n.tolist(), strict=True))
        assert energy == pytest.approx(bqm.energy(sample), abs=1e-12)
        assert energy == pytest.approx(again.objective.energy(sample), abs=1e-12)


@pytest.mark.parametrize("k", [None, 2])
def test_dimod_reads_what_is_written(tmp_path, k):
    problem = relu_problem(5).with_cardinality(k)
    ac.save_problem(problem, tmp_path / "p.lp")
    cqm = dimod.lp.load(str(tmp_path / "p.lp"))
    assert list(cqm.variables) == [f"x{p}" for p in range(5)]
    assert len(cqm.constraints) == (k is not None)
    for n in np.random.default_rng(0).integers(0, 2, (8, 5)):
        sample = {f"x{p}": int(bit) for p, bit in enumerate(n)}
        assert cqm.objective.energy(sample) == pytest.approx(problem.energy(n), abs=1e-12)
        assert cqm.check_feasible(sample) == problem.feasible(n)


SMALL = """\\ a comment
Maximise
  obj: 2 a - -3 b + c - 4.5e-1 + [ 2 a ^ 2 - 8 a*b + b * b ] / 2 - [ 6 c * b ]/2
SUBJECT  to
  one: a + b \\ the sum goes on
   + c = 2
bounds
  0 <= a <= 1
  b >= 0
  1 >= c
binaries
  c a b
END
"""


def test_signs_squares_bounds_and_the_order_of_the_binaries(tmp_path):
    source = read(tmp_path, SMALL)
    assert (source.labels, source.maximised) == (("c", "a", "b"), True)
    assert source.problem.cardinality == 2
    for c, a, b in np.ndindex(2, 2, 2):
        value = 2 * a + 3 * b + c - 0.45 + a - 4 * a * b + b / 2 - 3 * c * b
        energy = source.problem.energy([c, a, b]) + source.offset
        assert energy == pytest.approx(-value, abs=1e-14)


def changed(old, new):
    assert old in SMALL
    return SMALL.replace(old, new)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (changed("END\n", ""), "has no line End"),
        (changed("END", "END\nx"), "line 14: 'x' follows the end"),
        (changed("END", "general\n x\nEND"), "has integers; a QUBO has only binary variables"),
        (changed("END", "semi-continuous\n x\nEND"), "has semi-continuous variables"),
        (changed("binaries\n  c a b\n", ""), "a: is not listed as binary"),
        (changed("c a b", "c a b a"), "lists a binary variable twice"),
        (changed("c a b", "c 1 b"), "line 12: '1' must be names of variables"),
        (changed("c a b", "c a b d"), "other than that the sum of all variables"),
        (changed("= 2", "<= 2"), "other than that the sum of all variables"),
        (changed("+ c = 2", "+ 2 c = 2"), "other than that the sum of all variables"),
        (changed("= 2", "= 4"), "the sum of 3 variables is 4; it must be 1 to 3"),
        (changed("= 2", "= 1.5"), "the sum of 3 variables is 1.5"),
        (changed("= 2", "= 2\n two: a + b = 1"), "more than one constraint"),
        (changed("= 2", "="), "the constraint: ends where a number must follow"),
        (changed("0 <= a", "1 <= a"), "line 8: '1' stands where no bound but 0 <= name <= 1"),
        (changed("b >= 0", "b free"), "line 9: 'b' stands where no bound"),
        (changed("b >= 0", "q >= 0"), "line 9: 'q' stands where no bound"),
        (changed("2 a - -3 b", "2 a 3 b"), "line 3: 'b' stands where . or - must be"),
        (changed("+ c", "c"), "line 3: 'c' stands where . or - must be"),
        (changed(" ] / 2 -", " ] -"), "line 3: '-' stands where / 2 must be"),
        (changed("[ 2 a ^ 2", "[ 2 a ^ 3"), "stands where . and a variable, or . 2, must be"),
        (changed("[ 2 a ^ 2", "2 [ 2 a ^ 2"), r"'\[' stands where"),
        (changed("4.5e-1", "1e999"), "contains NaN or infinity"),
        (changed("2 a - -3 b", "2 a - | b"), r"line 3: '\| b .* is no LP format"),
        (changed("bounds", "Maximise"), "line 7: 'Maximise' is out of place"),
        ("Minimize\n", "has no line End"),
    ],
)
def test_damaged_files_and_other_problems_are_refused_by_name(tmp_path, text, match):
    with pytest.raises(ProblemFileError, match=match) as caught:
        read(tmp_path, text)
    assert "\n" not in str(caught.value)
