"""A shelf never holds more than it has room for."""

from hypothesis import given
from hypothesis import strategies as st

from annealcam.app.shelf import Shelf


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 8))), st.integers(0, 12))
def test_room_taken_is_that_of_its_values_and_never_more_than_there_is(pairs, most):
    shelf = Shelf(most, size_of=lambda value: value)
    for key, value in pairs:
        shelf[key] = value
        held = [shelf.get(k) for k in range(6) if k in shelf]
        assert shelf.room_taken == sum(held) <= most
        assert len(shelf) == len(held)
        assert (key in shelf) == (value <= most)


def test_the_one_unused_for_longest_goes_first():
    shelf = Shelf(2)
    shelf["a"], shelf["b"] = 1, 2
    assert shelf.get("a") == 1
    shelf["c"] = 3
    assert ["a" in shelf, "b" in shelf, "c" in shelf] == [True, False, True]


def test_what_is_there_is_not_made_again():
    shelf, made = Shelf(2), []
    for _ in range(3):
        assert shelf.made("x", lambda: made.append(1) or 7) == 7
    assert len(made) == 1
