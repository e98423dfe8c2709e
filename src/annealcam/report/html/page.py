"""One self-contained page: a template with its style and script inside; nothing is fetched."""

from __future__ import annotations

import base64
import io
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from annealcam._version import __version__
from annealcam.files import file_written_aside

if TYPE_CHECKING:
    from jinja2 import Environment

# The browser is told to load nothing but what is inside of the file.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def page(template: str, **values: Any) -> str:
    """Return a page made of a template of `report/html/templates`; texts are escaped.

    Templates extend `base.html.j2`, which holds the style, the theme's switch and the policy.
    """
    return _environment().get_template(template).render(
        version=__version__, policy=POLICY, **values
    )  # fmt: skip


def write_page(html: str, path: Path) -> None:
    """Write a page, as a whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    with file_written_aside(path) as aside:
        aside.write_text(html, encoding="utf-8")


def picture_uri(picture: Image.Image, *, quality: int | None = 85) -> str:
    """Return a picture as a data URI: WebP of a quality, or without loss (PNG) for None.

    >>> picture_uri(Image.new("RGB", (1, 1)), quality=None)[:22]
    'data:image/png;base64,'
    """
    kind = "png" if quality is None else "webp"
    options = {"optimize": True} if quality is None else {"quality": quality, "method": 4}
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return f"data:image/{kind};base64,{base64.b64encode(stream.getvalue()).decode()}"


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("annealcam.report.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["asset"] = _asset
    return made


def _asset(name: str) -> Any:
    """A style or a script of ours, to stand in the page as it is."""
    from markupsafe import Markup

    text = (resources.files("annealcam.report.html") / "templates" / name).read_text("utf-8")
    return Markup(text)
