"""What the page takes from a stranger, and how much of it."""

from __future__ import annotations

MIB = 1024 * 1024
MAX_BYTES = 10 * MIB  # of an uploaded file
MAX_PIXELS = 25_000_000  # of a photo, by its header; nothing is decoded before
FORMATS = ("JPEG", "PNG", "WEBP")  # readers that do not run other programs, as EPS would
MAX_REQUEST = 256 * 1024  # bytes of any other request
PATIENCE = 60.0  # seconds for a request to arrive
UPLOADS = 8  # that arrive at the same time; more wait
MAX_WAITING = 24  # in the queue; who comes later is told to try again
AT_ONCE = 2  # answers worked on at the same time
KEPT_PHOTOS = 128 * MIB  # uploads as they came, in memory alone
KEPT_LOOKS = 256 * MIB  # activations and gradients
KEPT_ANSWERS = 64
MAX_TABS = 200  # whose choices are remembered
MAX_QUBITS = 16
MAX_TAU = 500.0
