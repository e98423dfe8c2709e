"""Training of the paper's head on a pretrained trunk."""

from annealcam._internal.lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "Epoch": "fit",
        "Recipe": "fit",
        "Trained": "trained",
        "train": "trained",
        "usual_recipe": "fit",
    },
)
