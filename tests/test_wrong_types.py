"""Arguments of a wrong type end in one clear line, without the run-time checks of the tests."""

import json
import subprocess
import sys

CASES = {
    "LINEAR.paused('x', 0.1)": "at='x': must be a number",
    "LINEAR.paused(0.1, 'x')": "length='x': must be a number",
    "LINEAR.reverse([1, 0], 'x')": "turn='x': must be a number",
    "ac.anneal(p, tau='x')": "tau='x': must be a number",
    "ac.anneal(p, tol='x')": "tol='x': must be a number",
    "ac.anneal_batch([p], tau=['x'])": "tau='x': must be a number",
    "ac.spectrum(p, levels='4')": "levels='4': must be a whole number",
    "ac.spectrum(p, tol='x')": "tol='x': must be a number",
    "ac.spectrum(p, points='x')": "points='x': must be a whole number",
    "ac.minimum_gap(p, tol='x')": "tol='x': must be a number",
    "ac.tts99('x', 1.0)": "p='x': must be a number",
    "ac.tau_sweep(p, ['x'])": "taus: tau='x': must be a number",
    "ac.SelectionProblem('x', [[0.0]])": "h: must be an array of numbers",
    "ac.SelectionProblem([1.0], [[0.0]], beta='x')": "beta='x': must be a number",
    "ac.SelectionProblem([1.0], [[0.0]], cardinality=0.5)": "cardinality=0.5: must be",
    "ac.anneal(p, convention='unit', normalisation='unit')": "convention, normalisation: give",
    "ac.solve(p, sampler=3)": "sampler=int",
    "inclusion(p, 'x')": "n: must be an array of numbers",
    "inclusion(p, [1, 0], temperature='x')": "temperature='x': must be a number",
    "stand_ins(p, [[1, 0]])": "n: must be one selection (d,), not the shape (1, 2)",
    "inclusion(p, [1, 0], seed='x')": "seed='x': must be a whole number",
    "evidence.from_maps('x', [1.0], cardinality=1)": "maps: must be an array of numbers",
    "evidence.from_maps([[1.0]], [1.0], cardinality=1).fidelity([1, 0])": "n: must have the shape",
    "ac.metrics.grid_pointing('x', 0)": "map_: must be an array of numbers",
    "ac.metrics.grid_pointing([[1.0, 2.0], [0.0, 1.0]], 'x')": "cell='x': must be a whole number",
    "ac.metrics.grid_pointing([[1.0]], 0, sharpness_of='x')": "sharpness_of: must be an array",
    "ac.metrics.sharpened([[1.0]], 'x')": "positions='x': must be a number",
    "ac.metrics.effective_positions('x')": "map_: must be an array of numbers",
    "ac.metrics.fidelity('x', [[1.0]])": "map_: must be an array of numbers",
    "ac.metrics.random_classifier(net, image[None], None, seed='x')": "seed='x': must be a whole",
    "ac.explain('net', image)": "model: a str; give the torch.nn.Module itself",
    "ac.explain(net, image, fidelity=torch.zeros(2))": "fidelity=tensor([0., 0.]): must be",
    "ac.explain(net, image, against=2.5)": "against=2.5: give 'next', 'rest', a class",
    "ac.explain(net, image, against=np.array([0.5]))": "against=np.float64(0.5): give 'next'",
    "ac.explain(net, image, against=[])": "against=[]: an empty list",
    "ac.explain(net, image, class_names=3)": "class_names: a int; give a list",
    "ac.cam(net, image, against=True)": "against=True: give 'next', 'rest', a class",
    "ac.flip_set(net, image, budget='x')": "budget='x': must be a whole number",
    "ac.flip_set(net, image, against=2.5)": "against=2.5: give 'next', 'rest', a class",
    "ac.flip_set(net, 3)": "image: int; a floating-point tensor",
    "ac.sufficient_set(net, image, cardinality='x')": "cardinality='x': must be a whole number",
    "WeightSector(5.0, 2)": "d=5.0: must be a whole number",
}
CODE = """
import json, sys
import numpy as np
import torch
import annealcam as ac
from annealcam.annealing.schedules.schedule import LINEAR
from annealcam.annealing.simulation.subspace import WeightSector
from annealcam.samplers import inclusion, stand_ins
from annealcam.qubo.evidence import EvidenceProblem as evidence
net = torch.nn.Sequential(
    torch.nn.Conv2d(3, 2, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(72, 2))
image = torch.ones(3, 8, 8)
p = ac.SelectionProblem([1.0, 0.5], [[0.0, 0.8], [0.8, 0.0]])
def outcome(case):
    try:
        return repr(eval(case))
    except ac.errors.AnnealcamError as error:
        return str(error)
    except Exception as error:
        return f"a bare {error!r}"
print(json.dumps({case: outcome(case) for case in json.load(sys.stdin)}))
"""


def test_wrong_types_end_in_one_clear_line():
    answer = subprocess.run(
        [sys.executable, "-c", CODE], input=json.dumps(list(CASES)), capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    outcomes = json.loads(answer.stdout)
    assert {case: outcomes[case][: len(start)] for case, start in CASES.items()} == CASES
