"""The whole page in a folder, for any web host or a memory stick."""

import json
import re
from importlib import resources
from pathlib import Path

from minicnn.files import atomic_write
from minicnn.page import contents
from minicnn.page.arrays import unpack
from minicnn.page.bundle import bundle, modules

MAIN = "main.js"
MODULES = b"const MODULES = [];"
"""The line of start.js that lists them."""


def export(folder, network=None, data=None):
    """Write the page to ``folder``, made if it is missing -> the path of its index.html.

    network: a file with LeNet-5's weights, by default those of the package; data: images for it, as of
    ``contents.contents``. All addresses within are relative. Besides the files of static/ there are weights.bin,
    samples.bin and misread.bin if there are images, and offline.js, which is all scripts and data again: what
    index.html takes where it is opened as a file. Raises CheckpointError for weights of another network, DataFileError
    for data that does not go with it, before anything is written, and OSError where it may not write.
    """
    data = contents.contents(network, data)
    with resources.as_file(resources.files("minicnn.page") / "static") as static:
        files = {path.relative_to(static).as_posix(): path.read_bytes() for path in sorted(static.rglob("*"))
                 if path.is_file() and path.suffix != ".bin"}  # fmt: skip
        files |= {**data, "offline.js": bundle(static, MAIN, data).encode()}
        assert MODULES in files["start.js"]
        names = json.dumps([name for name, _ in modules(static, MAIN)])
        files["start.js"] = files["start.js"].replace(MODULES, f"const MODULES = {names};".encode())
        noun = unpack(data["weights.bin"])[0]["noun"].encode()
        files["index.html"] = re.sub(rb"\b(a|this) digit\b", rb"\1 " + noun, files["index.html"])
    for name, each in files.items():
        with atomic_write(Path(folder) / name) as file:
            file.write(each)
    return Path(folder) / "index.html"
