"""Limits on what visitors of the page can send, and on what is stored for them."""

from __future__ import annotations

MIB = 1024 * 1024
MAX_BYTES = 10 * MIB  # of an uploaded file
MAX_PIXELS = 25_000_000  # of a photo, checked in its header before anything is decoded
FORMATS = ("JPEG", "PNG", "WEBP")  # their readers run no other programs, unlike that of EPS
MAX_QUESTION = 16 * 1024  # bytes of any other request
MAX_HEAD = 16 * 1024  # bytes of the head of a request

MAX_CONNECTIONS = 256
MAX_OF_ADDRESS = 64  # connections from one address
SETTLING = 0.1  # seconds until surplus connections are closed; requests may arrive meanwhile
NEW = 1.0  # seconds in which a connection that sends little is not yet slow
MAX_ARRIVING = 128 * MIB  # bytes of all bodies that are arriving
HEAD_TIMEOUT = 10.0  # seconds until the head of a request is complete
GRACE = 2.0  # seconds without a byte of a body
LEAST_RATE = 8 * 1024  # bytes of a body or of an answer in a second, after that
TIMEOUT = 60.0  # seconds for a whole body
TAKE_TIMEOUT = 60.0  # seconds for a whole answer to be taken

AT_ONCE = 2  # answers computed at the same time
MAX_WAITING = 24  # questions that wait for one of these places; later ones are refused
STORED_PHOTOS = 128 * MIB  # uploads, in memory only
STORED_PASSES = 256 * MIB  # activations and gradients
STORED_ANSWERS = 64
MAX_QUBITS = 16
MAX_TAU = 500.0


class Refused(Exception):
    """A request that is answered by a status and a short reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
