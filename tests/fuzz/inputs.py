"""Small files that people give to annealcam, and their readers."""

import json
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from PIL import Image

import annealcam as ac
from annealcam.errors import AnnealcamError, ImageError

RNG = np.random.default_rng


def one_line(error: AnnealcamError) -> bool:
    return str(error) != "" and "\n" not in str(error)


def write_problems(folder: Path) -> None:
    import dimod
    from scipy import sparse
    from scipy.io import mmwrite

    from annealcam.qubo.files.writers import WRITERS

    rng = RNG(0)
    labels = dict(enumerate(["b", "a", 3, ("x", 1), "é", 0]))
    bqm = dimod.BinaryQuadraticModel(rng.normal(size=6), rng.normal(size=(6, 6)), 1.25, "SPIN")
    bqm = bqm.relabel_variables(labels, inplace=False)
    (folder / "cut").write_text("4 3\n1 2 1\n2 3 2.5\n1 4 -1\n")
    fixed = ac.SelectionProblem(rng.random(5), np.zeros((5, 5)), cardinality=2, diagonal=np.ones(5))
    for name in WRITERS:
        problems = [ac.read_problem(folder / "cut")] if name == "maxcut" else [bqm, fixed]
        for number, problem in enumerate(problems):
            options = {"penalty": True, "drop": ["offset", "diagonal"]}
            ac.save_problem(problem, folder / f"{name}{number}", format=name, **options)
    for number, dtype in enumerate((np.float32, np.float64)):
        content = dimod.BinaryQuadraticModel(bqm, dtype=dtype).to_file(version=1).read()
        (folder / f"bqm1-{number}").write_bytes(content)
    matrix = sparse.csr_array(rng.integers(-2, 3, (6, 6)))
    for layout in ("csr", "csc", "coo", "bsr", "dia"):
        for packed in (True, False):
            file = folder / f"{layout}{packed}.npz"
            sparse.save_npz(file, matrix.asformat(layout), compressed=packed)
    for number, content in enumerate((rng.normal(size=(4, 4)), matrix)):
        mmwrite(folder / f"{number}.mtx", content)
    (folder / "orlib").write_text("1\n2 2\n1 1 5\n1 2 -3\n")
    (folder / "qbsolv").write_text("c a\np qubo 0 4 2 2\n0 0 -1.5\n2 2 4\nc b\n0 2 3\n1 3 -2\n")
    (folder / "spins").write_text("# vartype=SPIN\n# offset=42\n0 1 -1\n")


def read_problem(file: Path) -> Any:
    from annealcam.qubo.files.reading import READERS as FORMATS

    formats = sorted(FORMATS)
    try:  # as any format as well
        ac.read_problem(file, format=formats[crc32(file.read_bytes()) % len(formats)])
    except AnnealcamError as error:
        assert one_line(error)  # noqa: PT017
    content = ac.read_problem(file)
    p = content.problem
    assert np.isfinite([*p.h, *p.J.flat, content.offset]).all()
    assert p.cardinality is None or 0 <= p.cardinality <= p.d
    return repr(content), p.energy(np.zeros(p.d, dtype=int))


def write_machines(folder: Path) -> None:
    from annealcam.samplers import hardware

    source = Path(hardware.__file__).parent / "machines"
    schedule = folder / "schedule.csv"
    for name in ("advantage", "advantage2"):
        (folder / name).mkdir()
        figures = json.loads((source / f"{name}.json").read_text())
        figures |= {"missing_qubits": [3, 5], "missing_couplers": [[1, 2]], "freezeout": 0.5}
        (folder / name / "machine.json").write_text(json.dumps(figures))
    write_schedules(folder)
    figures |= {"schedule": "schedule.csv"}
    (folder / "csv").mkdir()
    (folder / "csv" / "machine.json").write_text(json.dumps(figures))
    schedule.rename(folder / "csv" / "schedule.csv")
    (folder / "linear.csv").unlink()


def read_machine(folder: Path) -> Any:
    from annealcam.samplers.hardware import read_machine

    machine = read_machine(folder / "machine.json")
    return repr(machine), machine.inverse_temperature(0.5), machine.errors_for(2.0), machine.place


def write_schedules(folder: Path) -> None:
    rows = [f"{s},{8 * (1 - s) ** 2},{0.2 + 8 * s}" for s in np.linspace(0, 1, 9)]
    text = "\n".join(rows)
    (folder / "schedule.csv").write_text(f"s,A(s) (GHz),B(s) (GHz)\n{text}\n")
    (folder / "linear.csv").write_text(f"u;A;B\n{text}\n".replace(",", ";").replace(".", ","))


def read_schedule(file: Path) -> Any:
    from annealcam.annealing.schedules.dwave import read_schedule

    schedule = read_schedule(file)
    A, B = schedule.A(0.3), schedule.B(0.3)
    assert np.isfinite([A, B]).all()
    return repr(schedule), A, B


def picture(mode: str = "RGB", side: int = 16) -> Image.Image:
    pixels = RNG(0).integers(0, 256, (side, side, 3)).astype(np.uint8)
    if mode == "I;16":
        return Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    return Image.fromarray(pixels).convert(mode)


PHOTOS = (  # mode, ending, and options of the writer
    ("RGB", "png", {}), ("P", "png", {"transparency": 0}), ("RGBA", "png", {}), ("I;16", "png", {}),
    ("RGB", "jpg", {}), ("CMYK", "jpg", {}), ("L", "jpg", {"progressive": True}),
    ("RGB", "webp", {}), ("RGBA", "webp", {"lossless": True}), ("P", "gif", {}), ("RGB", "bmp", {}),
    ("RGB", "tif", {}), ("RGB", "tif", {"compression": "tiff_lzw"}), ("I;16", "tif", {}),
    ("RGB", "ppm", {}), ("RGB", "ico", {}), ("RGB", "tga", {}), ("1", "pcx", {}),
    ("RGB", "jp2", {}), ("L", "im", {}), ("RGB", "dds", {}), ("RGB", "sgi", {}),
    ("RGB", "tif", {"compression": "jpeg"}), ("RGB", "icns", {}),
)  # fmt: skip


def write_photos(folder: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for number, (mode, ending, options) in enumerate(PHOTOS):
        more = {"exif": exif} if ending in ("jpg", "webp", "tif") else {}
        picture(mode).save(folder / f"{number}.{ending}", **options, **more)
    frames = [picture(side=8), picture(side=8).rotate(90)]
    for ending in ("gif", "png", "webp", "tif"):
        frames[0].save(folder / f"frames.{ending}", save_all=True, append_images=frames[1:])


def read_photo(file: Path) -> Any:
    from annealcam.models.images import load_photo

    photo = load_photo(str(file))
    assert photo.mode == "RGB"
    return photo.size, photo.tobytes()


def write_arrays(folder: Path) -> None:
    import tifffile

    values = RNG(0).normal(size=(3, 6, 5))
    for name, array in {
        "float": values, "half": values.astype(np.float16), "bytes": np.asarray(picture()),
        "columns": np.asfortranarray(values.astype(np.float32)), "signal": values[0],
    }.items():  # fmt: skip
        np.save(folder / f"{name}.npy", array)
        np.savez(folder / f"{name}.npz", array)
    np.savez_compressed(folder / "packed.npz", x=values)
    bands = RNG(0).integers(0, 9, (6, 8, 8)).astype(np.uint16)
    for name, options in {
        "pages": {}, "samples": {"photometric": "minisblack", "planarconfig": "separate"},
        "deflate": {"compression": "deflate"}, "imagej": {"imagej": True}, "ome": {"ome": True},
        "big": {"bigtiff": True},
    }.items():  # fmt: skip
        tifffile.imwrite(folder / f"{name}.tif", bands, **options)


def read_array(file: Path) -> Any:
    from annealcam.models.images import load_input

    values = load_input(str(file), bands=True).values
    assert values.dtype == np.float32
    assert np.isfinite(values).all()
    return values.shape, values.tobytes()


def write_masks(folder: Path) -> None:
    mask = Image.fromarray(np.eye(12, dtype=np.uint8) * 255)
    for mode, ending in (("L", "png"), ("1", "png"), ("RGBA", "png"), ("RGB", "jpg"), ("L", "tif")):
        place = folder / f"{mode}-{ending}"
        place.mkdir()
        mask.convert(mode).save(place / f"sea.{ending}")
    (folder / "boxes").mkdir()
    (folder / "boxes" / "boxes.csv").write_text(
        "photo,left,top,right,bottom\nsea.jpg,0,0,9,9\nland.jpg,0,0,3,3\nsea.jpg,3,4,12,12\n"
    )


def read_masks(folder: Path) -> Any:
    from annealcam.evaluation.masks import find_masks, mask_in_view
    from annealcam.models.preprocess import Preprocess

    csv = folder / "boxes.csv"
    masks = find_masks(csv if csv.exists() else folder, ["sea.jpg"], Path())
    view = mask_in_view(Preprocess(8, 6), masks["sea.jpg"], "sea.jpg", (12, 12))
    return None if view is None else view.tobytes()


def write_sets(folder: Path) -> None:
    for name in ("divided", "parts"):
        for part in ("train", "val") if name == "parts" else ("",):
            for label in ("cat", "dog"):
                place = folder / name / part / label
                place.mkdir(parents=True)
                for number in range(3):
                    picture(side=4).save(place / f"{number}.png")


def read_set(folder: Path) -> Any:
    from annealcam.data.sets import load_set

    photos = load_set(f"folder:{folder}", part="all")
    assert 0 <= photos.labels.min() <= photos.labels.max() < len(photos.classes)
    opened = []
    for number in range(len(photos)):
        try:
            opened.append(photos.open(number).tobytes())
        except ImageError as error:  # a photo that cannot be read is one line
            assert one_line(error)  # noqa: PT017
    return opened, photos.fingerprint()


def write_class_names(folder: Path) -> None:
    names = ["cat", "dog", "sea lion"]
    numbered = dict(enumerate(names))
    for name, value in {
        "list": names, "mapping": numbered, "config": {"id2label": numbered},
        "inverse": {"class_to_idx": {name: i for i, name in numbered.items()}},
    }.items():  # fmt: skip
        (folder / f"{name}.json").write_text(json.dumps(value))
    (folder / "lines.txt").write_text("\n".join(names))


def read_class_names(file: Path) -> Any:
    from annealcam.models.cards.class_names import class_names

    names = class_names(file)
    assert all(isinstance(name, str) and name.strip() for name in names)
    return names
