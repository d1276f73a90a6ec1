"""node, which runs the page's engine; the page as it is exported, and in a browser where there is one."""

import json
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import minicnn as mc
from minicnn.models.lenet5 import TABLE_I
from minicnn.models.prototypes import characters
from minicnn.page.arrays import pack
from minicnn.page.export import export
from minicnn.page.serve import Server

sys.path.insert(0, str(Path(__file__).parent))

STATIC = Path(mc.__file__).parent / "page" / "static"


@pytest.fixture(scope="session")
def node(tmp_path_factory):
    """node(tasks, arrays) -> what tests/page/engine.mjs computed, arrays by name; skipped where there is no node."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("node is not installed: it runs the page's engine (Debian: nodejs)")
    copy = tmp_path_factory.mktemp("engine")
    shutil.copytree(STATIC / "engine", copy / "engine")
    (copy / "package.json").write_text('{"type": "module"}')  # older nodes take .js for something else
    prototypes = mc.models.lenet5(rng=0)["output"].prototypes
    pixels = {"background": -0.1, "ink": 1.175, "size": 32}

    def run(tasks, arrays, folder):
        arrays = {"prototypes": prototypes, **arrays}
        ordered = dict(sorted(arrays.items(), key=lambda item: str(item[1].dtype)))
        (folder / "given").write_bytes(pack({"tasks": tasks, "tableI": TABLE_I, "pixels": pixels}, ordered))
        command = [program, Path(__file__).with_name("engine.mjs"), copy, folder / "given", folder / "result"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
        result = json.loads((folder / "result").read_text(encoding="utf-8"))
        return {name: np.array(values) for name, values in result.items()}

    return run


@pytest.fixture(scope="session")
def digits():
    """The sample's held-out digits."""
    return mc.data.load_sample()[1]


@pytest.fixture(scope="session")
def shipped():
    return mc.models.lenet5(pretrained=True)


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """The folder of an exported page."""
    return export(tmp_path_factory.mktemp("page")).parent


@contextmanager
def serving(exported):
    """The address of an exported page, under a path of its own."""
    with Server(exported.parent) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.02])
        thread.start()
        try:
            yield f"{server.url}{exported.name}/"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="session")
def served(exported):
    """The address of the page that comes with minicnn."""
    with serving(exported) as address:
        yield address


NETWORKS = {
    "letters": tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), "ascii": tuple(characters()),
    "clothes": ("Ankle boot", "Bag", "Coat", "Dress", "T-shirt"),
}  # fmt: skip
"""Classes other than the ten digits: many with images, as many as there are drawings, and such as have codes."""


@pytest.fixture(scope="session")
def others(tmp_path_factory):
    """others(name) -> (network, folder of its page): one of NETWORKS, with random weights; ascii has no images."""

    @cache
    def exported(name):
        folder, classes = tmp_path_factory.mktemp(name), NETWORKS[name]
        rng = np.random.default_rng(len(classes))
        net = mc.models.lenet5(classes, init=mc.initialisers.uniform_fan_in, rng=rng)
        net.save(folder / "network.npz")
        for each in classes if name != "ascii" else ():
            for place in (f"train/{each}/1", f"train/{each}/2", f"test/{each}/1"):
                picture = folder / name / f"{place}.png"
                picture.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(np.pad(rng.integers(0, 256, (20, 20), dtype=np.uint8), 4)).save(picture)
        data = None if name == "ascii" else folder / name
        return net, export(folder / "page", folder / "network.npz", data).parent

    return exported


@pytest.fixture(params=[name if name == "letters" else pytest.param(name, marks=pytest.mark.slow) for name in NETWORKS])
def other(request, others, chromium):
    """(name, network, page) of each of them."""
    import browser

    net, exported = others(request.param)
    with serving(exported) as address:
        page = browser.Page(chromium, address).open()
        yield request.param, net, page
        assert page.complaints() == []


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    import browser  # which is skipped where selenium is missing

    chromium = browser.start(tmp_path_factory.mktemp("profile"))
    yield chromium
    chromium.quit()


@pytest.fixture
def page(chromium, served):
    import browser

    page = browser.Page(chromium, served).open()
    yield page
    assert page.complaints() == []
