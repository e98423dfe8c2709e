"""The explanation map of each photo of a study, drawn again by the study's own networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from annealcam.errors import AnnealcamError, ArgumentError
from annealcam.models.loaded import DEFAULT_MODEL, SHIPPED
from annealcam.models.preprocess import large_photo
from annealcam.render.figures.picture import STRENGTH
from annealcam.render.html.page import picture_uri
from annealcam.render.views import view_of_explanation
from annealcam.study.analysis.results import Setting
from annealcam.study.pages.explained import explanation_again, network_again, network_files
from annealcam.study.pages.loaded import PHOTO_SIDE, LoadedStudy
from annealcam.study.pages.photos import Photo, PhotoResult

if TYPE_CHECKING:
    from PIL import Image

    from annealcam.explanation import Explanation

# Networks that are opened without a download, and without code or files of others.
OWN = (*SHIPPED, DEFAULT_MODEL, "efficientnet-lite1", "efficientnet-lite2")


@dataclass(frozen=True)
class MapPictures:
    """The maps of one photo and setting over the photo, as data URIs, or why there are none."""

    pictures: Mapping[str, str]
    reason: str = ""


@dataclass(eq=False)
class PhotoMaps:
    """The maps of a study's photos.

    Attributes:
        loaded: the study.
        trusted: whether networks other than those of the package may be opened.
    """

    loaded: LoadedStudy
    trusted: bool = False
    _refused: dict[str, str] = field(default_factory=dict)

    def of(
        self, photo: Photo, picture: Image.Image | None, results: Sequence[PhotoResult]
    ) -> dict[Setting, MapPictures]:
        """Return the pictures of a photo for each network and layer."""
        if picture is None:
            return {result.setting: MapPictures({}, "there is no photo") for result in results}
        return {result.setting: self._drawn(photo, picture, result) for result in results}

    def _drawn(self, photo: Photo, picture: Image.Image, result: PhotoResult) -> MapPictures:
        name = result.setting[0]
        if name in self._refused:
            return MapPictures({}, self._refused[name])
        files = network_files(self.loaded)
        if not self.trusted and files.get(name, name) not in OWN:
            self._refused[name] = (
                "the network is no part of annealcam; `annealcam report --explain` opens it"
            )
            return MapPictures({}, self._refused[name])
        try:
            network = network_again(self.loaded, name, files)
        except AnnealcamError as error:
            differs = isinstance(error, ArgumentError)
            self._refused[name] = (
                "the network differs from that of the study" if differs
                else "the network cannot be opened"
            )  # fmt: skip
            return MapPictures({}, self._refused[name])
        try:
            return MapPictures(self._pictures(network, photo, picture, result))
        except AnnealcamError:
            return MapPictures({}, "the network cannot explain the photo")

    def _pictures(
        self, network: Any, photo: Photo, picture: Image.Image, result: PhotoResult
    ) -> dict[str, str]:
        from annealcam.pipeline import explain

        target = str(result.first["target"])
        e: Explanation = explanation_again(
            self.loaded, network, picture, result.setting, target, explain, photo.name,
            run={"sampler": "exact"},
        )  # fmt: skip
        view = view_of_explanation(e, large_photo(network.preprocess, picture, PHOTO_SIDE))
        k = len(e.selected)
        maps = {f"annealcam: {k} map{'s' * (k != 1)}": e.map}
        if "gradcam" in e.baselines:
            maps["Grad-CAM: all maps"] = e.baselines["gradcam"]
        return {
            name: picture_uri(view.scene(raw, side=PHOTO_SIDE).overlay(raw, strength=STRENGTH))
            for name, raw in maps.items()
        }
