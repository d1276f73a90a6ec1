"""How long a stroke waits for its answer in the demo, and how soon its first page is there.

Starts ``examples/draw_digit.py`` as a user would and asks it over HTTP, one connection that stays open, as the page
does: digits of the sample, enlarged to the pad's size and uncovered line by line as if they were being drawn. A
"stroke" ends when the reply is there and its JSON is parsed; "backward" is the same with gradients. The first page
counts from the start of the command until page, style, script, description and the first answer have arrived.

    python tests/benchmarks/draw_digit.py --output results.json
"""

import argparse
import base64
import http.client
import json
import platform
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import minicnn as mc
from minicnn.files import atomic_write

COMMAND = Path(__file__).parents[2] / "examples" / "draw_digit.py"
SIDE = 200
"""Pixels of the page's drawing pad."""


class Demo:
    """A started demo and a connection to it; ``first_page`` seconds until the page was complete."""

    def __enter__(self):
        started = time.perf_counter()
        command = [sys.executable, str(COMMAND), "--no-browser", "--port", "0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        port = int(re.search(r":(\d+)/", self.process.stdout.readline()).group(1))
        self.connection, self.cookie = http.client.HTTPConnection("127.0.0.1", port, timeout=30), None
        for path in ("/", "/style.css", "/app.js", "/api/network"):
            self.ask("GET", path)
        self.ask("POST", "/api/look", {"source": {"digit": 3}})
        self.first_page = time.perf_counter() - started
        return self

    def __exit__(self, *error):
        self.connection.close()
        self.process.terminate()
        self.process.wait()

    def ask(self, method, path, document=None):
        """The contents of the reply; RuntimeError if it is a refusal."""
        headers = {"Content-Type": "application/json"} | ({"Cookie": self.cookie} if self.cookie else {})
        self.connection.request(method, path, None if document is None else json.dumps(document), headers)
        response = self.connection.getresponse()
        contents = response.read()
        if response.status != 200:
            raise RuntimeError(f"{path} was answered with {response.status}: {contents[:200]!r}")
        if cookie := response.headers.get("Set-Cookie"):
            self.cookie = cookie.partition(";")[0]
        return contents

    def milliseconds(self, request):
        """How long the answer to a drawing takes."""
        started = time.perf_counter()
        json.loads(self.ask("POST", "/api/look", request))
        return 1000 * (time.perf_counter() - started)


def strokes(count):
    """``count`` sources as the page sends them: digits uncovered from the top, a stroke's width more each time."""
    digits, width = mc.data.load_sample()[1], SIDE // 10
    for number in range(count):
        image = digits.images[number // 10]
        rows = np.arange(SIDE) * len(image) // SIDE
        drawing = image[np.ix_(rows, rows)].copy()
        drawing[(number % 10 + 1) * width :] = 0
        pixels = base64.b64encode(drawing.tobytes()).decode()
        yield {"drawing": {"width": SIDE, "height": SIDE, "pixels": pixels}}


def summary(times):
    """Median, 95th percentile and maximum."""
    p95 = sorted(times)[int(0.95 * len(times))]
    return {"median_ms": statistics.median(times), "p95_ms": p95, "worst_ms": max(times)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--strokes", type=int, default=300, help="default: %(default)s")
    parser.add_argument("--starts", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--pause", type=float, default=0.015, help="seconds between two strokes (default: %(default)s)")
    parser.add_argument("--output", metavar="FILE", help="write the figures as JSON")
    args = parser.parse_args()
    if args.strokes < 1 or args.starts < 1 or args.pause < 0:
        parser.error("--strokes and --starts must be at least 1, --pause at least 0")

    first_pages, times = [], {"stroke": [], "backward": []}
    for start in range(args.starts):
        with Demo() as demo:
            first_pages.append(demo.first_page)
            if start:
                continue
            for source in strokes(args.strokes):
                times["stroke"].append(demo.milliseconds({"source": source}))
                time.sleep(args.pause)
                times["backward"].append(demo.milliseconds({"source": source, "target": 5}))
                time.sleep(args.pause)
    results = {
        **{name: summary(each) for name, each in times.items()}, "strokes": args.strokes,
        "first_page_s": statistics.median(first_pages), "first_page_worst_s": max(first_pages), "starts": args.starts,
        "machine": platform.platform(), "python": platform.python_version(), "numpy": np.__version__,
        "minicnn": mc.__version__,
    }  # fmt: skip
    for name, each in times.items():
        print(f"{name:10} median {statistics.median(each):5.1f} ms, 95 % within {results[name]['p95_ms']:.1f} ms")
    print(f"first page median {results['first_page_s']:5.2f} s, at worst {results['first_page_worst_s']:.2f} s")
    if args.output:
        with atomic_write(args.output, "w") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()
