"""What all readers of problem files check before they allocate anything."""

from __future__ import annotations

from annealcam.errors import ProblemTooLargeError

MAX_BYTES = 64 << 20  # far more than any problem that can be annealed
MAX_VARIABLES = 1024  # so that J is never huge
KNOWN = (
    "give a dimod model (bqm.to_file() or its JSON), an .npz file with h and J, or another format "
    "of `read_problem`"
)


def check_size(variables: int) -> int:
    """Return the number of variables; raise ProblemTooLargeError if it is above the limit."""
    if variables > MAX_VARIABLES:
        raise ProblemTooLargeError(
            f"d={variables}: problems are limited to {MAX_VARIABLES} variables"
        )
    return variables
