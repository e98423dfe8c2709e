"""Every sentence of the summary is decided by the numbers, and flips with them."""

import pytest

from annealcam.study.claims.claims import FAILS, HOLDS, OPEN
from annealcam.study.claims.markdown import summary, table
from tests.study import synthetic

LESS = "Classes overlap less with the optimum than with "


@pytest.fixture
def columns():
    return synthetic.analysis(1, 10)


def summary_of(columns, manifest=None):
    return summary(synthetic.tables(columns), manifest or {})


def changed(columns, name, selector=None, **values):
    """Some columns of a table with new values, for one selector or for all."""
    own = columns[name]
    for key, value in values.items():
        kept = own["selector"] if selector else [None] * len(own[key])
        own[key] = [
            value if selector in (None, one) else old
            for one, old in zip(kept, own[key], strict=True)
        ]


def outcome(text, claim):
    """The outcome of a claim in the summary."""
    (line,) = [line for line in text.splitlines() if line.startswith(f"- **{claim}")]
    return line.split("**")[1].rsplit(": ", 1)[1].removesuffix(".")


def less_than(selector):
    return lambda columns, low, high: changed(
        columns, "overlap", selector, minus_exact_low=low, minus_exact_high=high
    )


@pytest.mark.parametrize(
    ("claim", "selector"),
    [
        (LESS + "all positive maps", "positive"),
        (LESS + "Grad-CAM's weights", "gradcam"),
        (LESS + "Grad-CAM++'s weights", "gradcam++"),
        (LESS + "random maps", "random"),
        (LESS + "top-k by contribution", "topk_contribution"),
        ("The optimisation lowers the overlap", "topk_alpha"),
    ],
)
@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.01, 0.1, HOLDS), (-0.1, -0.01, FAILS), (-0.1, 0.1, OPEN), (None, None, OPEN)],
)
def test_comparisons_flip_with_their_intervals(columns, claim, selector, low, high, expected):
    less_than(selector)(columns, low, high)
    text = summary_of(columns)
    assert outcome(text, claim) == expected
    worse = "With top-k by alpha, classes overlap even less"
    assert (worse in text) == (outcome(text, "The optimisation lowers the overlap") == FAILS)


def ends(name, low, high):
    return {f"{name}_low": low, f"{name}_high": high} if name else {"low": low, "high": high}


HALF = ((0.6, 0.8), (0.1, 0.4), (0.4, 0.6))
ABOVE_ZERO = ((0.1, 0.3), (-0.3, -0.1), (-0.1, 0.3))
FLIPS = [  # claim, table, selector, name of the interval, intervals for, against, of neither
    ("The images suffice", "overlap", "exact", "split_half",
     ((0.85, 0.95), (0.4, 0.6), (0.7, 0.9))),
    ("The optimisation lowers the redundancy", "overlap", "topk_alpha", "redundancy_minus_exact",
     ABOVE_ZERO),
    ("The optimum carries at least a tenth", "overlap", "exact", "carried",
     ((0.2, 0.3), (0.01, 0.04), (0.05, 0.2))),
    ("The overlap grows with the number of maps", "overlap_by_k", None, "growth", ABOVE_ZERO),
    ("At most of the sizes k", "overlap_by_k", "topk_alpha", "minus_exact", ABOVE_ZERO),
    ("The best of all shots", "shots_minus_guesses", None, "", ABOVE_ZERO),
    ("The success probability F falls", "success_fit", None, "b", ABOVE_ZERO),
    ("The minimum gap lies inside", "gap_summary", None, "interior", HALF),
    ("The minimum gap is below", "gap_summary", None, "deep", HALF),
    ("Landau and Zener's formula applies", "gap_summary", None, "landau_zener", HALF),
    ("The minimum gap falls", "gap_summary", None, "fit_b", ABOVE_ZERO),
    ("Where it applies", "landau_zener_error", None, "", ((0.1, 0.6), (0.8, 0.9), (0.5, 0.9))),
]  # fmt: skip


@pytest.mark.parametrize(
    ("claim", "name", "selector", "value", "intervals"), FLIPS, ids=[flip[0] for flip in FLIPS]
)
def test_claims_flip_with_their_intervals(columns, claim, name, selector, value, intervals):
    for interval, expected in zip(
        (*intervals, (None, None)), (HOLDS, FAILS, OPEN, OPEN), strict=True
    ):
        changed(columns, name, selector, **ends(value, *interval))
        assert outcome(summary_of(columns), claim) == expected


def test_fewer_overlaps_than_with_shuffled_labels(columns):
    for p, expected in ((0.01, HOLDS), (0.2, FAILS)):
        changed(columns, "overlap", "exact", p_value=p)
        assert outcome(summary_of(columns), LESS + "shuffled") == expected


def test_networks_that_disagree():
    columns = synthetic.analysis(3)
    own = columns["overlap"]
    for i, (model, selector) in enumerate(zip(own["model"], own["selector"], strict=True)):
        if (model, selector) == ("paper-24", "positive"):
            own["minus_exact_low"][i], own["minus_exact_high"][i] = -0.2, -0.1
    lines = summary_of(columns).splitlines()
    start = lines.index(f"- **{LESS}all positive maps (as in Grad-CAM): holds in 2 of 3 cases.**")
    assert [line.rsplit(": ", 1)[1] for line in lines[start + 1 : start + 4]] == [
        "holds.", "does not hold.", "holds.",
    ]  # fmt: skip


def test_sizes_that_not_all_images_allow_are_left_out(columns):
    own = columns["overlap_by_k"]
    own["overlap"] = [0.0 if k > 4 else v for k, v in zip(own["k"], own["overlap"], strict=True)]
    assert outcome(summary_of(columns), "The overlap grows with the number of maps") == HOLDS


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.1, 0.2, "more slowly than"),
        (0.8, 0.9, "faster than"),
        (0.5, 0.8, "not distinguishable from"),
    ],
)
def test_how_fast_beside_guessing(columns, low, high, words):
    changed(columns, "success_fit", b_low=low, b_high=high)
    assert f"{words} guessing (0.693)" in summary_of(columns)


def test_grad_cam_plus_plus_wins_nothing_by_construction(columns):
    words = "By construction: it gives nearly every map a weight"
    assert words in summary_of(columns)
    changed(columns, "overlap", "gradcam++", off_diagonal=0.4)
    assert words not in summary_of(columns)


def test_no_advantage_is_claimed(columns):
    largest = max(columns["success_by_d"]["d"])
    assert (
        "No quantum advantage is claimed: every optimum here "
        f"(d up to {largest}) is proved by enumeration in milliseconds."
    ) in summary_of(columns)
    columns["success_by_d"]["d"][0] = 30
    assert "No quantum advantage is claimed.\n" in summary_of(columns)


def test_where_the_formula_never_applies(columns):
    words = "It applies to none, so there is no figure."
    assert words not in summary_of(columns)
    changed(columns, "gap_summary", landau_zener_share=0.0)
    columns["landau_zener"] = {name: [] for name in columns["landau_zener"]}
    assert words in summary_of(columns)


def tables(text):
    """The Markdown tables: blocks of lines that begin with a bar."""
    blocks = [[]]
    for line in text.splitlines():
        if line.startswith("|"):
            blocks[-1].append(line)
        elif blocks[-1]:
            blocks.append([])
    return [block for block in blocks if block]


@pytest.mark.parametrize("settings", [1, 6])
def test_tables_are_well_formed(settings):
    columns = synthetic.analysis(settings, 2)
    own = columns["overlap"]
    own["selector"] = ["a|b\n*c*" if name == "topk_alpha" else name for name in own["selector"]]
    blocks = tables(summary_of(columns, synthetic.manifest(settings)))
    assert len(blocks) == settings + 1
    for block in blocks:
        cells = [line.replace("\\|", "").count("|") for line in block]
        assert len(set(cells)) == 1
        assert set(block[1]) == set("| -")
        assert all(line.startswith("| ") and line.endswith(" |") for line in block)
    assert "a\\|b \\*c\\*" in blocks[0][9]


def test_the_table_holds_the_numbers(columns):
    row = next(line for line in summary_of(columns).splitlines() if "| exact optimum" in line)
    assert row == (
        "| exact optimum | 4.6 | 0.265 [0.250, 0.285] | 0.930 [0.920, 0.940] | 0.001 | 24% | "
        "0.900 | 0.29 | 0.180 | 50.0% |"
    )
    assert "| annealer, τ = 50, driver unit | 4.6 |" in summary_of(columns)


def test_what_was_done_and_what_went_wrong(columns):
    skipped = [{"image": f"church/{i}.JPEG", "reason": "truncated"} for i in range(30)]
    manifest = synthetic.manifest(3, skipped=skipped)
    manifest["config"]["data"] = {"per_class": 20, "root": "/somebody/data", "labels": {}}
    text = summary_of(columns, manifest)
    for line in (
        "- data: imagenette, part test, 200 images, 10 classes, sha256:0123456789abcdef",
        "- network: paper-24, layer block, channels 24, hash sha256:ab",
        "- options, data: per_class 20",
        "- seed: 0",
        "- versions: annealcam 0.4.0, numpy 2.4.0",
        "- paper-16, layer block: the maps are signed",
        "- gas pump: 18 images of the 20 asked for",
        "- Photos skipped because they cannot be read: 30",
        "  - church/0.JPEG: truncated",
        "  - and 10 more, in manifest.json",
        "600 images explained in 120 s, 5 images a second.",
        "| annealing | 80 | 71% |",
    ):
        assert line in text.splitlines()
    assert "/somebody" not in text


def test_nothing_known():
    assert summary({}, {}).splitlines()[0] == "# Study of images"
    assert table(["a"], []) == ["| a |", "| --- |"]
    none = {name: {key: [] for key in t} for name, t in synthetic.analysis(1, 2).items()}
    assert summary_of(none) == summary({}, {})
