"""Make the page's gallery: the test digits of MNIST that the shipped network misreads.

    python tests/page/make_misread.py --data DIR

DIR holds MNIST's four files (Yann LeCun, Corinna Cortes, Christopher J. C. Burges; CC BY-SA 3.0). Writes
minicnn/page/static/misread.bin, gzipped arrays as in minicnn/page/arrays.py.
"""

import argparse
import gzip
from pathlib import Path

import minicnn as mc
from minicnn.files import atomic_write
from minicnn.page import contents
from minicnn.page.arrays import unpack

PLACE = Path(mc.__file__).parent / "page" / "static" / "misread.bin"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, metavar="DIR")
    _, test = mc.data.load_mnist(parser.parse_args().data)
    gallery = contents.misread(contents.network(), test, most=len(test))
    with atomic_write(PLACE) as file:
        file.write(gallery)
    facts, _ = unpack(gzip.decompress(gallery))
    print(f"{facts['wrong']} of {facts['of']:,} misread: {PLACE.name}, {PLACE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
