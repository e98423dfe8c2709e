"""With an atlas, each selected map tells what it usually responds to; without one, nothing."""

import pytest

from annealcam.app.desk import TWO, Desk, Shown
from annealcam.app.engine import Engine
from annealcam.errors import OutputError
from tests.app.test_app_desk import asked
from tests.app.test_app_engine import NETWORKS
from tests.atlas.synthetic_atlas import write_synthetic_atlas


@pytest.fixture(scope="module")
def atlas(tmp_path_factory):
    folder = tmp_path_factory.mktemp("atlas")
    network = NETWORKS["digits"]
    write_synthetic_atlas(folder / "a", model="digits", layer=network.default, channels=16)
    return folder / "a"


def test_maps_that_the_atlas_knows_tell_what_they_respond_to(atlas):
    desk = Desk(Engine(NETWORKS, atlas=atlas))
    e = desk.engine.explain(asked().choices(desk.engine, None))
    known = desk.engine.portraits.of(e)
    assert list(known) == e.selected.tolist()
    for html in (
        desk.show(asked(), Shown()).html,
        desk.show(asked(mode=TWO, target=1, other=7), Shown()).html,
    ):
        assert html.count('class="usual"') >= len(known)
    words = desk.engine.portraits.atlas.portrait(int(e.selected[0])).responds_to()
    assert known[int(e.selected[0])].words == words
    assert all(len(one.crops) <= 3 for one in known.values())


def test_other_layers_and_no_atlas_tell_nothing(atlas):
    desk = Desk(Engine(NETWORKS, atlas=atlas))
    other = asked(layer=NETWORKS["digits"].layers[0].name)
    assert desk.engine.portraits.of(desk.engine.explain(other.choices(desk.engine, None))) == {}
    assert 'class="usual"' not in Desk(Engine(NETWORKS)).show(asked(), Shown()).html


def test_a_folder_that_is_no_atlas_is_told_at_once(tmp_path):
    with pytest.raises(OutputError, match="no atlas"):
        Engine(NETWORKS, atlas=tmp_path)
