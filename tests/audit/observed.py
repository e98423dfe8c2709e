"""Observations of grey photos by a network that reads the patch, without and with the patch."""

from annealcam.audit.observations import observe
from annealcam.settings import resolve
from benchmarks.planted.patch import Patch, stamped
from tests.audit.networks import greys, reader

PATCH = Patch(side=0.25, pattern="plain", place="anywhere")


def boxes(photos):
    return {name: [PATCH.box(name, (32, 32))] for name in photos.images}


def observed(photos, network=None, **options):
    settings = resolve(sampler="exact")
    return observe(photos, network or reader(), settings, targets=range(3), **options)


def grey_observations():
    """Return the observations of the clean photos, and of the stamped ones."""
    photos = greys()
    return observed(photos, masks=boxes(photos)), observed(
        stamped(photos, PATCH).photos, masks=boxes(photos)
    )
