"""Make the bundled photo of two subjects: `python -m tests.models.cup_and_cat`.

Left a part of scikit-image's `coffee`, right of its `chelsea`; both are CC0. Of 192 ways to put the
two side by side, this one was chosen, since both subjects are recognised and the selected maps
differ from those of largest contribution. It shows what can happen, and no average.
"""

from pathlib import Path

from PIL import Image, ImageOps

from annealcam.models.images import load_photo

SIDE, EDGE = 448, 268  # pixels: of the photo, and of the cup's part
FILE = Path(__file__).parents[2] / "src" / "annealcam" / "models" / "photos" / "cup-and-cat.jpg"


def cup_and_cat() -> Image.Image:
    """Return the photo as it is before compression."""
    photo = Image.new("RGB", (SIDE, SIDE))
    cup = load_photo("skimage:coffee").crop((180, 0, 570, 400))
    photo.paste(ImageOps.fit(cup, (EDGE, SIDE), Image.Resampling.BICUBIC), (0, 0))
    cat = load_photo("skimage:chelsea")
    photo.paste(ImageOps.fit(cat, (SIDE - EDGE, SIDE), Image.Resampling.BICUBIC), (EDGE, 0))
    return photo


if __name__ == "__main__":
    cup_and_cat().save(FILE, quality=90, optimize=True)
