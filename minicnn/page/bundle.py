"""The page's modules as one classic script: from a file: address browsers load no modules and fetch nothing."""

import base64
import posixpath
import re
from pathlib import Path

IMPORT = re.compile(r'^import (\{[^}]*\}) from "(\.[^"]+)";$', re.M)
EXPORT = re.compile(r"^export (?=(?:async )?(?:const|function|class) ([\w$]+))", re.M)


def bundle(folder, main, files):
    """-> a script that runs the module ``main`` (relative to ``folder``) with all that it imports.

    Each module becomes a function of its own that returns what it exports; they run in the order of their imports.
    files: contents by name, which come along as base64 in ``globalThis.minicnnFiles``. Raises ValueError for a circle
    of imports, and for an import or export in any form but ``import { a } from "./b.js";`` and ``export`` before a
    declaration.
    """
    parts = ['"use strict";', "globalThis.minicnnFiles = {"]
    parts += [f'  "{name}": "{base64.b64encode(contents).decode()}",' for name, contents in files.items()]
    parts += ["};", "const modules = {};"]
    parts += [_wrapped(name, source) for name, source in modules(folder, main)]
    return "\n".join(parts) + "\n"


def modules(folder, main):
    """[(name, source)] of a module and all that it imports, what is imported first; ValueError for a circle."""
    done, open_ = {}, []

    def visit(name):
        if name in open_:
            raise ValueError(f"modules import each other in a circle: {' -> '.join([*open_, name])}")
        if name in done:
            return
        open_.append(name)
        source = (Path(folder) / name).read_text(encoding="utf-8")
        for _, address in IMPORT.findall(source):
            visit(_beside(name, address))
        open_.pop()
        done[name] = source

    visit(main)
    return list(done.items())


def _wrapped(name, source):
    """A module as a function that is called at once; what it exports goes into ``modules``."""
    exported = EXPORT.findall(source)
    body = EXPORT.sub("", source)
    body = IMPORT.sub(lambda found: f'const {_names(found[1])} = modules["{_beside(name, found[2])}"];', body)
    if rest := re.search(r"^(import|export)\b.*", body, re.M):
        raise ValueError(f"{name}: the bundle needs plain imports and exports, got {rest[0]!r}")
    return f'modules["{name}"] = (() => {{\n{body}return {{ {", ".join(exported)} }};\n}})();'


def _names(braces):
    """{ a, b as c } of an import, as { a, b: c }."""
    return braces.replace(" as ", ": ")


def _beside(name, address):
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), address))
