"""Make the page's gallery: the test digits of MNIST that the shipped network misreads.

    python tests/page/make_misread.py --data DIR

DIR holds MNIST's four files. Writes minicnn/page/static/misread.bin, gzipped arrays as in minicnn/page/arrays.py.
"""

import argparse
import gzip
from pathlib import Path

import numpy as np

import minicnn as mc
from minicnn.files import atomic_write
from minicnn.page.arrays import pack

PLACE = Path(mc.__file__).parent / "page" / "static" / "misread.bin"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, metavar="DIR")
    _, test = mc.data.load_mnist(parser.parse_args().data)
    answers = mc.models.lenet5(pretrained=True).predict(test.images)
    wrong = np.flatnonzero(answers != test.labels)
    wrong = wrong[np.argsort(test.labels[wrong], kind="stable")]
    facts = {"of": len(test), "source": "MNIST's test digits; Yann LeCun, Corinna Cortes, Christopher J. C. Burges; "
             "CC BY-SA 3.0"}  # fmt: skip
    with atomic_write(PLACE) as file:
        file.write(gzip.compress(pack(facts, {"images": test.images[wrong], "labels": test.labels[wrong]}), mtime=0))
    print(f"{len(wrong)} of {len(test):,} misread: {PLACE.name}, {PLACE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
