"""The page: its controls, where they stand, and what happens when they move."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from inspect import isgeneratorfunction
from typing import Any

import gradio as gr
from PIL import Image

from annealcam.app.answer import PACKAGE
from annealcam.app.choices import BETA_STEP, DEFAULT_BETA, SAMPLERS
from annealcam.app.desk import ONE, TWO, Asked, Desk, Lists, Shown
from annealcam.app.engine import Engine
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
from annealcam.app.style import script
from annealcam.attribution.importance import IMPORTANCES
from annealcam.errors import AnnealcamError
from annealcam.models.images import BUNDLED, load_photo
from annealcam.models.preprocess import Preprocess
from annealcam.render.html.page import page, picture_uri

THUMBNAIL = 96
Values = dict[str, Any]
PLAIN: Values = {"apply_default_css": False, "js_on_load": None}


def build(engine: Engine) -> gr.Blocks:
    """Return the page, as gradio holds it."""
    desk = Desk(engine)
    with gr.Blocks(title="annealcam", analytics_enabled=False, fill_width=True) as blocks:
        gr.HTML(page("top.html.j2", package=PACKAGE), elem_id="top", **PLAIN)
        shown = gr.State(Shown())
        with gr.Row(elem_id="desk"):
            with gr.Column(elem_id="controls", elem_classes="controls"):
                controls = _controls()
            with gr.Column(elem_id="answers"):
                outputs = _outputs()
            with gr.Column(elem_id="more", elem_classes="controls"):
                controls |= _more_controls(engine)
        _connect(blocks, desk, controls, outputs, shown)
    blocks.state_session_capacity = MAX_TABS
    blocks.queue(max_size=MAX_WAITING, default_concurrency_limit=AT_ONCE, api_open=False)
    return blocks


def _controls() -> dict[str, Any]:
    """What is moved most; on a narrow screen it stands above the answer."""
    return {
        "photo": _photo(),
        "mode": gr.Radio([ONE, TWO], value=ONE, label="Explain", elem_id="mode"),
        "target": gr.Dropdown([], label="Class", elem_id="target"),
        "other": gr.Dropdown([], label="Compare with", visible=False, elem_id="other"),
        "beta": gr.Slider(
            0, 1, DEFAULT_BETA, step=BETA_STEP, label="β: relevance against redundancy",
            info="0 unlike maps, 1 relevant ones; default 0.67", elem_id="beta",
        ),
        "tau": gr.Slider(
            5, MAX_TAU, 100, step=5, label="τ: annealing time", info="in 1 / energy",
            elem_id="tau",
        ),
        "cardinality": gr.Slider(
            0, MAX_QUBITS, 0, step=1, label="Number of maps", info="0: the energy decides",
            elem_id="cardinality",
        ),
    }  # fmt: skip


def _more_controls(engine: Engine) -> dict[str, Any]:
    names = engine.networks.names
    return {
        "network": gr.Dropdown(list(names), value=names[0], label="Network", elem_id="network"),
        "layer": gr.Dropdown([], label="Layer", info="from the last to the first",
                             elem_id="layer"),
        "importance": gr.Radio(
            list(IMPORTANCES), value="contribution", label="Importance of a map",
            elem_id="importance",
        ),
        "sampler": gr.Dropdown(
            list(SAMPLERS), value="anneal", label="Sampler",
            info="run here; D-Wave's machines are left to the command line", elem_id="sampler",
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
    found: dict[str, Any] = {
        "answer": gr.HTML("", elem_id="answer", **PLAIN),
        "annealing": gr.HTML("", elem_id="annealing", **PLAIN),
    }
    with gr.Row(elem_id="actions"):
        found["download"] = gr.Button("Download the report", size="sm", elem_id="download")
        found["stop"] = gr.Button("Stop", size="sm", elem_id="stop")
    found["report"] = gr.Textbox("", visible=False, elem_id="report")
    return found


def _connect(
    blocks: gr.Blocks,
    desk: Desk,
    controls: dict[str, Any],
    outputs: dict[str, Any],
    shown: gr.State,
) -> None:
    names, inputs = list(controls), list(controls.values())
    chosen = [controls[name] for name in ("layer", "target", "other")]

    @_told
    def show(*values: Any) -> Any:
        answer = desk.show(_asked(names, values[:-1]), values[-1])
        panel = gr.skip() if answer.annealed else ""
        return (answer.html, panel, answer.shown, *_renewed(answer.lists))

    @_told
    def anneal(*values: Any) -> Iterator[Any]:
        for told in desk.anneal(_asked(names, values[:-1]), values[-1]):
            yield gr.skip() if told is None else told

    @_told
    def report(*values: Any) -> str:
        return desk.report(_asked(names, values))

    def stop(now: Shown) -> Any:
        told = desk.stop(now)
        return gr.skip() if told is None else told

    quiet: Values = {"api_visibility": "private", "concurrency_id": "work"}
    moved = [blocks.load, *(control.input for control in inputs)]
    showing = gr.on(
        moved, show, [*inputs, shown], [outputs["answer"], outputs["annealing"], shown, *chosen],
        trigger_mode="always_last", show_progress="minimal",
        show_progress_on=outputs["answer"], **quiet,
    )  # fmt: skip
    annealing = showing.success(
        anneal,
        [*inputs, shown],
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
        stop, shown, outputs["annealing"], cancels=[showing, annealing],
        show_progress="hidden", api_visibility="private", concurrency_limit=None,
    )  # fmt: skip
    outputs["download"].click(report, inputs, outputs["report"], **quiet).success(
        None, outputs["report"], outputs["report"], js=script("download.js"),
        api_visibility="private",
    )  # fmt: skip


def _asked(names: list[str], values: Any) -> Asked:
    return Asked(**dict(zip(names, values, strict=True)))


def _renewed(lists: Lists | None) -> tuple[Any, Any, Any]:
    if lists is None:
        return gr.skip(), gr.skip(), gr.skip()
    return (
        gr.Dropdown(choices=lists.layers, value=lists.layer),
        gr.Dropdown(choices=lists.classes, value=lists.target),
        gr.Dropdown(choices=lists.others, value=lists.other),
    )


def _told(work: Callable[..., Any]) -> Callable[..., Any]:
    """Our errors are shown as one line; nothing of the server's is."""

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
