"""Shards divide the images of a study, and know nothing of each other."""

from hypothesis import given, strategies as st

from annealcam.study.config import study_of
from annealcam.study.run.shards import Setting, shards_of

SETTINGS = [Setting("a", "x"), Setting("b", "x")]


@given(
    sizes=st.lists(st.integers(0, 50), min_size=1, max_size=4),
    per_class=st.integers(0, 60),
    most=st.integers(1, 20),
)
def test_every_image_belongs_to_one_shard(sizes, per_class, most):
    study = study_of({"shard": most, "data": {"per_class": per_class}})
    shards = shards_of(study, SETTINGS, sizes)
    assert [s.number for s in shards] == list(range(len(shards)))
    for setting in SETTINGS:
        for label, size in enumerate(sizes):
            own = [s for s in shards if s.setting == setting and s.label == label]
            wanted = min(per_class or size, size)
            assert sum(s.wanted for s in own) == wanted
            assert all(1 <= s.wanted <= most for s in own)
            numbers = list(range(100, 100 + size))
            dealt = [i for s in own for i in s.images(numbers)]
            assert sorted(dealt) == (numbers if wanted else [])
            assert all(len(s.images(numbers)) >= s.wanted for s in own)
