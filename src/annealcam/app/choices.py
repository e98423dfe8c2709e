"""What a visitor has chosen, as one value."""

from __future__ import annotations

from dataclasses import dataclass

from annealcam._internal.validation import one_of
from annealcam.app.limits import MAX_QUBITS, MAX_TAU
from annealcam.errors import ArgumentError
from annealcam.qubo.objectives import BETA
from annealcam.samplers import registry
from annealcam.settings import Settings, resolve

# Those that run here, within seconds. `dwave` and `leap` are services elsewhere: a page that
# anyone may open must not spend its owner's account.
SAMPLERS = tuple(name for name, sampler in registry.SAMPLERS.items() if not sampler.remote)
PREDICTED = -1
BETA_STEP = 0.01
DEFAULT_BETA = round(BETA["relative"], 2)


@dataclass(frozen=True)
class Choices:
    """One setting of all the page's controls, for one class.

    `layer` and `target` are None for the default layer and the predicted class; `cardinality` is
    0 where the energy decides how many maps are selected.

    >>> Choices("skimage:coffee", "efficientnet-lite0", beta=0.67).settings().beta == 2 / 3
    True
    """

    photo: str
    network: str
    layer: str | None = None
    target: int | None = None
    importance: str = "contribution"
    beta: float = DEFAULT_BETA
    cardinality: int = 0
    tau: float = 100.0
    sampler: str = "anneal"

    def settings(self) -> Settings:
        """Return these choices as `annealcam.explain` takes them.

        The slider has hundredths, so that 0.67 stands for the default, 2/3.

        Raises:
            ArgumentError: a choice is out of range.
        """
        one_of("sampler", self.sampler, SAMPLERS)
        if not self.tau <= MAX_TAU:
            raise ArgumentError(f"tau={self.tau:g}: at most {MAX_TAU:g} on the page")
        default = abs(self.beta - DEFAULT_BETA) < BETA_STEP / 10
        return resolve(
            importance=self.importance,
            beta=None if default else self.beta,
            cardinality=self.cardinality or None,
            tau=self.tau,
            sampler=self.sampler,
            max_qubits=MAX_QUBITS,
        )
