"""One problem in its accepted forms: the same results to the bit, and the energies of the model."""

import subprocess
import sys

import dimod
import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, strategies as st

import annealcam as ac
from annealcam.annealing import (
    adiabatic_gain,
    dense_hamiltonian,
    guess_probability,
    hardness,
    locally_adiabatic,
)
from annealcam.errors import AnnealcamError, ArgumentError, NumericalError
from annealcam.evaluation.solver_comparison import compare_samplers
from annealcam.metrics.stability import across_samplers, across_seeds, agreement, near_optimal
from annealcam.qubo import save_problem
from annealcam.qubo.convert import as_problem, as_problems
from annealcam.samplers import (
    best_of,
    beta_path,
    branch_and_bound,
    cardinality_path,
    greedy,
    inclusion,
    local_search,
    relax,
    select_by_windows,
    stand_ins,
    tabu,
)
from annealcam.samplers.dwave.leap import select_by_leap
from annealcam.samplers.dwave.qpu import select_by_dwave

N = np.array([1, 0, 1, 0])
FUNCTIONS = {
    "anneal": lambda p: ac.anneal(p, tau=5.0).probabilities,
    "anneal_batch": lambda p: ac.anneal_batch([p, p], tau=[1.0, 5.0]).success_probability,
    "anneal_path": lambda p: ac.anneal_path(p, tau=5.0, points=3).populations,
    "minimum_gap": lambda p: ac.minimum_gap(p).gap,
    "spectrum": lambda p: ac.spectrum(p, points=3).energies,
    "solve_exact": lambda p: ac.solve_exact(p).energy,
    "solve": lambda p: ac.solve(p, "anneal").n,
    "tau_sweep": lambda p: ac.tau_sweep(p, [1.0, 5.0]).tts99,
    "optimal_tau": lambda p: ac.optimal_tau(p, points=3).tau,
    "dense_hamiltonian": lambda p: dense_hamiltonian(p, 0.5),
    "inclusion": lambda p: inclusion(p, N).probability,
    "stand_ins": lambda p: [s.cost for s in stand_ins(p, N)],
    "branch_and_bound": lambda p: branch_and_bound(p).energy,
    "cardinality_path": lambda p: [s.energy for s in cardinality_path(p).values()],
    "beta_path": lambda p: beta_path(p).betas,
    "greedy": greedy,
    "tabu": lambda p: tabu(p, shots=2),
    "local_search": local_search,
    "select_by_windows": lambda p: select_by_windows(p, qubits=3, rounds=2).n,
    "near_optimal": lambda p: near_optimal(p, 0.1).energies,
}
# The first needs a cardinality, and the others a selection or files.
OTHERS = {
    "relax": relax,
    "guess_probability": lambda p: guess_probability(p, 1, 1),
    "locally_adiabatic": locally_adiabatic,
    "adiabatic_gain": lambda p: adiabatic_gain(p, [1.0]),
    "best_of": lambda p: best_of(p, N[None], "mine"),
    "save_problem": lambda p: save_problem(p, "/nowhere/problem.npz"),
    "agreement": lambda p: agreement(p, N[None].astype(bool)),
    "across_samplers": across_samplers,
    "across_seeds": across_seeds,
    "compare_samplers": compare_samplers,
    "dwave": lambda p: ac.solve(p, "dwave"),
    "select_by_dwave": select_by_dwave,
    "select_by_leap": select_by_leap,
}


def matrix(d: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(d, d))


def forms(Q: np.ndarray) -> dict[str, object]:
    """Return n^T Q n in four forms."""
    qubo = dict(np.ndenumerate(Q))
    bqm = dimod.BinaryQuadraticModel.from_qubo(qubo)
    return {"problem": ac.SelectionProblem.from_bqm(bqm), "bqm": bqm, "dict": qubo, "array": Q}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_all_forms_give_the_same_bits(name):
    first, *others = (np.asarray(FUNCTIONS[name](form)) for form in forms(matrix()).values())
    for other in others:
        assert np.array_equal(first, other)


@given(d=st.integers(0, 6), seed=st.integers(0, 10**6))
def test_energies_are_those_of_the_matrix(d, seed):
    Q = matrix(d, seed)
    n = np.random.default_rng(seed).integers(0, 2, d)
    for form in forms(Q).values():
        assert as_problem(form).energy(n) == pytest.approx(float(n @ Q @ n), abs=1e-12)


@pytest.mark.parametrize("vartype", ["SPIN", "BINARY"])
def test_a_models_energies_and_the_order_of_its_variables(vartype):
    rng = np.random.default_rng(1)
    bqm = dimod.BinaryQuadraticModel(rng.normal(size=4), rng.normal(size=(4, 4)), 0.3, vartype)
    bqm.relabel_variables(dict(enumerate("dbca")))
    best = ac.solve_exact(bqm)
    values = best.n if vartype == "BINARY" else 2 * best.n - 1
    sample = dict(zip(bqm.variables, values, strict=True))
    offset = bqm.change_vartype("BINARY", inplace=False).offset
    assert best.energy + offset == pytest.approx(bqm.energy(sample), abs=1e-12)
    assert bqm.energy(sample) == pytest.approx(dimod.ExactSolver().sample(bqm).first.energy)


def test_the_order_of_labels_in_a_dict():
    whole = as_problem({(2, 0): 1.0, (1, 1): -3.0, (0, 2): 2.0, (0, 0): -5.0})
    assert whole.linear.tolist() == [-5.0, -3.0, 0.0]
    assert whole.quadratic[0, 2] == 3.0
    text = as_problem({("b", "a"): 1.0, ("a", "a"): -3.0})
    assert text.linear.tolist() == [0.0, -3.0]


def test_triangular_and_symmetric_arrays_are_equal():
    upper = np.triu(matrix())
    assert as_problem(upper) == as_problem((upper + upper.T) / 2) == as_problem(upper.tolist())


def test_a_selection_problem_is_returned_as_it_is():
    p = ac.SelectionProblem([1.0, 0.5], [[0.0, 0.8], [0.8, 0.0]], cardinality=1)
    assert as_problem(p) is p


@pytest.mark.parametrize("dtype", [np.float32, np.float64, object])
def test_models_of_each_dtype(dtype):
    bqm = dimod.BinaryQuadraticModel({"a": -1.0}, {"ab": 0.5}, "BINARY", dtype=dtype)
    assert as_problem(bqm).energies().tolist() == [0.0, -1.0, 0.0, -0.5]


WRONG = {
    "None": None,
    "a number": 3.0,
    "text": "x",
    "a vector": [1.0, 2.0],
    "an oblong array": np.ones((2, 3)),
    "a ragged list": [[1.0], [1.0, 2.0]],
    "complex numbers": np.ones((2, 2), dtype=complex),
    "text in an array": [["1"]],
    "NaN": [[np.nan]],
    "an overflow": [[1e308, 1e308], [1e308, 0.0]],
    "keys that are no pairs": {"ab": 1.0},
    "labels alone": {0: 1.0},
    "values that are no numbers": {(0, 0): "x"},
    "infinity in a dict": {(0, 0): np.inf},
    "a CQM": dimod.ConstrainedQuadraticModel(),
    "a quadratic model": dimod.QuadraticModel(),
    "an array in a dict": {(0, 0): np.ones((2, 2))},
    "a sparse array": scipy.sparse.eye_array(2),
    "a class": ac.SelectionProblem,
    "a set": {1, 2},
    "labels of numpy that cannot be sorted": {(np.array, 0): None},
}


@pytest.mark.parametrize("name", WRONG)
def test_everything_else_is_one_clear_line(name):
    for function in (FUNCTIONS | OTHERS).values():
        with pytest.raises(AnnealcamError) as error:
            function(WRONG[name])
        assert "\n" not in str(error.value)
        assert str(error.value).startswith("problem")


@pytest.mark.parametrize("values", [None, 3, "x", {(0, 0): 1.0}])
def test_several_problems_are_a_list(values):
    with pytest.raises(ArgumentError, match=f"problems: {type(values).__name__}; give a list"):
        ac.anneal_batch(values)
    with pytest.raises(ArgumentError, match=r"problems\[1\]: str; give a SelectionProblem"):
        as_problems([[[1.0]], "x"])


def test_errors_name_the_entry():
    with pytest.raises(ArgumentError, match="problem: the key 'ab' is no pair of labels"):
        as_problem({"ab": 1.0})
    with pytest.raises(ArgumentError, match=r"problem\['a', 'b'\]='x': must be a number"):
        as_problem({("a", "b"): "x"})
    with pytest.raises(NumericalError, match="problem: contains NaN, infinity or"):
        as_problem([[np.nan]])
    model = dimod.BinaryQuadraticModel({"a": 1e308}, {}, "BINARY")
    with pytest.raises(NumericalError, match="problem: contains NaN, infinity or"):
        as_problem(model)


@pytest.mark.parametrize("form", ["problem", "bqm", "dict", "array"])
def test_hardness_of_each_form(form):
    value = forms(matrix())[form]
    result, expected = hardness(value, [5.0]), hardness(as_problem(value), [5.0])
    assert [run.success_probability for run in result.runs] == [
        run.success_probability for run in expected.runs
    ]
    assert result.gap.gap == expected.gap.gap
    assert result.source.labels == (0, 1, 2, 3)
    assert result.source.offset == 0.0


def test_hardness_of_a_model_has_its_labels_and_offset():
    bqm = dimod.BinaryQuadraticModel({"b": 1.0, "a": -0.5}, {"ab": 0.3}, 2.0, "SPIN")
    result = hardness(bqm, [5.0])
    best = dimod.ExactSolver().sample(bqm).first.energy
    assert result.source.labels == tuple(bqm.variables)
    assert result.ground_energy + result.source.offset == pytest.approx(best, abs=1e-12)


def test_from_bqm_takes_models_alone():
    with pytest.raises(ArgumentError, match="bqm: dict; give a dimod BinaryQuadraticModel"):
        ac.SelectionProblem.from_bqm.__func__(ac.SelectionProblem, {(0, 0): 1.0})


def test_a_dict_needs_no_dimod():
    code = "import sys; from annealcam.qubo.convert import as_problem; as_problem({(0, 0): 1.0}); "
    code += "assert 'dimod' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
