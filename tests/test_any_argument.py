"""Every argument of the functions on problems takes any object: a result, or an AnnealcamError."""

import inspect
import json
import os
import subprocess
import sys
import warnings

import numpy as np

# Of the functions that users meet, each with arguments that make it quick.
CALLS = """
ac.anneal(p, tau=1.0)
ac.anneal_batch([p], tau=1.0)
ac.minimum_gap(p)
ac.spectrum(p, points=3)
ac.tau_sweep(p, [1.0])
ac.solve_exact(p)
ac.solve(p)
ac.solve(p, "anneal")
ac.save_problem(p, "p.npz")
ac.read_problem("p.npz")
ac.SelectionProblem([1.0], [[0.0]])
ac.SelectionProblem.from_maps([[1.0]], [1.0])
ac.SelectionProblem.from_bqm(p.to_bqm())
ac.AnnealingSampler().sample(p.to_bqm(), tau=1.0)
annealing.optimal_tau(p, bounds=(1.0, 2.0), points=3, tau_tol=0.5)
annealing.anneal_path(p, tau=1.0, points=3)
annealing.hardness(p, [1.0])
annealing.locally_adiabatic(p, points=5)
annealing.adiabatic_gain(p, [1.0], points=5)
annealing.dense_hamiltonian(p, 0.5)
annealing.guess_probability(p, 1, 1)
annealing.tts99(0.5, 1.0)
annealing.best_of_shots(0.5, 2)
annealing.read_dwave_schedule("no.csv")
ac.hardware_report(p, members=2, tau=1.0)
samplers.branch_and_bound(p, kicks=1)
samplers.local_search(p, kicks=1)
samplers.local_search_many([p], kicks=1)
samplers.simulated_annealing(p, shots=1, sweeps=10)
samplers.tabu(p, shots=1)
samplers.path_integral(p, shots=1, sweeps=5)
samplers.greedy(p)
samplers.random_k(p, seed=0)
samplers.topk_relevance(p)
samplers.cardinality_path(p, [1])
samplers.beta_path(p)
samplers.relax(p.with_cardinality(1))
samplers.inclusion(p, n)
samplers.stand_ins(p, n)
samplers.best_of(p, n[None], "mine")
samplers.select_by_annealing(p, tau=1.0)
samplers.select_by_windows(p, qubits=2, rounds=1, tau=1.0)
p.energy(n)
p.feasible(n)
p.with_cardinality(1)
ac.anneal(p, tau=1.0).sample(3)
ac.minimum_gap(p).landau_zener(1.0)
samplers.beta_path(p).at(0.5)
"""


class Odd:
    """An object whose conversion to an array fails."""

    def __repr__(self):
        return "Odd()"

    def __array__(self, *_, **__):
        raise RuntimeError("no array")


VALUES = {
    "None": None, "'x'": "x", "-1": -1, "2.5": 2.5, "nan": float("nan"), "[]": [], "['x']": ["x"],
    "{'x': 1}": {"x": 1}, "1j": 1j, "Odd()": Odd(), "10**400": 10**400, "ones": np.ones((2, 2)),
    "[[1], [1, 2]]": [[1], [1, 2]],
}  # fmt: skip


def bare_errors():
    """Return the calls that end in an exception of another kind; run without run-time checks."""
    import annealcam as ac
    from annealcam import annealing, samplers

    p = ac.SelectionProblem([1.0, 0.5, 0.2], 0.4 * (np.ones((3, 3)) - np.eye(3)))
    names = {
        "ac": ac,
        "annealing": annealing,
        "samplers": samplers,
        "p": p,
        "n": np.array([1, 0, 0]),
    }
    found, seen = [], {}
    for call in CALLS.split("\n")[1:-1]:
        opening = max(i for i in range(len(call)) if call[i] == "(" and balanced(call[i:]))
        function = eval(call[:opening], names)
        arguments = eval(f"keep{call[opening:]}", names | {"keep": lambda *a, **b: (a, b)})
        for place, name in enumerate(inspect.signature(function).parameters):
            if name in ("options", "unknown"):
                continue
            for text, value in VALUES.items():
                values, keywords = list(arguments[0]), dict(arguments[1])
                if place < len(values):
                    values[place] = value
                else:
                    keywords[name] = value
                try:
                    function(*values, **keywords)
                except ac.errors.AnnealcamError as error:
                    seen[type(error).__name__] = seen.get(type(error).__name__, 0) + 1
                except Exception as error:
                    found.append(f"{call} with {name}={text}: {error!r}"[:200])
    return found, seen


def balanced(text):
    """Return whether a text is one pair of brackets around all of it."""
    inside = (text[:i].count("(") - text[:i].count(")") for i in range(1, len(text)))
    return text.endswith(")") and all(depth > 0 for depth in inside)


def test_any_argument_gives_a_result_or_an_error_of_annealcam(tmp_path):
    answer = subprocess.run(
        [sys.executable, __file__], cwd=tmp_path, capture_output=True, text=True, check=True,
        env=os.environ,
    )  # fmt: skip
    found, seen = json.loads(answer.stdout.splitlines()[-1])
    assert found == []
    assert seen["ArgumentError"] > 500


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(json.dumps(bare_errors()))
