"""Everything that annealcam writes, each with an older and a newer result of one name."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

# Files whose bytes differ between equal runs, since they hold times; and the lists of their hashes.
TIMES = ("log", "manifest.json", "summary.md", "SHA256SUMS")


@dataclass(frozen=True)
class Writer:
    """A writer in a working folder.

    Attributes:
        name: what it writes.
        newer: writes the newer result.
        older: writes the one that is there before; None: there is none.
        inputs: makes what both read, once.
        times: names within the results that hold times, so that their bytes are not compared.
        grows: the result is made file by file, so that a part of it may be there.
        is_long: it is an entire command, of which many calls are traced.
    """

    name: str
    newer: Callable[[], object]
    older: Callable[[], object] | None = None
    inputs: Callable[[], object] = lambda: None
    times: tuple[str, ...] = ()
    grows: bool = False
    is_long: bool = False


def command(*arguments):
    """An action: one command line of annealcam."""

    def run():
        from annealcam.cli.main import main

        sys.argv = ["annealcam", *map(str, arguments)]
        main()

    return run


# --- writers of the library ---


def explanation(seed):
    """An explanation that is made without a network."""
    from annealcam.explanation import Explanation
    from annealcam.qubo import Selection, SelectionProblem

    rng = np.random.default_rng(seed)
    maps, logits = rng.random((4, 3, 3)), rng.normal(size=3)
    problem = SelectionProblem.from_maps(maps, rng.random(4))
    n = np.array([1, 0, 1, 0], dtype=np.int8)
    return Explanation(
        map=maps[0], selected=np.array([0, 2]), selected_maps=maps[[0, 2]],
        candidates=np.arange(4), importance=rng.random(4), alpha=rng.random(4),
        contribution=rng.random(4), logits=logits, target=1, baselines={"gradcam": maps[1]},
        problem=problem, selection=Selection(n, problem.energy(n), None, "exact"),
        provenance={"model": "m", "layer": "l", "warnings": (), "target_name": "b", "seed": seed,
                    "normalisation": None, "sampler_options": None, "importance": "alpha",
                    "beta": None, "predicted": 1, "channels": 4, "candidates_in_all": 4,
                    "dead": 0, "left_out": 0, "left_out_relevance_share": None},
    )  # fmt: skip


def in_two_renames(action):
    """Write on a system that cannot exchange two folders in one step."""

    def run():
        from annealcam._internal.storage import files

        files.exchange = lambda *_: False
        action()

    return run


def saved_explanation(seed):
    return lambda: explanation(seed).save("result")


def saved_json(age):
    def run():
        from annealcam._internal.storage.resumable import write_json

        write_json(Path("record.json"), {"age": age})

    return run


def saved_problem(seed, name):
    def run():
        from annealcam.qubo import SelectionProblem
        from annealcam.qubo.files import save_problem

        maps = np.random.default_rng(seed).random((5, 3, 3))
        save_problem(SelectionProblem.from_maps(maps, maps[:, 0, 0]), name)

    return run


def overview(count):
    """The page and the table of some results, made with one more than before."""

    def run():
        from annealcam.cli.photos.overview import write_overview

        for number in range(count):
            explanation(number).save(f"results/{number}")
        write_overview(Path("results"))

    return run


def work_in_parts(count, *, finish=False):
    """Compute parts, then write the result and remove them; with fewer parts, be interrupted."""

    def run():
        from annealcam._internal.storage.resumable import (
            PartStore,
            arrays_read,
            write_arrays,
            write_json,
        )

        def read(file):
            with arrays_read(file) as arrays:
                return int(arrays["part"])

        def write(part, file):
            write_arrays(file, {"part": np.array(part)})

        store = PartStore(Path("work.parts"), "sum")
        store.open({"seed": 0})
        parts = list(store.complete(count, lambda number: number**2, write, read))
        if finish:
            write_json(Path("work.json"), {"sum": sum(parts)})
            store.remove()

    return run


def sealed(text):
    """A folder that grew file by file, and gets its checksums at the end."""

    def run():
        from annealcam._internal.storage.files import file_written_aside, make_folder, seal, unseal

        make_folder("grown")
        unseal(Path("grown"))
        for name in "ab":
            with file_written_aside(Path("grown") / name) as aside:
                aside.write_text(f"{text} {name}")
        seal(Path("grown"))

    return run


# --- commands ---

DIGITS = ("--model", "digits")
ON_DIGITS = ("--data", "digits", *DIGITS, "--photos-per-class", 2)


def digit_photos(count=2):
    """Photos of digits, as `0.png`, and folders of two classes of them, as `set/3/0.png`."""
    from PIL import Image

    def photo(seed):
        rng = np.random.default_rng(seed)
        return Image.fromarray(rng.integers(0, 256, (8, 8)).astype(np.uint8)).resize((20, 20))

    for number in range(count):
        photo(number).save(f"{number}.png")
    for part in ("train", "validation", "test"):
        for label in range(2):
            os.makedirs(f"set/{part}/{label}")
            for number in range(2):
                photo(10 * label + number).save(f"set/{part}/{label}/{number}.png")


def anneal_inputs():
    saved_problem(0, "problem.json")()


STUDY = """
shard = 1
[data]
choose = "all"
per_class = 1
[network]
models = ["tests.networks:digit_network"]
layers = ["3"]
[problem]
explain = "label"
[annealing]
tau = 1
normalisations = "per_qubit"
gaps = false
[baselines]
random_draws = 2
[statistics]
bootstrap = 10
permutations = 10
"""


RUN_STUDY = command("study", "study.toml", "--workers", 1, "-o", "run")


def study_inputs():
    Path("study.toml").write_text(STUDY)


def finished_study():
    study_inputs()
    with_exit_0(RUN_STUDY)


def with_exit_0(action):
    try:
        action()
    except SystemExit as ending:
        if ending.code:
            raise


def trained(seed):
    return command(
        "train", "--data", "digits", "--epochs", 1, "--seed", seed, "-o", "net.safetensors"
    )


def of_command(name, *arguments, older, newer, inputs=digit_photos, **options):
    """A command that is repeated with other options."""
    return Writer(
        name, command(*arguments, *newer), command(*arguments, *older), inputs, is_long=True,
        **options,
    )  # fmt: skip


KINDS = (
    Writer("a file", saved_json("newer"), saved_json("older")),
    Writer("a new folder", saved_explanation(1)),
    Writer("a folder over an older one", saved_explanation(1), saved_explanation(0)),
    Writer(
        "a folder in two renames", in_two_renames(saved_explanation(1)),
        in_two_renames(saved_explanation(0)),
    ),
    Writer("work in parts", work_in_parts(2, finish=True), work_in_parts(1), grows=True),
    Writer("checksums of a grown folder", sealed("newer"), sealed("older"), grows=True),
)  # fmt: skip
OVERVIEW = Writer("an overview of photos", overview(2), overview(1), grows=True)
PROBLEMS = tuple(
    Writer(
        f"save_problem, {suffix}", saved_problem(1, f"p{suffix}"), saved_problem(0, f"p{suffix}")
    )
    for suffix in (".json", ".npz", ".coo")
)
COMMANDS = (
    of_command("solve", "solve", "problem.json", "-o", "s.json", inputs=anneal_inputs,
               older=["--sampler", "greedy"], newer=["--sampler", "exact"]),
    of_command("anneal", "anneal", "problem.json", "-o", "out", inputs=anneal_inputs,
               older=["--tau", 2], newer=["--tau", 3]),
    of_command("anneal --hardware", "anneal", "problem.json", "--hardware", "advantage2", "-o",
               "out", inputs=anneal_inputs, older=["--tau", 2], newer=["--tau", 3]),
    of_command("explain", "explain", "0.png", *DIGITS, "-o", "out",
               older=["--cardinality", 2], newer=["--cardinality", 3]),
    of_command("explain --html", "explain", "0.png", *DIGITS, "--html", "-o", "out",
               older=["--cardinality", 2], newer=["--cardinality", 3]),
    of_command("explain, several photos", "explain", "0.png", "1.png", *DIGITS, "-o", "out",
               older=["--cardinality", 2], newer=["--cardinality", 3], grows=True),
    of_command("flip", "flip", "0.png", *DIGITS, "-o", "flip.json",
               older=["--against", 1], newer=["--against", 2]),
    of_command("path", "path", "0.png", *DIGITS, "-o", "out",
               older=["--most", 2], newer=["--most", 3]),
    of_command("evaluate", "evaluate", "set/test", *DIGITS, "--metrics", "drop", "-o", "out",
               older=["--cardinality", 2], newer=["--cardinality", 3]),
    Writer("train", trained(1), trained(0), is_long=True),
    Writer("atlas", command("atlas", *ON_DIGITS, "-o", "atlas"), is_long=True, grows=True),
    Writer("audit", command("audit", *ON_DIGITS, "-o", "audit"), is_long=True, grows=True),
    Writer("study", RUN_STUDY, inputs=study_inputs, times=TIMES, is_long=True, grows=True),
    Writer("report", command("report", "run", "-o", "pages"), inputs=finished_study,
           is_long=True, grows=True),
)  # fmt: skip
WRITERS = {writer.name: writer for writer in (*KINDS, OVERVIEW, *PROBLEMS, *COMMANDS)}
