"""The page's look: the colours of the reports, the system's own fonts, nothing from elsewhere."""

from __future__ import annotations

import re
from importlib import resources
from typing import Any

from annealcam.render.html.page import PACKAGE as REPORTS

FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "DejaVu Sans", "sans-serif")
MONO = ("ui-monospace", "DejaVu Sans Mono", "monospace")


def head() -> str:
    """Return the style and script of the page, to stand in its head."""
    light, dark = tokens()
    style = _read(REPORTS, "charts.css") + _read(__package__, "look.css")
    colours = f":root {{ {light} }}\n.dark {{ {dark} }}\n"
    return f"<style>{colours}{style}</style><script>{script('look.js')}</script>"


def tokens() -> tuple[str, str]:
    """Return the reports' colours, light and dark, as CSS declarations.

    >>> "--annealcam: #0072b2" in tokens()[0]
    True
    """
    style = _read(REPORTS, "style.css")
    found = [
        re.search(rf"^{re.escape(selector)} \{{(.*?)\}}", style, re.S | re.M)
        for selector in (":root", ':root[data-theme="dark"]')
    ]
    light, dark = ("" if match is None else match.group(1).strip() for match in found)
    return light, dark


def theme() -> Any:
    """Return gradio's plainest theme in our colours."""
    import gradio

    plain = gradio.themes.Base(
        font=FONTS, font_mono=MONO, radius_size="sm", spacing_size="sm", text_size="md"
    )
    colours = {
        "body_background_fill": "var(--ground)",
        "background_fill_primary": "var(--ground)",
        "background_fill_secondary": "var(--raised)",
        "block_background_fill": "var(--ground)",
        "body_text_color": "var(--ink)",
        "body_text_color_subdued": "var(--quiet)",
        "block_label_text_color": "var(--quiet)",
        "block_title_text_color": "var(--ink)",
        "block_info_text_color": "var(--quiet)",
        "border_color_primary": "var(--line)",
        "block_border_color": "var(--line)",
        "input_border_color": "var(--line)",
        "input_background_fill": "var(--raised)",
        "color_accent": "var(--annealcam)",
        "slider_color": "var(--annealcam)",
        "link_text_color": "var(--annealcam)",
        "button_secondary_background_fill": "var(--raised)",
        "button_secondary_text_color": "var(--ink)",
        "button_secondary_border_color": "var(--line)",
        "checkbox_background_color_selected": "var(--annealcam)",
        "checkbox_label_background_fill_selected": "var(--raised)",
        "checkbox_label_text_color_selected": "var(--ink)",
    }
    both = {**colours, **{f"{name}_dark": value for name, value in colours.items()}}
    known = {name: value for name, value in both.items() if hasattr(plain, name)}
    return plain.set(block_border_width="0px", block_shadow="none", block_padding="0", **known)


def script(name: str) -> str:
    """Return one of the page's own scripts."""
    return _read(__package__, name)


def _read(package: str | None, name: str) -> str:
    assert package is not None
    return (resources.files(package) / "templates" / name).read_text("utf-8")
