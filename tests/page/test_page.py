"""The page in a real browser, headless Chromium; skipped where there is none.

    MINICNN_SCREENSHOTS=DIR python -m pytest tests/page/test_page.py

keeps pictures of it at every size, light, dark, in forced colours and for the projector.
"""

import importlib.util
import os
import re
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent


def beside(name):
    """A module of this folder, which is no package."""
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


browser, sloppy = beside("browser"), beside("sloppy")
Keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
AXE = HERE / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    chromium = browser.start(tmp_path_factory.mktemp("profile"))
    yield chromium
    chromium.quit()


@pytest.fixture
def page(chromium, served):
    page = browser.Page(chromium, served).open()
    yield page
    assert page.complaints() == []


def held_out(digits, digit, number=0):
    """The page's own digits: MNIST's of the sample's second part."""
    return digits.images[np.flatnonzero(digits.labels == digit)[number]]


def test_the_digit_that_greets_is_read_and_gives_way_to_the_first_stroke(page):
    assert page.answer() == "3"
    page.draw([[(0.5, 0.2), (0.5, 0.8)]])
    assert page.answer() == "1"


def test_what_the_page_shows_is_what_minicnn_computes(page, shipped, digits):
    for number in (0, 1):
        page.click("#samples button:nth-of-type(6)")
        page.wait(lambda: "MNIST says 5" in page.text("answer-detail"))
        page.frame()
        image = held_out(digits, 5, number)
        distances = shipped.forward(shipped.input(image[None]))[:, 0]
        assert np.allclose(page.distances(), distances, rtol=0.01, atol=0.001)
    shown = page.pixels("#stage-input canvas")[..., 0].astype(int)  # dark ink on white
    assert shown.shape == (32, 32) and np.corrcoef(shown[2:30, 2:30].ravel(), image.ravel())[0, 1] < -0.99
    counts = [len(page.all(f"#stage-{name} .maps canvas")) for name in ("input", "C1", "S2", "C3", "S4", "C5", "F6")]
    assert counts == [1, 6, 6, 16, 16, 1, 1] and len(page.all("#classes canvas")) == 10
    f6 = page.pixels("#stage-F6 .maps canvas").astype(int)
    orange = f6[..., 0] > f6[..., 2]
    assert np.array_equal(orange.ravel(), shipped["F6 squash"].y[:, 0] > 0)


@pytest.mark.parametrize("number", range(0, 30, 7))
def test_sloppy_digits_drawn_by_pointer_in_any_size_are_read(page, number):
    digit, _, lines = sloppy.thirty()[number]
    page.click("#clear")
    page.draw(lines)
    assert page.answer() == str(digit)


def test_undo_eraser_and_clear(page):
    page.click("#clear")
    page.frame()
    assert page.answer() == "–" and not page.find("#step").is_enabled()
    page.draw([[(0.5, 0.2), (0.5, 0.8)]])
    page.draw([[(0.2, 0.2), (0.5, 0.2)]])
    two = page.distances()
    page.click("#undo")
    page.frame()
    assert page.answer() == "1" and page.distances() != two
    page.click("#eraser")
    page.draw([[(0.5, 0.1), (0.5, 0.9)]])
    assert page.answer() == "–"
    page.click("#undo")
    page.frame()
    assert page.answer() == "1"
    page.click("#clear")  # which leaves the pen
    page.draw([[(0.5, 0.2), (0.5, 0.8)]])
    assert page.answer() == "1" and page.find("#eraser").get_attribute("aria-pressed") == "false"


def test_a_stroke_after_a_sample_begins_anew(page):
    page.click("#samples button:nth-of-type(9)")
    page.wait(lambda: page.answer() == "8")
    page.draw([[(0.5, 0.2), (0.5, 0.8)]])
    assert page.answer() == "1" and "MNIST says" not in page.text("answer-detail")


def test_a_second_finger_is_ignored(page):
    page.click("#clear")
    page.script("""
        const pad = document.getElementById("pad"), box = pad.getBoundingClientRect();
        pad.setPointerCapture = () => {};
        const send = (type, id, x, y) => pad.dispatchEvent(new PointerEvent(type, { pointerId: id, bubbles: true,
          clientX: box.left + x * box.width, clientY: box.top + y * box.height }));
        send("pointerdown", 1, 0.5, 0.2);
        send("pointermove", 1, 0.5, 0.5);
        send("pointerdown", 2, 0.1, 0.9);
        send("pointermove", 2, 0.9, 0.9);
        send("pointerup", 2, 0.9, 0.9);
        send("pointermove", 1, 0.5, 0.8);
        send("pointerup", 1, 0.5, 0.8);
    """)
    page.frame()
    assert page.answer() == "1"


def target(page):
    return page.find("input[name=target]:checked").get_attribute("value")


def test_the_target_follows_the_label_or_the_answer_until_one_is_picked(page):
    assert target(page) == "3" and "its own answer" in page.text("target-why")
    page.click("#samples button:nth-of-type(8)")
    page.wait(lambda: page.answer() == "7")
    assert target(page) == "7" and "label" in page.text("target-why")
    page.click("#targets label:nth-of-type(9) input")
    page.click("#samples button:nth-of-type(2)")
    page.wait(lambda: page.answer() == "1")
    assert target(page) == "8" and "your choice" in page.text("target-why")


def test_doubt_is_shown(page):
    page.open(at="#digit=misread.3")
    assert page.text("answer-digit").endswith("?") and "In doubt" in page.text("answer-label")
    page.click("#why")
    assert page.find("#term").is_displayed() and "nearest drawing" in page.text("term")


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


def numbers(text):
    return [float(word.replace("−", "-")) for word in re.findall(r"−?[\d.]*\d(?:e−?\d+)?", text)]


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


def test_backward_one_step_and_reset(page):
    page.click("#targets label:nth-of-type(9) input")  # 8
    page.click("input[value=backward]")
    page.frame()
    assert page.find("#gradients").is_displayed()
    assert len(np.unique(page.pixels("#input-saliency").reshape(-1, 4), axis=0)) > 20
    purple_or_green = page.pixels("#stage-C3 canvas").astype(int)
    assert np.ptp(purple_or_green[..., 1] - purple_or_green[..., 0]) > 20
    before = page.distances()

    page.click("#step")
    page.frame()
    assert page.distances()[8] < before[8]
    assert page.text("steps").startswith("1 step from the shipped weights") and "→" in page.text("change-summary")
    page.click("#change-mode")
    page.frame()
    assert "last step" in page.text("legend-title") and len(page.all("#moved .track")) == 6

    page.click("#reset")
    page.frame()
    assert page.distances() == before and page.text("steps") == "These are the shipped weights"
    assert not page.find("#change-mode").is_enabled()


def test_a_step_is_what_minicnn_steps(page, digits):
    import minicnn as mc

    net, loss = mc.models.lenet5(pretrained=True), mc.losses.RBFLoss()
    page.open(at="#digit=mnist.2&target=8")
    for _ in range(3):
        page.click("#step")
        page.frame()
        loss.forward(net.forward(net.input(held_out(digits, 2)[None])), np.array([8]))
        net.backward(loss.backward())
        mc.optim.SGD(net.parameters(), 0.001).step()
    distances = net.forward(net.input(held_out(digits, 2)[None]))[:, 0]
    assert np.allclose(page.distances(), distances, rtol=0.01, atol=0.001)


def test_an_empty_pad_teaches_nothing(page):
    page.click("#clear")
    page.frame()
    page.click("#play")
    page.frame()
    assert "draw a digit first" in page.text("message") and page.text("play") == "Play"


def test_play_steps_until_it_is_stopped(page):
    page.click("#targets label:nth-of-type(9) input")
    page.click("#play")
    page.wait(lambda: page.answer() == "8")
    page.click("#play")
    page.frame()
    steps = page.text("steps")
    page.frame()
    assert page.text("steps") == steps and page.text("play") == "Play"


def test_it_learns_to_read_from_random_weights(page):
    page.click("#random")
    page.wait(lambda: "unseen" in page.text("steps"), seconds=90)
    page.wait(lambda: numbers(page.text("steps"))[-2] >= 70, seconds=200)  # of 100, where chance is 10
    assert "from random weights" in page.text("steps")
    assert len(np.unique(page.pixels("#curve").reshape(-1, 4), axis=0)) > 3
    page.click("#reset")
    page.frame()
    assert page.text("steps") == "These are the shipped weights" and page.answer() == "3"


def svg(image, file):
    """A digit as an SVG file that a browser shows as a picture, on paper that grows darker to the right."""
    squares = "".join(
        f'<rect x="{x}" y="{y}" width="1.05" height="1.05" fill-opacity="{0.7 * ink / 255}"/>'
        for (y, x), ink in np.ndenumerate(image) if ink
    )  # fmt: skip
    shade = (
        '<linearGradient id="g"><stop stop-color="#eee"/><stop offset="1" stop-color="#888"/></linearGradient>'
        '<rect x="-3" y="-3" width="34" height="34" fill="url(#g)"/>'
    )
    frame = 'xmlns="http://www.w3.org/2000/svg" viewBox="-3 -3 34 34" width="340" height="340"'
    file.write_text(f"<svg {frame}>{shade}{squares}</svg>", encoding="utf-8")
    return str(file)


def test_a_photograph_with_shade(page, digits, tmp_path):
    page.find("#file").send_keys(svg(held_out(digits, 9, 1), tmp_path / "nine.svg"))
    page.wait(lambda: page.answer() == "9")
    nothing = tmp_path / "nothing.svg"
    nothing.write_text('<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"/>')
    page.find("#file").send_keys(str(nothing))
    page.wait(lambda: "The picture shows nothing" in page.text("message"))
    (tmp_path / "letter.png").write_text("no picture at all")
    page.find("#file").send_keys(str(tmp_path / "letter.png"))
    page.wait(lambda: "letter.png is no picture" in page.text("message"))
    page.click("#samples button:nth-of-type(1)")
    page.wait(lambda: page.answer() == "0" and page.text("message") == "")


def test_the_gallery_of_misread_digits(page, shipped):
    page.click("#open-gallery")
    page.wait(lambda: page.find("#gallery").is_displayed())
    buttons = page.all("#misread button")
    assert len(buttons) > 40 and all(re.fullmatch(r"(\d) → (?!\1)\d", each.text) for each in buttons)
    label, _, answer = buttons[3].text.split()
    page.script("arguments[0].click()", buttons[3])
    page.wait(lambda: f"MNIST says {label}" in page.text("answer-detail"))
    assert page.answer() == answer and not page.find("#gallery").is_displayed()


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


def test_a_thousand_strokes_leave_nothing_behind(page):
    def strokes(count):
        page.chromium.execute_async_script("""
            const [count, done] = arguments, pad = document.getElementById("pad"), box = pad.getBoundingClientRect();
            pad.setPointerCapture = () => {};
            const send = (type, x, y) => pad.dispatchEvent(new PointerEvent(type, { pointerId: 1, bubbles: true,
              clientX: box.left + x * box.width, clientY: box.top + y * box.height }));
            let i = 0;
            (function next() {
              if (i++ === count) { done(); return; }
              if (i % 40 === 0) document.getElementById("clear").click();
              send("pointerdown", 0.2 + 0.01 * (i % 50), 0.2);
              send("pointermove", 0.5, 0.5);
              send("pointermove", 0.5, 0.2 + 0.01 * (i % 60));
              send("pointerup", 0.5, 0.5);
              setTimeout(next);
            })();
        """, count)  # fmt: skip
        page.command("HeapProfiler.collectGarbage")
        metrics = {each["name"]: each["value"] for each in page.command("Performance.getMetrics")["metrics"]}
        return metrics["JSHeapUsedSize"], metrics["Nodes"]

    page.chromium.set_script_timeout(120)
    page.command("Performance.enable")
    heap, nodes = strokes(200)
    more, later = strokes(1000)
    assert more < heap + 2e6 and later <= nodes + 50


def test_the_theme_can_be_chosen_and_is_remembered(page):
    page.click("#theme")
    assert page.find("html").get_attribute("data-theme") == "dark"
    page.open()
    assert page.find("html").get_attribute("data-theme") == "dark"
    page.script("localStorage.clear()")


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
    size = page.script("return document.getElementById('answer-digit').getBoundingClientRect().height")
    page.find("#projector").click()
    page.frame()
    assert page.script("return document.getElementById('answer-digit').getBoundingClientRect().height") > 1.5 * size
    assert not page.find("#teach").is_displayed() and page.find("#samples").is_displayed()
    keep(page, "projector_mode", tmp_path)
    page.find("#projector").click()
    page.wait(lambda: page.find("#teach").is_displayed())


@pytest.mark.parametrize("size", ["projector", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious(page, size, theme):
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: npm ci --prefix tests/page")
    for at in ("#digit=mnist.8", "#digit=misread.3&view=backward&unit=C3.6.4.5"):
        page.open(size, theme, at=at)
        page.command("Page.setBypassCSP", enabled=True)
        page.script(AXE.read_text(encoding="utf-8"))
        violations = page.chromium.execute_async_script(
            "const done = arguments[0]; axe.run(document).then(r => done(r.violations.map(v => [v.impact, v.id, "
            "v.nodes.map(n => n.html.slice(0, 120))])))"
        )
        page.command("Page.setBypassCSP", enabled=False)
        assert [each for each in violations if each[0] in ("serious", "critical")] == []
