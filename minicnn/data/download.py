"""Fetch MNIST's files from the network: mirrors in turn, contents checked, nothing left half-written."""

import hashlib
import io
import socket
import sys
import threading
from urllib.parse import urlsplit

from minicnn.data.idx import decode, decompress
from minicnn.errors import DataFileError
from minicnn.files import atomic_write

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


def download(names, directory, progress=True):
    """Fetch the files ``names`` of MNIST and keep them in ``directory`` as NAME.gz.

    -> (contents by name, a few words on where they came from and where they are kept). A mirror that fails
    once is given up; the next one goes on with what is lacking. A directory that cannot be written is no
    reason to go without data. Raises DataFileError, with each mirror's reason, when all have failed.
    """
    contents, reasons, unkept = {}, [], ""
    if progress:
        print(f"downloading MNIST to {directory}", file=sys.stderr, flush=True)
    for mirror in MIRRORS:
        host = urlsplit(mirror).hostname
        try:
            reach(mirror)
            for name in names:
                if name not in contents:
                    archive = fetch(f"{mirror}{name}.gz", progress)
                    contents[name] = published(decompress(archive, f"{name}.gz"), name)
                    unkept = keep(archive, directory / f"{name}.gz") or unkept
            return contents, f"just downloaded from {host}{unkept or f' to the cache {directory}'}"
        except (OSError, DataFileError) as error:  # every exception of requests is an OSError
            reasons.append(f"{host}: {explain(error)}")
    raise DataFileError("; ".join(reasons))


def keep(archive, path):
    """Write a file of the cache, whole or not at all; words on why that failed, if it did."""
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
    """The bytes at ``url``, with a progress bar on stderr; an OSError of requests if they don't arrive."""
    from pooch import HTTPDownloader  # here: what is read from the disk should not wait for these imports
    from tqdm import tqdm

    data = io.BytesIO()
    # total: until the server names it, since pooch asks for the bar's truth and tqdm has none without a total
    bar = tqdm(desc=url.rpartition("/")[2], total=1, unit="B", unit_scale=True, leave=False, disable=not progress)
    with bar:
        HTTPDownloader(
            bar if progress else False, chunk_size=1 << 16, timeout=(CONNECT_SECONDS, READ_SECONDS),
            headers={"Accept-Encoding": "identity"},  # or requests would unpack what a server calls gzip-encoded
        )(url, data, None)  # fmt: skip
    return data.getvalue()


def reach(url):
    """Raise OSError unless the host of ``url`` (or the proxy before it) accepts a connection in time.

    The timeout of requests counts anew for each of a host's addresses, a dozen with large providers, and does
    not cover the look-up of its name: behind a firewall that drops packets it would take minutes to say no.
    """
    from requests import utils

    proxy = utils.select_proxy(url, utils.get_environ_proxies(url))
    address = urlsplit(utils.prepend_scheme_if_needed(proxy, "http") if proxy else url)
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
    """Why a transfer failed, in a few words: requests wraps the reason in several layers of its own."""
    response = getattr(error, "response", None)
    if response is not None:
        return f"HTTP status {response.status_code} {response.reason}"
    while inner := [e for e in (getattr(error, "reason", None), *error.args) if isinstance(e, Exception)]:
        error = inner[0]
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
