"""The work behind the page: a photo through the network once, then as many selections as wanted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from PIL import Image

from annealcam.annealing.difficulty import Hardness, hardness
from annealcam.annealing.levels.gap import MinimumGap
from annealcam.annealing.levels.low_spectrum import SpectrumCurve
from annealcam.app.choices import Choices
from annealcam.app.known import Portraits
from annealcam.app.limits import KEPT_ANSWERS, KEPT_LOOKS, KEPT_PHOTOS
from annealcam.app.networks import Network, Networks
from annealcam.app.photos import Photos
from annealcam.app.shelf import Shelf
from annealcam.atlas.atlas import open_atlas
from annealcam.attribution.forward_pass import ForwardPass, run_forward
from annealcam.explanation import Explanation
from annealcam.models.preprocess import view_of
from annealcam.pipeline import explained
from annealcam.qubo.files import ProblemFile
from annealcam.qubo.problem import SelectionProblem

VIEW = 448  # pixels
Levels = tuple[MinimumGap | None, SpectrumCurve | None, str]
LookKey = tuple[str, str, str, int | None]
BEING_FOUND = "it is being looked for"


@dataclass(frozen=True, eq=False)
class OpenedPhoto:
    """One photo through one network for one class, and pictures drawn of it so far."""

    look: ForwardPass
    view: Image.Image
    drawn: dict[str, str] = field(default_factory=dict)

    @property
    def room(self) -> int:
        """Bytes that it takes, about: maps, gradients, views and pictures."""
        captured = self.look.captured
        maps = captured.activations.nbytes + captured.gradients.nbytes + captured.logits.nbytes
        return maps + 4 * VIEW * VIEW * 3


class Engine:
    """Explanations for many visitors at once; what was computed before is found again.

    Nothing in it belongs to one visitor: everything is kept under what it was computed from.

    >>> engine = Engine(Networks(["digits"]))
    >>> choices = Choices("skimage:coffee", "digits", sampler="exact")
    >>> engine.explain(choices) is engine.explain(choices)
    True
    """

    def __init__(
        self,
        networks: Networks,
        *,
        atlas: Path | None = None,
        kept_photos: int = KEPT_PHOTOS,
        kept_looks: int = KEPT_LOOKS,
    ) -> None:
        self.networks = networks
        self.photos = Photos(kept_photos)
        self.portraits = Portraits(None if atlas is None else open_atlas(atlas))
        self._looks: Shelf[LookKey, OpenedPhoto] = Shelf(kept_looks, size_of=lambda seen: seen.room)
        self._answers: Shelf[Choices, Explanation] = Shelf(KEPT_ANSWERS)
        self._levels: Shelf[tuple[bytes, bytes, float, int | None], Levels] = Shelf(KEPT_ANSWERS)

    def network(self, choices: Choices) -> Network:
        """Return the network that was chosen.

        Raises:
            ArgumentError: it is not on the page's list.
        """
        return self.networks[choices.network]

    def seen(self, choices: Choices) -> OpenedPhoto:
        """Return what one pass through the network gave; it runs only where nothing is kept.

        Raises:
            AnnealcamError: the photo is gone, or the network does not play along.
        """
        network = self.network(choices)
        layer = network.default if choices.layer is None else network.check_layer(choices.layer)
        key = (choices.photo, choices.network, layer, choices.target)
        return self._looks.made(key, lambda: self._look(network, choices))

    def _look(self, network: Network, choices: Choices) -> OpenedPhoto:
        photo = self.photos[choices.photo]
        image = photo.opened()
        look = run_forward(
            network.loaded.model,
            network.seen(image),
            layer=choices.layer,
            target=choices.target,
            model_name=network.name,
            photo_name=photo.name,
            class_names=network.loaded.classes,
        )
        return OpenedPhoto(look, view_of(network.loaded.preprocess, image, VIEW))

    def explain(self, choices: Choices) -> Explanation:
        """Return what `annealcam.explain` would, to the bit.

        Raises:
            AnnealcamError: as `annealcam.explain` does.
        """
        return self._answers.made(choices, lambda: self._explain(choices))

    def _explain(self, choices: Choices) -> Explanation:
        settings = choices.settings()  # refused before any work
        return explained(self.seen(choices).look, settings)[0]

    def hardness(self, e: Explanation, tau: float) -> Iterator[Hardness]:
        """Yield what the annealer meets in the problem: at once F, then the gap and the levels too.

        Whoever stops asking in between saves the rest of the work.

        Raises:
            ArgumentError: there are no candidates.
        """
        problem = e.problem
        source = ProblemFile(problem, tuple(map(int, e.candidates)), 0.0, "candidate maps")
        kept = self._levels.get(_key(problem))
        first = hardness(source, [tau], levels=kept or (None, None, BEING_FOUND))
        yield first
        if kept is None:
            found = hardness(source, [tau])
            self._levels[_key(problem)] = (found.gap, found.curve, found.no_gap)
            yield replace(first, gap=found.gap, curve=found.curve, no_gap=found.no_gap)


def _key(problem: SelectionProblem) -> tuple[bytes, bytes, float, int | None]:
    return problem.h.tobytes(), problem.J.tobytes(), problem.beta, problem.cardinality
