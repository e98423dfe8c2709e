"""Arguments of a wrong type end in one clear line, without the run-time checks of the tests."""

import json
import subprocess
import sys

CASES = {
    "LINEAR.paused('x', 0.1)": "at='x': must be a number",
    "LINEAR.paused(0.1, 'x')": "length='x': must be a number",
    "LINEAR.reverse([1, 0], 'x')": "turn='x': must be a number",
    "ac.anneal(p, tau='x')": "tau='x': must be a number",
    "ac.anneal(p, tau=np.ones((2, 2)))": "tau=array([[1., 1.],        [1., 1.]]): must be a number",
    "ac.anneal(p, scale_energies='x')": "scale_energies='x': must be True, False or None (scale QU",
    "ac.anneal(p, tol='x')": "tol='x': must be a number",
    "ac.anneal_batch([p], tau=['x'])": "tau='x': must be a number",
    "ac.spectrum(p, levels='4')": "levels='4': must be a whole number",
    "ac.spectrum(p, tol='x')": "tol='x': must be a number",
    "ac.spectrum(p, points='x')": "points='x': must be a whole number",
    "ac.minimum_gap(p, tol='x')": "tol='x': must be a number",
    "ac.tts99('x', 1.0)": "p='x': must be a number",
    "ac.tau_sweep(p, ['x'])": "taus: tau='x': must be a number",
    "ac.hardware_report(p, hardware=3)": "hardware=3: one of advantage, advantage2, or the path of",
    "ac.hardware_report(p, tau='x')": "tau='x': must be one length in ns, or several",
    "ac.hardware_report(p, tau=['x'])": "tau: must be an array of numbers",
    "ac.hardware_report(p, shots='x')": "shots='x': must be a whole number",
    "ac.SelectionProblem('x', [[0.0]])": "h: must be an array of numbers",
    "ac.SelectionProblem([1.0], [[0.0]], beta='x')": "beta='x': must be a number",
    "ac.SelectionProblem([1.0], [[0.0]], cardinality=0.5)": "cardinality=0.5: must be",
    "ac.anneal(p, convention='unit', normalisation='unit')": "convention, normalisation: give",
    "ac.solve(p, sampler=3)": "sampler=int",
    "ac.anneal(None)": "problem: NoneType; give a SelectionProblem, a dimod BinaryQuadraticModel",
    "ac.minimum_gap({'a': 1.0})": "problem: the key 'a' is no pair of labels; a QUBO dict is {(i, ",
    "ac.spectrum([[1.0, 2.0]])": "problem: list of shape (1, 2); give a SelectionProblem, a dimod ",
    "ac.solve_exact(dimod.ConstrainedQuadraticModel())": "problem: ConstrainedQuadraticModel; give",
    "ac.anneal_batch(p)": "problems: SelectionProblem; give a list of problems",
    "ac.anneal_batch([p, 'x'])": "problems[1]: str; give a SelectionProblem, a dimod",
    "hardness(3, [1.0])": "source: int; give a SelectionProblem, a dimod BinaryQuadraticModel, a",
    "inclusion([[1.0]], [1], temperature='x')": "temperature='x': must be a number",
    "ac.SelectionProblem.from_bqm({(0, 0): 1.0})": "bqm: dict; give a dimod BinaryQuadraticModel",
    "sample(dimod.ConstrainedQuadraticModel())": "bqm: ConstrainedQuadraticModel; give a Selection",
    "ac.solve(p, 'sa', seed='x')": "seed='x': must be a whole number",
    "ac.solve(p, 'sa', options=[1])": "options: list; give a dict of keywords, such as {'sweeps'",
    "ac.solve_exact(p, time_limit=[1])": "time_limit=[1]: must be a number",
    "branch_and_bound(p, time_limit='x')": "time_limit='x': must be a number",
    "branch_and_bound(p, time_limit=0)": "time_limit=0.0: must be a number of seconds above 0, or",
    "branch_and_bound(p, start='x')": "start: must be an array of numbers",
    "local_search(p, start=[1])": "start: must be one selection, 0 or 1 for each of 2 maps, such",
    "local_search(p, start=[2, 0])": "start: must be one selection, 0 or 1 for each of 2 maps",
    "local_search(p.with_cardinality(1), start=[0, 0])": "start: selects 0 maps, but cardinality=1",
    "local_search(p, seed='x')": "seed='x': must be a whole number",
    "cardinality_path(p, 3)": "sizes=3: give a list of whole numbers, such as [5, 10]",
    "cardinality_path(p, ['x'])": "cardinality='x': must be a whole number",
    "random_k(p, seed=None)": "seed=None: must be a whole number",
    "hardness(p, 3.5)": "taus=3.5: give a list of run times, such as [10, 100]",
    "dense_hamiltonian(p, 'x')": "u='x': must be a number",
    "guess_probability(p, 'x', 1)": "multiplicity='x': must be a whole number",
    "sample('x')": "bqm: str; give a SelectionProblem, a dimod BinaryQuadraticModel, a QUBO dict",
    "sample(bqm, initial_state=[1, -1])": "initial_state: list; give a dict {variable: value}, wit",
    "sample(bqm, initial_state={'a': [1]})": "initial_state: 'a' is [1]; give 0 or 1 for every va",
    "sample(bqm, initial_state={})": "initial_state: 'a' is missing; give 0 or 1 for every variabl",
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
    "ac.explain(net, image, run='x')": "run='x': must be a whole number",
    "ac.explain(net, image, run=1.5)": "run=1.5: must be a whole number",
    "ac.explain(net, image, run=-1)": "run=-1: must be 0 or more",
    "ac.explain(net, image, run=5)": "run=5: layer '1' runs once with maps in a forward pass",
    "ac.explain(net, image, link='x')": "link='x': one of softmax, sigmoid, identity",
    "ac.explain(net, image, link=3)": "link=3: one of softmax, sigmoid, identity",
    "ac.explain(net, image, link=['softmax'])": "link=['softmax']: one of softmax, sigmoid, ident",
    "ac.explain(net, image, direction='x')": "direction='x': one of up, down",
    "ac.explain(net, image, direction=None)": "direction=None: one of up, down",
    "ac.explain(net, image, direction=[1])": "direction=[1]: one of up, down",
    "ac.explain(net, image, direction='down')": "direction='down': for numbers alone, but the lin",
    "ac.explain(net, image, output='x')": "output: a str; give a function from what the model ret",
    "ac.explain(net, image, output=3)": "output: a int; give a function from what the model retur",
    "ac.explain(net, image, output=lambda r: None)": "output: gives NoneType, not logits (1, clas",
    "ac.explain(net, image, output=lambda r: 'x')": "output: gives str, not logits (1, classes) f",
    "ac.explain(net, image, output=lambda r: r.nothing)": "output: fails on the Tensor that the m",
    "ac.explain(net, image, output=lambda r, s: r)": "output: fails on the Tensor that the model ",
    "ac.explain(net, image, output=lambda r: r.long())": "output: gives int64 (1, 2), not logits ",
    "ac.explain(net, image, output=lambda r: r[0, 0, 0])": "output: fails on the Tensor that the ",
    "ac.explain(net, image, output=lambda r: torch.zeros(3, 2))": "output: gives float32 (3, 2), ",
    "ac.explain(net, image, output=lambda r: r.detach())": "layer=None: no layer of the network h",
    "ac.explain(net, image, reshape_transform='x')": "reshape_transform: given without a layer; n",
    "ac.explain(net, image, **reshape('x'))": "reshape_transform: a str; give a",
    "ac.explain(net, image, **reshape(3))": "reshape_transform: a int; give a f",
    "ac.explain(net, image, **reshape(lambda t: None))": "reshape_transform: gives Non",
    "ac.explain(net, image, **reshape(lambda t: 1 / 0))": "reshape_transform: fails on ",
    "ac.explain(net, image, **reshape(lambda t: t * 2))": "reshape_transform: changes o",
    "ac.explain(net, image, **reshape(lambda t: t.mean(1, True)))": "reshape_transform: changes o",
    "ac.explain(net, image, **reshape(lambda t: t[0]))": "reshape_transform: gives (2,",
    "ac.explain(net, image, **reshape(lambda t: t.numpy()))": "reshape_transform: gives nda",
    "ac.explain(net, image, **reshape(lambda t: t[:, :, None, None, None]))": "reshape_transform: ",
    "ac.explain(net, image, reshape_transform=lambda t: t)": "reshape_transform: given without a ",
    "ac.explain(net, ())": "image: tuple; a floating-point tensor (channels, H, W) or (n",
    "ac.explain(net, [])": "image: list; a floating-point tensor (channels, H, W) or (n,",
    "ac.explain(net, (3, image))": "image: int; a floating-point tensor (channels, H, W) or (n, ",
    "ac.explain(net, ('x',))": "image: str; a floating-point tensor (channels, H, W) or (n, ",
    "ac.explain(net, (image, 'x'))": "model: Sequential fails on images of shape",
    "ac.explain(net, (image, None))": "model: Sequential fails on images of shape",
    "ac.explain(net, (image, image))": "model: Sequential fails on images of shape",
    "ac.explain(net, (torch.ones(2, 3, 8, 8), torch.ones(3)))": "image: 2 images beside an input ",
    "ac.explain(net, (torch.ones(2, 3, 8, 8), torch.tensor(1.0)))": "image: 2 images beside an in",
    "ac.explain(net, {'image': image})": "image: dict; a floating-point tensor (channels, H, W) o",
    "ac.explain(net, None)": "image: NoneType; a floating-point tensor (channels, H, W) or",
    "ac.explain(net, image, class_names={'a': 'b'})": "class_names: a dict whose keys are no indi",
    "ac.explain(net, image, class_names={9: 'b'})": "class_names: has a name for class 9, but the",
    "ac.explain(net, image, class_names={-1: 'b'})": "class_names: a dict whose keys are no indic",
    "ac.explain(net, image, class_names={None: 'b'})": "class_names: a dict whose keys are no ind",
    "ac.explain(net, image, class_names={1.5: 'b'})": "class_names: a dict whose keys are no indi",
    "ac.explain(net, image, class_names={(0, 1): 'b'})": "class_names: a dict whose keys are no i",
    "ac.explain(net, image, class_names={10**12: 'b'})": "class_names: a dict whose keys are no i",
    "ac.explain(net, image, class_names='ab')": "class_names: a str; give a list with the name of",
    "ac.explain(net, image, class_names=[])": "class_names: 0 names, but the model has 2 classes",
    "ac.explain(net, image, class_names=np.array(3))": "class_names: a ndarray; give a list with ",
    "ac.explain(net, image, class_names=len)": "class_names: a builtin_function_or_method; give a",
    "ac.explain(net, image, class_names=(str(i) for i in range(2)))": "class_names: a generator; g",
    "ac.explain(net, image, target=lambda z: None)": "target: the function fails on logits",
    "ac.explain(net, image, target=lambda z: 'x')": "target: the function fails on logits",
    "ac.explain(net, image, target=lambda z: 1 / 0)": "target: the function fails on logits",
    "ac.explain(net, image, target=lambda: 3)": "target: the function fails on logits",
    "ac.explain(net, image, target=lambda z: 3.0)": "target: the function fails on logits",
    "ac.explain(net, image, target=lambda z: z.detach().sum())": "target: the function fails on l",
    "ac.explain(net, image, target=lambda z: z * float('nan'))": "gradients of layer '1': NaN or ",
    "ac.explain(net, image, target=lambda z: [z[0]])": "target: the function fails on logits",
    "ac.explain(net, image, target=[lambda z: z[0], 1])": "target: 2 classes for 1 images; give o",
    "ac.explain(net, image, target=lambda z: z[0], against=1)": "against=1: contrasts classes, an",
    "ac.explain(net, image, target=[None])": "target: None among several; give every image a clas",
    "ac.explain(net, image, target=[[0]])": "target=[0]: a class is a whole number or a name; a f",
    "ac.explain(net, image, target={0: 1})": "target={0: 1}: a class is a whole number or a name;",
    "ac.explain(changing(nan), image)": "logits: NaN or infinity for image 0; check the input's n",
    "ac.explain(changing(lambda z: None), image)": "model: Changing gives NoneType, not logits (1",
    "ac.explain(changing(lambda z: z, lambda z: None), image)": "model: Changing gives NoneType, ",
    "ac.explain(changing(same, lambda z: {'a': 'b'}), image)": "model: Changing gives a mapping w",
    "ac.explain(changing(same, nan), image)": "logits: NaN or infinity for image 0; check the inp",
    "ac.explain(changing(same, same, lambda z: None), image)": "model: Changing gives NoneType, n",
    "ac.explain(changing(lambda z: ()), image)": "model: Changing gives tuple, not logits (1, cla",
    "ac.explain(changing(lambda z: {}), image)": "model: Changing gives a mapping with nothing, o",
    "ac.explain(changing(lambda z: (None, z)), image)": "model: Changing gives NoneType, not logi",
    "ac.explain(changing(lambda z: 'text'), image)": "model: Changing gives str, not logits (1, c",
    "ac.explain(changing(lambda z: 3.5), image)": "model: Changing gives float, not logits (1, cl",
    "ac.explain(changing(lambda z: np.zeros((1, 2))), image)": "model: Changing gives ndarray, no",
    "ac.explain(changing(lambda z: z[:0]), image)": "model: Changing gives float32 (0, 2), not lo",
    "ac.explain(changing(lambda z: z[:, :0]), image)": "model: Changing gives float32 (1, 0), not",
    "ac.explain(changing(lambda z: z.to(torch.complex64)), image)": "model: Changing gives comple",
    "ac.explain(changing(lambda z: z.to_sparse()), image)": "model: Changing gives a tensor of th",
    "ac.explain(changing(lambda z: z.to('meta')), image)": "model: Changing gives a tensor withou",
    "ac.explain(changing(lambda z: torch.full((1, 2), float('inf'))), image)": "layer=None: no lay",
    "ac.explain(changing(lambda z: torch.nested.nested_tensor([z[0]])), image)": "model: Changing ",
    "ac.cam(net, image, run='x')": "run='x': must be a whole number",
    "ac.cam(net, image, link='x')": "link='x': one of softmax, sigmoid, identity",
    "ac.cam(net, image, direction='x')": "direction='x': one of up, down",
    "ac.cam(net, image, output='x')": "output: a str; give a function from what the model returns",
    "ac.cam(net, image, **reshape(3))": "reshape_transform: a int; give a funct",
    "ac.cam(net, image, method='scorecam', output=lambda r: None)": "output: gives NoneType, not ",
    "ac.cam(net, (image, image))": "model: Sequential fails on images of shape",
    "ac.explain(nn.Sequential(), image)": "model: Sequential gives float32 (1, 3, 8, 8), not logi",
    "ac.explain(nn.Linear(3, 2), image)": "model: Linear fails on images of shape",
    "ac.explain(nn.LazyLinear(3), image)": "model: Linear gives float32 (1, 3, 8, 3), not logits ",
    "ac.explain(nn.Flatten(), torch.zeros(0, 3, 8, 8))": "image: (0, 3, 8, 8); a floating-point t",
    "ac.explain(net, image, layer={'a': 1})": "layer: a dict; give a name such as 'layer4', or a ",
    "ac.explain(net, image, layer=nn.Linear)": "layer: a type; give a name such as 'layer4', or a",
    "ac.explain(net, image, layer=[None])": "layer: a NoneType; give a name such as 'layer4', or ",
    "ac.explain(net, image, layer=['1', 3])": "layer: a int; give a name such as 'layer4', or a m",
    "ac.explain(net, image.to(torch.complex64))": "image: complex64 (3, 8, 8); a floating-point t",
    "ac.explain(net, image * float('nan'))": "logits: NaN or infinity for image 0; check the inpu",
    "ac.explain(net, image, network_record=3)": "network_record: a int; give a dict, such as load",
    "ac.flip_set(net, image, link='x')": "link='x': one of softmax, sigmoid, identity",
    "ac.flip_set(net, image, run='x')": "run='x': must be a whole number",
    "ac.sufficient_set(net, image, cardinality=1, link=3)": "link=3: one of softmax, sigmoid, ide",
    "ac.sufficient_set(net, image, cardinality=1, output=3)": "output: a int; give a function fro",
}
CODE = """
import json, sys
import dimod
import numpy as np
import torch
from torch import nn
import annealcam as ac
from annealcam.annealing import dense_hamiltonian, guess_probability, hardness
from annealcam.annealing.schedules.schedule import LINEAR
from annealcam.annealing.simulation.subspace import WeightSector
from annealcam.samplers import (
    branch_and_bound, cardinality_path, inclusion, local_search, random_k, stand_ins)
from annealcam.qubo.evidence import EvidenceProblem as evidence
torch.manual_seed(0)
net = torch.nn.Sequential(
    torch.nn.Conv2d(3, 2, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(72, 2))
image = torch.ones(3, 8, 8)
def nan(z):
    return z * float("nan")
def reshape(function):
    return {"layer": "1", "reshape_transform": function}
def same(z):
    return z
class Changing(torch.nn.Module):
    def __init__(self, results):
        super().__init__()
        self.net, self.results, self.calls = net, results, 0
    def forward(self, x):
        self.calls += 1
        return self.results[min(self.calls, len(self.results)) - 1](self.net(x))
def changing(*results):
    torch.manual_seed(0)
    return Changing(results)
sample = ac.AnnealingSampler().sample
bqm = dimod.BinaryQuadraticModel({"a": -1.0}, {}, "BINARY")
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
