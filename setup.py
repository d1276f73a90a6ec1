"""Which folders are packages, and the README as a package index can show it; all else stands in setup.cfg.

kernels/ and examples/ lie beside minicnn/, and within it once they are installed. An index page has no files beside it:
links and pictures of the README need the address of the repository, "Source" of setup.cfg's project_urls. As long as
there is none, the words of a link stay and its target goes.
"""

import configparser
import re
from pathlib import Path

from setuptools import find_namespace_packages, setup

ROOT = Path(__file__).parent
BESIDE = ("kernels", "examples")
LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#)([^)]+)\)")


def packages():
    """The names of all folders with code or data, as they will be installed."""
    found = find_namespace_packages(ROOT, include=["minicnn*", *(f"{name}*" for name in BESIDE)],
                                    exclude=["*.__pycache__*", "examples.runs*"])  # fmt: skip
    return [f"minicnn.{name}" if name.split(".")[0] in BESIDE else name for name in found]


def readme(text, source):
    """The README with links that lead somewhere from everywhere."""

    def absolute(link):
        picture, words, path = link.groups()
        if source is None:
            return words
        return f"{picture}[{words}]({source.rstrip('/')}/{'raw' if picture else 'blob'}/HEAD/{path})"

    return LINK.sub(absolute, text)


def source():
    """The address of the repository, or None."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    urls = config.get("metadata", "project_urls", fallback="")
    return dict(re.findall(r"^(\S+) *= *(\S+)$", urls, re.M)).get("Source")


if __name__ == "__main__":
    setup(
        packages=packages(), package_dir={f"minicnn.{name}": name for name in BESIDE},
        long_description=readme((ROOT / "README.md").read_text(encoding="utf-8"), source()),
    )  # fmt: skip
