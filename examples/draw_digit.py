"""Draw a digit and watch LeNet-5 read it: a live page in the browser, served from this machine.

    python examples/draw_digit.py

The page and its server are in minicnn/demo/; this is the same as python -m minicnn.demo.
"""

import sys

from minicnn.demo.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
