"""Draw a digit and watch LeNet-5 read it: a page that needs no server, opened in the browser.

A network of other classes, as minicnn train --data makes them, is shown with its own; --data brings images of them.

Without --export it is written to a temporary folder and served on this machine alone; Ctrl-C ends that. With --export
it is written to a folder, to be opened as it lies there or put on any web host.
"""

import argparse
import signal
import sys
import tempfile
import threading
import webbrowser

from minicnn.cli import ends
from minicnn.cli.help import Paragraphs
from minicnn.data import NAMES
from minicnn.errors import MinicnnError
from minicnn.page.export import export
from minicnn.page.serve import Server
from minicnn.terminal import fitted

PORT = 8098


def main(arguments=None, prog="python -m minicnn.page"):
    args = parse(arguments, prog)
    try:
        if args.export:
            print(f"written: {export(args.export, args.network, args.data)}")
            return 0
        with tempfile.TemporaryDirectory(prefix="minicnn-page-") as folder:
            export(folder, args.network, args.data)
            return show(folder, args)
    except (MinicnnError, OSError) as error:
        print(fitted(f"error: {error}", sys.stderr, indent="    "), file=sys.stderr)
        return 1


def show(folder, args):
    """Serve ``folder`` until Ctrl-C."""
    try:
        server = listen(folder, args.port)
    except OSError as error:
        print(f"error: cannot listen at port {args.port}: {error.strerror or error}", file=sys.stderr)
        return 1
    with server:
        try:
            for number in (signal.SIGINT, signal.SIGTERM):  # a script's background job starts with SIGINT ignored
                signal.signal(number, signal.default_int_handler)
            print(f"LeNet-5 is at {server.url} (Ctrl-C ends it)", flush=True)
            if not args.no_browser:
                threading.Thread(target=webbrowser.open, args=[server.url], daemon=True).start()
            server.serve_forever(poll_interval=0.1)
        except KeyboardInterrupt:
            print("\nstopped")
    return 0


def listen(folder, port):
    """A server at that port; without one (None) at PORT, or if it is taken at a free one."""
    if port is not None:
        return Server(folder, port)
    try:
        return Server(folder, PORT)
    except OSError:
        return Server(folder, 0)


def parse(arguments, prog):
    parser = argparse.ArgumentParser(prog=prog, description=__doc__, formatter_class=Paragraphs)
    parser.add_argument("--network", metavar="FILE", help="LeNet-5's weights, a file that net.save or training wrote, "
                        "such as runs/lenet5/checkpoint.npz (default: those that come with minicnn)")  # fmt: skip
    parser.add_argument("--data", metavar="NAME|DIR", help="images to take, to train on and to see misread, of the "
                        f"network's classes: {', '.join(NAMES)}, or a directory (default: MNIST's digits if it reads "
                        "digits, else none)")  # fmt: skip
    parser.add_argument("--export", metavar="DIR", help="only write the page, to this folder")
    parser.add_argument("--port", type=port_number, help=f"0 takes a free one (default: {PORT}, or a free one)")
    parser.add_argument("--no-browser", action="store_true", help="print the address, open nothing")
    return parser.parse_args(arguments)


def port_number(text):
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"must lie in 0..65535, got {number}")
    return number


if __name__ == "__main__":
    sys.exit(ends(main))
