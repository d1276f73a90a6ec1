"""Links that bring a state back, a page from a file, and nothing from elsewhere."""

import browser
import numpy as np
import pytest
import sloppy
from reading import target


def test_a_link_brings_digit_unit_view_and_target_back(page):
    page.click("#clear")
    page.draw(sloppy.thirty()[6][2])
    page.click("input[value=backward]")
    page.click("#targets label:nth-of-type(5) input")
    page.script("arguments[0].click()", page.all("#stage-S2 canvas")[3])
    page.wait(lambda: "unit=S2" in page.script("return location.hash"))
    link, answer, distances = page.script("return location.hash"), page.answer(), page.distances()
    title = page.text("unit-title")
    page.open(at=link)
    page.frame()
    assert page.answer() == answer and page.text("unit-title") == title and target(page) == "4"
    assert page.find("#gradients").is_displayed()
    assert np.allclose(page.distances(), distances, rtol=0.1, atol=0.5)  # points that add nothing were left out


NONSENSE = (
    "digit=ink.!", "digit=mnist.999", "digit=misread.999", "digit=x", "unit=C9.1.1.1", "unit=C1.9.1.1", "target=12",
    "%",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("hash", NONSENSE)
def test_an_address_that_makes_no_sense_shows_the_page(page, hash):
    page.open(at=f"#{hash}")
    assert page.answer() == "3" and not page.find("#inspector").is_displayed()


def test_a_picture_of_the_figure(page):
    data = page.script("""
        const blob = HTMLCanvasElement.prototype.toBlob;
        HTMLCanvasElement.prototype.toBlob = function () {
          window.kept = [this.width, this.height, this.toDataURL().length];
        };
        document.getElementById("picture").click();
        HTMLCanvasElement.prototype.toBlob = blob;
        return window.kept;
    """)
    width, height, length = data
    assert width > 3000 and height > 1800 and length > 50_000


def test_it_works_from_a_file(chromium, exported):
    page = browser.Page(chromium, (exported / "index.html").as_uri()).open()
    assert page.answer() == "3"
    page.click("#samples button:nth-of-type(8)")
    page.wait(lambda: page.answer() == "7")
    page.click("#open-gallery")
    page.wait(lambda: page.find("#gallery").is_displayed())
    page.open(at="#digit=mnist.14&unit=F6.0.3.3")
    assert "F6 unit 24" in page.text("unit-title") and page.complaints() == []


def test_nothing_is_fetched_from_elsewhere_and_no_script_but_its_own_runs(page):
    addresses = page.script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert addresses and all(each.startswith(page.url) for each in addresses)
    page.script("""
        const script = document.createElement('script');
        script.textContent = 'window.intruder = 1';
        document.head.append(script);
    """)
    assert page.script("return window.intruder") is None
    assert all("Content Security Policy" in each for each in page.complaints())
