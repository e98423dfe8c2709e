"""What a study does: data, networks, problem, annealing, baselines; read from TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from annealcam._internal.validation import one_of
from annealcam.errors import ArgumentError, suggest
from annealcam.study.config_values import Kind, checked

PRESETS = ("digits", "imagenet-layer", "paper", "paper-imagenette")


@dataclass(frozen=True)
class Data:
    """Which images: `per_class` of each class of a part (0: all), predicted correctly or all.

    `labels` says which class of the network a class of the data is, where the names differ.
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
    """Which networks by name, and which of their layers (none: the default one).

    In place of `models`, `trunk` and `maps` have heads of the paper's form trained first.
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
    """How maps are weighed, and which class is explained: the predicted one or the label."""

    importance: str = "gradcam"
    objective: str = "sum"
    beta: float = 0.7
    max_qubits: int = 20
    explain: str = "predicted"


@dataclass(frozen=True)
class Annealing:
    """Run times and normalisations; `shots` 0 is d^2."""

    tau: tuple[float, ...] = (10.0, 50.0, 100.0)
    normalisations: tuple[str, ...] = ("per_qubit", "unit")
    schedule: str = "linear"
    shots: int = 0
    gaps: bool = True


@dataclass(frozen=True)
class Baselines:
    """Draws of the random selection, and the sizes k at which overlap is drawn against k."""

    random_draws: int = 10
    sizes: tuple[int, ...] = ()


@dataclass(frozen=True)
class Statistics:
    """Resamples of the bootstrap, and permutations of the null."""

    bootstrap: int = 2000
    permutations: int = 1000


@dataclass(frozen=True)
class Study:
    """A whole study, checked: every field has its type and range, and none contradicts another.

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
    statistics: Statistics = field(default_factory=Statistics)

    def __post_init__(self) -> None:
        from annealcam.study.config_rules import check

        check(self)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, as TOML and JSON have them."""
        return _plain(self)

    def identity(self) -> dict[str, Any]:
        """Return all that decides about the table's bits: where the data lie does not."""
        told = self.as_dict()
        for name in ("root", "download"):
            del told["data"][name]
        del told["statistics"]
        return told


def read_study(path: Path) -> Study:
    """Return the study that a TOML file describes.

    Raises:
        ArgumentError: the file cannot be read, or a key, a type or a value is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ArgumentError(f"config={str(path)!r}: cannot be read ({reason})") from error
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ArgumentError(f"config={str(path)!r}: not TOML ({error})") from error
    return study_of(told, name=str(path))


def preset(name: str) -> Study:
    """Return the study of that name: digits, paper, paper-imagenette or imagenet-layer.

    >>> preset("paper-imagenette").annealing.tau
    (10.0, 50.0, 100.0)
    """
    one_of("preset", name, PRESETS)
    return read_study(Path(__file__).parent / "presets" / f"{name}.toml")


def study_of(told: Mapping[str, Any], *, name: str = "config") -> Study:
    """Return the study that nested mappings describe; what is left out has its default.

    Raises:
        ArgumentError: an unknown key (near ones are suggested), a wrong type, a value out of
            range, or options that contradict each other.

    >>> study_of({"data": {"name": "digits"}, "seed": 3}).seed
    3
    """
    try:
        return _filled(Study, told, "")
    except ArgumentError as error:
        raise ArgumentError(f"{name}: {error}") from None


def _filled(form: Any, told: Mapping[str, Any], place: str) -> Any:
    """An instance of a dataclass from a mapping, its sections from mappings inside."""
    known = {f.name: str(f.type) for f in fields(form)}
    given: dict[str, Any] = {}
    for key, value in told.items():
        if key not in known:
            raise ArgumentError(f"{place}{key}: unknown key{suggest(key, known)}")
        section = _SECTIONS.get(known[key])
        if section is None:
            given[key] = checked(f"{place}{key}", value, _KINDS[known[key]])
        elif isinstance(value, Mapping):
            given[key] = _filled(section, value, f"{key}.")
        else:
            raise ArgumentError(f"{key}={value!r}: a section, [{key}] and its keys below")
    return form(**given)


def _plain(value: Any) -> Any:
    if hasattr(value, "__dataclass_fields__"):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, Mapping) else value


_SECTIONS = {
    s.__name__: s for s in (Data, Network, Problem, Annealing, Baselines, Statistics)
}  # fmt: skip
_KINDS: dict[str, Kind] = {
    "str": Kind(str), "bool": Kind(bool), "int": Kind(int), "float": Kind(float),
    "tuple[str, ...]": Kind(str, many=True), "tuple[int, ...]": Kind(int, many=True),
    "tuple[float, ...]": Kind(float, many=True), "Mapping[str, str]": Kind(str, named=True),
}  # fmt: skip
