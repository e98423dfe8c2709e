"""A cache never holds more than its capacity."""

from hypothesis import given, strategies as st

from annealcam.app.cache import Cache


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 8))), st.integers(0, 12))
def test_the_size_is_that_of_its_values_and_at_most_the_capacity(pairs, capacity):
    cache = Cache(capacity, size_of=lambda value: value)
    for key, value in pairs:
        cache[key] = value
        held = [cache.get(k) for k in range(6) if k in cache]
        assert cache.size == sum(held) <= capacity
        assert len(cache) == len(held)
        assert (key in cache) == (value <= capacity)


def test_the_least_recently_used_value_is_dropped_first():
    cache = Cache(2)
    cache["a"], cache["b"] = 1, 2
    assert cache.get("a") == 1
    cache["c"] = 3
    assert ["a" in cache, "b" in cache, "c" in cache] == [True, False, True]


def test_a_stored_value_is_not_made_again():
    cache, calls = Cache(2), []
    for _ in range(3):
        assert cache.get_or_make("x", lambda: calls.append(1) or 7) == 7
    assert len(calls) == 1
