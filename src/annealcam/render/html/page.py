"""One self-contained page: a template with its style and script inside; nothing is fetched."""

from __future__ import annotations

import base64
import io
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from annealcam._internal.files import file_written_aside
from annealcam._version import __version__

if TYPE_CHECKING:
    from jinja2 import Environment

ROOM = "annealcam.render.html"
# The browser is told to load nothing but what is inside of the file.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def page(template: str, *, room: str = ROOM, policy: str = POLICY, **values: Any) -> str:
    """Return a page made of a template of a room's `templates`, else of ours; texts are escaped.

    Templates extend `base.html.j2`, which holds the style, the theme's switch and the policy.
    """
    return _environment(room).get_template(template).render(
        version=__version__, policy=policy, **values
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
def _environment(room: str) -> Environment:
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=ChoiceLoader([PackageLoader(name) for name in dict.fromkeys((room, ROOM))]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["asset"] = partial(_asset, made)
    return made


def _asset(environment: Environment, name: str) -> Any:
    """A style or a script of ours, to stand in the page as it is."""
    from markupsafe import Markup

    assert environment.loader is not None
    return Markup(environment.loader.get_source(environment, name)[0])
