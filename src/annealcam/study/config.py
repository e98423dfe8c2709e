"""The configuration of a study: data, networks, problem, annealing, selectors and statistics."""

from __future__ import annotations

import math
import tomllib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from annealcam._internal.storage.reading import reading, text_of
from annealcam._internal.text import shorten
from annealcam._internal.validation import one_line, one_of, real, whole
from annealcam.errors import ArgumentError, suggest
from annealcam.settings import GRADIENTS, PAPER, Settings, resolve

# The names of the configurations that are bundled.
PRESETS = (
    "crops", "digits", "digits-evidence", "imagenet-evidence", "imagenet-layer", "paper",
    "paper-imagenette",
)  # fmt: skip
IMAGE_CHOICES = ("correct", "all")
EXPLAINED_CLASSES = ("predicted", "label")
_MOST = {  # of what a study counts, so that its memory and its table stay within reason
    "data.per_class": 10**7, "network.batch": 10**5, "network.epochs": 10**5,
    "network.maps": 10**5, "problem.cardinality": 10**6, "baselines.random_draws": 10**5,
    "baselines.sizes": 10**6, "annealing.shots": 10**8, "evidence.grids": 10**6,
    "evidence.cardinalities": 10**6, "statistics.bootstrap": 10**5,
    "statistics.permutations": 10**5,
}  # fmt: skip
_WITHOUT_EFFECT = {
    "cardinality": 0, "fidelity": Settings.fidelity, "gradients": PAPER["gradients"],
}  # fmt: skip


@dataclass(frozen=True)
class Data:
    """The images: `per_class` of each class of a part of a data set (0: all of them).

    `choose` restricts them to the correctly predicted ones. `labels` names the network's class
    for each class of the data whose name differs.
    """

    name: str = "digits"
    part: str = "test"
    root: str = ""
    download: bool = False
    per_class: int = 20
    choose: str = "correct"
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Network:
    """The networks by name, and their layers (none: the default layer of each).

    With `trunk` and `maps` in place of `models`, heads of the paper's form are trained first.
    """

    models: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    trunk: str = ""
    maps: tuple[int, ...] = ()
    epochs: int = 20
    device: str = "cpu"
    batch: int = 10


@dataclass(frozen=True)
class Problem:
    """The weights of the maps, and the class that is explained: the predicted one or the label.

    Omitted values are the paper's. With the objective `evidence` they are those of
    `annealcam.explain`: alignment, integrated gradients, and the beta that suits the head.
    `cardinality` 0 leaves the number of maps to the energy, or to the fidelity.
    """

    importance: str = ""
    objective: str = PAPER["objective"]
    beta: float | None = None
    max_qubits: int = 20
    explain: str = "predicted"
    cardinality: int = 0
    fidelity: float = Settings.fidelity
    gradients: str = ""

    def __post_init__(self) -> None:
        evidence = self.objective == "evidence"
        defaults = {
            "importance": "alignment" if evidence else PAPER["importance"],
            "gradients": "integrated" if evidence else PAPER["gradients"],
        }
        for name, value in defaults.items():
            object.__setattr__(self, name, getattr(self, name) or value)
        if self.beta is None and not evidence:
            object.__setattr__(self, "beta", PAPER["beta"])

    def settings(self) -> Settings:
        """Return the settings of `annealcam.explain` that weigh and select maps in the same way.

        >>> Problem().settings().weighing["limit"]
        20
        """
        return resolve(
            None if self.objective == "evidence" else "paper", importance=self.importance,
            objective=self.objective, beta=self.beta, max_qubits=self.max_qubits,
            cardinality=self.cardinality or None, fidelity=self.fidelity,
            gradients=self.gradients,
        )  # fmt: skip


@dataclass(frozen=True)
class Annealing:
    """Run times and driver normalisations, all pairs of which are run; `shots` 0 means d^2."""

    tau: tuple[float, ...] = (10.0, 50.0, 100.0)
    normalisations: tuple[str, ...] = ("per_qubit", "unit")
    schedule: str = Settings.schedule
    shots: int = 0
    gaps: bool = True

    def __post_init__(self) -> None:
        from annealcam.annealing.hamiltonian import check_normalisation

        names = [
            check_normalisation(name, argument="annealing.normalisations")
            for name in self.normalisations
        ]
        object.__setattr__(self, "normalisations", tuple(names))


@dataclass(frozen=True)
class Baselines:
    """Draws of the random selection, and the sizes k at which the overlap is measured."""

    random_draws: int = 10
    sizes: tuple[int, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """Selectors by evidence beside the study's own, and the annealing of their problems.

    Attributes:
        enabled: whether they are part of the study.
        cardinalities: numbers k of maps they select; none: the sizes of the baselines.
        candidates: sizes of the annealed problems; the other selectors use the largest.
        beta: 0 draws the evidence, 1 takes the maps of largest contribution.
        gradients: `integrated` or `plain`; see `annealcam.explain`.
        penalties: strengths of the penalty that replaces the subspace of k maps, as multiples of
            the sufficient one; none: no such run.
        grids: pairs of photos for each pair of classes, whose maps are scored by grid pointing;
            as many photos of each class are explained with a random classifier.
    """

    enabled: bool = False
    cardinalities: tuple[int, ...] = ()
    candidates: tuple[int, ...] = (6, 8, 10, 12)
    beta: float = 0.0
    gradients: str = "integrated"
    penalties: tuple[float, ...] = (0.1, 0.2, 0.5, 1.0)
    grids: int = 0


@dataclass(frozen=True)
class Statistics:
    """Resamples of the bootstrap, and permutations of the null distribution."""

    bootstrap: int = 2000
    permutations: int = 1000


@dataclass(frozen=True)
class Study:
    """A complete, checked configuration.

    Raises:
        ArgumentError: a value is out of range, or options contradict each other.

    >>> Study(problem=Problem(beta=0.5)).problem.beta
    0.5
    """

    seed: int = 0
    shard: int = 20
    data: Data = field(default_factory=Data)
    network: Network = field(default_factory=lambda: Network(models=("digits",)))
    problem: Problem = field(default_factory=Problem)
    annealing: Annealing = field(default_factory=Annealing)
    baselines: Baselines = field(default_factory=Baselines)
    evidence: Evidence = field(default_factory=Evidence)
    statistics: Statistics = field(default_factory=Statistics)

    def __post_init__(self) -> None:
        _check_names(self)
        _check_ranges(self)
        _check_contradictions(self)

    def __repr__(self) -> str:
        networks = self.network.models or (f"{self.network.trunk} {self.network.maps}",)
        return (
            f"Study(data={self.data.name!r:.60}, networks={list(networks)!r:.120}, "
            f"seed={self.seed})"
        )

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, as TOML and JSON hold them."""
        return _plain(self)

    @property
    def evidence_sizes(self) -> tuple[int, ...]:
        """The numbers k of maps that are selected by evidence; none if they are not enabled."""
        sizes = self.evidence.cardinalities or self.baselines.sizes
        return sizes if self.evidence.enabled else ()

    @property
    def uses_labels(self) -> bool:
        """Whether the classes of the data must be classes of the networks."""
        all_photos = self.data.choose == "all" and self.problem.explain == "predicted"
        return not all_photos or self.evidence.enabled or bool(self.data.labels)

    def identity(self) -> dict[str, Any]:
        """Return the values that decide the bits of the table: all but paths and statistics.

        Options that earlier versions lacked are left out where they have no effect, so that the
        runs of those versions can be resumed.
        """
        values = self.as_dict()
        for name in ("root", "download"):
            del values["data"][name]
        del values["statistics"]
        if not self.evidence.enabled:
            del values["evidence"]
        for name, without_effect in _WITHOUT_EFFECT.items():
            if values["problem"][name] == without_effect:
                del values["problem"][name]
        return values


def read_study(path: Path) -> Study:
    """Return the study that a TOML file describes.

    Raises:
        ArgumentError: the file cannot be read, or a key, a type or a value is wrong.
    """
    with reading(f"config={str(path)!r}", "; give a TOML file", error=ArgumentError):
        values = tomllib.loads(text_of(path))
    return study_of(values, name=str(path))


def preset(name: str) -> Study:
    """Return the study of that name, one of `PRESETS`.

    >>> preset("paper-imagenette").annealing.tau
    (10.0, 50.0, 100.0)
    """
    one_of("preset", name, PRESETS)
    return read_study(Path(__file__).parent / "presets" / f"{name}.toml")


def study_of(values: Mapping[str, Any], *, name: str = "config") -> Study:
    """Return the study that nested mappings describe; omitted keys take their defaults.

    Raises:
        ArgumentError: an unknown key (similar ones are suggested), a wrong type, a value out of
            range, or options that contradict each other.

    >>> study_of({"data": {"name": "digits"}, "seed": 3}).seed
    3
    """
    current = current_names(values)
    if current != values:
        message = f"{name}: annealing.conventions: renamed, use annealing.normalisations"
        warnings.warn(message, DeprecationWarning, stacklevel=2)
    try:
        return _build(Study, current, "")
    except ArgumentError as error:
        raise ArgumentError(f"{name}: {error}") from None
    except RecursionError:
        raise ArgumentError(f"{name}: is nested too deeply") from None


def current_names(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration of an earlier version under the names of this one.

    >>> current_names({"annealing": {"conventions": ["paper"]}})
    {'annealing': {'normalisations': ['per_qubit']}}
    """
    from annealcam.annealing.hamiltonian import OLD_NAMES

    section = values.get("annealing")
    if not isinstance(section, Mapping) or "conventions" not in section:
        return dict(values)
    if "normalisations" in section:
        raise ArgumentError("annealing.conventions: an old name of annealing.normalisations")
    old = section["conventions"]
    names = old if isinstance(old, list | tuple) else [old]
    others = {key: value for key, value in section.items() if key != "conventions"}
    new = [OLD_NAMES.get(n, n) if isinstance(n, str) else n for n in names]
    return {**values, "annealing": {**others, "normalisations": new}}


def _build(section: Any, values: Mapping[str, Any], prefix: str) -> Any:
    """Build a dataclass from a mapping, and its sections from the mappings inside."""
    types = {f.name: str(f.type) for f in fields(section)}
    arguments: dict[str, Any] = {}
    for key, value in values.items():
        if key not in types:
            raise ArgumentError(f"{prefix}{shorten(key, 60)}: unknown key{suggest(key, types)}")
        inner = _SECTIONS.get(types[key])
        if inner is None:
            arguments[key] = _checked(f"{prefix}{key}", value, types[key])
        elif isinstance(value, Mapping):
            arguments[key] = _build(inner, value, f"{key}.")
        else:
            raise ArgumentError(
                f"{key}={one_line(value)}: must be a section, [{key}] and its keys below"
            )
    return section(**arguments)


def _checked(key: str, value: Any, form: str) -> Any:
    """Return a value of an annotated type; integers become floats, a single value a tuple."""
    if form == "Mapping[str, str]":
        if not isinstance(value, Mapping):
            raise ArgumentError(f"{key}={one_line(value)}: must be a table of text")
        return {str(name): _scalar(f"{key}.{name}", v, "str") for name, v in value.items()}
    if form.startswith("tuple["):
        several = value if isinstance(value, list | tuple) else [value]
        inner = form.removeprefix("tuple[").removesuffix(", ...]")
        return tuple(_scalar(key, v, inner, "a list, each ") for v in several)
    return _scalar(key, value, form)


def _scalar(key: str, value: Any, form: str, before: str = "") -> Any:
    if form.endswith(" | None"):
        if value is None:
            return None
        form = form.removesuffix(" | None")
    kind, description = _SCALARS[form]
    if form == "float" and type(value) is int:
        return real(key, value)
    if type(value) is not kind:
        raise ArgumentError(f"{key}={one_line(value)}: must be {before}{description}")
    return value


def _plain(value: Any) -> Any:
    if hasattr(value, "__dataclass_fields__"):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, Mapping) else value


def _check_names(study: Study) -> None:
    from annealcam.annealing.schedules.schedule import SCHEDULES
    from annealcam.attribution.importance import IMPORTANCES
    from annealcam.qubo.objectives import OBJECTIVES

    one_of("data.choose", study.data.choose, IMAGE_CHOICES)
    one_of("problem.objective", study.problem.objective, OBJECTIVES)
    one_of("problem.importance", study.problem.importance, IMPORTANCES)
    one_of("problem.explain", study.problem.explain, EXPLAINED_CLASSES)
    for key in ("problem.gradients", "evidence.gradients"):
        one_of(key, _value(study, key), GRADIENTS)
    one_of("annealing.schedule", study.annealing.schedule, SCHEDULES)


def _check_ranges(study: Study) -> None:
    from annealcam.samplers.annealing import MAX_QUBITS

    for key in ("seed", "data.per_class", "annealing.shots", "baselines.random_draws",
                "problem.cardinality", "evidence.grids"):  # fmt: skip
        whole(key, _value(study, key))
    for key in ("shard", "network.batch", "network.epochs", "statistics.bootstrap",
                "statistics.permutations"):  # fmt: skip
        whole(key, _value(study, key), least=1)
    for key in ("network.maps", "baselines.sizes", "evidence.cardinalities"):
        for number in _value(study, key):
            whole(key, number, least=1)
    for key, most in _MOST.items():
        value = _value(study, key)
        if max(value if isinstance(value, tuple) else (value,), default=0) > most:
            raise ArgumentError(f"{key}={one_line(value)}: must be {most} or less")
    for key in ("problem.beta", "evidence.beta"):
        beta = _value(study, key)
        if beta is not None and not 0 <= beta <= 1:
            raise ArgumentError(f"{key}={beta}: must lie between 0 and 1")
    if not 0 < study.problem.fidelity <= 1:
        raise ArgumentError(
            f"problem.fidelity={study.problem.fidelity}: must be above 0, and at most 1"
        )
    limits = [("problem.max_qubits", study.problem.max_qubits)]
    limits += [("evidence.candidates", limit) for limit in study.evidence.candidates]
    for key, limit in limits:
        if not 1 <= limit <= MAX_QUBITS:
            raise ArgumentError(
                f"{key}={limit}: must lie between 1 and {MAX_QUBITS}; "
                "every optimum of a study is proved by enumeration"
            )
    for key in ("annealing.tau", "evidence.penalties"):
        for value in _value(study, key):
            if not (math.isfinite(value) and value > 0):
                raise ArgumentError(f"{key}={value}: must be above 0 and finite")


def _check_contradictions(study: Study) -> None:
    network, annealing = study.network, study.annealing
    if bool(network.models) == bool(network.trunk):
        raise ArgumentError(
            f"network.models={list(network.models)}, network.trunk={network.trunk!r}: give one of "
            "the two; networks by name, or a trunk on which heads are trained"
        )
    if bool(network.trunk) != bool(network.maps):
        raise ArgumentError(
            f"network.maps={list(network.maps)}, network.trunk={network.trunk!r}: "
            "a trunk needs the sizes of its heads, and sizes need a trunk"
        )
    if bool(annealing.tau) != bool(annealing.normalisations):
        raise ArgumentError(
            f"annealing.tau={list(annealing.tau)}, annealing.normalisations="
            f"{list(annealing.normalisations)}: give both, or neither (then nothing is annealed)"
        )
    if annealing.gaps and not annealing.normalisations:
        raise ArgumentError(
            "annealing.gaps=true: a gap needs a normalisation; give one, or set gaps to false"
        )
    evidence = study.evidence
    if evidence.enabled and not (study.evidence_sizes and evidence.candidates):
        raise ArgumentError(
            "evidence.enabled=true: needs evidence.candidates, and evidence.cardinalities or "
            "baselines.sizes; give the numbers of maps"
        )
    if study.problem.objective == "evidence" and study.problem.importance != "alignment":
        raise ArgumentError(
            f"problem.importance={study.problem.importance!r}: the evidence objective weighs maps "
            "by their alignment; omit the importance, or choose another objective"
        )
    for key in ("network.models", "network.layers", "network.maps", "annealing.tau",
                "annealing.normalisations", "baselines.sizes", "evidence.cardinalities",
                "evidence.candidates", "evidence.penalties"):  # fmt: skip
        values = _value(study, key)
        if len(set(values)) < len(values):
            raise ArgumentError(f"{key}={list(values)}: each value may appear only once")


def _value(study: Study, key: str) -> Any:
    section, _, name = key.rpartition(".")
    return getattr(getattr(study, section) if section else study, name)


_SECTIONS = {
    s.__name__: s for s in (Data, Network, Problem, Annealing, Baselines, Evidence, Statistics)
}  # fmt: skip
_SCALARS: dict[str, tuple[type, str]] = {
    "str": (str, "text"), "bool": (bool, "true or false"), "int": (int, "a whole number"),
    "float": (float, "a number"),
}  # fmt: skip
