"""The command `annealcam audit`: classes ranked by how suspicious their maps are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from annealcam.cli import options
from annealcam.cli.console import (
    end_with_unreadable,
    one_line_errors,
    print_line,
    print_skipped,
    progress_bar,
    resumable,
)
from annealcam.cli.interface.reporting import print_json, reporting
from annealcam.cli.interface.verbosity import takes_reporting_options
from annealcam.cli.networks.options import load_network, takes_network_options
from annealcam.errors import ArgumentError

if TYPE_CHECKING:
    from annealcam.audit.run import Audit

MOST_CLASSES = 3  # of a ranking, unless all details are printed


@one_line_errors
@takes_network_options
@takes_reporting_options
def audit(
    data: options.Data = None,
    model: Annotated[str | None, typer.Option(help=options.MODEL_HELP)] = None,
    layer: options.Layer = None,
    part: options.Part = "test",
    masks: options.Masks = None,
    atlas: Annotated[
        Path | None,
        typer.Option(help="Folder of an atlas of the same layer, to show what maps respond to."),
    ] = None,
    explain: Annotated[
        str, typer.Option(help="Class that is explained: label or predicted.")
    ] = "label",
    against: Annotated[
        str | None,
        typer.Option(
            help="Explain why that class and not another one: next or rest.",
            show_default="the class alone",
        ),
    ] = None,
    per_class: options.PhotosPerClass = None,
    preset: options.Preset = None,
    objective: options.Objective = None,
    importance: options.Importance = None,
    beta: options.Beta = None,
    cardinality: options.Cardinality = None,
    fidelity: options.Fidelity = None,
    max_qubits: options.MaxQubits = None,
    gradients: options.Gradients = None,
    sampler: options.SamplerName = "exact",
    root: options.Root = None,
    download: options.Download = False,
    seed: options.Seed = 0,
    device: options.Device = "cpu",
    output: options.Output = Path("annealcam-audit"),
    network_options: Any = None,
) -> None:
    """Rank the classes of a network by how suspicious their selected maps are.

    After an interruption, the same command continues.
    """
    if data is None:
        raise ArgumentError("--data: give a set of photos, such as --data digits")
    if model is None:
        raise ArgumentError("--model: give the network to audit, such as --model digits")
    from annealcam._internal.storage.files import alone_at
    from annealcam._internal.storage.resumable import PartStore
    from annealcam.data.sets import load_set
    from annealcam.settings import resolve

    parts = Path(f"{output}.parts")
    with resumable(
        f"interrupted; finished work is stored in {parts}, and the same command continues"
    ):
        settings = resolve(
            preset, objective=objective, importance=importance, beta=beta, cardinality=cardinality,
            fidelity=fidelity, max_qubits=max_qubits, gradients=gradients, sampler=sampler,
            seed=seed,
        )  # fmt: skip
        network = load_network(model, network_options)
        photos = load_set(data, part=part, root=root, download=download)
        from annealcam.atlas.atlas import open_atlas
        from annealcam.audit.folder import audit_record, check_atlas, write_audit
        from annealcam.audit.run import audit as run_audit
        from annealcam.evaluation.masks import find_masks

        opened = None if atlas is None else open_atlas(atlas)
        mask_files: Any = None if masks is None else find_masks(masks, photos.images, Path())
        with alone_at(output), progress_bar("audit", 1) as update:
            result = run_audit(
                photos, network, model_name=model, layer=layer, parts=parts, masks=mask_files,
                explain=explain, against=against, photos_per_class=per_class, settings=settings,
                seed=seed, device=device, progress=update,
            )  # fmt: skip
            if opened is not None:
                check_atlas(opened, result)
            update("drawing", 1, 1)
            write_audit(result, output, atlas=opened)
            PartStore(parts, "audit").remove()
    print_json({**audit_record(result), "folder": output})
    _print_result(result, output)


def _print_result(result: Audit, output: Path) -> None:
    p, classes = result.provenance, result.photos.classes
    print_line(
        f"{p['data']}, part {p['part']}: {p['photos']} photos through {p['model']}, "
        f"layer {p['layer']}",
        style="bold",
    )
    print_line(
        f"  objective {p['settings']['objective']}, importance {p['settings']['importance']}"
    )
    for score, methods in result.rankings.items():
        ranked = methods["annealcam"][: None if reporting().verbose else MOST_CLASSES]
        first = ", ".join(f"{classes[s.label]} {s.score:.3f}" for s in ranked)
        print_line(f"  {score}: {first}")
    print_skipped(p["skipped"], "audit.json")
    print_line("  every ranking has a first class: inspect its maps before you distrust it")
    print_line(f"see {output / 'summary.md'} and {output / 'ranking.png'}")
    end_with_unreadable(p["skipped"], done=p["photos"], verb="audited")
