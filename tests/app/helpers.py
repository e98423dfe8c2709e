"""Values that several tests of the page need: networks, controls, choices, uploaded pictures."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

from annealcam.app.choices import Choices
from annealcam.app.networks import Networks
from annealcam.app.questions import Controls

NETWORKS = Networks()  # each is loaded once for all tests


def choices(**changes):
    defaults = {"photo": "skimage:coffee", "network": "digits", "sampler": "exact"}
    return Choices(**{**defaults, **changes})


def controls(**changes):
    defaults = {"photo": "skimage:coffee", "network": "digits", "importance": "contribution",
                "tau": 20.0, "sampler": "exact"}  # fmt: skip
    return Controls(**{**defaults, **changes})


def as_bytes(image, kind="PNG"):
    stream = io.BytesIO()
    image.save(stream, kind)
    return stream.getvalue()


def picture(width=20, height=10, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def _chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_of_size(width, height):
    """A few bytes that claim to be a huge picture."""
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    pixels = _chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return b"\x89PNG\r\n\x1a\n" + header + pixels + _chunk(b"IEND", b"")
