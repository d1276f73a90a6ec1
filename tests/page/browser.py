"""Headless Chromium, and the page as a person uses it."""

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
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
)  # fmt: skip
AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
SIZES = {
    "projector": (1920, 1080), "laptop": (1366, 768), "tablet": (1024, 768), "upright": (768, 1024),
    "phone": (390, 844), "narrow": (320, 640), "4K": (3840, 2160),
}  # fmt: skip


def start(profile):
    """Chromium with its driver; the test is skipped where they are not installed."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    driver = shutil.which("chromedriver")
    if browser is None or driver is None:
        pytest.skip("Chromium and its driver are not installed (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=Service(driver))


class Page:
    """The page in ``chromium`` at an address."""

    def __init__(self, chromium, url):
        self.chromium, self.url = chromium, url

    def open(self, size="projector", theme="light", at="", forced=False):
        width, height = SIZES[size]
        device = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.command("Emulation.setDeviceMetricsOverride", **device)
        features = [{"name": "prefers-color-scheme", "value": theme}]
        features += [{"name": "forced-colors", "value": "active"}] if forced else []
        self.command("Emulation.setEmulatedMedia", features=features)
        self.chromium.get("about:blank")
        self.chromium.get(self.url + at)
        self.wait(lambda: self.script("return 'ready' in document.documentElement.dataset"))
        return self

    def command(self, name, **arguments):
        return self.chromium.execute_cdp_cmd(name, arguments)

    def script(self, source, *arguments):
        return self.chromium.execute_script(source, *arguments)

    def find(self, selector):
        return self.chromium.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.chromium.find_elements(By.CSS_SELECTOR, selector)

    def text(self, id):
        return self.find(f"#{id}").text

    def click(self, selector):
        self.script("arguments[0].click()", self.find(selector))

    def wait(self, condition, seconds=20):
        WebDriverWait(self.chromium, seconds, poll_frequency=0.02).until(lambda _: condition())

    def answer(self):
        """The digit in giant type, without a sign of doubt."""
        return self.text("answer-class").rstrip("?")

    def frame(self):
        """Two frames: whatever was waiting has been painted."""
        self.chromium.execute_async_script(
            "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(done))"
        )

    def distances(self):
        return [float(row.text.split()[-1].replace("−", "-")) for row in self.all(".class .number")]

    def pixels(self, selector):
        """A canvas's pixels (H, W, 4)."""
        source = (
            "const c = arguments[0], p = c.getContext('2d').getImageData(0, 0, c.width, c.height);"
            "return [c.height, c.width, ...p.data]"
        )
        height, width, *values = self.script(source, self.find(selector))
        return np.array(values, np.uint8).reshape(height, width, 4)

    def draw(self, lines):
        """Draw lines [(x, y), (x, y), ...], in shares of the pad's side, with the mouse."""
        pad = self.find("#pad")
        side = pad.size["width"]
        actions = ActionBuilder(self.chromium, mouse=PointerInput("mouse", "mouse"), duration=1)
        for (x, y), *others in lines:
            actions.pointer_action.move_to(pad, round((x - 0.5) * side), round((y - 0.5) * side)).pointer_down()
            for x, y in others:
                actions.pointer_action.move_to(pad, round((x - 0.5) * side), round((y - 0.5) * side))
            actions.pointer_action.pointer_up()
        actions.perform()
        self.frame()

    def keys(self, *keys):
        ActionChains(self.chromium, duration=1).send_keys(*keys).perform()
        self.frame()

    def point(self, element):
        ActionChains(self.chromium, duration=1).move_to_element(element).perform()
        self.frame()

    def violations(self):
        """[(impact, rule, where)] of what axe-core finds serious or worse; the test is skipped where it is missing."""
        if not AXE.is_file():
            pytest.skip("axe-core is not installed: npm ci --prefix tests/page")
        self.command("Page.setBypassCSP", enabled=True)
        self.script(AXE.read_text(encoding="utf-8"))
        found = self.chromium.execute_async_script(
            "const done = arguments[0]; axe.run(document).then(r => done(r.violations.map(v => [v.impact, v.id, "
            "v.nodes.map(n => n.html.slice(0, 120))])))"
        )
        self.command("Page.setBypassCSP", enabled=False)
        return [each for each in found if each[0] in ("serious", "critical")]

    def complaints(self):
        return [entry["message"] for entry in self.chromium.get_log("browser")]
