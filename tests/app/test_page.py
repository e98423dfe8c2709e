"""The page in a real browser: photos, choices, tabs, refusals; and the pictures of docs/app.md.

The pictures are made again by ANNEALCAM_PICTURES=docs/img pytest tests/app/test_page.py.
"""

import io
import os
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from PIL import Image

import annealcam as ac
from annealcam.app.choices import Choices
from annealcam.app.engine import Engine
from annealcam.app.photos import EXAMPLES
from annealcam.models.images import load_photo
from annealcam.render.subject_text import subject
from tests.app import served
from tests.app.helpers import NETWORKS, as_bytes, picture, png_of_size
from tests.browser import open_browser

pytest.importorskip("starlette")
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
    opened.click('[data-photo="skimage:chelsea"]')
    wait_for_heading(opened, "tiger cat")
    settled(opened)
    yield opened
    opened.close()
    errors = [text for text in browser.errors if "status of 422" not in text]
    foreign = list(browser.foreign)
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
    wait_for_heading(page, subject(e))
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


def wait_for_text(page, selector, text):
    """Wait until an element contains a text.

    What is polled must be a function: the policy of the page forbids the evaluation of text.
    """
    page.wait_for_function(
        "([selector, text]) => document.querySelector(selector)?.innerText.includes(text)",
        arg=[selector, text],
    )


def problem(page):
    """Return the error that the page shows, once there is one."""
    page.wait_for_selector("#problem:not(:empty)")
    return page.inner_text("#problem")


def wait_for_change(page, before):
    page.wait_for_function(
        "before => document.querySelector('#answer').innerText !== before", arg=before
    )


def set_number(page, name, value):
    box = page.locator(f"input[name={name}]")
    box.fill(str(value))
    box.press("Enter")


def choose(page, name, value):
    page.select_option(f"select[name={name}]", value)


def write(page, name, text):
    box = page.locator(f"input[name={name}]")
    box.fill(text)
    box.press("Tab")


def upload(page, data, name):
    page.locator("#file").set_input_files({"name": name, "mimeType": "image/png", "buffer": data})


def test_an_upload_is_explained_and_follows_beta_tau_and_class(page):
    assert heading(page) == "tiger cat"
    assert page.locator("#answer .row figcaption b").all_inner_texts() == [
        "Photo", "annealcam", "Evidence", "Grad-CAM", "Grad-CAM++",
    ]  # fmt: skip
    data = as_bytes(load_photo("skimage:coffee").resize((300, 260)))
    engine = Engine(NETWORKS)
    plain = Choices(engine.photos.add(data, "noise.png").token, "efficientnet-lite0")
    upload(page, data, "noise.png")
    wait_for_maps(page, engine.explain(plain))
    choose(page, "against", "next")
    wait_for_maps(page, engine.explain(replace(plain, against="next")))
    choose(page, "against", "")
    choose(page, "importance", "contribution")
    plain = replace(plain, importance="contribution")
    wait_for_maps(page, engine.explain(plain))
    for beta in (0.3, 0.95):
        set_number(page, "beta", beta)
        wait_for_maps(page, engine.explain(replace(plain, beta=beta)))
        assert page.input_value("#beta") == str(beta)
    set_number(page, "tau", 200)
    wait_for_text(page, "#annealing h3", "τ = 200")
    write(page, "target", "lemon")
    wait_for_heading(page, "lemon")
    assert "not the predicted class" in page.inner_text("#answer")
    assert page.inner_text("#status").startswith("lemon: ")


def test_the_link_holds_the_settings_and_never_the_photo(page, browser):
    upload(page, as_bytes(picture(300, 260)), "noise.png")
    choose(page, "against", "next")
    set_number(page, "cardinality", 3)
    set_number(page, "tau", 50)
    wait_for_text(page, "#annealing h3", "τ = 50")
    link = page.locator("#permalink").evaluate("link => link.href")
    assert link == page.url
    assert sorted(parse_qsl(urlsplit(link).query)) == [
        ("against", "next"), ("cardinality", "3"), ("tau", "50"),
    ]  # fmt: skip
    page.goto(link)
    settled(page)
    assert page.input_value("#tau") == "50"
    assert page.input_value("[name=photo]") == EXAMPLES[0]
    assert page.input_value("[name=against]") == "next"


def test_controls_are_native_and_follow_the_keyboard(page):
    before = page.inner_text("#answer")
    choose(page, "importance", "contribution")
    wait_for_change(page, before)
    before = page.inner_text("#answer")
    slider = page.locator("#beta")
    slider.focus()
    for _ in range(12):
        slider.press("ArrowLeft")
    wait_for_change(page, before)
    assert page.input_value("[name=beta]") == "0.55"
    assert page.evaluate("document.activeElement.id") == "beta"  # redrawing leaves the focus
    settled(page)


FOCUSED = """(({ dataset, id, name, className }) =>
  dataset.photo || dataset.target || id || name || className)(document.activeElement)"""


def test_the_keyboard_reaches_everything_and_keeps_its_place(page):
    page.evaluate("document.querySelector('.skip').focus()")
    order, marked = [], []
    while page.evaluate("document.activeElement !== document.body"):
        order.append(page.evaluate(FOCUSED))
        marked.append(page.evaluate("getComputedStyle(document.activeElement).outlineStyle"))
        page.keyboard.press("Tab")
    likely = page.locator("#answer .likely button").evaluate_all(
        "b => b.map(b => b.dataset.target)"
    )
    cardinality, tau, beta = (2 * [name] for name in ("cardinality", "tau", "beta"))
    assert order == [
        "skip", "theme", "file", *EXAMPLES, "mode", "target", "against", *cardinality, *tau,
        "network", "layer", "importance", *beta, "sampler", *likely, "download", "permalink", "",
    ]  # fmt: skip
    assert "none" not in marked[1:]  # the first was not reached by the keyboard
    for selector, key in (("[data-photo='skimage:coffee']", "Enter"), ("#answer .likely b", " ")):
        page.locator(selector.replace(" b", " button:nth-child(2)")).focus()
        focused, before = page.evaluate(FOCUSED), heading(page)
        page.keyboard.press(key)
        page.wait_for_function(
            "text => document.querySelector('#answer h2').innerText !== text", arg=before
        )
        assert page.evaluate(FOCUSED) == focused
        settled(page)
    page.locator("[value=one]").focus()
    page.keyboard.press("ArrowRight")
    wait_for_text(page, "#answer h2", " or ")
    page.locator("#flip summary").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#flip-set p")


def test_a_link_with_a_wrong_value_shows_an_error_and_the_defaults(page):
    page.goto(f"{served.address()}/?tau=long&against=next")
    settled(page)
    assert problem(page) == "'long': give a number"
    assert page.input_value("#tau") == "100"
    set_number(page, "tau", 50)
    wait_for_text(page, "#annealing h3", "τ = 50")
    assert page.inner_text("#problem") == ""


def test_only_what_changes_is_redrawn(page):
    page.evaluate("document.querySelectorAll('#answer img').forEach(i => { i.marked = true; })")
    set_number(page, "tau", 30)
    wait_for_text(page, "#annealing h3", "τ = 30")
    settled(page)
    kept = "[...document.querySelectorAll('#answer img')].every(i => i.marked)"
    assert page.evaluate(kept)


def test_a_wrong_class_is_one_line_with_a_suggestion(page):
    page.wait_for_selector("#classes option[value='tiger cat']", state="attached")
    write(page, "target", "tiger calynxt")
    assert problem(page) == "target='tiger calynxt': no such class; did you mean 'tiger cat'?"
    assert page.get_attribute("#target", "aria-invalid") == "true"
    assert page.get_attribute("#target", "aria-describedby") == "target-note problem"
    assert heading(page) == "tiger cat"  # the last answer stays
    write(page, "target", "tabby")
    wait_for_heading(page, "tabby")
    assert page.get_attribute("#target", "aria-invalid") == "false"
    assert page.inner_text("#problem") == ""


def test_likely_classes_are_a_click_away(page):
    second = page.locator("#answer .likely button").nth(1)
    name = second.get_attribute("data-target")
    second.click()
    wait_for_heading(page, name)
    assert page.input_value("[name=target]") == name


def test_network_layer_and_sampler_can_be_chosen(page):
    choose(page, "network", "digits")
    wait_for_text(page, "#answer", "digits, layer")
    page.wait_for_selector("select[name=layer] option[value='trunk.0']", state="attached")
    choose(page, "layer", "trunk.0")
    wait_for_text(page, "#answer", "layer trunk.0")
    choose(page, "sampler", "exact")
    wait_for_text(page, "#answer .facts", "exact")
    assert "layer trunk.0" in page.inner_text("#answer")
    set_number(page, "cardinality", 15)
    assert "cardinality=15: there are only" in problem(page)
    set_number(page, "cardinality", 0)
    page.wait_for_selector("#problem:empty", state="attached")
    settled(page)


def test_two_tabs_at_once_do_not_mix(browser, page):
    other = browser.page.context.new_page()
    other.set_default_timeout(WAIT)
    other.goto(served.address())
    page.click('[data-photo="skimage:coffee"]')
    other.click('[data-photo="skimage:rocket"]')
    wait_for_heading(page, "espresso")
    wait_for_heading(other, "missile")
    set_number(page, "tau", 40)
    set_number(other, "tau", 60)
    for tab, tau in ((page, 40), (other, 60)):
        wait_for_text(tab, "#annealing h3", f"τ = {tau}")
    assert (heading(page), heading(other)) == ("espresso", "missile")
    other.close()


@pytest.mark.parametrize(
    ("data", "name", "message"),
    [
        (b"these are words", "words.png", "words.png: not an image"),
        (png_of_size(40_000, 40_000), "huge.png", "huge.png: too many pixels; at most 25000000"),
        (bytes(2000), "long.png", "long.png: larger than 0.0009765625 MiB"),
    ],
)
def test_a_bad_upload_shows_an_error_and_the_page_stays_usable(page, data, name, message):
    if name == "long.png":
        page.evaluate("document.getElementById('drop').dataset.most = 1024")
    upload(page, data, name)
    assert message in problem(page)
    assert heading(page) == "tiger cat"
    page.click('[data-photo="skimage:coffee"]')
    wait_for_heading(page, "espresso")
    assert page.inner_text("#problem") == ""


def test_two_classes_are_compared(page):
    page.click('[data-photo="skimage:coffee"]')
    wait_for_heading(page, "espresso")
    assert not page.locator("[name=other]").is_visible()
    page.check("[value=two]")
    wait_for_heading(page, "espresso or cup")
    assert page.locator("#answer h4").all_inner_texts() == [
        "Selected for both", "Only for espresso", "Only for cup",
    ]  # fmt: skip
    page.wait_for_selector("#annealing:empty", state="attached")
    page.check("[value=one]")
    wait_for_heading(page, "espresso")
    settled(page)


def test_the_fewest_maps_that_flip_are_shown_when_asked_for(page):
    choose(page, "network", "digits")
    page.click("#flip summary")
    network = ac.load_model("digits")
    image = network.preprocess(load_photo("skimage:chelsea"))
    flip = ac.flip_set(network.model, image, class_names=network.classes)
    wait_for_text(page, "#flip-set", flip.sentence)


def test_the_report_is_downloaded_without_a_file_on_the_server(page):
    with page.expect_download() as download:
        page.click("#download")
    text = Path(download.value.path()).read_text(encoding="utf-8")
    assert download.value.suggested_filename == "annealcam-report.html"
    assert "tiger cat" in text
    assert text.rstrip().endswith("</html>")
    assert not [path for path in served.page().temporary.rglob("*") if path.is_file()]


def test_light_and_dark_can_be_switched(page):
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.click("#theme")
    assert page.evaluate(ground) != light
    page.click("#theme")
    assert page.evaluate(ground) == light


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(page, scheme):
    from axe_playwright_python.sync_playwright import Axe

    def check():
        violations = Axe().run(page).response["violations"]
        assert [(v["id"], v["impact"], v["nodes"][0]["html"]) for v in violations] == []

    page.emulate_media(color_scheme=scheme)
    page.click("#flip summary")
    page.wait_for_selector("#flip-set p")
    check()
    write(page, "target", "tiger calynxt")
    problem(page)
    check()
    write(page, "target", "")
    page.check("[value=two]")
    wait_for_heading(page, "tiger cat or Egyptian cat")
    check()


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
        page.check("[value=two]")
        wait_for_text(page, "#answer h2", " or ")
        page.wait_for_selector("#answers[aria-busy=false]")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    shot = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
    context.close()
    folder = Path(os.environ.get("ANNEALCAM_PICTURES", tmp_path))
    shot = shot.crop((0, 0, width, min(shot.height, 3 * width)))
    shot.save(folder / f"{name}.jpg", quality=68, optimize=True)
    assert (folder / f"{name}.jpg").stat().st_size < 250_000
