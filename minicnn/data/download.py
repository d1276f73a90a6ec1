"""Fetch MNIST's files from the network: mirrors in turn, contents checked, nothing left half-written.

Of a server nothing is believed: what it sends is read up to a size and within a time that are known beforehand, checked
by SHA-256, and shown without control characters.
"""

import hashlib
import http.client
import socket
import ssl
import sys
import threading
import urllib.error
import urllib.request
from functools import partial
from urllib.parse import urlsplit

from minicnn.data.idx import decode, decompress
from minicnn.errors import DataFileError
from minicnn.files import atomic_write
from minicnn.terminal import is_terminal

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)

FILES = {  # name: SHA-256 of the decompressed contents (archives of equal contents differ)
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}

CONNECT_SECONDS = 5
"""How long a mirror may take to accept a connection, the look-up of its name included."""

READ_SECONDS = 20
"""How long a mirror may be silent in the middle of a file."""

FILE_SECONDS = 300
"""How long a file may take, however often the mirror says something: 33 kB a second are enough for the largest."""

MOST_BYTES = 48_000_000
"""The largest of the four files has 47,040,016 bytes; nothing that a server sends or an archive holds may be larger."""

PIECE = 1 << 16


def download(names, directory, progress=True):
    """Fetch the files ``names`` of MNIST and keep them in ``directory`` as NAME.gz.

    -> (contents by name, a few words on where they came from and where they are kept). A mirror that fails
    once is given up; the next one goes on with what is lacking. A directory that cannot be written, or None, is no
    reason to go without data. Raises DataFileError, with each mirror's reason, when all have failed.
    """
    contents, reasons, unkept = {}, [], ""
    if progress and sys.stderr is not None:
        print(f"downloading MNIST{f' to {directory}' if directory else ''}", file=sys.stderr, flush=True)
    for mirror in MIRRORS:
        host = urlsplit(mirror).hostname
        try:
            reach(mirror)
            for name in names:
                if name not in contents:
                    archive = fetch(f"{mirror}{name}.gz", progress)
                    contents[name] = published(decompress(archive, f"{name}.gz", MOST_BYTES), name)
                    unkept = keep(archive, directory and directory / f"{name}.gz") or unkept
            return contents, f"just downloaded from {host}{unkept or f' to the cache {directory}'}"
        except (OSError, ValueError, http.client.HTTPException) as error:  # a redirection to nowhere is a ValueError
            reasons.append(f"{host}: {explain(error)}")
    raise DataFileError("; ".join(reasons))


def keep(archive, path):
    """Write a file of the cache, whole or not at all; words on why that failed, if it did."""
    if path is None:
        return " and not kept, since there is no home directory for a cache"
    try:
        with atomic_write(path) as file:
            file.write(archive)
    except OSError as error:
        return f" and not kept, since {path.parent} cannot be written: {error.strerror or error}"


def published(contents, name):
    """``contents``, if they are those of MNIST's file ``name``; else DataFileError."""
    digest = hashlib.sha256(contents).hexdigest()
    if digest != FILES[name]:
        decode(contents, name)  # says more about what is no IDX file, or not a whole one
        raise DataFileError(f"{name} is not MNIST's: its SHA-256 is {digest}, it must be {FILES[name]}")
    return contents


def fetch(url, progress=True):
    """The bytes at ``url``, with a progress bar on stderr if that is a terminal.

    Raises OSError, ValueError or HTTPException if the bytes don't arrive, arrive too slowly, or are too many.
    """
    from tqdm import tqdm  # here: what is read from the disk should not wait for this import

    data = bytearray()
    with Watch(FILE_SECONDS) as watch:
        request = urllib.request.Request(url, headers={"Accept-Encoding": "identity", "User-Agent": "minicnn"})
        try:
            with watch.opener().open(request, timeout=READ_SECONDS) as response:
                promised = response.length  # None where the server does not say, or says no number
                if promised is not None and promised > MOST_BYTES:
                    raise OSError(f"the server wants to send {promised:,} bytes; no file has more than {MOST_BYTES:,}")
                bar = tqdm(desc=url.rpartition("/")[2], total=promised, unit="B", unit_scale=True, leave=False,
                           disable=not (progress and is_terminal(sys.stderr)))  # fmt: skip
                with bar:
                    while piece := response.read1(PIECE):
                        data += piece
                        bar.update(len(piece))
                        if len(data) > MOST_BYTES:
                            raise OSError(f"the server sends more than {MOST_BYTES:,} bytes, which no file has")
        except (OSError, ValueError, http.client.HTTPException):
            watch.complain()
            raise
        watch.complain()
    if promised is not None and len(data) < promised:
        raise http.client.IncompleteRead(bytes(data), promised - len(data))
    return bytes(data)


class Watch:
    """Shuts the connections that are opened through it after so many seconds: a server that sends a byte now and then
    never runs into a timeout, which counts from one byte to the next."""

    def __init__(self, seconds):
        self.seconds, self.sockets, self.late = seconds, [], False
        self.timer = threading.Timer(seconds, self._shut)
        self.timer.daemon = True

    def __enter__(self):
        self.timer.start()
        return self

    def __exit__(self, *error):
        self.timer.cancel()
        self.timer.join()

    def _shut(self):
        self.late = True
        for connection in self.sockets:
            try:
                socket.socket.shutdown(connection, socket.SHUT_RDWR)  # the connection's below any encryption
            except OSError:
                pass  # closed already

    def complain(self):
        """TimeoutError if the time has come."""
        if self.late:
            raise TimeoutError(f"not done within {self.seconds} s") from None

    def opener(self):
        """What opens a URL by connections that are watched; proxies as the environment says."""
        watch = self

        class Watched:
            def connect(self):
                super().connect()
                watch.sockets.append(self.sock)
                watch.complain()

        class Plain(Watched, http.client.HTTPConnection):
            pass

        class Encrypted(Watched, http.client.HTTPSConnection):
            pass

        class PlainHandler(urllib.request.HTTPHandler):
            def http_open(self, request):
                return self.do_open(Plain, request)

        class EncryptedHandler(urllib.request.HTTPSHandler):
            def https_open(self, request):
                return self.do_open(partial(Encrypted, context=certificates()), request)

        return urllib.request.build_opener(PlainHandler, EncryptedHandler)


def certificates():
    """The authorities that this system believes, and those of certifi, for many a system has none."""
    import certifi

    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def reach(url):
    """Raise OSError unless the host of ``url`` (or the proxy before it) accepts a connection in time.

    A timeout counts anew for each of a host's addresses, a dozen with large providers, and does not cover the look-up
    of its name: behind a firewall that drops packets it would take minutes to say no.
    """
    asked = urlsplit(url)
    proxy = None if urllib.request.proxy_bypass(asked.netloc) else urllib.request.getproxies().get(asked.scheme)
    address = urlsplit(proxy if proxy and "://" in proxy else f"http://{proxy}") if proxy else asked
    port = address.port or {"http": 80, "https": 443}.get(address.scheme, 1080)
    outcome = []

    def connect():
        try:
            socket.create_connection((address.hostname, port), CONNECT_SECONDS).close()
            outcome.append(None)
        except OSError as error:
            outcome.append(error)

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(CONNECT_SECONDS)
    error = outcome[0] if outcome else TimeoutError(f"no connection within {CONNECT_SECONDS} s")
    if error is not None:
        raise error


def explain(error):
    """Why a transfer failed, in a few printable words: what a server has said must not steer the terminal."""
    if isinstance(error, urllib.error.HTTPError):
        text = f"HTTP status {error.code} {error.reason}"
    else:
        while inner := [e for e in (getattr(error, "reason", None), *error.args) if isinstance(e, Exception)]:
            error = inner[0]
        text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return printable(text)


def printable(text):
    """``text`` on one line of at most 300 characters, those that a terminal would obey left out."""
    return "".join(c if c.isprintable() else "?" for c in text)[:300]
