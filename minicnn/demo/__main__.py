"""Draw a digit and watch LeNet-5 read it: a live page in the browser, served from this machine.

Ctrl-C ends it.
"""

import argparse
import signal
import sys
import threading
import webbrowser

from threadpoolctl import threadpool_limits

from minicnn.demo.server import DemoServer

PORT = 8098


def main(arguments=None):
    args = parse(arguments)
    try:
        server = listen(args.host, args.port)
    except OSError as error:
        print(f"error: cannot listen at {args.host}, port {args.port}: {error.strerror or error}", file=sys.stderr)
        return 1
    with server, threadpool_limits(1, user_api="blas"):  # one digit's products are too small to share
        try:
            for number in (signal.SIGINT, signal.SIGTERM):  # a script's background job starts with SIGINT ignored
                signal.signal(number, signal.default_int_handler)
            if not server.loopback:
                print(f"warning: --host {args.host} opens this page to everyone in its network", file=sys.stderr)
            print(f"LeNet-5 is at {server.url} (Ctrl-C ends it)", flush=True)
            if not args.no_browser:
                threading.Thread(target=webbrowser.open, args=[server.url], daemon=True).start()
            server.serve_forever(poll_interval=0.1)
        except KeyboardInterrupt:
            print("\nstopped")
    return 0


def listen(host, port):
    """A server at that port; without one (None) at PORT, or if it is taken at a free one."""
    if port is not None:
        return DemoServer(host, port)
    try:
        return DemoServer(host, PORT)
    except OSError:
        return DemoServer(host, 0)


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=port_number, help=f"0 takes a free one (default: {PORT}, or a free one)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at; any but a loopback one opens the "
                        "page to the network (default: %(default)s)")  # fmt: skip
    parser.add_argument("--no-browser", action="store_true", help="print the address, open nothing")
    return parser.parse_args(arguments)


def port_number(text):
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"must lie in 0..65535, got {number}")
    return number


if __name__ == "__main__":
    sys.exit(main())
