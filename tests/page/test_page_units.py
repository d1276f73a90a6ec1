"""One unit and the arithmetic behind it."""

import numpy as np
import pytest
from reading import held_out, numbers

pytestmark = pytest.mark.slow
Keys = pytest.importorskip("selenium.webdriver.common.keys").Keys


def test_pointing_at_a_c3_unit_outlines_what_it_reads_and_nothing_moves(page):
    places = "return [...document.querySelectorAll('canvas, button, p')].map(n => n.getBoundingClientRect().top)"
    before = page.script(places)
    page.point(page.all("#stage-C3 canvas")[4])
    assert "Reads S2 maps 0, 4, 5" in page.text("readout") and "C3 map 4" in page.text("readout")
    read = [i for i, canvas in enumerate(page.all("#stage-S2 canvas")) if "reads" in canvas.get_attribute("class")]
    assert read == [0, 4, 5]
    assert len(page.all("#lines rect.read.line")) == 3 and len(page.all("#lines rect.field.line")) == 1
    field, whole = page.find("#lines rect.field.line").size, page.find("#stage-input canvas").size
    assert abs(field["width"] / whole["width"] - 14 / 32) < 0.03
    assert page.script(places) == before
    page.point(page.find("#pad"))
    assert not page.all("#lines rect")


def test_the_arithmetic_of_a_unit_adds_up(page, shipped, digits):
    page.open(at="#digit=mnist.4&unit=C1.2.10.12")
    image = held_out(digits, 4)
    shipped.forward(shipped.input(image[None]))
    patch = shipped.input(image[None])[0, 10:15, 12:17, 0].ravel()
    kernel, bias = shipped["C1"].weight.value[2, 0].ravel(), shipped["C1"].bias.value[2]
    cells = [numbers(each.text)[0] for each in page.all("#arithmetic .cells span")]
    assert np.allclose(cells, np.concatenate([patch, kernel, patch * kernel]), atol=0.051)
    assert np.allclose(cells, np.concatenate([patch, kernel, patch * kernel]), rtol=0.06, atol=0.006)
    text = page.find("#arithmetic p").text
    output = shipped["C1 squash"].y[2, 10, 12, 0]
    total, offset, z, *_ = numbers(text)[1:]
    assert np.isclose(total, patch @ kernel, rtol=0.02) and np.isclose(offset, bias, rtol=0.02)
    assert np.isclose(z, total + offset, atol=0.03)
    assert np.isclose(numbers(page.find("#arithmetic strong").text)[0], output, rtol=0.02)


UNITS = "input.0.5.5", "S2.3.4.4", "C3.15.2.2", "S4.9.1.1", "C5.0.3.3", "F6.0.5.5", "output.7.0.0"


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("view", ["forward", "backward"])
def test_every_kind_of_unit_has_its_arithmetic_forwards_and_backwards(page, unit, view):
    page.open(at=f"#digit=mnist.12&unit={unit}&view={view}")
    assert page.find("#inspector").is_displayed() and unit.split(".")[0] in page.text("unit-title")
    text = page.text("arithmetic")
    assert len(numbers(text)) >= 1 and "NaN" not in text and "undefined" not in text
    page.keys(Keys.ESCAPE)
    assert not page.find("#inspector").is_displayed()


def test_another_map_that_a_unit_reads_is_shown_and_keeps_the_focus(page):
    page.open(at="#digit=mnist.2&unit=C3.6.5.5")
    page.script("document.querySelectorAll('.parts button')[2].focus()")
    page.keys(Keys.ENTER)
    focused = page.chromium.switch_to.active_element
    assert focused.text.startswith("2: ") and focused.get_attribute("aria-pressed") == "true"
    assert "S2 map 2" in page.find("#arithmetic figcaption").text


def test_a_kernel_slides_over_its_map(page):
    page.open(at="#digit=mnist.2&unit=C3.0.5.5")
    page.click("#slide")
    page.wait(lambda: "row 1" in page.text("unit-title"))
    page.click("#slide")
    page.frame()
    first = page.text("unit-title")
    page.frame()
    assert page.text("unit-title") == first and page.text("slide") == "Slide the kernel"


TERMS = {"C3": "Table I", "E": "Equation 8", "lr": "learning rate", "output": "nearest wins"}


@pytest.mark.parametrize("term, words", TERMS.items())
def test_words_explain_themselves(page, term, words):
    page.click(f"[data-term={term}]")
    assert page.find("#term").is_displayed() and words in page.text("term")
    if term == "C3":
        assert len(page.all("#term td")) == 1 + 6 * 16 and page.text("term").count("×") == 60
        assert "1,516 trained numbers, 151,600 connections" in page.text("term")
    page.keys(Keys.ESCAPE)
    assert not page.find("#term").is_displayed()
