"""Draw a digit and watch LeNet-5 read it, in the browser, without a server.

    python examples/draw_digit.py                                             # opens the page
    python examples/draw_digit.py --network runs/lenet5/checkpoint.npz        # with a network of your own
    python examples/draw_digit.py --network letters.npz --data emnist-letters # which may read something else
    python examples/draw_digit.py --export page                               # a folder for any web host, or a stick

The page is in minicnn/page/; this is the same as the command minicnn draw.
"""

import sys

from minicnn.cli import ends
from minicnn.page.__main__ import main

if __name__ == "__main__":
    sys.exit(ends(lambda: main(prog=None)))
