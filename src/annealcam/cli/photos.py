"""Photos through the pipeline and into folders: the work behind the command line."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image
from torch import Tensor

from annealcam.attribution.hooks import find_layer
from annealcam.attribution.layers import Layer, default_layer, survey
from annealcam.attribution.targets import resolve_target
from annealcam.errors import AnnealcamWarning, ModelError
from annealcam.evaluation.faithfulness import check_explanation
from annealcam.evaluation.solver_comparison import compare_with_explanation
from annealcam.explanation import Explanation
from annealcam.models.devices import move
from annealcam.models.images import load_photo
from annealcam.models.load import load_model
from annealcam.models.loaded import LoadedModel
from annealcam.models.preprocess import view_of
from annealcam.pipeline import explain
from annealcam.render.explanation_hardness import explanation_hardness
from annealcam.render.folder import write_folder
from annealcam.render.html.explanation import explanation_html
from annealcam.settings import Settings

if TYPE_CHECKING:
    from annealcam.atlas.atlas import Atlas

VIEW = 448  # pixels; enough for a map to be looked at


@dataclass(frozen=True)
class Job:
    """One network and one set of choices, for as many photos as come."""

    network: LoadedModel
    name: str
    layer: str | None
    target: int | None
    settings: Settings

    @classmethod
    def prepare(
        cls, name: str, *, layer: str | None, target: str | None, settings: Settings, device: str
    ) -> Job:
        """Load the network and check what was asked of it, before any photo is opened."""
        network = load_model(name)
        move(network.model, device)
        if layer is not None:
            find_layer(network.model, layer)
        index = resolve_target(target, network.classes)
        return cls(network, name, layer, index, settings)

    def explain_into(
        self,
        photo: str,
        folder: Path,
        *,
        compare: bool = False,
        check: bool = False,
        html: bool = False,
        atlas: Atlas | None = None,
    ) -> tuple[Explanation, list[dict[str, Any]] | None, dict[str, Any] | None]:
        """Explain a photo and write its folder, with a page (`html`) if wanted; return the numbers.

        The page tells what a check finds, and what an atlas knows of the maps.

        Raises:
            AnnealcamError: the photo, the network or the folder did not play along.
        """
        explanation, seen, image = self.explained(photo)
        rows = compare_with_explanation(explanation, seed=self.settings.seed) if compare else None
        checked = self._check(seen, explanation) if check or html else None
        view = view_of(self.network.preprocess, image, VIEW)
        page = None
        if html:
            page = explanation_html(
                explanation, photo=view, checked=checked, comparison=rows,
                annealing=explanation_hardness(explanation), atlas=atlas,
            )  # fmt: skip
        write_folder(explanation, view, folder, comparison=rows, checked=checked, page=page)
        return explanation, rows, checked

    def explained(self, photo: str) -> tuple[Explanation, Tensor, Image.Image]:
        """Explain a photo; return it as the network sees it, and as it is, as well.

        Raises:
            AnnealcamError: the photo or the network did not play along.
        """
        image = load_photo(photo)
        seen = self._tensor(image)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AnnealcamWarning)  # they are kept in the result
            explanation = explain(
                self.network.model,
                seen,
                layer=self.layer,
                target=self.target,
                model_name=self.name,
                photo_name=photo,
                class_names=self.network.classes,
                **vars(self.settings),
            )
        assert isinstance(explanation, Explanation)
        return explanation, seen, image

    def _check(self, seen: Tensor, explanation: Explanation) -> dict[str, Any]:
        return check_explanation(
            self.network.model, seen, explanation, self.settings, class_names=self.network.classes
        )

    def survey(self, photo: str) -> tuple[list[Layer], str]:
        """Describe all layers as a photo sees them, and name the one chosen by default."""
        seen = self._tensor(load_photo(photo))[None]
        found = survey(
            self.network.model, seen, importance=self.settings.importance, target=self.target
        )
        return found, default_layer(self.network.model, seen)

    def _tensor(self, image: Image.Image) -> Tensor:
        try:
            seen = self.network.preprocess(image)
        except Exception as error:
            told = f"{type(error).__name__}: {error}"
            raise ModelError(f"model={self.name!r}: its preprocessing fails ({told})") from error
        if not isinstance(seen, Tensor) or seen.ndim != 3:
            found = tuple(seen.shape) if isinstance(seen, torch.Tensor) else type(seen).__name__
            raise ModelError(f"model={self.name!r}: its preprocessing gives {found}, not (3, H, W)")
        return seen
