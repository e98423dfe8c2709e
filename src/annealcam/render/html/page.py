"""Self-contained pages: templates with style and scripts inside, nothing is fetched."""

from __future__ import annotations

import base64
import io
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from annealcam._internal.storage.files import file_written_aside
from annealcam._internal.text import visible
from annealcam._version import __version__

if TYPE_CHECKING:
    from jinja2 import Environment

PACKAGE = "annealcam.render.html"
# The browser loads nothing that is not in the file.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def page(template: str, *, package: str = PACKAGE, policy: str = POLICY, **values: Any) -> str:
    """Return a page rendered from a template; all texts are escaped.

    Templates extend `base.html.j2`, which contains the style, the theme switch and the policy.

    Args:
        template: file name in the `templates` folder of `package` or of this package.
        package: the package searched first.
        policy: the Content-Security-Policy of the page.
        values: the variables of the template.
    """
    return _environment(package).get_template(template).render(
        version=__version__, policy=policy, **values
    )  # fmt: skip


def write_page(html: str, path: Path) -> None:
    """Write a page as a whole or not at all.

    Raises:
        OutputError: the file cannot be written.
    """
    with file_written_aside(path) as aside:
        aside.write_text(html, encoding="utf-8", errors="backslashreplace")


def picture_uri(picture: Image.Image, *, quality: int | None = 85) -> str:
    """Return a picture as a data URI: WebP of the given quality, or PNG if quality is None.

    >>> picture_uri(Image.new("RGB", (1, 1)), quality=None)[:22]
    'data:image/png;base64,'
    """
    kind = "png" if quality is None else "webp"
    options = {"optimize": True} if quality is None else {"quality": quality, "method": 4}
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return f"data:image/{kind};base64,{base64.b64encode(stream.getvalue()).decode()}"


@cache
def _environment(package: str) -> Environment:
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=ChoiceLoader([PackageLoader(name) for name in dict.fromkeys((package, PACKAGE))]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.globals["asset"] = partial(_asset, environment)
    return environment


def _shown(value: Any) -> Any:
    """Return a value of a template; control characters and changes of direction become escapes."""
    return visible(value) if type(value) is str else value


def _asset(environment: Environment, name: str) -> Any:
    """Return a style or a script of the package, to be inserted without escaping."""
    from markupsafe import Markup

    assert environment.loader is not None
    return Markup(environment.loader.get_source(environment, name)[0])
