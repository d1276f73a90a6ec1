"""The page in a real browser, headless Chromium; skipped where there is none.

    MINICNN_SCREENSHOTS=DIR python -m pytest tests/demo/test_page.py

keeps pictures of it at projector and phone size, light and dark.
"""

import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")

from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.actions.action_builder import ActionBuilder  # noqa: E402
from selenium.webdriver.common.actions.pointer_input import PointerInput  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
)  # fmt: skip
SIZES = {"projector": (1920, 1080, False), "phone": (390, 844, True)}


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    driver = shutil.which("chromedriver")
    if browser is None or driver is None:
        pytest.skip("Chromium and its driver are not installed (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chromium = webdriver.Chrome(options=options, service=Service(driver))
    yield chromium
    chromium.quit()


class Page:
    """The page as a person uses it."""

    def __init__(self, chromium, url):
        self.chromium, self.url = chromium, url

    def open(self, size="projector", theme="light"):
        width, height, phone = SIZES[size]
        device = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}
        self.command("Emulation.setDeviceMetricsOverride", **device)
        features = [{"name": "prefers-color-scheme", "value": theme}]
        self.command("Emulation.setEmulatedMedia", features=features)
        self.chromium.delete_all_cookies()
        self.chromium.get(self.url)
        self.wait(lambda: self.text("answer-digit") == "3")  # the digit that greets
        return self

    def command(self, name, **arguments):
        return self.chromium.execute_cdp_cmd(name, arguments)

    def find(self, selector):
        return self.chromium.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.chromium.find_elements(By.CSS_SELECTOR, selector)

    def text(self, id):
        return self.find(f"#{id}").text

    def click(self, selector):
        self.chromium.execute_script("arguments[0].click()", self.find(selector))

    def wait(self, condition):
        WebDriverWait(self.chromium, 10, poll_frequency=0.02).until(lambda _: condition())

    def distances(self):
        return [float(row.text.split()[0].replace("−", "-")) for row in self.all(".class .number")]

    def pixels(self, selector):
        """A canvas's pixels (H, W, 4)."""
        script = (
            "const c = arguments[0], p = c.getContext('2d').getImageData(0, 0, c.width, c.height);"
            "return [c.height, c.width, ...p.data]"
        )
        height, width, *values = self.chromium.execute_script(script, self.find(selector))
        return np.array(values, np.uint8).reshape(height, width, 4)

    def draw(self, lines):
        """Draw lines [(x, y), (x, y)], in shares of the pad's side, with the mouse."""
        pad = self.find("#pad")
        side = pad.size["width"]
        actions = ActionBuilder(self.chromium, mouse=PointerInput("mouse", "mouse"), duration=1)
        for (x, y), *others in lines:
            actions.pointer_action.move_to(pad, round((x - 0.5) * side), round((y - 0.5) * side)).pointer_down()
            for x, y in others:
                actions.pointer_action.move_to(pad, round((x - 0.5) * side), round((y - 0.5) * side))
            actions.pointer_action.pointer_up()
        actions.perform()

    def point(self, element):
        ActionChains(self.chromium, duration=1).move_to_element(element).perform()

    def complaints(self):
        return [entry["message"] for entry in self.chromium.get_log("browser")]


@pytest.fixture
def page(chromium, server):
    page = Page(chromium, server.url).open()
    yield page
    assert page.complaints() == []


def strokes(image):
    """Strokes along the middle of a digit's ink: for every line of pixels, one along each run of ink."""
    ink, lines = image > 127, []
    for y in range(2, 28, 2):
        row = np.flatnonzero(np.diff(np.concatenate([[0], ink[y], [0]])))
        for start, end in row.reshape(-1, 2):
            middle = (start + 1, end - 1) if end - start > 2 else ((start + end) / 2,) * 2
            lines.append([(x / 28, (y + 0.5) / 28) for x in middle])
    return lines


def test_a_digit_drawn_with_the_mouse_is_read(page, digits):
    for digit in (7, 0, 4):
        page.click("#clear")
        page.wait(lambda: page.text("answer-digit") == "–")
        page.draw(strokes(digits.images[np.flatnonzero(digits.labels == digit)[2]]))
        page.wait(lambda digit=digit: page.text("answer-digit") == str(digit))
        assert "nearest" in page.find(f"#class-{digit}").get_attribute("class")


def test_the_first_stroke_replaces_the_digit_that_greets(page):
    page.draw([[(0.5, 0.2), (0.5, 0.8)]])
    page.wait(lambda: page.text("answer-digit") == "1")


def test_what_the_page_shows_is_what_the_engine_computed(page, shipped, digits):
    page.click("#samples button:nth-of-type(6)")
    page.wait(lambda: "MNIST says 5" in page.text("answer-detail"))
    image = digits.images[np.flatnonzero(digits.labels == 5)[0]]
    distances = shipped.forward(shipped.input(image[None]))[:, 0]
    assert np.allclose(page.distances(), distances, rtol=0.01, atol=0.001)
    shown = page.pixels("#stage-input canvas")[..., 0].astype(int)  # dark ink on white
    assert shown.shape == (32, 32) and np.corrcoef(shown[2:30, 2:30].ravel(), image.ravel())[0, 1] < -0.99
    sizes = [(len(page.all(f"#stage-{name} .maps canvas"))) for name in ("C1", "S2", "C3", "S4", "C5", "F6", "output")]
    assert sizes == [6, 6, 16, 16, 1, 1, 10]
    f6 = page.pixels("#stage-F6 canvas").astype(int)
    orange = f6[..., 0] > f6[..., 2]
    assert np.array_equal(orange.ravel(), shipped["F6 squash"].y[:, 0] > 0)


def test_pointing_at_a_c3_unit_shows_its_field_table_i_and_kernels(page):
    page.point(page.all("#stage-C3 canvas")[4])
    page.wait(lambda: len(page.all("#unit-pictures .kernel")) == 3)
    assert "reads S2 maps 0, 4, 5" in page.text("unit-text") and "C3 map 4" in page.text("unit-title")
    assert "sees rows" in page.text("unit-text")
    read = [i for i, canvas in enumerate(page.all("#stage-S2 canvas")) if "reads" in canvas.get_attribute("class")]
    assert read == [0, 4, 5]
    assert len(page.all("#lines rect.read.line")) == 3 and len(page.all("#lines rect.field.line")) == 1
    field, whole = page.find("#lines rect.field.line").size, page.find("#stage-input canvas").size
    assert abs(field["width"] / whole["width"] - 14 / 32) < 0.03
    marked = page.all("#table td.reads")
    assert [cell.text for cell in marked] == ["X", "", "", "", "X", "X"]
    page.point(page.find("#pad"))
    page.wait(lambda: not page.all("#lines rect"))


@pytest.mark.parametrize("stage, kernels", [("C1", 1), ("S4", 0), ("C5", 16), ("F6", 1), ("output", 1)])
def test_every_layer_can_be_pointed_at(page, stage, kernels):
    page.point(page.all(f"#stage-{stage} .maps canvas")[0])
    page.wait(lambda: page.text("unit-title").startswith(stage) and page.all("#unit-pictures figure"))
    assert len(page.all("#unit-pictures .kernel")) == kernels


def test_the_block_of_a_subsampling_unit_is_outlined(page):
    page.point(page.all("#stage-S2 canvas")[3])
    page.wait(lambda: page.text("unit-title").startswith("S2 map 3"))
    row, column = (int(word) for word in re.findall(r"(?:row|column) (\d+)", page.text("unit-title")))
    block, whole = page.find("#lines rect.read.line").rect, page.all("#stage-C1 canvas")[3].rect
    assert row > 3 and column > 3
    for start, side, place in (("x", "width", column), ("y", "height", row)):
        assert abs((block[start] - whole[start]) / whole[side] - 2 * place / 28) < 0.02
        assert abs(block[side] / whole[side] - 2 / 28) < 0.03


def test_backward_one_step_and_reset(page):
    page.click("#targets label:nth-of-type(9) input")  # 8
    page.click("#backward")
    page.wait(lambda: page.find("#input-saliency").is_displayed())
    assert len(np.unique(page.pixels("#input-saliency").reshape(-1, 4), axis=0)) > 20
    purple_or_green = page.pixels("#stage-C3 canvas").astype(int)
    assert np.ptp(purple_or_green[..., 1] - purple_or_green[..., 0]) > 20
    before = page.distances()

    page.click("#step")
    page.wait(lambda: page.all("#change-list"))
    after = page.distances()
    assert after[8] < before[8]
    assert "1 step from the shipped weights" in page.text("steps")
    assert "distance to 8" in page.text("changes") and len(page.all(".moved .track")) == 6
    page.click("#change")
    page.wait(lambda: "last step changed" in page.text("figure-title"))

    page.click("#reset")
    page.wait(lambda: page.text("steps") == "the shipped weights")
    page.wait(lambda: page.distances() == before)
    assert not page.all("#change-list") and not page.find("#change").is_enabled()


def test_steps_teach_it_to_say_something_else(page):
    page.click("#targets label:nth-of-type(9) input")
    for number in range(1, 7):
        page.click("#step")
        page.wait(lambda number=number: page.text("steps").startswith(f"{number} step"))
    assert page.text("answer-digit") == "8"


def test_a_picture_file(page, digits, tmp_path):
    image = digits.images[np.flatnonzero(digits.labels == 9)[1]]
    squares = "".join(
        f'<rect x="{x}" y="{y}" width="1" height="1" fill="rgb({255 - ink},{255 - ink},{255 - ink})"/>'
        for (y, x), ink in np.ndenumerate(image) if ink
    )  # fmt: skip
    frame = 'xmlns="http://www.w3.org/2000/svg" viewBox="-3 -3 34 34" width="340" height="340"'
    file = tmp_path / "nine.svg"
    file.write_text(f"<svg {frame}>{squares}</svg>")
    page.find("#file").send_keys(str(file))
    page.wait(lambda: page.text("answer-digit") == "9")
    nothing = tmp_path / "nothing.svg"
    nothing.write_text('<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"/>')
    page.find("#file").send_keys(str(nothing))
    page.wait(lambda: "the picture shows nothing" in page.text("message"))
    (tmp_path / "letter.png").write_text("no picture at all")
    page.find("#file").send_keys(str(tmp_path / "letter.png"))
    page.wait(lambda: "letter.png is no picture" in page.text("message"))
    page.click("#samples button:nth-of-type(1)")
    page.wait(lambda: page.text("answer-digit") == "0" and page.text("message") == "")
    assert all("400" in entry for entry in page.complaints())  # the browser's own note on the refusal


def test_all_of_it_by_keyboard(page):
    keys = ActionChains(page.chromium, duration=1)
    page.chromium.execute_script("document.getElementById('theme').focus()")
    keys.send_keys(Keys.TAB).perform()
    assert page.chromium.switch_to.active_element.get_attribute("id") == "pad"
    keys = ActionChains(page.chromium, duration=1)
    keys.send_keys("6").perform()
    page.wait(lambda: "MNIST says 6" in page.text("answer-detail"))
    keys = ActionChains(page.chromium, duration=1)
    keys.send_keys(Keys.DELETE, *[Keys.ARROW_UP] * 8, Keys.SPACE, *[Keys.ARROW_DOWN] * 16, Keys.SPACE).perform()
    page.wait(lambda: page.text("answer-digit") == "1")
    page.chromium.execute_script("document.getElementById('stage-C1').focus()")
    ActionChains(page.chromium, duration=1).send_keys(Keys.ARROW_RIGHT).perform()
    page.wait(lambda: page.text("unit-title").startswith("C1 map 0"))
    ActionChains(page.chromium, duration=1).send_keys(*[Keys.ARROW_RIGHT] * 28).perform()
    page.wait(lambda: page.text("unit-title").startswith("C1 map 1"))
    ActionChains(page.chromium, duration=1).send_keys(Keys.ENTER).perform()
    page.wait(lambda: page.find("#unpin").is_displayed())
    ActionChains(page.chromium, duration=1).send_keys(Keys.ESCAPE).perform()
    page.wait(lambda: page.text("unit-title") == "One unit")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_it_fits_and_can_be_read(chromium, server, size, theme, tmp_path):
    page = Page(chromium, server.url).open(size, theme)
    width, height, phone = SIZES[size]
    measure = page.chromium.execute_script
    assert measure("return document.documentElement.scrollWidth") <= width  # nothing hangs out to the right
    if not phone:
        assert measure("return document.documentElement.scrollHeight") <= height
        assert measure("return parseFloat(getComputedStyle(document.body).fontSize)") >= 17
    paper = measure("return getComputedStyle(document.getElementById('paper')).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") == (theme == "light")
    page.click("#targets label:nth-of-type(6) input")
    page.click("#backward")
    page.wait(lambda: page.find("#input-saliency").is_displayed())
    target = page.all("#stage-C3 canvas")[6]
    measure("arguments[0].scrollIntoView({block: 'center'}); arguments[0].click()", target)
    page.wait(lambda: len(page.all("#unit-pictures .kernel")) == 4)
    assert measure("return document.documentElement.scrollWidth") <= width
    folder = Path(os.environ.get("MINICNN_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    assert chromium.save_screenshot(str(folder / f"{size}_{theme}.png"))
    assert (folder / f"{size}_{theme}.png").stat().st_size > 20_000


def test_the_theme_can_be_chosen_and_is_remembered(page):
    page.click("#theme")
    assert page.find("html").get_attribute("data-theme") == "dark"
    page.chromium.refresh()
    page.wait(lambda: page.text("answer-digit") == "3")
    assert page.find("html").get_attribute("data-theme") == "dark"
    page.chromium.execute_script("localStorage.clear()")
