"""The page in gradio: its controls, their layout, its events and its style."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import wraps
from importlib import resources
from inspect import isgeneratorfunction
from typing import Any

import gradio as gr
from PIL import Image

from annealcam.app.answer import PACKAGE
from annealcam.app.choices import BETA_STEP, DEFAULT_BETA, SAMPLERS
from annealcam.app.engine import Engine
from annealcam.app.handlers import ONE, TWO, ChoiceLists, Controls, Handlers, TabState
from annealcam.app.limits import (
    AT_ONCE,
    FORMATS,
    MAX_BYTES,
    MAX_PIXELS,
    MAX_QUBITS,
    MAX_TABS,
    MAX_TAU,
    MAX_WAITING,
    MIB,
)
from annealcam.app.photos import EXAMPLES
from annealcam.attribution.importance import IMPORTANCES
from annealcam.errors import AnnealcamError
from annealcam.models.images import BUNDLED, load_photo
from annealcam.models.preprocess import Preprocess
from annealcam.render.html.page import PACKAGE as REPORTS, page, picture_uri
from annealcam.settings import Settings

FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "DejaVu Sans", "sans-serif")
MONO = ("ui-monospace", "DejaVu Sans Mono", "monospace")
THUMBNAIL = 96  # pixels
Values = dict[str, Any]
PLAIN: Values = {"apply_default_css": False, "js_on_load": None}


def build(engine: Engine) -> gr.Blocks:
    """Return the page as gradio blocks."""
    handlers = Handlers(engine)
    with gr.Blocks(title="annealcam", analytics_enabled=False, fill_width=True) as blocks:
        gr.HTML(page("header.html.j2", package=PACKAGE), elem_id="top", **PLAIN)
        state = gr.State(TabState())
        with gr.Row(elem_id="layout"):
            with gr.Column(elem_id="controls", elem_classes="controls"):
                controls = _controls()
            with gr.Column(elem_id="answers"):
                outputs = _outputs()
            with gr.Column(elem_id="more", elem_classes="controls"):
                controls |= _more_controls(engine)
        _connect(blocks, handlers, controls, outputs, state)
    blocks.state_session_capacity = MAX_TABS
    blocks.queue(max_size=MAX_WAITING, default_concurrency_limit=AT_ONCE, api_open=False)
    return blocks


def _controls() -> dict[str, Any]:
    """Return the most used controls; on a narrow screen they are above the answer."""
    return {
        "photo": _photo(),
        "mode": gr.Radio([ONE, TWO], value=ONE, label="Explain", elem_id="mode"),
        "target": gr.Dropdown([], label="Class", elem_id="target"),
        "other": gr.Dropdown([], label="Compare with", visible=False, elem_id="other"),
        "against": gr.Dropdown(
            [("its logit alone", ""), ("and not the next likely class", "next"),
             ("and not any other class", "rest")],
            value="", label="Why this class", elem_id="against",
        ),
        "tau": gr.Slider(
            5, MAX_TAU, Settings.tau, step=5, label="τ: annealing time", info="in 1 / energy",
            elem_id="tau",
        ),
        "cardinality": gr.Slider(
            0, MAX_QUBITS, 0, step=1, label="Number of maps",
            info="0: the smallest that reaches a fidelity of 0.95", elem_id="cardinality",
        ),
    }  # fmt: skip


def _more_controls(engine: Engine) -> dict[str, Any]:
    names = engine.networks.names
    return {
        "network": gr.Dropdown(list(names), value=names[0], label="Network", elem_id="network"),
        "layer": gr.Dropdown([], label="Layer", info="from the last to the first",
                             elem_id="layer"),
        "importance": gr.Radio(
            list(IMPORTANCES), value=Settings.importance, label="Importance of a map",
            info="alignment: maps that draw the evidence; else relevance against redundancy",
            elem_id="importance",
        ),
        "beta": gr.Slider(
            0, 1, DEFAULT_BETA, step=BETA_STEP, label="β: relevance against redundancy",
            info="without effect for alignment; 0: dissimilar, 1: relevant", elem_id="beta",
        ),
        "sampler": gr.Dropdown(
            list(SAMPLERS), value="anneal", label="Sampler",
            info="D-Wave's services are available on the command line", elem_id="sampler",
        ),
    }  # fmt: skip


def _photo() -> gr.HTML:
    thumbnails = [
        {"token": BUNDLED + name, "name": name, "uri": picture_uri(_thumbnail(name))}
        for name in EXAMPLES
    ]
    return gr.HTML(
        value=thumbnails[0]["token"],
        html_template=page(
            "photo.html.j2",
            package=PACKAGE,
            examples=thumbnails,
            kinds=", ".join(FORMATS),
            accept=",".join(f"image/{kind.lower()}" for kind in FORMATS),
            megabytes=MAX_BYTES // MIB,
            megapixels=MAX_PIXELS // 1_000_000,
            most=MAX_BYTES,
        ),
        elem_id="photo",
        **{**PLAIN, "js_on_load": script("photo.js")},
    )


def _thumbnail(name: str) -> Image.Image:
    return Preprocess().large_view(load_photo(BUNDLED + name), THUMBNAIL)


def _outputs() -> dict[str, Any]:
    outputs: dict[str, Any] = {
        "answer": gr.HTML("", elem_id="answer", **PLAIN),
        "annealing": gr.HTML("", elem_id="annealing", **PLAIN),
    }
    with gr.Row(elem_id="actions"):
        outputs["download"] = gr.Button("Download the report", size="sm", elem_id="download")
        outputs["stop"] = gr.Button("Stop", size="sm", elem_id="stop")
    outputs["report"] = gr.Textbox("", visible=False, elem_id="report")
    return outputs


def _connect(
    blocks: gr.Blocks,
    handlers: Handlers,
    controls: dict[str, Any],
    outputs: dict[str, Any],
    state: gr.State,
) -> None:
    names, inputs = list(controls), list(controls.values())
    chosen = [controls[name] for name in ("layer", "target", "other")]

    @_with_one_line_errors
    def show(*values: Any) -> Any:
        answer = handlers.show(_controls_of(names, values[:-1]), values[-1])
        panel = gr.skip() if answer.annealed else ""
        return (answer.html, panel, answer.state, *_updated(answer.lists))

    @_with_one_line_errors
    def anneal(*values: Any) -> Iterator[Any]:
        for html in handlers.anneal(_controls_of(names, values[:-1]), values[-1]):
            yield gr.skip() if html is None else html

    @_with_one_line_errors
    def report(*values: Any) -> str:
        return handlers.report(_controls_of(names, values))

    def stop(tab_state: TabState) -> Any:
        html = handlers.stop(tab_state)
        return gr.skip() if html is None else html

    quiet: Values = {"api_visibility": "private", "concurrency_id": "work"}
    moved = [blocks.load, *(control.input for control in inputs)]
    showing = gr.on(
        moved, show, [*inputs, state], [outputs["answer"], outputs["annealing"], state, *chosen],
        trigger_mode="always_last", show_progress="minimal",
        show_progress_on=outputs["answer"], **quiet,
    )  # fmt: skip
    annealing = showing.success(
        anneal,
        [*inputs, state],
        outputs["annealing"],
        show_progress="hidden",
        trigger_mode="multiple",
        **quiet,
    )
    mode = controls["mode"]
    mode.input(
        None, mode, controls["other"], api_visibility="private",
        js=f"mode => ({{visible: mode === '{TWO}', __type__: 'update'}})",
    )  # fmt: skip
    outputs["stop"].click(
        stop, state, outputs["annealing"], cancels=[showing, annealing],
        show_progress="hidden", api_visibility="private", concurrency_limit=None,
    )  # fmt: skip
    outputs["download"].click(report, inputs, outputs["report"], **quiet).success(
        None, outputs["report"], outputs["report"], js=script("download.js"),
        api_visibility="private",
    )  # fmt: skip


def _controls_of(names: list[str], values: Any) -> Controls:
    return Controls(**dict(zip(names, values, strict=True)))


def _updated(lists: ChoiceLists | None) -> tuple[Any, Any, Any]:
    if lists is None:
        return gr.skip(), gr.skip(), gr.skip()
    return (
        gr.Dropdown(choices=lists.layers, value=lists.layer),
        gr.Dropdown(choices=lists.classes, value=lists.target),
        gr.Dropdown(choices=lists.others, value=lists.other),
    )


def _with_one_line_errors(work: Callable[..., Any]) -> Callable[..., Any]:
    """Show an AnnealcamError as one line, without details of the server."""

    @wraps(work)
    def generator(*values: Any) -> Iterator[Any]:
        try:
            yield from work(*values)
        except AnnealcamError as error:
            raise gr.Error(str(error), title="annealcam", print_exception=False) from None

    @wraps(work)
    def function(*values: Any) -> Any:
        try:
            return work(*values)
        except AnnealcamError as error:
            raise gr.Error(str(error), title="annealcam", print_exception=False) from None

    return generator if isgeneratorfunction(work) else function


def head() -> str:
    """Return the style and script for the head of the page."""
    light, dark = tokens()
    style = _read(REPORTS, "charts.css") + _read(__package__, "app.css")
    colours = f":root {{ {light} }}\n.dark {{ {dark} }}\n"
    return f"<style>{colours}{style}</style><script>{script('app.js')}</script>"


def tokens() -> tuple[str, str]:
    """Return the colours of the reports, light and dark, as CSS declarations.

    >>> "--annealcam: #0072b2" in tokens()[0]
    True
    """
    style = _read(REPORTS, "style.css")
    matches = [
        re.search(rf"^{re.escape(selector)} \{{(.*?)\}}", style, re.S | re.M)
        for selector in (":root", ':root[data-theme="dark"]')
    ]
    light, dark = ("" if match is None else match.group(1).strip() for match in matches)
    return light, dark


def theme() -> Any:
    """Return the plainest theme of gradio in the colours of the reports."""
    plain = gr.themes.Base(
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
    """Return a script of the page."""
    return _read(__package__, name)


def _read(package: str | None, name: str) -> str:
    assert package is not None
    return (resources.files(package) / "templates" / name).read_text("utf-8")
