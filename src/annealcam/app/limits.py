"""Limits on what visitors of the page can send, and on what is stored for them."""

from __future__ import annotations

MIB = 1024 * 1024
MAX_BYTES = 10 * MIB  # of an uploaded file
MAX_PIXELS = 25_000_000  # of a photo, checked in its header before anything is decoded
FORMATS = ("JPEG", "PNG", "WEBP")  # their readers run no other programs, unlike that of EPS
MAX_REQUEST = 256 * 1024  # bytes of any other request
TIMEOUT = 60.0  # seconds for a request to arrive
UPLOADS = 8  # that arrive at the same time; others wait
MAX_WAITING = 24  # questions in the queue; later ones are refused
AT_ONCE = 2  # answers computed at the same time
STORED_PHOTOS = 128 * MIB  # uploads, in memory only
STORED_PASSES = 256 * MIB  # activations and gradients
STORED_ANSWERS = 64
MAX_TABS = 200  # whose state is stored
MAX_QUBITS = 16
MAX_TAU = 500.0
