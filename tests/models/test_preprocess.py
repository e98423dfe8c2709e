"""Preprocessing: equal to torchvision's transforms for every number of channels and shape."""

import io
import zipfile

import numpy as np
import pytest
import skimage.data
import tifffile
import torch
from hypothesis import given, strategies as st
from PIL import Image
from torchvision import transforms as T

from annealcam.errors import ArgumentError, ImageError
from annealcam.models.images import ArrayInput, load_input
from annealcam.models.network_layer import network_input
from annealcam.models.preprocess import Preprocess

PHOTO = Image.fromarray(skimage.data.chelsea())
RNG = np.random.default_rng(3)


@pytest.mark.parametrize("size", [(451, 300), (300, 451), (97, 1000), (20, 30)])
@pytest.mark.parametrize("how", ["nearest", "bilinear", "bicubic"])
def test_grey_photos_equal_torchvisions_to_the_bit(size, how):
    photo = PHOTO.resize(size)
    steps = [
        T.Grayscale(), T.Resize(40, T.InterpolationMode(how)), T.CenterCrop(36), T.ToTensor(),
        T.Normalize([0.4], [0.2]),
    ]  # fmt: skip
    own = Preprocess(40, 36, [0.4], [0.2], how)
    assert torch.equal(own(photo), T.Compose(steps)(photo))
    assert own.view(photo).mode == "L"
    assert (own.channels, own.size) == (1, (36, 36))


@pytest.mark.parametrize(
    ("own", "steps"),
    [
        (Preprocess(None, (20, 50)), [T.Resize((20, 50))]),
        (Preprocess(None, 30), [T.Resize((30, 30))]),
        (Preprocess((60, 50), (40, 30)), [T.Resize((60, 50)), T.CenterCrop((40, 30))]),
        (Preprocess(60, (40, 61)), [T.Resize(60), T.CenterCrop((40, 61))]),
        (Preprocess(33, (40, 36)), [T.Resize(33), T.CenterCrop((40, 36))]),  # padded with black
        (Preprocess(33, 51), [T.Resize(33), T.CenterCrop(51)]),
    ],
)
def test_stretched_and_oblong_photos_equal_torchvisions_to_the_bit(own, steps):
    steps += [T.ToTensor(), T.Normalize(own.mean, own.std)]
    for photo in (PHOTO, PHOTO.rotate(90, expand=True), PHOTO.resize((64, 64))):
        assert torch.equal(own(photo), T.Compose(steps)(photo))
        assert own.large_view(photo, 100).width == 100


def test_bands_of_a_photo_in_another_order():
    blue_first = Preprocess(bands=(2, 1, 0), mean=[0.1, 0.2, 0.3], std=[1, 2, 3])
    plain = Preprocess(mean=[0.3, 0.2, 0.1], std=[3, 2, 1])
    assert torch.equal(blue_first(PHOTO), plain(PHOTO).flip(0))
    green = Preprocess(bands=[1], mean=[0.2], std=[2])
    assert torch.equal(green(PHOTO), plain(PHOTO)[1:2])


def test_twelve_bands_of_a_tiff_equal_torchvisions_on_tensors(tmp_path):
    bands = RNG.integers(0, 10_000, (12, 50, 40), dtype=np.uint16)
    path = str(tmp_path / "scene.tif")
    tifffile.imwrite(path, bands.transpose(1, 2, 0), planarconfig="contig")
    loaded = load_input(path, bands=True)
    assert np.array_equal(loaded.values, bands.astype(np.float32))
    mean, std = list(range(12)), list(range(100, 112))
    own = Preprocess(30, 24, mean, std)
    steps = [T.Resize(30, antialias=True), T.CenterCrop(24), T.Normalize(mean, std)]
    expected = T.Compose(steps)(torch.from_numpy(bands.astype(np.float32)))
    assert torch.equal(own(loaded), expected)
    some = Preprocess(30, 24, mean[:3], std[:3], bands=(7, 3, 5))
    steps[-1] = T.Normalize(mean[:3], std[:3])
    expected = T.Compose(steps)(torch.from_numpy(bands[[7, 3, 5]].astype(np.float32)))
    assert torch.equal(some(loaded), expected)
    with pytest.raises(ArgumentError, match="interpolation='lanczos'.*nearest, bilinear or bicub"):
        Preprocess(30, 24, mean, std, "lanczos")(loaded)


@pytest.mark.parametrize("how", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize(
    ("size", "resize", "crop"),
    [((50, 40), 31, (40, 24)), ((9, 70), (12, 13), (7, 20)), ((30, 30), None, 17), ((8, 8), 8, 5)],
)
def test_bands_equal_torchvisions_for_every_size_to_the_bit(size, resize, crop, how):
    values = RNG.random((4, *size), dtype=np.float32)
    own = Preprocess(resize, crop, [0.25] * 4, [0.5] * 4, how)
    first = own.size if resize is None else resize
    steps = [T.Resize(first, T.InterpolationMode(how), antialias=True), T.CenterCrop(own.size)]
    expected = T.Compose([*steps, T.Normalize([0.25] * 4, [0.5] * 4)])(torch.from_numpy(values))
    assert torch.equal(own(ArrayInput(values, "bands", is_picture=True)), expected)


@pytest.mark.parametrize("axes", ["pages", "planar", "grey", "four"])
def test_tiffs_of_every_layout(tmp_path, axes):
    path, bands = str(tmp_path / "x.tiff"), RNG.integers(0, 256, (4, 6, 5), dtype=np.uint8)
    if axes == "pages":
        with tifffile.TiffWriter(path) as file:
            for band in bands:
                file.write(band, contiguous=True)
    elif axes == "planar":
        tifffile.imwrite(path, bands, planarconfig="separate", photometric="minisblack")
    elif axes == "four":
        tifffile.imwrite(path, bands.transpose(1, 2, 0), photometric="rgb")
    else:
        bands = bands[:1]
        tifffile.imwrite(path, bands[0])
    assert np.array_equal(load_input(path, bands=True).values, bands / np.float32(255))


@pytest.mark.parametrize("shape", [(12, 8, 9), (1, 8, 9), (3, 40), (2, 5, 6, 7)])
def test_arrays_are_the_networks_input(tmp_path, shape):
    values, path = RNG.normal(size=shape), tmp_path / "x.npy"
    np.save(path, values)
    array = load_input(str(path))
    expected = torch.from_numpy(values.astype(np.float32))
    assert torch.equal(Preprocess()(array), expected)
    assert torch.equal(network_input(lambda _: None, array, model_name="m"), expected)
    n = shape[0]
    own = Preprocess(mean=range(n), std=range(1, n + 1), normalise_arrays=True)
    by_hand = np.stack([(values[i].astype(np.float32) - i) / (i + 1) for i in range(n)])
    assert torch.allclose(own(array), torch.from_numpy(by_hand), atol=1e-6)
    if n > 1:
        bands = Preprocess(mean=[0, 0], std=[1, 1], bands=(1, 0))
        assert torch.equal(bands(array), expected[[1, 0]])


@pytest.mark.parametrize("shape", [(9,), (8, 9), (6, 8, 9)])
def test_an_axis_of_one_channel_is_added(shape):
    array = ArrayInput(RNG.normal(size=shape).astype(np.float32), "x.npy")
    assert Preprocess(mean=[0], std=[1])(array).shape == (1, *shape)


def test_npz_of_one_array_and_eight_bit_values(tmp_path):
    values = RNG.integers(0, 256, (12, 4, 5), dtype=np.uint8)
    np.savez_compressed(tmp_path / "x.npz", values)
    assert np.array_equal(load_input(str(tmp_path / "x.npz")).values, values / np.float32(255))
    np.save(tmp_path / "x.npy", np.asfortranarray(values.astype(">i4")))
    assert np.array_equal(load_input(str(tmp_path / "x.npy")).values, values)
    np.savez(tmp_path / "x.npz", a=values, b=values)
    with pytest.raises(ImageError, match=r"x.npz: holds 2 arrays \(a, b\); save"):
        load_input(str(tmp_path / "x.npz"))


def header(shape, descr="<f8"):
    file = io.BytesIO()
    about = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, about)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "cannot be read"),
        (b"no array", "cannot be read"),
        (header((4, 4)), "cannot be read"),  # no data
        (header((2**20, 2**20, 2**20)), "1 to 268435456 values are read"),
        (header((3, 0)), "1 to 268435456 values are read"),
        (header((1,) * 5), "one to three axes"),
        (header((3, 3), "|O"), "of type object; save real numbers"),
        (header((3, 3), "<c8"), "of type complex64; save real numbers"),
        (header((3, 3), "<U3"), "of type <U3; save real numbers"),
        (header((2, 1)) + np.array([1, np.nan]).tobytes(), "contains NaN or infinity"),
        (header((2, 1)) + np.array([1, 1e300]).tobytes(), "contains NaN or infinity"),
    ],
)
def test_arrays_that_cannot_be_inputs_give_one_line(tmp_path, content, match):
    npy, npz = tmp_path / "x.npy", tmp_path / "x.npz"
    npy.write_bytes(content)
    with zipfile.ZipFile(npz, "w") as archive:
        archive.writestr("a.npy", content)
    for path in (npy, npz):
        with pytest.raises(ImageError, match=match) as caught:
            load_input(str(path))
        assert str(caught.value).startswith(str(path))
        assert "\n" not in str(caught.value)


def test_files_that_are_missing_or_no_tiff(tmp_path):
    (tmp_path / "x.tif").write_bytes(b"II*\0 damaged")
    for name in ("missing.npy", "missing.npz", "missing.tif", "x.tif"):
        with pytest.raises(ImageError, match=f"{name}: cannot be read"):
            load_input(str(tmp_path / name), bands=True)


@pytest.mark.parametrize(
    ("own", "values", "match"),
    [
        (Preprocess(mean=[0] * 4, std=[1] * 4), PHOTO, "photo: has 3 channels .*takes 4; give it"),
        (Preprocess(mean=[0], std=[1], bands=[3]), PHOTO, r"3 bands.*takes bands \(3,\)"),
        (Preprocess(), np.zeros(4), r"shape \(4,\); the first axis must be the channels"),
        (Preprocess(normalise_arrays=True), np.zeros((8, 9, 3)), "save numpy.moveaxis"),
        (Preprocess(normalise_arrays=True), np.zeros((4, 8, 9)), "has 4 channels.*takes 3; choose"),
    ],
)
def test_channels_that_do_not_fit(own, values, match):
    if isinstance(values, np.ndarray):
        values = ArrayInput(values.astype(np.float32), "x.npy")
    with pytest.raises(ImageError, match=match):
        own(values)
    with pytest.raises(ArgumentError, match="photo: a str; give a photo of PIL"):
        own("cat.png")


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"mean": [0.5]}, "have 1 and 3"),
        ({"mean": "abc"}, "mean"),
        ({"mean": None}, "mean"),
        ({"mean": [float("nan")] * 3}, "mean: contains NaN"),
        ({"std": [[1, 2, 3]]}, "std=.*must be a list"),
        ({"std": [1, 1, -1]}, "must be above 0"),
        ({"resize": "256"}, "resize='256'"),
        ({"resize": True}, "resize=True"),
        ({"resize": (1, 2, 3)}, "resize=.*height, width"),
        ({"crop": None}, "crop=None"),
        ({"crop": (0, 3)}, "crop=0: must be 1 or more"),
        ({"bands": 3}, "bands=3: must be a list"),
        ({"bands": [1]}, "one band for each of the 3"),
        ({"bands": [0, 1, -1]}, "bands=-1"),
        ({"interpolation": 3}, "interpolation=3"),
    ],
)
def test_settings_that_make_no_sense(settings, match):
    with pytest.raises(ArgumentError, match=match):
        Preprocess(**settings)


sides = st.integers(1, 40)


@given(
    st.one_of(st.none(), sides, st.tuples(sides, sides)), st.one_of(sides, st.tuples(sides, sides)),
    sides, sides,
)  # fmt: skip
def test_every_shape_gives_the_size_and_the_json_gives_it_again(resize, crop, width, height):
    own = Preprocess(resize, crop, mean=[0.5], std=[0.5])
    assert own(PHOTO.crop((0, 0, width, height))).shape == (1, *own.size)
    assert Preprocess(**own.as_json()) == own


def test_json_of_the_first_five_arguments_is_that_of_older_versions():
    assert list(Preprocess().as_json()) == ["resize", "crop", "mean", "std", "interpolation"]
