"""The page in a real browser: it opens offline, answers mouse, keys and slider, and stays quiet."""

import os
from pathlib import Path

import pytest

import annealcam as ac
from annealcam.evaluation.faithfulness import check_explanation
from annealcam.evaluation.solver_comparison import compare_with_explanation
from annealcam.settings import resolve
from tests.browser import open_browser
from tests.networks import small_network
from tests.render.test_inputs import network_for

NAMES = ["ant", "bee", "cat", "dog", "eel"]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A page with everything on it."""
    import torch

    network = small_network(seed=3)
    image = torch.randn(3, 20, 20, generator=torch.Generator().manual_seed(1))
    how = {"tau": 20.0, "cardinality": 3}
    e = ac.explain(network, image, layer="3", target=1, class_names=NAMES, **how)
    path = tmp_path_factory.mktemp("page with spaces") / "e.html"
    checked = check_explanation(network, image, e, resolve(**how), class_names=NAMES)
    return e.to_html(path, checked=checked, comparison=compare_with_explanation(e)).as_uri()


@pytest.fixture
def shots(tmp_path):
    folder = Path(os.environ.get("ANNEALCAM_SHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_opens_quietly_and_fits(address, shots, scheme, width):
    with open_browser(scheme=scheme, width=width) as tab:
        tab.page.goto(address)
        assert tab.page.evaluate("document.documentElement.scrollWidth") <= width
        for picture in tab.page.locator("img:not([hidden])").all():
            assert picture.evaluate("img => img.complete && img.naturalWidth > 0")
        ground = tab.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (ground == "rgb(255, 255, 255)") == (scheme == "light")
        tab.page.screenshot(path=shots / f"explanation-{scheme}-{width}.png", full_page=True)
        assert (tab.errors, tab.foreign) == ([], [])


def opacities(page):
    return page.eval_on_selector_all(
        ".panels .heat", "all => all.map(img => +getComputedStyle(img).opacity)"
    )


def test_the_slider_changes_every_map(address):
    with open_browser() as tab:
        tab.page.goto(address)
        assert opacities(tab.page) == [0.65] * 4
        tab.page.get_by_label("Opacity of the maps").fill("20")
        assert opacities(tab.page) == [0.2] * 4
        assert tab.page.locator("#strength-value").inner_text() == "20 %"
        tab.page.keyboard.press("Home")
        assert opacities(tab.page) == [0.0] * 4
        assert not tab.errors


def stage(page):
    """What the large photo shows: the picture over it, and the words below it."""
    shown = page.locator(".stage .heat:not([hidden])")
    assert shown.count() == 1
    return shown.get_attribute("src"), page.locator("#stage-text").inner_text()


def test_pointing_at_a_card_shows_its_map_on_the_photo(address):
    with open_browser() as tab:
        page = tab.page
        page.goto(address)
        together = stage(page)
        cards = page.locator(".strip .map").all()
        for act in ("hover", "focus"):
            for card in cards:
                getattr(card, act)()
                source, caption = stage(page)
                assert source == card.locator(".heat").get_attribute("src")
                assert caption == f"Map {card.get_attribute('data-map')} alone"
                assert "lit" in card.get_attribute("class").split()
        assert page.locator(".strip .lit").count() == 1
        page.keyboard.press("Escape")
        assert stage(page) == together
        assert not tab.errors


def test_a_node_lights_its_edges_and_its_card(address):
    with open_browser() as tab:
        page = tab.page
        page.goto(address)
        node = page.locator(".node.selected").first
        node.focus()
        channel = node.get_attribute("data-map")
        assert page.locator(".strip .lit").get_attribute("data-map") == channel
        edges = page.locator("[data-ends]").all()
        for edge in edges:
            own = channel in edge.get_attribute("data-ends").split()
            assert own == ("lit" in (edge.get_attribute("class") or "").split())
        assert f"map {channel}:" in page.locator("#node-text").inner_text()
        other = page.locator(".node:not(.selected)").first
        other.hover()
        assert page.locator(".strip .lit").count() == 0
        assert "is not selected" in page.locator("#stage-text").inner_text()
        assert not tab.errors


def test_cards_are_reached_by_the_keyboard_alone(address):
    with open_browser() as tab:
        tab.page.goto(address)
        tab.page.get_by_label("Opacity of the maps").focus()
        tab.page.keyboard.press("Tab")
        first = tab.page.locator(".strip .map").first.get_attribute("data-map")
        assert stage(tab.page)[1] == f"Map {first} alone"


def test_light_and_dark_are_the_readers_choice(address):
    with open_browser(scheme="light") as tab:
        tab.page.goto(address)
        grounds = []
        for _ in range(3):
            grounds.append(tab.page.evaluate("getComputedStyle(document.body).backgroundColor"))
            tab.page.locator("#theme").click()
        assert grounds[0] == grounds[2] != grounds[1]


def test_without_scripts_everything_is_there(address):
    with open_browser(scripts=False) as tab:
        page = tab.page
        page.goto(address)
        assert page.locator(".panels .heat").count() == 4
        for heat in page.locator(".heat:not([hidden])").all():
            assert heat.is_visible()
        assert page.locator(".node").first.is_visible()
        assert not page.locator("#strength").is_visible()
        assert not page.locator("#theme").is_visible()
        page.locator("details summary").last.click()
        assert page.get_by_text("max qubits").is_visible()


def test_it_can_be_printed(address, tmp_path):
    with open_browser() as tab:
        tab.page.goto(address)
        tab.page.emulate_media(media="print", color_scheme="dark")
        assert not tab.page.locator("#strength").is_visible()
        assert not tab.page.locator(".stage").is_visible()
        assert (
            tab.page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"
        )
        ground = tab.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == "rgb(255, 255, 255)"  # whatever the system has
        assert len(tab.page.pdf(path=tmp_path / "e.pdf")) > 10_000


@pytest.mark.parametrize(("shape", "width"), [((1, 9, 12, 10), 1280), ((2, 90), 390)])
def test_volumes_and_signals_fit_and_are_pointed_at(shape, width, shots, tmp_path):
    """The slices below a map are those of the map that is pointed at."""
    import torch

    image = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    e = ac.explain(network_for(shape), image, cardinality=3)
    path = e.to_html(tmp_path / "e.html", annealing=False)
    ground = "part => getComputedStyle(part).backgroundImage"
    with open_browser(width=width) as tab:
        page = tab.page
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.screenshot(path=shots / f"explanation-{len(shape)}-{width}.png", full_page=True)
        together = page.locator(".stage .photo").evaluate(ground)
        for card in page.locator(".strip .map").all():
            card.hover()
            below = page.locator(".stage .photo").evaluate(ground)
            assert below == card.locator(".photo").evaluate(ground)
            assert stage(page)[0] == card.locator(".heat").get_attribute("src")
        page.keyboard.press("Escape")
        assert page.locator(".stage .photo").evaluate(ground) == together
        sizes = page.locator(".stage .picture > *:not([hidden])").evaluate_all(
            "parts => parts.map(part => [part.clientWidth, part.clientHeight].join())"
        )
        assert len(set(sizes)) == 1
        assert (tab.errors, tab.foreign) == ([], [])
