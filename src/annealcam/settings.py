"""The settings of an explanation, with every default, checked before any work is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any

from annealcam._internal.deprecation import renamed_arguments
from annealcam._internal.validation import one_of, real, whole
from annealcam.annealing.hamiltonian import DEFAULT_TAU
from annealcam.errors import ArgumentError
from annealcam.qubo.objectives import BETA, FIDELITY, OBJECTIVES
from annealcam.samplers.registry import SAMPLERS, sampler_named

PAPER: Mapping[str, Any] = MappingProxyType({
    "importance": "gradcam", "objective": "sum", "beta": 0.7, "map_form": "sum_of_relu",
    "gradients": "plain", "tau": 50.0,
})  # fmt: skip
GRADIENTS = ("integrated", "plain")
FEW = 16  # candidates of the samplers that simulate each of them as a qubit
PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType({"paper": PAPER})


@dataclass(frozen=True)
class Settings:
    """How maps are weighed, selected and drawn; see `annealcam.explain` for each field.

    The defaults here are those of the whole library. `resolve` applies a preset.

    Raises:
        ArgumentError: a value is out of range, or a name is unknown.

    >>> Settings().objective, Settings().tau, resolve(objective="relative").beta
    ('evidence', 100.0, 0.6666666666666666)
    """

    importance: str = "alignment"
    objective: str = "evidence"
    beta: float | None = None
    map_form: str = "contributions"
    gradients: str = "integrated"
    preset: str | None = None
    cardinality: int | None = None
    fidelity: float = FIDELITY
    max_qubits: int | None = None
    sampler: Any = "anneal"
    sampler_options: Mapping[str, Any] | None = None
    seed: int = 0
    tau: float = DEFAULT_TAU
    normalisation: str = "per_qubit"
    schedule: str = "linear"
    shots: int | None = None

    def __post_init__(self) -> None:
        from annealcam.annealing.hamiltonian import check_normalisation
        from annealcam.annealing.schedules.schedule import SCHEDULES
        from annealcam.annealing.simulation.plan import check_tau
        from annealcam.attribution.cam import MAP_FORMS
        from annealcam.attribution.importance import IMPORTANCES
        from annealcam.qubo.problem import check_beta, check_cardinality

        one_of("importance", self.importance, IMPORTANCES)
        one_of("objective", self.objective, OBJECTIVES)
        one_of("map_form", self.map_form, MAP_FORMS)
        one_of("gradients", self.gradients, GRADIENTS)
        if isinstance(self.sampler, str):
            object.__setattr__(self, "sampler", sampler_named(self.sampler).name)
        elif not callable(getattr(self.sampler, "sample", None)):
            raise ArgumentError(
                f"sampler={self.sampler!r}: has no method sample(bqm); "
                "give a name or a dimod sampler"
            )
        if self.objective == "evidence" and self.importance != "alignment":
            raise ArgumentError(
                f"importance={self.importance!r}: the evidence objective weighs maps by their "
                "alignment; omit the importance, or choose objective='relative' or 'sum'"
            )
        plain = {
            "beta": None if self.beta is None else check_beta(self.beta),
            "fidelity": check_fidelity(self.fidelity),
            "cardinality": check_cardinality(self.cardinality),
            "tau": check_tau(self.tau),
            "normalisation": check_normalisation(self.normalisation),
            "schedule": one_of("schedule", self.schedule, SCHEDULES),
            "max_qubits": None
            if self.max_qubits is None
            else whole("max_qubits", self.max_qubits, least=1),
            "seed": whole("seed", self.seed),
            "shots": None if self.shots is None else whole("shots", self.shots, least=1),
        }
        for name, value in plain.items():  # plain Python values, fit to be stored
            object.__setattr__(self, name, value)

    @property
    def sampler_name(self) -> str:
        """The sampler's name; for an object, that of its class."""
        return self.sampler if isinstance(self.sampler, str) else type(self.sampler).__name__

    @property
    def limit(self) -> int | None:
        """The largest number of candidates; None: all of them.

        Samplers that simulate a qubit for each candidate get 16 by default, and so do all samplers
        of the objectives `relative` and `sum`, whose candidates are chosen to be unlike each other.
        """
        if self.max_qubits is not None:
            return self.max_qubits
        few = isinstance(self.sampler, str) and SAMPLERS[self.sampler].few_maps
        return FEW if few or self.objective != "evidence" else None

    @property
    def integrated(self) -> bool:
        """Whether contributions add up, by integrated gradients where needed."""
        return self.gradients == "integrated"

    @property
    def weighing(self) -> dict[str, Any]:
        """The keyword arguments of `build_problem`."""
        return {
            "beta": self.beta,
            "limit": self.limit,
            "objective": self.objective,
            "cardinality": self.cardinality,
            "fidelity": self.fidelity,
        }

    def sampling(self, *, seed: int | None = None) -> dict[str, Any]:
        """Return the keyword arguments of `annealcam.solve`; `seed` replaces that of the settings.

        >>> resolve(sampler="exact").sampling(seed=3)["seed"]
        3
        """
        return {
            "sampler": self.sampler,
            "options": self.sampler_options,
            "seed": self.seed if seed is None else seed,
            "tau": self.tau,
            "normalisation": self.normalisation,
            "schedule": self.schedule,
            "shots": self.shots,
        }

    def as_provenance(self) -> dict[str, Any]:
        """Return these settings as plain values; those that the sampler does not take are None."""
        record = {field.name: getattr(self, field.name) for field in fields(self)}
        record["sampler"] = self.sampler_name
        record["sampler_options"] = _plain(self.sampler_options)
        record["max_qubits"] = self.limit
        if self.objective != "evidence" or self.cardinality is not None:
            record["fidelity"] = None
        taken = SAMPLERS[self.sampler].settings if isinstance(self.sampler, str) else ()
        for name in {"tau", "normalisation", "schedule", "shots"}.difference(taken):
            record[name] = None
        return record


def check_fidelity(fidelity: Any) -> float:
    """Return a fidelity as a float; raise ArgumentError unless it is above 0 and at most 1."""
    number = real("fidelity", fidelity)
    if not 0 < number <= 1:
        raise ArgumentError(
            f"fidelity={fidelity}: a cosine with the evidence, above 0 and at most 1, such as 0.95"
        )
    return number


def _plain(options: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return options as a record holds them: numbers and lists as they are, objects by name."""
    if options is None:
        return None
    plain = (bool, int, float, str, list, tuple)
    return {
        str(name): value
        if value is None or isinstance(value, plain)
        else getattr(value, "name", type(value).__name__)
        for name, value in options.items()
    }


@renamed_arguments(convention="normalisation")
def resolve(preset: str | None = None, **choices: Any) -> Settings:
    """Return the settings of a preset, with `choices` above it; None leaves a default.

    Without an objective, an importance other than the alignment takes `relative`. Without an
    importance or a beta, the default of the objective is used.

    Raises:
        ArgumentError: no preset has that name, or a choice is out of range.

    >>> resolve("paper", beta=0.5, importance=None).importance
    'gradcam'
    """
    values: dict[str, Any] = {"preset": preset}
    if preset is not None:
        values |= PRESETS[one_of("preset", preset, PRESETS)]
    values |= {name: value for name, value in choices.items() if value is not None}
    if values.get("importance", Settings.importance) != Settings.importance:
        values.setdefault("objective", "relative")
    objective = values.setdefault("objective", Settings.objective)
    values.setdefault("importance", "alignment" if objective == "evidence" else "contribution")
    values.setdefault("beta", BETA.get(objective))
    return Settings(**values)
