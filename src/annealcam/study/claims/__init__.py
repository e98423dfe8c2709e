"""Claims that the results of a study decide, and its summary in words."""

from annealcam._internal.lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "Case": "claims",
        "Claim": "claims",
        "annealing_claims": "annealing",
        "overlap_claims": "claims",
        "summary": "markdown",
    },
)
