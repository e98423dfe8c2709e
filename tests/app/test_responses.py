"""With an atlas, selected maps have a response in words and pictures; without one, none."""

import pytest

from annealcam.app.engine import Engine
from annealcam.app.questions import TWO, Questions
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
    questions = Questions(Engine(NETWORKS, atlas=atlas))
    e = questions.engine.explain(questions._choices(controls(), target=None))
    responses = questions.engine.responses.of(e)
    assert list(responses) == e.selected.tolist()
    for answer in (
        questions.answer(controls()),
        questions.answer(controls(mode=TWO, target="1", other="7")),
    ):
        assert answer.html.count('class="usual"') >= len(responses)
    words = questions.engine.responses.atlas.portrait(int(e.selected[0])).responds_to()
    assert responses[int(e.selected[0])].words == words
    assert all(len(response.crops) <= 3 for response in responses.values())


def test_other_layers_and_no_atlas_have_no_responses(atlas):
    questions = Questions(Engine(NETWORKS, atlas=atlas))
    other = questions._choices(controls(layer=NETWORKS["digits"].layers[0].name), target=None)
    assert questions.engine.responses.of(questions.engine.explain(other)) == {}
    assert 'class="usual"' not in Questions(Engine(NETWORKS)).answer(controls()).html


def test_a_folder_without_an_atlas_is_an_error_at_once(tmp_path):
    with pytest.raises(OutputError, match="no atlas"):
        Engine(NETWORKS, atlas=tmp_path)
