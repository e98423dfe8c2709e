"""Small results of annealcam and small networks, and their readers."""

import functools
import hashlib
import json
import shutil
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from click.testing import CliRunner

import annealcam as ac
from annealcam._internal.storage.files import written_aside
from tests.networks import small_network, tiny


def write_explanation(folder: Path) -> None:
    image = torch.randn(3, 20, 20, generator=torch.Generator().manual_seed(1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of random weights
        e = ac.explain(small_network(), image, layer="3", sampler="exact", seed=1)
    e.save(folder / "explanation")


def write_old_explanation(folder: Path) -> None:
    write_explanation(folder)
    (folder / "explanation" / "SHA256SUMS").unlink()
    shutil.copytree(Path(__file__).parents[1] / "data_v0" / "paper", folder / "v0")


def read_explanation(folder: Path) -> Any:
    e = ac.Explanation.load(folder)
    return {
        **vars(e),
        "verified": None,
        "shown": (repr(e), e.as_json(), e.annealing, e.normalisation),
    }


def write_finished(folder: Path) -> None:
    """The results of `annealcam explain`, as a second run finds them."""
    write_explanation(folder)
    e = ac.Explanation.load(folder / "explanation")
    record = {"photo": "a.jpg", "identity": {"photo": "sha256:1", "request": {"beta": 0.5}}}
    shutil.rmtree(folder / "explanation")
    replace(e, provenance={**e.provenance, **record}).save(folder / "output" / "a")


def read_finished(output: Path) -> Any:
    from annealcam.cli.photos.finished import other_settings, tasks_of
    from annealcam.models.photo_files import FoundPhotos

    (task,) = tasks_of(FoundPhotos(["a.jpg"], [None], []), output)
    others = [text for _, text in other_settings([task], {"beta": 0.5})]
    return task.is_finished({"photo": "sha256:1", "request": {"beta": 0.5}}), others


def write_of_photos(folder: Path) -> None:
    """The results of two photos, of which an overview is made."""
    write_finished(folder)
    shutil.copytree(folder / "output" / "a", folder / "output" / "b")


def read_overview(output: Path) -> Any:
    from annealcam.cli.photos.overview import write_overview

    return write_overview(output)


def write_all(folder: Path) -> None:
    write_explanation(folder)
    write_atlas(folder)
    write_study(folder)
    with written_aside(folder / "evaluation", names=(), marker="evaluation.json") as aside:
        (aside / "evaluation.json").write_text('{"format": 1, "photos": 3}')
        (aside / "evaluation.csv").write_text("method,mean\nannealcam,0.5\n")
    (folder / "checkpoint").mkdir()
    write_checkpoint(folder / "checkpoint")


def read_verified(folder: Path) -> Any:
    """Compare the answer with the checksums, read here by other code."""
    answer = ac.verify(folder)
    assert all(not result.faults or result.status == "damaged" for result in answer)
    try:
        lines = (folder / "SHA256SUMS").read_text().splitlines()
        intact = all(
            _sha256(folder / name) == digest
            for digest, name in (line.split("  ") for line in lines)
        )
    except (OSError, ValueError):
        intact = False
    if any(result.status == "intact" and result.kind != "checkpoint" for result in answer):
        assert intact
    return answer


def _sha256(file: Path) -> str:
    if not file.is_file():  # a damaged list can name a device
        return ""
    with file.open("rb") as stream:  # a damaged file may be long
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_weights(folder: Path) -> None:
    import safetensors.torch

    state = tiny().state_dict()
    torch.save(state, folder / "plain.pth")
    torch.save({"epoch": 3, "state_dict": state, "opt": np.float64(3)}, folder / "nested.ckpt")
    torch.save(state, folder / "legacy.pth", _use_new_zipfile_serialization=False)
    safetensors.torch.save_file(state, folder / "plain.safetensors", {"format": "pt"})
    torch.jit.save(torch.jit.script(tiny()), folder / "script.pt")


def read_weights(file: Path) -> Any:
    loaded = ac.load_model(file, architecture=tiny)
    assert {k: t.shape for k, t in loaded.model.state_dict().items()} == SHAPES
    return loaded.classes


SHAPES = {name: tensor.shape for name, tensor in tiny().state_dict().items()}


def write_cards(folder: Path) -> None:
    from annealcam.models.cards.model_card import ModelCard, write_card

    (folder / "card").mkdir()
    card = ModelCard(
        architecture="torchvision:resnet18", mean=[0.4, 0.5, 0.6], std=[0.2, 0.2, 0.2], size=96,
        interpolation="bicubic", channels=3, link="sigmoid", classes=["cat", "dog"], layer="layer4",
    )  # fmt: skip
    write_card(card, folder / "card" / "mine.toml", header="a network", comments={"size": "96"})
    (folder / "used").mkdir()
    torch.save(small_network().state_dict(), folder / "used" / "mine.pth")
    card = ModelCard(mean=[0.4, 0.5, 0.6], std=0.2, size=20, channels=3, link="softmax")
    write_card(card, folder / "used" / "mine.toml")
    (folder / "beside").mkdir()
    (folder / "beside" / "names.txt").write_text("cat\ndog\n")
    (folder / "beside" / "mine.toml").write_text('classes = "names.txt"\nsize = [96, 64]\n')


def read_model_card(folder: Path) -> Any:
    from annealcam.models.cards.model_card import read_card

    weights = folder / "mine.pth"
    if not weights.exists():
        return repr(read_card(folder / "mine.toml"))
    loaded = ac.load_model(weights, architecture=small_network)
    return loaded.classes, repr(loaded.preprocess), loaded.link


def write_checkpoint(folder: Path) -> None:
    from annealcam.models.checkpoints import write_checkpoint
    from annealcam.models.load import load_trunk
    from annealcam.models.paper_network import PaperNetwork

    trunk = load_trunk("plain")
    network = PaperNetwork(trunk.layers, features=trunk.features, maps=2, classes=2, frozen=False)
    file = folder / "mine.safetensors"
    write_checkpoint(file, network, trunk, ("cat", "dog"), {"seed": 0, "data": "digits"})


def read_checkpoint(file: Path) -> Any:
    loaded = ac.load_model(str(file))
    state = loaded.model.state_dict()
    return loaded.classes, {name: t.numpy().tobytes() for name, t in state.items()}


def write_exported(folder: Path) -> None:
    program = torch.export.export(small_network(), (torch.zeros(2, 3, 20, 20),))
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # paths of this machine, on which cases would depend
    settings = json.dumps({"classes": list("abcde"), "crop": 20, "resize": 24})
    torch.export.save(program, folder / "net.pt2", extra_files={"annealcam.json": settings})


def read_exported(file: Path) -> Any:
    return ac.load_model(str(file)).classes


def write_study(folder: Path) -> None:
    from annealcam._internal.storage.files import seal

    write_old_study(folder)
    seal(folder / "study")


def write_old_study(folder: Path) -> None:
    from tests.study.runs import run_folder
    from tests.study.tables import study_table

    table = study_table(images=1, cardinalities=(1,), taus=(10.0,), draws=1)
    run_folder(folder / "study", table)


def read_study(folder: Path) -> Any:
    from annealcam.study.pages.loaded import load_study

    study = load_study(folder)
    return study.manifest, study.table.to_pylist(), study.study, study.name, study.data_hash


def write_config(folder: Path) -> None:
    from annealcam import study

    for file in (Path(study.__file__).parent / "presets").glob("*.toml"):
        shutil.copy(file, folder / file.name)


def read_config(file: Path) -> Any:
    from annealcam.study.config import read_study

    return repr(read_study(file).as_dict())


def write_atlas(folder: Path) -> None:
    from tests.atlas.synthetic_atlas import write_synthetic_atlas

    write_synthetic_atlas(folder / "atlas", channels=4, photos=2, top=2)


def write_old_atlas(folder: Path) -> None:
    write_atlas(folder)
    (folder / "atlas" / "SHA256SUMS").unlink()


def read_atlas(folder: Path) -> Any:
    from annealcam.atlas.atlas import open_atlas

    atlas = open_atlas(folder)
    portraits = [atlas.portrait(channel) for channel in range(atlas.channels)]
    pictures = [p.tobytes() for c in range(atlas.channels) for p in atlas.crops(c)]
    return (
        repr(atlas), [repr(p) for p in portraits], [vars(r) for p in portraits for r in p.regions],
        pictures, atlas.profiles, atlas.usual(0),
    )  # fmt: skip


PART = {"channels": 4, "classes": 3, "top": 2, "photos": 100}


def write_atlas_part(folder: Path) -> None:
    from annealcam.atlas.parts import write_part
    from tests.atlas.test_parts import some_part

    for number in range(2):
        write_part(some_part(number), folder / f"{number}.npz")


def read_atlas_part(file: Path) -> Any:
    from annealcam.atlas.parts import read_part
    from tests.atlas.test_parts import some_part

    part = read_part(file, **PART)
    return part.with_part(some_part(5)) if hasattr(part, "with_part") else part


def write_audit_part(folder: Path) -> None:
    import annealcam.audit.observations as observations
    from annealcam.models.network_layer import NetworkLayer
    from annealcam.settings import resolve

    photos = digits()
    network = NetworkLayer.open("digits", "block.1", photos.first_photo())
    made = observations.observe(photos, network, resolve(sampler="exact"))
    observations.write_observations(made, folder / "part.npz")


def read_audit_part(file: Path) -> Any:
    from annealcam.audit.observations import concatenate, read_observations

    part = read_observations(file, photos=digits(), channels=16)
    return concatenate([part, part])


@functools.cache
def digits() -> Any:
    from annealcam.data.sets import load_set

    return load_set("digits").subset(np.arange(2))


def write_features(folder: Path) -> None:
    read_features(folder / "cache")


def read_features(folder: Path) -> Any:
    from annealcam.models.load import load_trunk
    from annealcam.training.examples import features_of

    features = features_of(load_trunk("plain"), digits(), cache=folder, mirrored=True)
    return features.labels, features.rows, features.skipped, features.photos, features.mirrored


def write_hugging_face(folder: Path) -> None:
    from tests.models.test_hugging_face import folder_of

    folder_of(folder)


def read_hugging_face(folder: Path) -> Any:
    return ac.load_model(f"hf:{folder}").classes


def write_for_commands(folder: Path) -> None:
    for write in (write_explanation, write_study):
        write(folder)
    ac.save_problem(ac.SelectionProblem([1.0, 0.5], np.zeros((2, 2))), folder / "problem.npz")
    (folder / "problem.lp").write_text("Minimize\n obj: x + [ 2 x * y ] / 2\nBinary\n x y\nEnd\n")


@functools.cache
def command_line() -> Any:
    from typer.main import get_command

    from annealcam.cli.main import app

    return get_command(app)


def run_command(path: Path) -> Any:
    """Run a command on a result or a problem: it succeeds, or prints one line of an error."""
    output = path.parent / "converted.coo"
    arguments = ["verify", path] if path.is_dir() else ["convert", path, output]
    result = CliRunner().invoke(command_line(), [str(argument) for argument in arguments])
    output.unlink(missing_ok=True)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in (0, 1, 2)
    lines = result.stderr.splitlines()
    assert (
        len(lines) == 1
        if result.exit_code and path.is_file()
        else bool(lines) == bool(result.exit_code)
    )
    assert all(line.isprintable() for line in (*lines, *result.stdout.splitlines()))
    return result.stdout
