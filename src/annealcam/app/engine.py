"""Explanations for the page: one forward pass for a photo, then any number of selections."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from PIL import Image

from annealcam._internal.pictures.geometry import geometry_record
from annealcam.annealing.difficulty import Hardness, hardness
from annealcam.annealing.levels.gap import MinimumGap
from annealcam.annealing.levels.low_spectrum import SpectrumCurve
from annealcam.app.cache import Cache
from annealcam.app.choices import Choices
from annealcam.app.limits import STORED_ANSWERS, STORED_PASSES, STORED_PHOTOS
from annealcam.app.networks import Network, Networks
from annealcam.app.photos import Photos
from annealcam.app.responses import AtlasResponses
from annealcam.atlas.atlas import open_atlas
from annealcam.attribution.forward_pass import ForwardPass, run_forward
from annealcam.explanation import Explanation
from annealcam.models.preprocess import large_photo
from annealcam.pipeline import explain_pass
from annealcam.qubo.files import ProblemFile
from annealcam.qubo.problem import SelectionProblem
from annealcam.sets.flip import FlipSet, flip_set

VIEW = 448  # pixels of a photo's longer side
Levels = tuple[MinimumGap | None, SpectrumCurve | None, str]
PassKey = tuple[str, str, str, int | None, str | None]
ProblemKey = tuple[bytes, bytes, float, int | None]
PENDING = "it is being computed"


@dataclass(frozen=True, eq=False)
class OpenedPhoto:
    """A photo after the forward pass for one network, layer and class, with drawn pictures.

    `large` is the part of it that the network sees, at full resolution; None if it is not known.
    """

    forward_pass: ForwardPass
    large: Image.Image | None
    drawn: dict[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Approximate number of bytes of maps, gradients, views and pictures."""
        captured = self.forward_pass.captured
        maps = captured.activations.nbytes + captured.gradients.nbytes + captured.logits.nbytes
        return maps + 4 * VIEW * VIEW * 3


class Engine:
    """Explanations for many visitors; earlier results are stored and reused.

    No state belongs to a visitor: every result is stored under the choices that it depends on.

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
        stored_photos: int = STORED_PHOTOS,
        stored_passes: int = STORED_PASSES,
    ) -> None:
        self.networks = networks
        self.photos = Photos(stored_photos)
        self.responses = AtlasResponses(None if atlas is None else open_atlas(atlas))
        self._passes: Cache[PassKey, OpenedPhoto] = Cache(stored_passes, lambda photo: photo.size)
        self._answers: Cache[Choices, Explanation] = Cache(STORED_ANSWERS)
        self._flips: Cache[PassKey, FlipSet] = Cache(STORED_ANSWERS)
        self._levels: Cache[ProblemKey, Levels] = Cache(STORED_ANSWERS)

    def network(self, choices: Choices) -> Network:
        """Return the chosen network.

        Raises:
            ArgumentError: the page does not offer it.
        """
        return self.networks[choices.network]

    def opened_photo(self, choices: Choices) -> OpenedPhoto:
        """Return the photo after the forward pass, which runs only if it is not stored.

        Raises:
            AnnealcamError: the photo is not stored any more, or the network fails.
        """
        network = self.network(choices)
        key = self._key(network, choices)
        return self._passes.get_or_make(key, lambda: self._open(network, choices))

    def flip_set(self, choices: Choices) -> FlipSet:
        """Return the fewest maps without which another class is above the chosen one.

        Raises:
            AnnealcamError: as `annealcam.flip_set`.
        """
        network = self.network(choices)
        key = self._key(network, choices)
        return self._flips.get_or_make(key, lambda: self._flip_set(network, choices))

    def _flip_set(self, network: Network, choices: Choices) -> FlipSet:
        result = flip_set(
            network.loaded.model,
            network.preprocess(self.photos[choices.photo].opened()),
            layer=choices.layer,
            target=choices.target,
            class_names=network.loaded.classes,
        )
        assert isinstance(result, FlipSet)  # of one photo
        return result

    def _key(self, network: Network, choices: Choices) -> PassKey:
        layer = network.default if choices.layer is None else network.check_layer(choices.layer)
        return choices.photo, choices.network, layer, choices.target, choices.against

    def _open(self, network: Network, choices: Choices) -> OpenedPhoto:
        photo = self.photos[choices.photo]
        image = photo.opened()
        preprocess = network.loaded.preprocess
        forward_pass = run_forward(
            network.loaded.model,
            network.preprocess(image),
            layer=choices.layer,
            target=choices.target,
            against=choices.against,
            model_name=network.name,
            photo_name=photo.name,
            class_names=network.loaded.classes,
            network_record=network.loaded.record,
        )
        record = {**forward_pass.record, **geometry_record(preprocess, image)}
        large = large_photo(preprocess, image, VIEW)
        return OpenedPhoto(replace(forward_pass, record=record), large)

    def explain(self, choices: Choices) -> Explanation:
        """Return the explanation, equal to that of `annealcam.explain` to the bit.

        Raises:
            AnnealcamError: as `annealcam.explain`.
        """
        return self._answers.get_or_make(choices, lambda: self._explain(choices))

    def _explain(self, choices: Choices) -> Explanation:
        settings = choices.settings()  # errors are raised before any work
        return explain_pass(self.opened_photo(choices).forward_pass, settings)[0]

    def hardness(self, e: Explanation, tau: float) -> Iterator[Hardness]:
        """Yield the hardness of the problem: first with F alone, then with gap and levels.

        The second computation runs only if the iteration continues.

        Raises:
            ArgumentError: there are no candidates.
        """
        problem = e.problem
        source = ProblemFile(problem, tuple(map(int, e.candidates)), 0.0, "candidate maps")
        levels = self._levels.get(_problem_key(problem))
        first = hardness(source, [tau], levels=levels or (None, None, PENDING))
        yield first
        if levels is None:
            full = hardness(source, [tau])
            self._levels[_problem_key(problem)] = (full.gap, full.curve, full.no_gap)
            yield replace(first, gap=full.gap, curve=full.curve, no_gap=full.no_gap)


def _problem_key(problem: SelectionProblem) -> ProblemKey:
    return problem.h.tobytes(), problem.J.tobytes(), problem.beta, problem.cardinality
