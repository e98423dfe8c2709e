"""The pages of a study as a reader has them: pointing, keys, sorting, a thousand photos."""

import re
import time

import pytest

from annealcam.study.analysis.results import where
from annealcam.study.pages import overview, report
from annealcam.study.pages.loaded import load_study
from annealcam.study.pages.report import write_report
from tests.browser import open_browser
from tests.study.runs import photo_folder, renamed, run_folder
from tests.study.tables import study_table

CLASSES = tuple(f"class {i}" for i in range(10))


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Two networks; classes with names that only look like markup."""
    top = tmp_path_factory.mktemp("study")
    made = study_table(
        classes=("<b>cat</b>", "dog", "fox"), images=3, taus=(10.0, 100.0),
        settings=(("paper-16", "block"), ("paper-24", "block")),
    )  # fmt: skip
    table = renamed(made, image=lambda name: f"{name.replace('/b>', '')}.png")
    photos = photo_folder(top / "photos", set(table["image"].to_pylist()))
    run = run_folder(top / "run", table, data={"name": f"folder:{photos}", "part": "all"})
    write_report(run)
    return run


@pytest.fixture(scope="module")
def thousand(tmp_path_factory):
    """1,000 photos of ten classes; their pages are left empty."""
    top = tmp_path_factory.mktemp("thousand")
    made = study_table(
        classes=CLASSES, images=100, selectors=("exact", "anneal"), taus=(10.0,),
        normalisations=("per_qubit",), cardinalities=(),
    )  # fmt: skip
    table = renamed(made, image=lambda name: f"{name}.png",
                    predicted=lambda name: "class 0" if name == "class 9" else name)  # fmt: skip
    photos = photo_folder(top / "photos", set(table["image"].to_pylist()))
    run = run_folder(top / "run", table, data={"name": f"folder:{photos}", "part": "all"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            report, "photo_page", lambda *_, **__: "<!DOCTYPE html><title>a photo</title>"
        )
        patch.setattr(overview, "plots_of", lambda *_: iter(()))
        write_report(run)
    return run


def index_of(run):
    return (run / "report" / "index.html").as_uri()


def assert_calm(tab, width):
    assert tab.errors == []
    assert tab.foreign == []
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= width


def cell(page, a, b):
    return page.locator("#matrix tbody tr").nth(a).locator("td").nth(b)


def expected(run, model, selector):
    table = where(load_study(run).results["overlap_matrix"], model=model, selector=selector)
    return {(row["class_a"], row["class_b"]): row["overlap"] for row in table.to_pylist()}


def test_pointing_at_pairs_of_classes(study):
    with open_browser() as tab:
        page = tab.page
        page.goto(index_of(study))
        names = [text.strip() for text in page.locator("#matrix thead th").all_inner_texts()]
        assert names == ["<b>cat</b>", "dog", "fox"]
        for number, selector in ((1, "exact"), (6, "gradcam")):
            page.locator("fieldset:not([hidden]) label").nth(number).click()
            true = expected(study, "paper-16", selector)
            for a, first in enumerate(names):
                for b, second in enumerate(names):
                    cell(page, a, b).hover()
                    text = page.inner_text("#readout")
                    assert text.startswith(
                        f"{first} {'with itself' if a == b else f'and {second}'}"
                    )
                    value = float(re.search(r": ([\d.]+)", text)[1])
                    assert value == pytest.approx(true[first, second], abs=6e-4)
                    assert ("95 % interval" in text) == (a != b)
                    assert cell(page, a, b).get_attribute("aria-label") == text
        assert_calm(tab, 1280)


def test_another_network_is_shown(study):
    with open_browser() as tab:
        page = tab.page
        page.goto(index_of(study))
        page.select_option("#panel", "1")
        caption = page.inner_text("#matrix caption")
        assert caption.startswith("paper-24, layer block: exact optimum, mean 0.")
        cell(page, 0, 1).hover()
        value = float(re.search(r": ([\d.]+)", page.inner_text("#readout"))[1])
        true = expected(study, "paper-24", "exact")["<b>cat</b>", "dog"]
        assert value == pytest.approx(true, abs=6e-4)


def test_the_matrix_by_keys_alone(study):
    with open_browser() as tab:
        page = tab.page
        page.goto(index_of(study))
        assert page.locator("#matrix td[tabindex='0']").count() == 1
        page.locator("#matrix td[tabindex='0']").focus()
        for key, start in (("ArrowRight", "<b>cat</b> and dog"), ("ArrowDown", "dog with itself"),
                          ("End", "dog and fox"), ("ArrowRight", "dog and fox"),
                          ("Home", "dog and <b>cat</b>"), ("ArrowUp", "<b>cat</b> w")):  # fmt: skip
            page.keyboard.press(key)
            assert page.inner_text("#readout").startswith(start)
            assert page.evaluate("document.activeElement.tabIndex") == 0
        page.locator("fieldset input:checked").first.focus()
        before = page.inner_text("#matrix caption")
        page.keyboard.press("ArrowRight")  # to the next method
        assert page.inner_text("#matrix caption") != before


def values(page, column):
    rows = page.locator("table.sorts").nth(1).locator(f"tbody tr td:nth-child({column})")
    cells = rows.evaluate_all("cells => cells.map(c => [c.dataset.v ?? null, c.textContent])")
    return [text if v is None else float(v) if v else None for v, text in cells]


def test_tables_sort(study):
    with open_browser() as tab:
        page = tab.page
        page.goto(index_of(study))
        page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
        table = page.locator("table.sorts").nth(1)
        heads = table.locator("thead th")
        names = heads.all_inner_texts()
        for column, name in enumerate(names, start=1):
            head = heads.nth(column - 1)
            assert head.get_attribute("aria-sort") == "none"
            before = values(page, column)
            known = [v for v in before if v is not None]
            for turn, order in enumerate(("ascending", "descending")):
                head.locator("button").focus()
                page.keyboard.press("Enter")
                assert head.get_attribute("aria-sort") == order
                column_values = values(page, column)
                known_values = [v for v in column_values if v is not None]
                if not isinstance(known[0], str):
                    assert known_values == sorted(known, reverse=bool(turn)), name
                assert sorted(map(str, column_values)) == sorted(map(str, before))
                assert column_values[len(known_values) :] == [None] * (
                    len(column_values) - len(known_values)
                )  # unknown: last
        sorted_by = [heads.nth(i).get_attribute("aria-sort") for i in range(len(names))]
        assert sorted_by.count("none") == len(names) - 1
        assert_calm(tab, 1280)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_every_page_is_calm(study, scheme, width):
    with open_browser(scheme=scheme, width=width) as tab:
        for path in sorted((study / "report").rglob("*.html"))[:4]:
            tab.page.goto(path.as_uri())
            assert_calm(tab, width)
            broken = "[...document.images].filter(i => i.complete && !i.naturalWidth).length"
            assert tab.page.evaluate(broken) == 0


def test_from_photo_to_photo(study):
    with open_browser() as tab:
        page = tab.page
        page.goto(index_of(study))
        links = page.locator("#grid a")
        first, second = (links.nth(i).get_attribute("href") for i in range(2))
        links.first.click()
        page.wait_for_url(f"**/{first}")  # and for its script, which listens to the keys
        page.keyboard.press("ArrowRight")
        page.wait_for_url(f"**/{second}")
        page.keyboard.press("ArrowLeft")
        page.wait_for_url(f"**/{first}")
        page.get_by_text("All photos").click()
        page.wait_for_url("**/index.html#photos")
        assert tab.errors == []


def test_without_scripts_all_is_there(study):
    with open_browser(scripts=False) as tab:
        page = tab.page
        page.goto(index_of(study))
        assert page.locator("#grid a").count() == 9
        assert not page.locator("#filter").is_visible()
        assert page.locator("table.sorts button").count() == 0
        assert cell(page, 0, 0).inner_text() == "1.00"
        assert page.locator("fieldset.small img").count() == 16


def test_a_thousand_photos_stay_usable(thousand):
    size = (thousand / "report" / "index.html").stat().st_size
    assert size < 2_000_000
    from playwright.sync_api import expect

    with open_browser() as tab:
        page = tab.page
        start = time.perf_counter()
        page.goto(index_of(thousand), wait_until="load")
        assert time.perf_counter() - start < 30  # a second or two, on a machine that is free
        shown = page.locator("#grid li:visible")
        assert page.inner_text("#shown") == "1000 of 1000 photos"
        # Pictures that are far below are not fetched yet.
        loaded = "[...document.querySelectorAll('#grid img')].filter(i => i.complete).length"
        assert page.evaluate(loaded) < 300
        page.select_option("#by-class", label="class 3")
        assert page.inner_text("#shown") == "100 of 1000 photos"
        assert shown.count() == 100
        page.fill("#by-name", "/07")
        assert page.inner_text("#shown") == "10 of 1000 photos"
        page.fill("#by-name", "")
        page.select_option("#by-class", label="all")
        page.select_option("#by-predicted", label="a wrong class")
        assert page.inner_text("#shown") == "100 of 1000 photos"
        page.select_option("#by-predicted", label="class 0")
        assert page.inner_text("#shown") == "200 of 1000 photos"
        page.select_option("#by-predicted", label="anything")
        start = time.perf_counter()
        page.select_option("#order", "f")
        assert time.perf_counter() - start < 15
        success = page.locator("#grid li").evaluate_all("all => all.map(i => Number(i.dataset.f))")
        assert success == sorted(success)
        page.select_option("#order", "")
        first = page.locator("#grid li").first
        # The text of a card outside the window counts as empty for inner_text().
        assert first.locator("span").first.text_content() == "000.png"
        first.scroll_into_view_if_needed()
        expect(page.locator("#grid img").first).not_to_have_js_property("naturalWidth", 0)
        assert_calm(tab, 1280)
