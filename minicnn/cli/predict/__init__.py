"""``minicnn predict``: what LeNet-5 reads in picture files, and how far each class's prototype is."""

import argparse
import sys

from minicnn.cli.help import Paragraphs
from minicnn.cli.predict.answers import Reader
from minicnn.cli.predict.inputs import pictures
from minicnn.cli.predict.shown import Table, as_json
from minicnn.errors import DataFileError
from minicnn.terminal import fitted

ABOUT = """Read pictures of one character each, and say how far each class is.

What stands out from the paper, dark or light, is scaled and centred as MNIST's digits are; a picture of 28x28 pixels is
taken as it is, for it may come from a data set. The class with the smallest distance is the answer. It is in doubt if
the next one is not much farther."""

INPUTS = "picture files. - is standard input: a picture, or names of picture files, a line each, answered as they come"


def main(arguments=None, prog="python -m minicnn predict"):
    parser = argparse.ArgumentParser(
        prog=prog, description=ABOUT, formatter_class=Paragraphs,
        epilog="Exit status: 0, or 1 if a picture could not be read; the others are answered nevertheless.",
    )  # fmt: skip
    parser.add_argument("files", nargs="+", metavar="FILE", help=INPUTS)
    parser.add_argument("--network", metavar="FILE", help="LeNet-5's weights, a file that net.save or training wrote, "
                        "such as runs/lenet5/checkpoint.npz (default: those that come with minicnn)")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print a JSON object for each picture, a line each")
    args = parser.parse_args(arguments)
    reader, table, status = Reader(args.network), Table(), 0
    for name, file in pictures(args.files, sys.stdin):
        try:
            answer = reader.read(file)
        except DataFileError as error:
            status = 1
            print(fitted(f"error: {error}", sys.stderr, indent="    "), file=sys.stderr, flush=True)
            if args.json:
                print(as_json(name, error=error), flush=True)
        else:
            print(as_json(name, answer) if args.json else table.line(name, answer), flush=True)
    return status
