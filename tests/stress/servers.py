"""Servers that misbehave in every way that came to mind, on this machine only: the next mirror makes up for them."""

import contextlib
import gzip
import hashlib
import io
import os
import resource
import socket
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
from tally import Tally

from minicnn.data import cache as cache_module
from minicnn.data import catalogue, download, load_mnist, write_idx

SECONDS, SILENCE = 1.0, 0.4
"""How long a file may take, and how long a server may be silent, in these trials."""


def head(*lines, status="200 OK"):
    """The beginning of an answer."""
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode("latin-1")


BOMB = gzip.compress(b"\0\0\x08\x03" + (2**11).to_bytes(4, "big") * 3 + bytes(1 << 20))
"""A header that asks for 8 GB, which could follow."""

MISBEHAVING = {
    "a length that is no number": head("Content-Length: abc") + b"hello",
    "a negative length": head("Content-Length: -5") + b"hello",
    "a redirection to nowhere": head("Location: http://[", status="302 Found"),
    "a redirection to a file": head("Location: file:///etc/passwd", status="302 Found"),
    "a redirection to no port": head("Location: http://127.0.0.1:abc/", status="302 Found"),
    "a redirection with control characters": head("Location: http://127.0.0.1/\x1b[2J", status="302 Found"),
    "a redirection to itself": head("Location: /a/", status="302 Found"),
    "no HTTP at all": b"SSH-2.0-OpenSSH_9\r\n",
    "nothing": b"",
    "a status that is none": b"HTTP/1.1 abc\r\n\r\n",
    "a chunk that is none": head("Transfer-Encoding: chunked") + b"zzz\r\nhello\r\n",
    "headers without end": head(*[f"X-{i}: x" for i in range(1000)]),
    "a promise of 3 GB": head("Content-Length: 3000000000") + b"\0" * 1000,
    "control characters": head(status="503 \x1b[2J\x1b]0;hello\x07 gone"),
    "a web page": head("Content-Length: 30") + b"<html>please log in\x1b[2J </html>",
    "a bomb": head(f"Content-Length: {len(BOMB)}") + BOMB,
    "half a file": head("Content-Length: 100000") + bytes(5000),
}
"""Answers that end there. Others never do: ``drip``, ``flood`` and ``silence``."""


class RawServer:
    """A server at ``url`` that answers every connection by ``answer(self, socket, request)`` and then closes it."""

    def __init__(self, answer):
        self.answer, self.stop = answer, threading.Event()
        self.server = socket.create_server(("127.0.0.1", 0))
        self.server.settimeout(0.05)
        self.url = f"http://127.0.0.1:{self.server.getsockname()[1]}/a/"
        self.thread = threading.Thread(target=self._run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.stop.set()
        self.thread.join()
        self.server.close()

    def _run(self):
        while not self.stop.is_set():
            try:
                connection, _ = self.server.accept()
            except TimeoutError:
                continue
            with connection, contextlib.suppress(OSError):  # given up on
                connection.settimeout(5)
                if request := connection.recv(65536):  # nothing: only looked whether somebody is there
                    self.answer(self, connection, request)


def says(text):
    return lambda server, connection, request: connection.sendall(text)


def drip(start):
    """A byte every now and then, without end."""

    def answer(server, connection, request):
        connection.sendall(start)
        while not server.stop.wait(0.05):
            connection.sendall(b"x")

    return answer


def flood(server, connection, request):
    """A body without end."""
    connection.sendall(head())
    while not server.stop.is_set():
        connection.sendall(bytes(1 << 16))


def silence(server, connection, request):
    server.stop.wait(10)


def files(contents):
    """A server that has the files {name: bytes}."""

    def answer(server, connection, request):
        body = contents[request.split()[1].decode().rpartition("/")[2]]
        connection.sendall(head(f"Content-Length: {len(body)}") + body)

    return answer


def behaviours(rng):
    """(words, answer), by chance; a text may also be cut somewhere, or a bit of it turned over."""
    kinds = {**{name: says(text) for name, text in MISBEHAVING.items()},
             "drip in the head": drip(b"HTTP/1.1 200 OK\r\nX: "),
             "drip in the body": drip(head("Content-Length: 1000")), "flood": flood, "silence": silence}  # fmt: skip
    name = list(kinds)[rng.integers(len(kinds))]
    text = bytearray(MISBEHAVING.get(name, b""))
    if text and b"Location" not in text and rng.random() < 0.4:  # a damaged address might be somebody's
        text[rng.integers(min(len(text), 200))] ^= 1 << rng.integers(8)
        return f"{name}, damaged", says(bytes(text[: rng.integers(1, len(text) + 1)]))
    return name, kinds[name]


def run(rng, trials, folder):
    """So many downloads, from a mirror that misbehaves and then from one that does not -> Tally."""
    tally = Tally("download from a server that misbehaves")
    digits = np.random.default_rng(0)
    arrays = {name: digits.integers(0, 10, (12, 6, 5) if "images" in name else 12, dtype=np.uint8)
              for name in (file.name for file in catalogue.MNIST.files)}  # fmt: skip
    archives, published = {}, []
    for file, (name, array) in zip(catalogue.MNIST.files, arrays.items()):
        write_idx(folder / f"{name}.gz", array)
        archives[f"{name}.gz"] = (folder / f"{name}.gz").read_bytes()
        digest = hashlib.sha256(gzip.decompress(archives[f"{name}.gz"])).hexdigest()
        published.append(replace(file, shape=array.shape, digest=f"sha256:{digest}"))
    tiny = replace(catalogue.MNIST, files=tuple(published))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    kept = {name: os.environ.get(name) for name in ("no_proxy", "MINICNN_OFFLINE", "MINICNN_DATA")}
    with RawServer(files(archives)) as good, mock.patch.multiple(
        download, FILE_SECONDS=SECONDS, READ_SECONDS=SILENCE
    ), mock.patch.dict(os.environ, {"no_proxy": "*"}):  # fmt: skip
        for name in ("MINICNN_OFFLINE", "MINICNN_DATA"):
            os.environ.pop(name, None)
        for _ in range(trials):
            one(tally, rng, good, arrays, tiny, folder)
    for name, value in kept.items():
        if value is not None:
            os.environ[name] = value
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) // 1024
    tally.about = {"growth of memory in MB": grown}
    if grown > 100:
        tally.note("wrong", f"memory grew by {grown} MB")
    return tally


def one(tally, rng, good, arrays, tiny, folder):
    words, answer = behaviours(rng)
    tally.trials += 1
    cache, started, said = Path(tempfile.mkdtemp(dir=folder)), time.monotonic(), io.StringIO()
    with RawServer(answer) as bad, contextlib.redirect_stderr(said), \
            mock.patch.object(cache_module, "cache_directory", lambda: cache):  # fmt: skip
        try:
            with mock.patch.dict(catalogue.SETS, mnist=replace(tiny, mirrors=(bad.url, good.url))):
                train, test = load_mnist()
            if not np.array_equal(train.images, arrays["train-images-idx3-ubyte"]) or not np.array_equal(
                test.labels, arrays["t10k-labels-idx1-ubyte"]
            ):
                tally.note("lost", f"{words}: {train.source}")
            for path in cache.iterdir():
                path.unlink()
            with mock.patch.dict(catalogue.SETS, mnist=replace(tiny, mirrors=(bad.url,))):
                source = load_mnist()[0].source
            if not source.isprintable() or "\x1b[2J" in said.getvalue():
                tally.note("wrong", f"{words}: control characters reach the terminal")
            if list(cache.iterdir()):
                tally.note("wrong", f"{words}: kept something")
        except Exception as error:
            tally.note("foreign", words, error)
        if time.monotonic() - started > 20 * SECONDS:
            tally.note("hung", f"{words}: {time.monotonic() - started:.0f} s")
