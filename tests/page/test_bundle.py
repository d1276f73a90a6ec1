"""The page as one script: modules in order, apart from each other, with their files."""

import base64
import json
import shutil
import subprocess

import numpy as np
import pytest

from minicnn.page.arrays import pack, unpack
from minicnn.page.bundle import bundle


def modules(folder, **sources):
    for name, source in sources.items():
        (folder / f"{name}.js").write_text(source, encoding="utf-8")
    return folder


def test_modules_run_in_the_order_of_their_imports_and_keep_their_names_apart(tmp_path):
    node = shutil.which("node") or pytest.skip("node is not installed (Debian: nodejs)")
    modules(
        tmp_path,
        a='import { two as b, Three } from "./b.js";\nimport { $ } from "./c.js";\nconst hidden = 1;\n'
        "console.log(JSON.stringify([b, hidden, new Three().value, $(1), globalThis.minicnnFiles]));\n",
        b='import { $ } from "./c.js";\nconst hidden = 2;\nexport const two = hidden;\n'
        "export class Three { value = $(2); }\n",
        c="export function $(x) { return 10 * x; }\n",
    )
    (tmp_path / "all.cjs").write_text(bundle(tmp_path, "a.js", {"weights.bin": b"\x00\xff"}), encoding="utf-8")
    done = subprocess.run([node, tmp_path / "all.cjs"], capture_output=True, text=True, timeout=600)
    files = {"weights.bin": base64.b64encode(b"\x00\xff").decode()}
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [2, 1, 20, 10, files]


@pytest.mark.parametrize("line", ['import x from "./b.js";', "export default 3;", 'export { y } from "./b.js";'])
def test_what_the_bundle_cannot_take_is_refused(tmp_path, line):
    with pytest.raises(ValueError, match=r"a\.js: the bundle needs plain imports and exports"):
        bundle(modules(tmp_path, a=f"{line}\n"), "a.js", {})


def test_a_circle_of_imports_is_refused(tmp_path):
    modules(tmp_path, a='import { b } from "./b.js";\n', b='import { a } from "./a.js";\n')
    with pytest.raises(ValueError, match=r"in a circle: a.js -> b.js -> a.js"):
        bundle(tmp_path, "a.js", {})


def test_arrays_come_back_from_their_file():
    rng = np.random.default_rng(0)
    arrays = {"w": rng.random((3, 5), dtype=np.float32), "image": rng.integers(0, 256, (2, 3), dtype=np.uint8)}
    contents = pack({"of": "é"}, arrays)
    assert (contents.index(b"\n") + 1) % 4 == 0
    facts, back = unpack(contents)
    assert facts == {"of": "é"} and all(np.array_equal(back[name], arrays[name]) for name in arrays)


@pytest.mark.parametrize(
    "arrays, error, words",
    [
        ({"x": np.zeros(3)}, TypeError, "must be float32 or uint8, got x as float64"),
        ({"b": np.zeros(3, np.uint8), "x": np.zeros(3, np.float32)}, ValueError, "before uint8, got uint8, float32"),
    ],
)
def test_arrays_that_no_file_can_hold(arrays, error, words):
    with pytest.raises(error, match=words):
        pack({}, arrays)
