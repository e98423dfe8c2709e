"""The list of samplers: every place that offers or describes samplers reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Any

from annealcam._internal.deprecation import renamed_value
from annealcam._internal.validation import one_of

RENAMED = {"topk": "topk_relevance"}  # old names of samplers


@dataclass(frozen=True)
class Sampler:
    """A sampler: how it is called, and what it needs and guarantees.

    Args:
        name: the value of `sampler=`.
        label: its name in tables and figures.
        function: `module:function`, imported when it is used. It takes the problem and
            keyword-only options, and returns a row of 0 and 1, an array with a row for each shot,
            an `ExactSolution` or a `Selection`.
        settings: which of the settings common to all samplers (`seed`, `tau`, `normalisation`,
            `schedule`, `shots`) the function takes.
        most_maps: larger problems without a cardinality are left to `local`; None: no limit.
        few_maps: whether it gets the 16 most promising candidates of a layer unless `max_qubits`
            is set; the others take all of them.
        remote: whether it is a service elsewhere that needs an account.
        certifies: whether it proves that its selection is optimal.
        extra: the optional dependency that it needs here, as in `pip install 'annealcam[extra]'`.
        help: one line for command lines and tables.
    """

    name: str
    label: str
    function: str
    help: str
    settings: tuple[str, ...] = ()
    most_maps: int | None = None
    few_maps: bool = False
    remote: bool = False
    certifies: bool = False
    extra: str | None = None

    @property
    def built_in(self) -> bool:
        """Whether it runs here, without an account and without an optional dependency."""
        return not self.remote and self.extra is None

    @property
    def takes_seed(self) -> bool:
        """Whether its result depends on a seed."""
        return "seed" in self.settings

    @property
    def anneals(self) -> bool:
        """Whether it simulates an annealing of duration `tau`."""
        return "tau" in self.settings

    def load(self) -> Callable[..., Any]:
        """Import the function and return it."""
        module, _, name = self.function.partition(":")
        function: Callable[..., Any] = getattr(import_module(module), name)
        return function


_SEED = ("seed",)
_ANNEALING = ("seed", "tau", "normalisation", "schedule", "shots")
_LIST = (
    Sampler("anneal", "Annealing", "annealcam.samplers.annealing:select_by_annealing",
            "exact simulation of an annealer, up to 24 maps; `local` beyond",
            _ANNEALING, most_maps=24, few_maps=True),
    Sampler("exact", "Exact", "annealcam.samplers.exact:solve_exact",
            "the optimum with its proof: enumeration up to 24 maps, then branch and bound",
            certifies=True),
    Sampler("scip", "SCIP", "annealcam.samplers.general.scip:solve_by_scip",
            "the optimum by the mixed-integer solver SCIP, an optional dependency", _SEED,
            certifies=True, extra="scip"),
    Sampler("local", "Local search", "annealcam.samplers.local:local_search",
            "iterated local search, for hundreds of maps", _SEED),
    Sampler("windows", "Annealed windows", "annealcam.samplers.windows:select_by_windows",
            "annealing a few maps of a large problem at a time", _ANNEALING),
    Sampler("sa", "Simulated annealing", "annealcam.samplers.heuristics:simulated_annealing",
            "simulated annealing, by dwave-samplers", _SEED),
    Sampler("sqa", "Simulated quantum annealing", "annealcam.samplers.heuristics:path_integral",
            "simulated quantum annealing (path-integral Monte Carlo), by dwave-samplers", _SEED),
    Sampler("tabu", "Tabu search", "annealcam.samplers.heuristics:tabu",
            "tabu search, by dwave-samplers", _SEED),
    Sampler("greedy", "Greedy", "annealcam.samplers.baselines:greedy",
            "add the map that lowers the energy most, while one does"),
    Sampler("topk_relevance", "Top-k by relevance", "annealcam.samplers.baselines:topk_relevance",
            "the k most relevant maps; k as in the optimum unless a cardinality is set"),
    Sampler("random", "Random", "annealcam.samplers.baselines:random_k",
            "k maps at random; k as in the optimum unless a cardinality is set", _SEED),
    Sampler("dwave", "D-Wave processor", "annealcam.samplers.dwave.qpu:select_by_dwave",
            "D-Wave's quantum processor, with an account", ("seed", "shots"), few_maps=True,
            remote=True),
    Sampler("leap", "Leap hybrid solver", "annealcam.samplers.dwave.leap:select_by_leap",
            "the hybrid solvers of D-Wave's Leap service, with an account", remote=True),
)  # fmt: skip
# The samplers by name.
SAMPLERS: Mapping[str, Sampler] = MappingProxyType({sampler.name: sampler for sampler in _LIST})


def sampler_named(name: Any, *, argument: str = "sampler") -> Sampler:
    """Return the sampler of a name; an old name is accepted with a DeprecationWarning.

    Raises:
        ArgumentError: no sampler has that name.

    >>> sampler_named("sa").label
    'Simulated annealing'
    """
    return SAMPLERS[one_of(argument, renamed_value(argument, name, RENAMED), SAMPLERS)]
