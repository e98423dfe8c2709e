"""The figures of an atlas say what the atlas holds."""

import numpy as np
import pytest

from annealcam.errors import ArgumentError
from annealcam.render.figures.atlas import IN_A_ROW, MOST_CLASSES, channel_sheet, class_sheet
from tests.atlas.synthetic_atlas import write_synthetic_atlas


@pytest.fixture
def atlas(tmp_path):
    return write_synthetic_atlas(tmp_path / "atlas")


def words(figure):
    result = [figure.get_suptitle()]
    for axes in figure.axes:
        result += [axes.get_title(), *(text.get_text() for text in axes.texts)]
    return result


def test_a_channels_bars_are_its_profile_and_shares(atlas):
    figure = channel_sheet(atlas, 3)
    profile, shares = (np.array([bar.get_width() for bar in axes.patches])
                       for axes in figure.axes if axes.get_xlabel())  # fmt: skip
    np.testing.assert_allclose(profile, atlas.portrait(3).profile)
    np.testing.assert_allclose(shares, 100 * atlas.portrait(3).selected)
    assert figure.get_suptitle().startswith(
        "Map 3 of 12 responds mostly to church  ·  small, layer"
    )
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles == ["church\npeak 9", "church\npeak 8", "church\npeak 7", "garbage truck\npeak 6"]


def test_a_dead_channel_has_a_sheet_too(atlas):
    assert any("No photo excites" in text for text in words(channel_sheet(atlas, 11)))


def test_of_many_classes_those_of_largest_profile(tmp_path):
    atlas = write_synthetic_atlas(tmp_path / "a", classes=tuple(f"class {i}" for i in range(40)))
    figure = channel_sheet(atlas, 7)
    left = next(axes for axes in figure.axes if axes.get_xlabel())
    names = [label.get_text() for label in left.get_yticklabels()]
    assert len(names) == MOST_CLASSES
    assert names[0] == "class 7"


def test_a_classs_rows_are_its_usual_maps(atlas):
    all_texts = words(class_sheet(atlas, "church"))
    assert [text for text in all_texts if text.startswith("map ")] == [
        "map 9",
        "map 3",
        "map 6",
        "map 0",
    ]
    shares = [text for text in all_texts if text.startswith("selected for")]
    assert shares == [f"selected for {share}%" for share in (100, 100, 50, 50)]
    assert all_texts.count("mostly: church") == 4
    assert len([text for text in all_texts if text == "church"]) == 12 <= 4 * IN_A_ROW


def test_a_class_for_which_nothing_is_selected(tmp_path):
    atlas = write_synthetic_atlas(tmp_path / "a", channels=3)
    with pytest.raises(ArgumentError, match="class='tench': no map is selected for any of its 6"):
        class_sheet(atlas, "tench")
