"""What one channel responds to: its regions, its class profile, and how often it is selected."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from jaxtyping import Float

from annealcam._internal.types import Array

MOSTLY = 0.25  # share of a channel's regions from which a class is named


@dataclass(frozen=True, eq=False)
class Region:
    """Where one photo excites a channel most.

    Attributes:
        image: the photo's name in the data set.
        label: the number of its class.
        peak: the activation there, in the map's own units.
        box: left, top, right, bottom, as fractions of what the network saw.
    """

    image: str
    label: int
    peak: float
    box: tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Portrait:
    """What one channel responds to.

    Attributes:
        channel: its number in the layer.
        regions: where it is excited most, strongest first, at most one a photo; none if it is
            never above zero.
        profile: mean over each class's photos of the map's spatial mean.
        selected: share of each class's photos for whose predicted class the map is selected.
        classes: the names of the classes.
    """

    channel: int
    regions: tuple[Region, ...]
    profile: Float[Array, " classes"]
    selected: Float[Array, " classes"]
    classes: tuple[str, ...]

    def responds_to(self) -> str:
        """Return in a few words what the regions show: the classes that hold a quarter of them.

        >>> import numpy as np
        >>> regions = tuple(Region("1.jpg", label, 1.0, (0, 0, 1, 1)) for label in (1, 1, 0, 1))
        >>> nothing = np.zeros(2)
        >>> Portrait(7, regions, nothing, nothing, ("church", "truck")).responds_to()
        'mostly: truck'
        """
        if not self.regions:
            return "nothing in these photos"
        counted = Counter(region.label for region in self.regions).most_common()
        often = [label for label, n in counted if n >= max(2, MOSTLY * len(self.regions))][:3]
        covered = sum(n for label, n in counted if label in often)
        if len(counted) == 1 or 2 * covered > len(self.regions):
            labels = often or [counted[0][0]]
            only = "only" if len(counted) == 1 and len(self.regions) > 1 else "mostly"
            return f"{only}: {', '.join(self.classes[label] for label in labels)}"
        return f"many classes: {', '.join(self.classes[label] for label, _ in counted[:3])}, ..."
