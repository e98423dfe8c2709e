"""Atlases and portraits of channels in notebooks."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup

from annealcam.atlas.atlas import Atlas, Portrait
from annealcam.render.notebook.cards import card

MOST_CLASSES, MOST_REGIONS = 8, 6


def atlas_card(atlas: Atlas) -> Markup:
    """Return what an atlas covers."""
    return card(
        f"Atlas of {atlas.channels} channels over {int(atlas.counts.sum())} photos",
        facts=[
            ("network", atlas.model),
            ("layer", atlas.layer),
            ("data", f"{atlas.data}, {len(atlas.classes)} classes"),
            ("files", "equal to their checksums" if atlas.verified else "without checksums"),
        ],
        notes=["atlas.portrait(channel) shows what a channel responds to."],
    )


def portrait_card(portrait: Portrait) -> Markup:
    """Return what a channel responds to: the classes of largest mean activation, and photos."""
    order = np.argsort(-portrait.profile, kind="stable")[:MOST_CLASSES]
    photos = ", ".join(region.image for region in portrait.regions[:MOST_REGIONS])
    return card(
        f"Channel {portrait.channel}: {portrait.responds_to()}",
        header=("class", "mean activation", "selected for"),
        rows=[
            (portrait.classes[i], f"{portrait.profile[i]:.3g}", f"{portrait.selected[i]:.0%}")
            for i in order
        ],
        notes=[f"strongest in: {photos}"] if photos else [],
    )
