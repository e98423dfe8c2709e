"""Audits: classes ranked by how suspicious the maps are that a network relies on."""

from annealcam._internal.lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "Audit": "run",
        "Observations": "observations",
        "RankedClass": "scores",
        "audit": "run",
        "observe": "observations",
        "write_audit": "folder",
    },
)
