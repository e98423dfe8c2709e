"""The published figures of an annealer, from a JSON file of the package or of the user."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import resources
from os import PathLike, fspath
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Float

from annealcam._internal.storage.reading import MAX_TEXT, bytes_of, json_of, reading
from annealcam._internal.text import short_repr
from annealcam._internal.types import Array
from annealcam._internal.validation import finite_array, one_line, one_of, real, whole
from annealcam.annealing.schedules.dwave import read_dwave_schedule
from annealcam.annealing.schedules.schedule import Schedule
from annealcam.errors import AnnealcamError, ArgumentError, suggest

# The machines whose published figures are bundled.
MACHINES = ("advantage", "advantage2")
LARGEST = 64  # number in a shape
TOPOLOGIES = {"chimera": (1, 3), "pegasus": (1, 1), "zephyr": (1, 2)}  # numbers in the shape
KELVIN = 1.380649e-23 / 6.62607015e-34 / 1e9  # GHz: Boltzmann's over Planck's constant, exact
LONG_CHAIN = 5  # qubits of the longest chain for which control errors are published

Range = tuple[float, float]


@dataclass(frozen=True, eq=False, repr=False)
class Machine:
    """The published figures of an annealer; a figure that is not known is None.

    Attributes:
        name: of the machine.
        topology: `chimera`, `pegasus` or `zephyr`.
        shape: of the topology, as `dwave.graphs` takes it.
        missing_qubits, missing_couplers: what the working graph lacks; empty for the ideal graph.
        h_range, j_range, extended_j_range: values of biases, couplings, and couplings of chains.
        per_qubit_coupling_range, per_group_coupling_range: sums of the couplings of a qubit, or of
            a group of its couplers.
        control_errors: standard deviations of h and of J in the machine's units, by name, each for
            single qubits and for chains of five qubits or more.
        temperature_mK: physical temperature of the qubits.
        single_qubit_temperature: effective temperature of single qubits, in units of h.
        freezeout: s after which a single qubit no longer changes.
        annealing_time_range, fast_annealing_time_range: in microseconds.
        schedule: A and B over s, in rad/ns, tau in ns.
        sources: of each figure, by its name.
    """

    name: str
    topology: str
    shape: tuple[int, ...]
    h_range: Range
    j_range: Range
    extended_j_range: Range
    missing_qubits: tuple[int, ...] = ()
    missing_couplers: tuple[tuple[int, int], ...] = ()
    per_qubit_coupling_range: Range | None = None
    per_group_coupling_range: Range | None = None
    control_errors: Mapping[str, Range] | None = None
    temperature_mK: float | None = None
    single_qubit_temperature: float | None = None
    freezeout: float | None = None
    annealing_time_range: Range | None = None
    fast_annealing_time_range: Range | None = None
    schedule: Schedule | None = None
    sources: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return short_repr(
            "Machine", name=self.name, topology=self.topology, shape=self.shape, ideal=self.ideal
        )

    @property
    def ideal(self) -> bool:
        """Whether no qubit and no coupler is missing."""
        return not (self.missing_qubits or self.missing_couplers)

    @property
    def place(self) -> tuple[Any, ...]:
        """What the working graph depends on."""
        return self.topology, self.shape, self.missing_qubits, self.missing_couplers

    @cached_property
    def heat(self) -> float | None:
        """Temperature as a frequency, k T / h, in GHz."""
        return None if self.temperature_mK is None else 1e-3 * self.temperature_mK * KELVIN

    def inverse_temperature(self, s: float) -> float | None:
        """Return the factor of the Ising energy in Gibbs' exponent, B(s) / 2 over k T.

        P(state) ~ exp(-B(s) / 2 E / (k T)), with E in the machine's units of h and J. None where
        the schedule or the temperature is not known.

        >>> read_machine("advantage2").inverse_temperature(1.0).__round__(3)
        17.678
        """
        if self.schedule is None or self.heat is None:
            return None
        return float(self.schedule.B(s)) / math.pi / 2.0 / self.heat

    def errors_for(self, chain: float) -> Range | None:
        """Return the standard deviations of h and J for chains of a mean length, or None.

        They are linear in the length from 1 to 5 qubits, between the two published ends.

        >>> read_machine("advantage2").errors_for(1.0)
        (0.01, 0.0095)
        """
        if self.control_errors is None:
            return None
        share = min(max((chain - 1.0) / (LONG_CHAIN - 1.0), 0.0), 1.0)
        single, long = np.array([self.control_errors["h"], self.control_errors["J"]]).T
        h, J = ((1.0 - share) * single + share * long).tolist()
        return h, J


def read_machine(
    hardware: str | PathLike[str] | Machine, *, schedule: str | PathLike[str] | None = None
) -> Machine:
    """Return the figures of a machine, given by its name, by a JSON file, or as a `Machine`.

    Args:
        hardware: `advantage`, `advantage2`, the path of a JSON file with the same keys as theirs
            (docs/hardware.md), or a `Machine`.
        schedule: a CSV file that D-Wave publishes; it replaces the machine's schedule.

    Raises:
        ArgumentError: there is no such machine or file, or a figure is missing or not valid.
        ScheduleError: the schedule's file cannot be read.

    >>> read_machine("advantage2")
    Machine(name='Advantage2_system1', topology='zephyr', shape=(12, 4), ideal=True)
    """
    machine = hardware if isinstance(hardware, Machine) else _of_file(hardware)
    if schedule is None:
        return machine
    if not isinstance(schedule, str | PathLike):
        raise ArgumentError(f"schedule={one_line(schedule)}: must be the path of a CSV file")
    values = {name: getattr(machine, name) for name in machine.__dataclass_fields__}
    return Machine(**{**values, "schedule": read_dwave_schedule(schedule)})


def _of_file(hardware: Any) -> Machine:
    try:
        name = fspath(hardware)
    except TypeError:
        name = None
    if not isinstance(name, str):
        raise ArgumentError(
            f"hardware={one_line(hardware)}: one of {', '.join(MACHINES)}, or the path of a JSON "
            "file"
        )
    if name in MACHINES:
        folder = resources.files("annealcam.samplers.hardware") / "machines"
        text = (folder / f"{name}.json").read_text(encoding="utf-8")
        return _machine(json.loads(text), name, Path())
    path = Path(name)
    if not path.is_file():
        raise ArgumentError(
            f"hardware={name!r}: one of {', '.join(MACHINES)}, or the path of a JSON file"
            f"{suggest(name, MACHINES)}"
        )
    with reading(name, "; give a JSON file", error=ArgumentError):
        figures = json_of(bytes_of(path, MAX_TEXT))
    return _machine(figures, name, path.parent)


def _machine(figures: Any, file: str, folder: Path) -> Machine:
    known = {*Machine.__dataclass_fields__} - {"shape"}
    if not isinstance(figures, dict):
        raise ArgumentError(f"{file}: must be a JSON object of figures, as in docs/hardware.md")
    for key in figures:
        if key not in known:
            raise ArgumentError(f"{file}: {one_line(key)} is no figure{suggest(key, known)}")
    for key in ("topology", "h_range", "j_range"):
        if figures.get(key) is None:
            raise ArgumentError(f"{file}: has no {key}, which every machine needs")
    given = {key: value for key, value in figures.items() if value is not None}
    reader = _Figures(file, given)
    topology, shape = reader.topology()
    j_range = reader.interval("j_range")
    assert j_range is not None
    h_range = reader.interval("h_range")
    assert h_range is not None
    return Machine(
        name=str(given.get("name", file)),
        topology=topology,
        shape=shape,
        missing_qubits=reader.qubits(),
        missing_couplers=reader.couplers(),
        h_range=h_range,
        j_range=j_range,
        extended_j_range=reader.interval("extended_j_range") or j_range,
        per_qubit_coupling_range=reader.interval("per_qubit_coupling_range"),
        per_group_coupling_range=reader.interval("per_group_coupling_range"),
        control_errors=reader.errors(),
        temperature_mK=reader.positive("temperature_mK"),
        single_qubit_temperature=reader.positive("single_qubit_temperature"),
        freezeout=reader.share("freezeout"),
        annealing_time_range=reader.times("annealing_time_range"),
        fast_annealing_time_range=reader.times("fast_annealing_time_range"),
        schedule=reader.schedule(folder),
        sources=reader.sources(),
    )


@dataclass(frozen=True)
class _Figures:
    """The figures of a file, each checked as it is read; one that is missing is None."""

    file: str
    given: Mapping[str, Any]

    def _wrong(self, key: str, demand: str) -> ArgumentError:
        return ArgumentError(f"{self.file}: {key}={one_line(self.given[key])}: {demand}")

    def _numbers(self, key: str, value: Any, length: int | None = None) -> list[float]:
        if not isinstance(value, list) or any(isinstance(v, bool | str) for v in value):
            raise self._wrong(key, "must be a list of numbers")
        array = finite_array(f"{self.file}: {key}", value)
        if array.ndim != 1 or (length is not None and array.size != length):
            raise self._wrong(key, f"must be a list of {length or 'the'} numbers")
        return [float(number) for number in array]

    def topology(self) -> tuple[str, tuple[int, ...]]:
        value = self.given["topology"]
        if not isinstance(value, dict) or {*value} != {"type", "shape"}:
            raise self._wrong("topology", 'must be {"type": "zephyr", "shape": [12, 4]} or such')
        kind = one_of(f"{self.file}: topology type", value["type"], TOPOLOGIES)
        least, most = TOPOLOGIES[kind]
        shape = value["shape"]
        if not isinstance(shape, list) or not least <= len(shape) <= most:
            raise self._wrong("topology", f"a shape of {kind} has {least} to {most} numbers")
        numbers = tuple(whole(f"{self.file}: topology shape", n, least=1) for n in shape)
        if max(numbers) > LARGEST:
            raise self._wrong("topology", f"numbers of a shape must be {LARGEST} or less")
        return kind, numbers

    def qubits(self) -> tuple[int, ...]:
        value = self.given.get("missing_qubits", [])
        if not isinstance(value, list):
            raise self._wrong("missing_qubits", "must be a list of qubits")
        return tuple(sorted({whole(f"{self.file}: missing_qubits", q) for q in value}))

    def couplers(self) -> tuple[tuple[int, int], ...]:
        value = self.given.get("missing_couplers", [])
        if not isinstance(value, list) or any(
            not isinstance(pair, list) or len(pair) != 2 for pair in value
        ):
            raise self._wrong("missing_couplers", "must be a list of pairs of qubits")
        name = f"{self.file}: missing_couplers"
        pairs = {tuple(sorted((whole(name, a), whole(name, b)))) for a, b in value}
        return tuple(sorted((pair[0], pair[1]) for pair in pairs))

    def interval(self, key: str) -> Range | None:
        if key not in self.given:
            return None
        low, high = self._numbers(key, self.given[key], 2)
        if not low < 0 < high:
            raise self._wrong(key, "must be two numbers, the first below 0 and the second above")
        return low, high

    def times(self, key: str) -> Range | None:
        if key not in self.given:
            return None
        shortest, longest = self._numbers(key, self.given[key], 2)
        if not 0 < shortest <= longest:
            raise self._wrong(key, "must be the shortest and the longest time, above 0")
        return shortest, longest

    def errors(self) -> Mapping[str, Range] | None:
        key = "control_errors"
        if key not in self.given:
            return None
        value = self.given[key]
        if not isinstance(value, dict) or {*value} != {"h", "J"}:
            raise self._wrong(key, 'must be {"h": ..., "J": ...}, standard deviations')
        errors = {}
        for name, pair in value.items():
            ends = pair if isinstance(pair, list) else [pair, pair]
            single, long = self._numbers(key, ends, 2)
            if single < 0 or long < 0:
                raise self._wrong(key, "standard deviations must be 0 or more")
            errors[name] = (single, long)
        return MappingProxyType(errors)

    def positive(self, key: str) -> float | None:
        if key not in self.given:
            return None
        number = real(f"{self.file}: {key}", self.given[key])
        if not 0 < number < math.inf:
            raise self._wrong(key, "must be a number above 0")
        return number

    def share(self, key: str) -> float | None:
        number = self.positive(key)
        if number is not None and number > 1:
            raise self._wrong(key, "must be between 0 and 1, a place s of the anneal")
        return number

    def schedule(self, folder: Path) -> Schedule | None:
        """Return the schedule: of a CSV file beside this one, or of lists of A and B in GHz."""
        value = self.given.get("schedule")
        if value is None:
            return None
        if isinstance(value, str):
            return read_dwave_schedule(folder / value)
        if not isinstance(value, dict) or not {"A", "B"} <= {*value} <= {"s", "A", "B"}:
            raise ArgumentError(
                f"{self.file}: schedule: must be a CSV file, or lists of A and B in GHz and of s"
            )
        A, B = (np.array(self._numbers("schedule", value[name])) for name in "AB")
        s = np.array(self._numbers("schedule", value["s"])) if "s" in value else _standard(B)
        with np.errstate(over="ignore"):  # infinity is refused
            A, B = math.pi * A, math.pi * B
        try:
            return Schedule.from_table(
                s, A, B, interpolation="smooth", energy_unit="rad/ns",
                time_unit="ns", name=f"{self.given.get('name', self.file)}, standard anneal",
            )  # fmt: skip
        except AnnealcamError as error:
            raise ArgumentError(f"{self.file}: schedule: {error}") from None

    def sources(self) -> Mapping[str, str]:
        value = self.given.get("sources", {})
        if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
            raise self._wrong("sources", "must be an object of texts")
        return MappingProxyType(dict(value))


def _standard(B: Float[Array, " points"]) -> Float[Array, " points"]:
    """Return s of the standard anneal, in which the qubits' persistent current grows linearly.

    B is proportional to the square of the current, so that s is linear in the root of B.

    Source: D-Wave, "Annealing Implementation and Controls", standard-anneal protocol.
    """
    root = np.sqrt(np.maximum(B, 0.0))
    s = (root - root[0]) / ((root[-1] - root[0]) or 1.0)
    return np.append(s[:-1], 1.0)
