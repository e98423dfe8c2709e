"""The panel of the fewest maps without which the prediction changes."""

from __future__ import annotations

from annealcam.app.answer import PACKAGE, channel_uri
from annealcam.app.engine import OpenedPhoto
from annealcam.render.html.page import page
from annealcam.sets.flip import FlipSet

MOST = 12  # maps that are drawn


def flip_html(s: FlipSet, photo: OpenedPhoto) -> str:
    """Return the set in sentences, with its first maps over the photo."""
    channels = [int(channel) for channel in s.channels[:MOST]]
    return page(
        "flip.html.j2",
        package=PACKAGE,
        sentences=[s.sentence, *([s.margin_sentence] if len(s.channels) else [])],
        maps=[(channel, channel_uri(photo, channel)) for channel in channels],
        more=len(s.channels) - len(channels),
    )
