"""The page on every screen, in every theme, by keyboard and with a guide.

    MINICNN_SCREENSHOTS=DIR python -m pytest -m slow tests/page/test_page_everywhere.py

keeps pictures of it at every size, light, dark, in forced colours and for the projector.
"""

import os
from pathlib import Path

import browser
import pytest

pytestmark = pytest.mark.slow
Keys = pytest.importorskip("selenium.webdriver.common.keys").Keys


def test_the_tour_can_be_walked_and_skipped(page):
    page.click("#tour")
    page.wait(lambda: page.find("#tour-card").is_displayed())
    titles = [page.text("tour-title")]
    while page.text("tour-next") != "Done":
        page.click("#tour-next")
        page.wait(lambda: page.text("tour-title") != titles[-1])
        titles.append(page.text("tour-title"))
        card = page.find("#tour-card").rect
        assert 0 <= card["x"] <= 1920 - card["width"] and 0 <= card["y"] <= 1080 - card["height"]
    assert len(titles) >= 8
    page.click("#tour-next")
    page.wait(lambda: not page.find("#tour-card").is_displayed())
    page.click("#tour")
    page.wait(lambda: page.find("#tour-card").is_displayed())
    page.keys(Keys.ESCAPE)
    page.wait(lambda: not page.find("#tour-card").is_displayed())


def test_all_of_it_by_keyboard(page):
    page.script("document.getElementById('theme').focus()")
    page.keys(Keys.TAB)
    assert page.chromium.switch_to.active_element.get_attribute("id") == "pad"
    page.keys("6")
    page.wait(lambda: "MNIST says 6" in page.text("answer-detail"))
    page.keys(Keys.DELETE, *[Keys.ARROW_UP] * 8, Keys.SPACE, *[Keys.ARROW_DOWN] * 16, Keys.SPACE)
    page.wait(lambda: page.answer() == "1")
    page.script("document.getElementById('stage-C1').focus()")
    page.keys(Keys.ARROW_RIGHT)
    assert "C1 map 0" in page.text("readout")
    page.keys(*[Keys.ARROW_RIGHT] * 28)
    assert "C1 map 1" in page.text("readout")
    page.keys(Keys.ENTER)
    assert page.find("#inspector").is_displayed() and "C1 map 1" in page.text("unit-title")
    page.keys(Keys.ESCAPE)
    assert not page.find("#inspector").is_displayed()


def test_the_theme_can_be_chosen_and_is_remembered(page):
    page.click("#theme")
    assert page.find("html").get_attribute("data-theme") == "dark"
    page.open()
    assert page.find("html").get_attribute("data-theme") == "dark"
    page.script("localStorage.clear()")


def keep(page, name, tmp_path):
    folder = Path(os.environ.get("MINICNN_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    assert page.chromium.save_screenshot(str(folder / f"{name}.png"))
    assert (folder / f"{name}.png").stat().st_size > 10_000


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", browser.SIZES)
def test_it_fits_and_can_be_read(page, size, theme, tmp_path):
    width, height = browser.SIZES[size]
    page.open(size, theme, at="#digit=mnist.8")
    assert page.script("return document.documentElement.scrollWidth") <= width  # nothing hangs out to the right
    if width > height:  # digit, maps, answer and step without scrolling
        assert page.script("return document.documentElement.scrollHeight") <= height
        for selector in ("#pad", "#answer", "#step", "#steps", "#stage-output", "#stage-C5 canvas", "#comparison"):
            box = page.find(selector).rect
            assert box["y"] >= 0 and box["y"] + box["height"] <= height + 1, selector
            assert box["x"] + box["width"] <= width + 1, selector
    if size == "phone":  # the maps stay in sight while drawing
        output = page.find("#stage-output").rect
        assert output["y"] + output["height"] <= height
    if size == "projector":
        assert page.find("#stage-input canvas").rect["width"] >= 2 * 113  # twice what the first page had
        assert page.script("return parseFloat(getComputedStyle(document.querySelector('.stage .size')).fontSize)") >= 28
    paper = page.script("return getComputedStyle(document.getElementById('paper')).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") == (theme == "light")
    keep(page, f"{size}_{theme}", tmp_path)
    page.open(size, theme, at="#digit=misread.20&view=backward&unit=C3.6.4.5")
    assert page.find("#inspector").is_displayed()
    assert page.script("return document.documentElement.scrollWidth") <= width
    keep(page, f"{size}_{theme}_unit", tmp_path)


def test_forced_colours_and_the_projector_mode(page, tmp_path):
    page.open("laptop", forced=True, at="#digit=mnist.8")
    bar = page.script("return getComputedStyle(document.querySelector('.track i')).backgroundColor")
    track = page.script("return getComputedStyle(document.querySelector('.track')).backgroundColor")
    assert bar != track
    keep(page, "forced", tmp_path)
    page.open(at="#digit=mnist.8")
    size = page.script("return document.getElementById('answer-class').getBoundingClientRect().height")
    page.find("#projector").click()
    page.frame()
    assert page.script("return document.getElementById('answer-class').getBoundingClientRect().height") > 1.5 * size
    assert not page.find("#teach").is_displayed() and page.find("#samples").is_displayed()
    keep(page, "projector_mode", tmp_path)
    page.find("#projector").click()
    page.wait(lambda: page.find("#teach").is_displayed())


@pytest.mark.parametrize("size", ["projector", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious(page, size, theme):
    for at in ("#digit=mnist.8", "#digit=misread.3&view=backward&unit=C3.6.4.5"):
        page.open(size, theme, at=at)
        assert page.violations() == []
