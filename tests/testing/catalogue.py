"""The samplers and explainers of docs/conformance.md, ours and those of other packages."""

import contextlib
import io
from dataclasses import dataclass, field
from functools import cache, partial
from importlib import import_module
from typing import Any

import numpy as np

import annealcam as ac
from annealcam.attribution.activations import capture
from annealcam.attribution.cam import CAM_METHODS
from annealcam.errors import AnnealcamError
from annealcam.samplers import SAMPLERS
from annealcam.samplers.paths import cardinality_path
from annealcam.testing import Report, check_explainer, check_sampler
from annealcam.testing.explainer import EXPLAINER_CHECKS
from annealcam.testing.sampler import SAMPLER_CHECKS


@dataclass(frozen=True)
class Entry:
    """A sampler or an explainer of the page.

    Attributes:
        name: in the table.
        make: makes it; its package is imported then.
        options: of `check_sampler` or `check_explainer`.
        note: in the table, on options of the calls.
        needs: packages, by the names of their modules.
        long: whether only `make test-long` runs it.
    """

    name: str
    make: Any
    options: dict[str, Any] = field(default_factory=dict)
    note: str = ""
    needs: tuple[str, ...] = ()
    long: bool = False


def by_name(name, needs=(), **options):
    """A sampler of ours."""
    return Entry(f"`{name}`", lambda: name, options, needs=needs, long=name == "scip")


def mock_processor():
    """A mock of D-Wave's processor, with a seeded search in its place."""
    machine = import_module("dwave.system.testing").MockDWaveSampler
    return machine(
        topology_type="pegasus", exact_solver_cutoff=0, parameter_warnings=False,
        substitute_kwargs={"seed": 8},
    )  # fmt: skip


def on_a_mock(problem, *, seed=0, shots=100):
    """The sampler `dwave` on a mock of the processor."""
    return ac.solve(problem, "dwave", seed=seed, shots=shots, options={"qpu": mock()})


mock = cache(mock_processor)


def on_a_stand_in(problem):
    """The sampler `leap` on dimod's ExactSolver."""
    return ac.solve(problem, "leap", options={"sampler": peer("dimod", "ExactSolver")})


def best_size(problem):
    """The best of `cardinality_path`, or that of the problem's cardinality."""
    problem = ac.qubo.as_problem(problem)
    sizes = None if problem.cardinality is None else [problem.cardinality]
    empty = np.zeros(problem.d, dtype=np.int8)
    paths = [solution.n for solution in cardinality_path(problem, sizes).values()]
    return min(paths + [empty] * (sizes is None), key=problem.energy)


def peer(module, name, **options):
    """An object of another package."""
    return getattr(import_module(module), name)(**options)


def of_dimod(name, module="dwave.samplers", long=False, **options):
    """A sampler of dimod or dwave-samplers."""
    return Entry(name, partial(peer, module, name), options, needs=(module,), long=long)


REMOTE = {"dwave": on_a_mock, "leap": on_a_stand_in}
OPTIONS = {
    "windows": ({"rounds": 2}, {"shots": "The shots are those of each window."}),
    "sqa": ({"shots": 2, "sweeps": 50}, None),
    "tabu": ({"shots": 1, "restarts": 0}, None),
    "sa": ({"shots": 10}, None),
}
OURS = [
    by_name(name, options=OPTIONS.get(name, (None, None))[0],
            skip=OPTIONS.get(name, (None, None))[1],
            needs=("pyscipopt",) if name == "scip" else ())
    for name in SAMPLERS if name not in REMOTE
]  # fmt: skip
OURS += [
    Entry(
        "`dwave`", lambda: on_a_mock, note="on a mock processor", needs=("dwave.system",), long=True
    ),
    Entry("`leap`", lambda: on_a_stand_in, note="on dimod's ExactSolver"),
    Entry("cardinality_path", lambda: best_size, {"exact": True}, "its best size"),
    Entry("AnnealingSampler", ac.AnnealingSampler),
]
PEERS = [
    of_dimod("ExactSolver", "dimod", exact=True),
    of_dimod("RandomSampler", "dimod", deterministic=False),
    of_dimod("SimulatedAnnealingSampler"),
    of_dimod("PathIntegralAnnealingSampler"),
    of_dimod("RotorModelAnnealingSampler", long=True),
    of_dimod("TabuSampler", long=True),
    of_dimod("SteepestDescentSampler"),
    of_dimod("TreeDecompositionSolver", exact=True),
    of_dimod("TreeDecompositionSampler"),
    of_dimod("RandomSampler"),
]

LAYER = "maps"
SLOW = ("ablationcam", "finercam")
STRICT = {"refusals": AnnealcamError}


def our_cam(method):
    """A method of `annealcam.cam`."""

    def explainer(model, images, targets):
        return ac.cam(model, images, layer=LAYER, target=targets, method=method)

    return explainer


def our_explanation(model, images, targets):
    """The maps of `annealcam.explain`."""
    explanations = ac.explain(model, images, layer=LAYER, target=targets, sampler="exact")
    return np.stack([e.map for e in explanations])


def of_sets(sets, model, images):
    """The maps of each set, added up."""
    maps = capture(model, images, layer=LAYER).activations
    return np.stack([f[s.channels].sum(dim=0) for f, s in zip(maps, sets, strict=True)])


def our_sufficient_sets(model, images, targets):
    """The two maps that keep the class's probability best."""
    sets = ac.sufficient_set(model, images, layer=LAYER, target=targets, cardinality=2)
    return of_sets(sets, model, images)


def our_flip_sets(model, images, targets):
    """The fewest maps without which the prediction changes."""
    return of_sets(ac.flip_set(model, images, layer=LAYER, target=targets), model, images)


def of_grad_cam(name):
    """A method of pytorch-grad-cam, as its documentation uses it."""

    def explainer(model, images, targets):
        module = "annealcam.interop.grad_cam" if name == "AnnealCAM" else "pytorch_grad_cam"
        output = import_module("pytorch_grad_cam.utils.model_targets").ClassifierOutputTarget
        options = {"sampler": "exact"} if name == "AnnealCAM" else {}
        method = getattr(import_module(module), name)
        with method(model, [model.maps], **options) as cam:
            return cam(images, [output(c) for c in targets])

    return explainer


def of_captum(name, *, of_layer, **options):
    """An attribution of Captum, as its documentation uses it, summed over channels."""

    def explainer(model, images, targets):
        module = "annealcam.interop.captum" if name == "LayerAnnealCAM" else "captum.attr"
        chosen = {"sampler": "exact"} if name == "LayerAnnealCAM" else {}
        layer = (model.maps,) if of_layer else ()
        method = getattr(import_module(module), name)(model, *layer, **chosen)
        return method.attribute(images, target=list(targets), **options).sum(dim=1)

    return explainer


def of_quantus(model, images, targets):
    """The adapter for Quantus, which need not be installed."""
    from annealcam.interop.quantus import explain_func

    return explain_func(model, images, targets, layer=LAYER, sampler="exact")[:, 0]


OUR_EXPLAINERS = [
    *(Entry(f'`cam(method="{name}")`', partial(our_cam, name), STRICT, long=name in SLOW)
      for name in CAM_METHODS),
    Entry("`explain`", lambda: our_explanation, STRICT),
    Entry("`sufficient_set`", lambda: our_sufficient_sets, STRICT, "the maps of the set, added",
          long=True),
    Entry("`flip_set`", lambda: our_flip_sets,
          STRICT | {"skip": {"planted_place": "A class that is not predicted has an empty set."}},
          "the maps of the set, added", long=True),
    Entry("`interop.quantus.explain_func`", lambda: of_quantus, STRICT, long=True),
    Entry("`interop.captum.LayerAnnealCAM`", partial(of_captum, "LayerAnnealCAM", of_layer=True),
          needs=("captum",), long=True),
    Entry("`interop.grad_cam.AnnealCAM`", partial(of_grad_cam, "AnnealCAM"),
          needs=("pytorch_grad_cam",), long=True),
]  # fmt: skip
GRAD_CAM = [
    Entry(name, partial(of_grad_cam, name), needs=("pytorch_grad_cam",), long=name != "GradCAM")
    for name in ("GradCAM", "GradCAMPlusPlus", "HiResCAM", "LayerCAM", "XGradCAM", "EigenCAM",
                 "EigenGradCAM", "GradCAMElementWise", "ScoreCAM", "AblationCAM", "FinerCAM",
                 "ShapleyCAM", "KPCA_CAM", "FEM", "FullGrad", "RandomCAM")
]  # fmt: skip
OF_LAYERS = ("LayerGradCam", "LayerGradientXActivation", "LayerConductance", "LayerDeepLift",
             "LayerIntegratedGradients")  # fmt: skip
CAPTUM = [
    Entry(name, partial(of_captum, name, of_layer=name in (*OF_LAYERS, "GuidedGradCam"), **options),
          needs=("captum",), long=name != "LayerGradCam")
    for name, options in {
        "LayerGradCam": {"relu_attributions": True}, "LayerGradientXActivation": {},
        "LayerConductance": {}, "LayerDeepLift": {}, "LayerIntegratedGradients": {},
        "IntegratedGradients": {}, "Saliency": {}, "InputXGradient": {}, "DeepLift": {},
        "GuidedBackprop": {}, "Deconvolution": {}, "GuidedGradCam": {},
        "Occlusion": {"sliding_window_shapes": (3, 4, 4), "strides": (3, 4, 4)},
    }.items()
]  # fmt: skip

SAMPLER_GROUPS = {
    "annealcam": OURS,
    "dimod": PEERS[:2],
    "dwave-samplers": PEERS[2:],
}
EXPLAINER_GROUPS = {
    "annealcam": OUR_EXPLAINERS,
    "pytorch-grad-cam": GRAD_CAM,
    "Captum": CAPTUM,
}


@cache
def report_on(kind: str, package: str, name: str) -> Report:
    """Run the checks of an entry, without what it prints."""
    groups, check = {
        "sampler": (SAMPLER_GROUPS, check_sampler),
        "explainer": (EXPLAINER_GROUPS, check_explainer),
    }[kind]
    entry = next(e for e in groups[package] if e.name == name)
    silent = io.StringIO()
    with contextlib.redirect_stdout(silent), contextlib.redirect_stderr(silent):
        return check(entry.make(), report=True, **entry.options)


def row(kind: str, package: str, entry: Entry) -> str:
    """Return the line of an entry in the table."""
    report = report_on(kind, package, entry.name)
    failed = ", ".join(f"`{name}`" for name in report.failed) or "none"
    note = f", {entry.note}" if entry.note else ""
    counts = f"{len(report.passed)} | {len(report.not_applicable)}"
    return f"| {entry.name}{note} | {counts} | {failed} |"


BEGIN, END = "<!-- tables: make conformance-table -->", "<!-- end of tables -->"


def tables() -> str:
    """Return the generated part of docs/conformance.md."""
    lines = []
    for kind, groups, checks in (
        ("sampler", SAMPLER_GROUPS, SAMPLER_CHECKS),
        ("explainer", EXPLAINER_GROUPS, EXPLAINER_CHECKS),
    ):
        lines += [f"## Checks of {kind}s\n", "| check | what holds |", "| --- | --- |"]
        lines += [f"| `{check.__name__}` | {check.__doc__} |" for check in checks]
        lines += [f"\n## Results of {kind}s"]
        for package, entries in groups.items():
            lines += [
                f"\n### {package}\n",
                f"| {kind} | passed | not applicable | failed |",
                "| --- | ---: | ---: | --- |",
                *(row(kind, package, entry) for entry in entries),
            ]
        lines += [""]
    return "\n".join(lines)
