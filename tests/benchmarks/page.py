"""How fast the page to draw on is, how large, and what it reads: in headless Chromium, as a user would see it.

    python tests/benchmarks/page.py --output tests/benchmarks/results/page.json

Exports the page, serves it under a path of its own and measures

- the first answer: from the start of the navigation until the digit that greets is read and painted, cache off;
- bytes: what is loaded until then, and with everything that is ever loaded, plain and with gzip;
- a stroke: from a pointer event until the frame with its answer and its maps is painted, forwards and backwards;
- layout shift: the sum of all of Chromium's layout-shift entries over loading, pointing, drawing, steps and views;
- thirty sloppy digits (tests/page/sloppy.py) drawn with the pointer: how many are read, style by style;
- learning from random weights: how many of 100 held-out digits are read after so many seconds.
"""

import argparse
import gzip
import json
import os
import platform
import re
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import minicnn as mc
from minicnn.files import atomic_write
from minicnn.page import contents
from minicnn.page.export import export
from minicnn.page.serve import Server

sys.path.insert(0, str(Path(__file__).parents[1] / "page"))
import browser
import sloppy

PASS = 10 * contents.TRAINING
"""Steps of a pass over the page's own digits."""

WATCH = """
window.firstAnswer = null;
window.shifts = 0;
new PerformanceObserver((list) => { for (const e of list.getEntries()) window.shifts += e.value; })
  .observe({ type: "layout-shift", buffered: true });
const look = () => {
  const digit = document.getElementById("answer-class");
  if (digit && /\\d/.test(digit.textContent)) {
    requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => { window.firstAnswer = performance.now(); };
      channel.port2.postMessage(0);
    });
  } else requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""

STROKES = """
const [lines, done] = arguments, pad = document.getElementById("pad"), box = pad.getBoundingClientRect(), times = [];
pad.setPointerCapture = () => {};
const send = (type, [x, y]) => pad.dispatchEvent(new PointerEvent(type, { pointerId: 1, bubbles: true,
  clientX: box.left + x * box.width, clientY: box.top + y * box.height }));
const painted = () => new Promise((go) => requestAnimationFrame(() => {
  const channel = new MessageChannel();
  channel.port1.onmessage = go;
  channel.port2.postMessage(0);
}));
(async () => {
  for (const line of lines) {
    let first = true;
    for (const point of line) {
      await new Promise((go) => setTimeout(go, 3 + 14 * Math.random()));
      const start = performance.now();
      send(first ? "pointerdown" : "pointermove", point);
      first = false;
      await painted();
      times.push(performance.now() - start);
    }
    send("pointerup", line[line.length - 1]);
  }
  done(times);
})();
"""


def summary(times):
    """Median, 95th percentile and maximum, in milliseconds."""
    p95 = sorted(times)[int(0.95 * len(times))]
    return {"median_ms": statistics.median(times), "p95_ms": p95, "worst_ms": max(times)}


def first_answers(page, starts):
    """Seconds until the first answer was painted, for each of so many loads without a cache."""
    page.command("Network.enable")
    page.command("Network.setCacheDisabled", cacheDisabled=True)
    seconds = []
    for _ in range(starts):
        page.open()
        page.wait(lambda: page.script("return window.firstAnswer") is not None)
        seconds.append(page.script("return window.firstAnswer") / 1000)
    page.command("Network.setCacheDisabled", cacheDisabled=False)
    return seconds


def loaded_bytes(page, folder):
    """What the page has loaded: the bodies of all responses, and the same with gzip, as most web hosts send it."""
    entries = page.script(
        "return [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
        ".map((e) => [new URL(e.name).pathname, e.encodedBodySize])"
    )
    files = {path.rpartition("/page/")[2] or "index.html" for path, _ in entries}
    zipped = sum(len(gzip.compress((folder / name).read_bytes())) for name in files)
    return {"plain": sum(size for _, size in entries), "gzip": zipped, "files": len(files)}


def stroke_times(page, view):
    """Milliseconds from pointer event to paint, over ten drawings."""
    page.open(at="#view=backward" if view == "backward" else "")
    times = []
    for _, _, lines in sloppy.thirty()[::3]:
        page.click("#clear")
        times += page.chromium.execute_async_script(STROKES, lines)
    return times


def layout_shift(page):
    """All layout shifts while the page loads and is used."""
    page.open()
    for selector in ("#stage-C1 canvas", "#stage-C3 canvas", "#stage-S4 canvas", "#stage-F6 canvas", ".class"):
        page.point(page.all(selector)[2 % len(page.all(selector))])
    for selector in ("#clear", "#samples button:nth-of-type(5)", "input[value=backward]", "#step", "#step",
                     "#change-mode", "#targets label:nth-of-type(9) input", "#step", "input[value=forward]",
                     "#reset"):  # fmt: skip
        page.click(selector)
        time.sleep(0.2)
    page.draw(sloppy.thirty()[4][2])
    page.click("#play")
    time.sleep(1)
    page.click("#play")
    return page.script("return window.shifts")


def sloppy_digits(page):
    """Style by style [read, drawn], and what was read for each that was not."""
    styles, mistakes = {}, []
    page.open()
    for digit, style, lines in sloppy.thirty():
        page.click("#clear")
        page.draw(lines)
        read = page.answer() == str(digit)
        right, count = styles.get(style, (0, 0))
        styles[style] = (right + read, count + 1)
        if not read:
            mistakes.append({"digit": digit, "style": style, "read as": page.answer()})
    return styles, mistakes


def learning(page, seconds):
    """[[seconds, steps, held-out digits read of 100], ...] from random weights, after each pass over 500 digits."""
    page.open()
    page.click("#random")
    started, record, passes = time.monotonic(), [], 0
    while time.monotonic() - started < seconds:
        if found := re.match(r"([\d,]+) steps.*reads (\d+) of", page.text("steps")):
            steps = int(found[1].replace(",", ""))
            if steps % PASS and steps // PASS > passes:  # a pass further, and the held-out digits are read
                passes = steps // PASS
                record.append([round(time.monotonic() - started, 1), steps, int(found[2])])
        time.sleep(0.1)
    return record


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=9, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=60, help="to learn from random weights (default: %(default)s)")
    parser.add_argument("--output", metavar="FILE", help="write the figures as JSON")
    args = parser.parse_args()
    if args.starts < 1 or args.seconds < 0:
        parser.error("--starts must be at least 1, --seconds at least 0")
    with tempfile.TemporaryDirectory() as folder:
        export(Path(folder) / "page")
        with Server(folder) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            chromium = browser.start(Path(folder) / "profile")
            try:
                results = measure(browser.Page(chromium, f"{server.url}page/"), Path(folder) / "page", args)
                results["browser"] = chromium.capabilities["browserVersion"]
            finally:
                chromium.quit()
                server.shutdown()
    print(json.dumps(results, indent=1))
    if args.output:
        with atomic_write(args.output, "w") as file:
            json.dump(results, file, indent=1)


def measure(page, folder, args):
    page.command("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
    page.chromium.set_script_timeout(600)
    seconds = first_answers(page, args.starts)
    results = {"first_answer_s": statistics.median(seconds), "first_answer_worst_s": max(seconds)}
    results |= {"starts": args.starts, "first_bytes": loaded_bytes(page, folder)}
    page.click("#samples button:nth-of-type(5)")
    page.wait(lambda: "MNIST says 4" in page.text("answer-detail"))
    page.click("#open-gallery")
    page.wait(lambda: page.find("#gallery").is_displayed())
    results["all_bytes"] = loaded_bytes(page, folder)
    for view in ("forward", "backward"):
        times = stroke_times(page, view)
        results[f"stroke_{view}"] = {**summary(times), "events": len(times)}
    results["layout_shift"] = layout_shift(page)
    styles, mistakes = sloppy_digits(page)
    results["sloppy_read"] = f"{sum(r for r, _ in styles.values())} of {sum(n for _, n in styles.values())}"
    results["sloppy_by_style"] = {style: f"{right} of {count}" for style, (right, count) in styles.items()}
    results["sloppy_mistakes"] = mistakes
    results["learning"] = learning(page, args.seconds)
    machine = {"machine": platform.platform(), "cores": os.cpu_count(), "python": platform.python_version()}
    if hasattr(os, "getloadavg"):
        machine["load_average"] = os.getloadavg()[0]  # what else ran meanwhile
    return {**results, **machine, "minicnn": mc.__version__}


if __name__ == "__main__":
    main()
