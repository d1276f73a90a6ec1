"""Drawing with the pointer, and what is read: the page in a real browser, headless Chromium."""

import gzip
import re
from pathlib import Path

import numpy as np
import pytest
import sloppy
from reading import held_out

import minicnn as mc
from minicnn.page.arrays import unpack


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


@pytest.mark.slow
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


def test_doubt_is_shown(page, shipped):
    gallery = unpack(gzip.decompress((Path(mc.__file__).parent / "page" / "static" / "misread.bin").read_bytes()))[1]
    nearest, next_one, *_ = np.sort(shipped.outputs(gallery["images"]), axis=0)
    page.open(at=f"#digit=misread.{(nearest / next_one).argmax()}")
    assert page.text("answer-class").endswith("?") and "In doubt" in page.text("answer-label")
    page.click("#why")
    assert page.find("#term").is_displayed() and "nearest drawing" in page.text("term")


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


@pytest.mark.slow
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
