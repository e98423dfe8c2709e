"""The choices of a visitor as one value."""

from __future__ import annotations

from dataclasses import dataclass

from annealcam._internal.validation import one_of
from annealcam.app.limits import MAX_QUBITS, MAX_TAU
from annealcam.errors import ArgumentError
from annealcam.qubo.objectives import BETA
from annealcam.samplers import registry
from annealcam.settings import Settings, resolve

# Only samplers that run on this machine: visitors must not spend the account of the page's owner.
SAMPLERS = tuple(name for name, sampler in registry.SAMPLERS.items() if sampler.built_in)
PREDICTED = -1
BETA_STEP = 0.01
DEFAULT_BETA = round(BETA["relative"] or 0.0, 2)


@dataclass(frozen=True)
class Choices:
    """The values of all controls that an explanation of one class depends on.

    `layer` and `target` are None for the default layer and the predicted class. `cardinality` is 0
    if the fidelity, or the energy, decides how many maps are selected.

    >>> photo = Choices("skimage:coffee", "digits", importance="contribution", beta=0.67)
    >>> photo.settings().beta == 2 / 3
    True
    """

    photo: str
    network: str
    layer: str | None = None
    target: int | None = None
    against: str | None = None
    importance: str = Settings.importance
    beta: float = DEFAULT_BETA
    cardinality: int = 0
    tau: float = Settings.tau
    sampler: str = Settings.sampler

    def settings(self) -> Settings:
        """Return the settings of `annealcam.explain`.

        The slider has steps of 0.01, so that 0.67 means the default, 2/3. With the importance
        `alignment` the objective is `evidence`, which has no such trade-off.

        Raises:
            ArgumentError: a choice is out of range.
        """
        one_of("sampler", self.sampler, SAMPLERS)
        if not self.tau <= MAX_TAU:
            raise ArgumentError(f"tau={self.tau:g}: at most {MAX_TAU:g} on the page")
        is_default = abs(self.beta - DEFAULT_BETA) < BETA_STEP / 10
        is_default |= self.importance == "alignment"
        return resolve(
            importance=self.importance,
            beta=None if is_default else self.beta,
            cardinality=self.cardinality or None,
            tau=self.tau,
            sampler=self.sampler,
            max_qubits=MAX_QUBITS,
        )
