"""Fetch a data set's files from the network: mirrors in turn, contents checked, nothing left half-written.

Of a server nothing is believed: what it sends is read up to a size and within a time that are known beforehand, checked
by its digest, and shown without control characters.
"""

import hashlib
import http.client
import io
import socket
import ssl
import sys
import tempfile
import threading
import urllib.error
import urllib.request
import zipfile
from functools import partial
from urllib.parse import urlsplit

from minicnn.data.catalogue import SETS
from minicnn.data.idx import decode, decompress
from minicnn.errors import DataFileError
from minicnn.files import atomic_write
from minicnn.terminal import is_terminal

CONNECT_SECONDS = 5
"""How long a mirror may take to accept a connection, the look-up of its name included."""

READ_SECONDS = 20
"""How long a mirror may be silent in the middle of a file."""

FILE_SECONDS = 300
"""How long a file may take, however often the mirror says something: 88 kB a second are enough for the largest."""

ARCHIVE_SECONDS = 3600
"""The same for EMNIST's archive: 156 kB a second."""

PIECE = 1 << 16


def download(data_set, names, directory, progress=True):
    """Fetch the files ``names`` of a ``Published`` data set and keep them in ``directory`` as NAME.gz.

    -> (arrays by name, a few words on where they came from and where they are kept). A mirror that fails
    once is given up; the next one goes on with what is lacking. A directory that cannot be written, or None, is no
    reason to go without data. Raises DataFileError, with each mirror's reason, when all have failed.
    """
    arrays, reasons, unkept = {}, [], ""
    if progress and sys.stderr is not None:
        size = f" ({data_set.archive.size // 10**6} MB)" if data_set.archive else ""
        where = f" to {directory}" if directory else ""
        print(f"downloading {data_set.title}{size}{where}", file=sys.stderr, flush=True)
    for mirror in data_set.mirrors:
        host = urlsplit(mirror).hostname
        try:
            reach(mirror)
            if data_set.archive is not None:
                arrays, unkept = _from_archive(data_set, mirror, directory, progress)
            for file in (file for file in data_set.files if file.name in names and file.name not in arrays):
                received = io.BytesIO()
                fetch(f"{mirror}{file.name}.gz", received, file.most, FILE_SECONDS, progress)
                arrays[file.name] = published(data_set, file, received.getvalue(), f"{file.name}.gz")
                unkept = keep(received.getvalue(), directory and directory / f"{file.name}.gz") or unkept
            return arrays, f"just downloaded from {host}{unkept or f' to the cache {directory}'}"
        except (OSError, ValueError, http.client.HTTPException) as error:  # a redirection to nowhere is a ValueError
            reasons.append(f"{host}: {explain(error)}")
    raise DataFileError("; ".join(reasons))


def _from_archive(data_set, mirror, directory, progress):
    """-> (arrays by name, words on why nothing is kept), from the archive at a mirror, which goes through a file.

    The files of all data sets in the archive are kept, the archive is not: whoever asks for another one has it.
    """
    archive = data_set.archive
    with _temporary_file(directory) as file:
        fetch(f"{mirror}{archive.name}", file, archive.size, ARCHIVE_SECONDS, progress)
        return unpack(data_set, file, directory)


def unpack(data_set, file, directory=None):
    """-> (arrays by name, words on why nothing is kept), from the data set's archive, an open file.

    Raises DataFileError for another archive than the published one.
    """
    archive, unkept, arrays = data_set.archive, "", {}
    file.seek(0)
    if (problem := wrong_digest(archive.digest, file)) is not None:
        start = file.seek(0) or file.read(40)
        page = ": it is a web page" if start.lstrip().startswith(b"<") else ""
        raise DataFileError(f"{archive.name} is not the one of {data_set.title}{page}; {problem}")
    with zipfile.ZipFile(file) as contents:
        for other in (other for other in SETS.values() if other.archive == archive):
            for member in other.files:
                data = contents.read(f"{archive.folder}/{member.name}.gz")
                if other.name == data_set.name:
                    arrays[member.name] = published(other, member, data, f"{member.name}.gz")
                unkept = keep(data, directory and directory / f"{member.name}.gz") or unkept
    return arrays, unkept


def _temporary_file(directory):
    """A file without a name in ``directory``, where room for the data is wanted, or else where the system has such."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryFile(dir=directory)
    except (OSError, AttributeError):
        return tempfile.TemporaryFile()


def keep(archive, path):
    """Write a file of the cache, whole or not at all; words on why that failed, if it did."""
    if path is None:
        return " and not kept, since there is no home directory for a cache"
    try:
        with atomic_write(path) as file:
            file.write(archive)
    except OSError as error:
        return f" and not kept, since {path.parent} cannot be written: {error.strerror or error}"


def published(data_set, file, data, name):
    """The array in ``data``, the bytes of a file of the data set, raw or gzip; DataFileError if they are not its."""
    contents = decompress(data, name, file.most)
    if file.digest is not None:
        problem = wrong_digest(file.digest, io.BytesIO(data if file.archived else contents))
        if problem is not None:
            decode(contents, file.name)  # says more about what is no IDX file, or not a whole one
            raise DataFileError(f"{file.name} is not {data_set.title}'s: {problem}")
    array = decode(contents, file.name)
    if array.shape != file.shape:
        problem = f"its shape is {array.shape}, it must be {file.shape}"
        raise DataFileError(f"{file.name} is not {data_set.title}'s: {problem}")
    return array


def wrong_digest(digest, file):
    """Words on how the bytes of an open file differ from a digest, "sha256:..." or "md5:..."; None if they don't."""
    kind, _, expected = digest.partition(":")
    found = hashlib.new(kind, usedforsecurity=False)
    while piece := file.read(PIECE):
        found.update(piece)
    if found.hexdigest() != expected:
        name = {"sha256": "SHA-256", "md5": "MD5"}[kind]
        return f"its {name} is {found.hexdigest()}, it must be {expected}"
    return None


def fetch(url, file, most, seconds, progress=True):
    """Write the bytes at ``url`` to an open file, with a progress bar on stderr if that is a terminal.

    Raises OSError, ValueError or HTTPException if the bytes don't arrive, arrive too slowly, or are more than ``most``.
    """
    from tqdm import tqdm  # here: what is read from the disk should not wait for this import

    count = 0
    with Watch(seconds) as watch:
        request = urllib.request.Request(url, headers={"Accept-Encoding": "identity", "User-Agent": "minicnn"})
        try:
            with watch.opener().open(request, timeout=READ_SECONDS) as response:
                promised = response.length  # None where the server does not say, or says no number
                if promised is not None and promised > most:
                    raise OSError(f"the server wants to send {promised:,} bytes; the file has at most {most:,}")
                bar = tqdm(desc=url.rpartition("/")[2], total=promised, unit="B", unit_scale=True, leave=False,
                           disable=not (progress and is_terminal(sys.stderr)))  # fmt: skip
                with bar:
                    while piece := response.read1(PIECE):
                        file.write(piece)
                        bar.update(len(piece))
                        count += len(piece)
                        if count > most:
                            raise OSError(f"the server sends more than {most:,} bytes, which the file has not")
        except (OSError, ValueError, http.client.HTTPException):
            watch.complain()
            raise
        watch.complain()
    if promised is not None and count < promised:
        raise OSError(f"the server sent {count:,} of {promised:,} bytes")


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
