"""The run of a study: shards, workers, and the folder of their results."""

from annealcam._internal.lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "NetworkCard": "networks",
        "Setting": "shards",
        "Shard": "shards",
        "read_manifest": "store",
        "read_table": "store",
        "redraw": "ending",
        "run_study": "engine",
        "shards_of": "shards",
    },
)
