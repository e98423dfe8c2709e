"""With an atlas, selected maps have a response in words and pictures; without one, none."""

import pytest

from annealcam.app.engine import Engine
from annealcam.app.handlers import TWO, Handlers, TabState
from annealcam.errors import OutputError
from tests.app.helpers import NETWORKS, controls
from tests.atlas.synthetic_atlas import write_synthetic_atlas


@pytest.fixture(scope="module")
def atlas(tmp_path_factory):
    folder = tmp_path_factory.mktemp("atlas")
    network = NETWORKS["digits"]
    write_synthetic_atlas(folder / "a", model="digits", layer=network.default, channels=16)
    return folder / "a"


def test_maps_of_the_atlas_are_shown_with_their_response(atlas):
    handlers = Handlers(Engine(NETWORKS, atlas=atlas))
    e = handlers.engine.explain(controls().choices(handlers.engine, None))
    responses = handlers.engine.responses.of(e)
    assert list(responses) == e.selected.tolist()
    for html in (
        handlers.show(controls(), TabState()).html,
        handlers.show(controls(mode=TWO, target=1, other=7), TabState()).html,
    ):
        assert html.count('class="usual"') >= len(responses)
    words = handlers.engine.responses.atlas.portrait(int(e.selected[0])).responds_to()
    assert responses[int(e.selected[0])].words == words
    assert all(len(response.crops) <= 3 for response in responses.values())


def test_other_layers_and_no_atlas_have_no_responses(atlas):
    handlers = Handlers(Engine(NETWORKS, atlas=atlas))
    other = controls(layer=NETWORKS["digits"].layers[0].name)
    assert (
        handlers.engine.responses.of(handlers.engine.explain(other.choices(handlers.engine, None)))
        == {}
    )
    assert 'class="usual"' not in Handlers(Engine(NETWORKS)).show(controls(), TabState()).html


def test_a_folder_without_an_atlas_is_an_error_at_once(tmp_path):
    with pytest.raises(OutputError, match="no atlas"):
        Engine(NETWORKS, atlas=tmp_path)
