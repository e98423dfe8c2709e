"""The page in a real browser: photos, choices, tabs, refusals; and the pictures of docs/app.md.

The pictures are made again by ANNEALCAM_PICTURES=docs/img pytest tests/app/test_page.py.
"""

import io
import os
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from annealcam.app.choices import Choices
from annealcam.app.engine import Engine
from tests.app import served
from tests.app.helpers import NETWORKS, as_bytes, picture, png_of_size
from tests.browser import open_browser

pytest.importorskip("gradio")
WAIT = 90_000  # milliseconds; the machine may be busy
NARROW = 390


@pytest.fixture(scope="module")
def browser():
    with open_browser() as tab:
        tab.page.set_default_timeout(WAIT)
        yield tab


@pytest.fixture
def page(browser):
    """A fresh tab, of which nothing may have gone wrong at the end."""
    opened = browser.page.context.new_page()
    opened.set_default_timeout(WAIT)
    opened.goto(served.address())
    settled(opened)
    yield opened
    opened.close()
    errors, foreign = list(browser.errors), list(browser.foreign)
    browser.errors.clear()
    assert (errors, foreign) == ([], [])


def settled(page):
    """Wait until the maps and the whole annealing panel are there."""
    page.wait_for_selector("#answer .maps")
    page.wait_for_selector("#annealing [aria-busy=false] svg")


def heading(page):
    return page.inner_text("#answer h2")


def wait_for_maps(page, e, timeout=WAIT):
    """Wait until the page shows an explanation's class and maps, in its order."""
    wait_for_heading(page, e.provenance["target_name"])
    page.wait_for_function(
        """wanted => [...document.querySelectorAll('#answer .maps figcaption b')]
            .map(b => b.innerText).join() === wanted""",
        arg=",".join(f"map {channel}" for channel in e.selected),
        timeout=timeout,
    )


def wait_for_heading(page, text, timeout=WAIT):
    page.wait_for_function(
        "text => (document.querySelector('#answer h2') || {}).innerText === text",
        arg=text,
        timeout=timeout,
    )


def wait_for_change(page, before):
    page.wait_for_function(
        "before => document.querySelector('#answer').innerText !== before", arg=before
    )


def set_number(page, name, value):
    box = page.locator(f"#{name} input[type=number]")
    box.fill(str(value))
    box.press("Enter")


def set_until(page, name, value, e):
    """Set a number until the page shows the explanation: gradio may lose a change beside another.

    A number that does not change makes no event, so that another one is set in between.
    """
    from playwright.sync_api import TimeoutError as PlaywrightTimeout

    for _ in range(4):
        set_number(page, name, value)
        with suppress(PlaywrightTimeout):
            wait_for_maps(page, e, timeout=20_000)
            return
        set_number(page, name, value + 0.01)
    raise AssertionError(f"the page does not follow {name}={value}")


def compare_two_classes(page, heading):
    """Switch to two classes until the page shows them: gradio may lose a change beside another."""
    from playwright.sync_api import TimeoutError as PlaywrightTimeout

    for _ in range(4):
        page.click("#mode >> text=Two classes")
        with suppress(PlaywrightTimeout):
            wait_for_heading(page, heading, timeout=20_000)
            return
        page.click("#mode >> text=One class")
    raise AssertionError(f"the page does not compare {heading}")


def choose(page, name, text):
    box = page.locator(f"#{name} input")
    box.click()
    box.fill("")
    box.press_sequentially(text)
    page.locator(f"#{name} [role=option]", has_text=text).first.click()


def choose_layer(page, layer):
    """Choose a layer until the page shows it: gradio may lose a change beside another."""
    from playwright.sync_api import TimeoutError as PlaywrightTimeout

    for _ in range(4):
        settled(page)
        choose(page, "layer", f"{layer} ")
        with suppress(PlaywrightTimeout):
            page.wait_for_function(
                "layer => document.querySelector('#answer').innerText.includes(`layer ${layer}`)",
                arg=layer,
                timeout=20_000,
            )
            return
    raise AssertionError(f"the page does not show the layer {layer}")


def upload(page, data, name):
    page.locator("#photo input[type=file]").set_input_files(
        {"name": name, "mimeType": "image/png", "buffer": data}
    )


def test_an_upload_is_explained_and_follows_beta_tau_and_class(page):
    assert heading(page) == "tiger cat"
    assert page.locator("#answer .row figcaption b").all_inner_texts() == [
        "Photo", "annealcam", "Evidence", "Grad-CAM", "Grad-CAM++",
    ]  # fmt: skip
    data = as_bytes(picture(300, 260))
    engine = Engine(NETWORKS)
    plain = Choices(engine.photos.add(data, "noise.png").token, "efficientnet-lite0")
    upload(page, data, "noise.png")
    wait_for_maps(page, engine.explain(plain))
    choose(page, "against", "and not the next likely class")
    wait_for_maps(page, engine.explain(replace(plain, against="next")))
    choose(page, "against", "its logit alone")
    page.click("#importance >> text=contribution")
    plain = replace(plain, importance="contribution")
    wait_for_maps(page, engine.explain(plain))
    for beta in (0.3, 0.95):
        set_until(page, "beta", beta, engine.explain(replace(plain, beta=beta)))
    set_number(page, "tau", 200)
    page.wait_for_function("document.querySelector('#annealing h3').innerText.includes('τ = 200')")
    choose(page, "target", "lemon")
    wait_for_heading(page, "lemon")
    assert "not the predicted class" in page.inner_text("#answer")
    settled(page)


def test_sliders_move_by_keyboard_and_the_page_follows(page):
    before = page.inner_text("#answer")
    page.click("#importance >> text=contribution")
    wait_for_change(page, before)
    before = page.inner_text("#answer")
    slider = page.locator("#beta input[type=range]")
    slider.focus()
    for _ in range(12):
        slider.press("ArrowLeft")
    wait_for_change(page, before)
    page.wait_for_function("document.querySelector('#beta input[type=number]').value === '0.55'")
    assert page.inner_text("#answer") != before
    settled(page)


def test_network_layer_and_sampler_can_be_chosen(page):
    choose(page, "network", "digits")
    page.wait_for_function("document.querySelector('#answer').innerText.includes('of digits')")
    choose_layer(page, "trunk.0")
    choose(page, "sampler", "exact")
    page.wait_for_function("document.querySelector('#answer .facts').innerText.includes('exact')")
    assert "layer trunk.0" in page.inner_text("#answer")
    settled(page)


def test_two_tabs_at_once_do_not_mix(browser, page):
    other = browser.page.context.new_page()
    other.set_default_timeout(WAIT)
    other.goto(served.address())
    page.click('#photo [data-token="skimage:coffee"]')
    other.click('#photo [data-token="skimage:rocket"]')
    wait_for_heading(page, "espresso")
    wait_for_heading(other, "missile")
    set_number(page, "beta", 0.5)
    set_number(other, "beta", 0.9)
    settled(page)
    settled(other)
    assert (heading(page), heading(other)) == ("espresso", "missile")
    assert page.input_value("#beta input[type=number]") == "0.5"
    other.close()


@pytest.mark.parametrize(
    ("data", "name", "message"),
    [
        (b"these are words", "words.png", "words.png: not an image"),
        (png_of_size(40_000, 40_000), "huge.png", "huge.png: too many pixels; at most 25000000"),
        (bytes(10 * 2**20 + 1), "long.png", "long.png: larger than 10 MiB"),
    ],
)
def test_a_bad_upload_shows_an_error_and_the_page_stays_usable(page, data, name, message):
    upload(page, data, name)
    page.wait_for_function("document.querySelector('#photo .problem').innerText !== ''")
    assert message in page.inner_text("#photo .problem")
    assert heading(page) == "tiger cat"
    page.click('#photo [data-token="skimage:coffee"]')
    wait_for_heading(page, "espresso")
    assert page.inner_text("#photo .problem") == ""


def test_two_classes_are_compared(page):
    page.click('#photo [data-token="skimage:coffee"]')
    wait_for_heading(page, "espresso")
    compare_two_classes(page, "espresso or cup")
    assert page.locator("#answer h4").all_inner_texts() == [
        "Selected for both", "Only for espresso", "Only for cup",
    ]  # fmt: skip
    page.wait_for_timeout(300)
    assert page.inner_text("#annealing").strip() == ""
    page.click("#mode >> text=One class")
    wait_for_heading(page, "espresso")
    settled(page)


def test_an_error_is_shown_in_one_line(page):
    from playwright.sync_api import TimeoutError as PlaywrightTimeout

    choose(page, "network", "digits")
    page.wait_for_function("document.querySelector('#answer').innerText.includes('of digits')")
    # gradio may still send the former network's classes with the first changes, and then refuses
    # them before the page's own code runs: the number is set until the page answers it.
    error = page.locator(".toast-body", has_text="cardinality").first
    for number in (16, 15, 16, 15, 16):
        set_number(page, "cardinality", number)
        with suppress(PlaywrightTimeout):
            error.wait_for(timeout=15_000)
            break
    message = error.inner_text()
    assert f"cardinality={number}: there are only" in message
    assert "Traceback" not in message


def test_the_report_is_downloaded_without_a_file_on_the_server(page):
    with page.expect_download() as download:
        page.click("#download")
    text = Path(download.value.path()).read_text(encoding="utf-8")
    assert download.value.suggested_filename == "annealcam-report.html"
    assert "tiger cat" in text
    assert text.rstrip().endswith("</html>")
    assert not [path for path in served.temporary().rglob("*") if path.is_file()]


def test_light_and_dark_can_be_switched(page):
    ground = "getComputedStyle(document.querySelector('#theme')).backgroundColor"
    light = page.evaluate(ground)
    page.click("#theme")
    assert page.evaluate(ground) != light
    page.click("#theme")
    assert page.evaluate(ground) == light


@pytest.mark.parametrize(
    ("name", "scheme", "width", "two"),
    [
        ("app-light", "light", 1280, False),
        ("app-dark", "dark", 1280, False),
        ("app-narrow", "light", NARROW, False),
        ("app-two-classes", "light", 1280, True),
    ],
)
def test_pictures_of_the_page(name, scheme, width, two, browser, tmp_path):
    context = browser.page.context.browser.new_context(
        color_scheme=scheme, viewport={"width": width, "height": 900}
    )
    page = context.new_page()
    page.goto(served.address())
    settled(page)
    if two:
        page.click('#photo [data-token="skimage:coffee"]')
        wait_for_heading(page, "espresso")
        compare_two_classes(page, "espresso or cup")
    time.sleep(0.5)  # colours fade in
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    shot = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
    context.close()
    folder = Path(os.environ.get("ANNEALCAM_PICTURES", tmp_path))
    shot = shot.crop((0, 0, width, min(shot.height, 3 * width)))
    shot.save(folder / f"{name}.jpg", quality=68, optimize=True)
    assert (folder / f"{name}.jpg").stat().st_size < 250_000
