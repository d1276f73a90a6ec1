"""Downloads, from a server on this machine: mirrors in turn, contents checked, nothing left half-written."""

import contextlib
import gzip
import http.server
import socket
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
import pytest

from minicnn.data import catalogue, download, load_mnist, write_idx

sys.path.insert(0, str(Path(__file__).parents[1] / "stress"))
import servers
from servers import MISBEHAVING, head

NAMES = [file.name for file in catalogue.MNIST.files]


class Server(http.server.ThreadingHTTPServer):
    """Serves ``files`` below every mirror's directory; ``faults[directory]`` spoils the answers there."""

    def __init__(self, directory):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {path.name: path.read_bytes() for path in directory.iterdir()}
        self.faults, self.requested, self.silence = {}, [], threading.Event()

    def mirror(self, name, fault=None):
        self.faults[name] = fault
        return f"http://127.0.0.1:{self.server_address[1]}/{name}/"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path = PurePosixPath(self.path)
        self.server.requested.append(self.path)
        fault = self.server.faults[path.parent.name]
        status, body = 200, self.server.files[path.name]
        promised = len(body)
        if fault == "404":
            status, body, promised = 404, b"gone", 4
        elif fault == "html":
            body = b"<html>please log in to this network</html>"
            promised = len(body)
        elif fault == "other data" and "labels" in path.name:
            body = gzip.compress(gzip.decompress(body)[:-1] + b"\xff")
            promised = len(body)
        elif fault == "cut off":
            body = body[: len(body) // 2]
        elif fault == "half a file":
            body = body[: len(body) // 2]
            promised = len(body)
        elif fault == "silent":
            self.server.silence.wait(20)
        self.send_response(status)
        self.send_header("Content-Length", str(promised))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        """Nothing: stderr is for what the user would see."""


@pytest.fixture
def server(published):
    with Server(published) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.silence.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def mirrors(monkeypatch):
    def put(*urls, name="mnist"):
        monkeypatch.setitem(catalogue.SETS, name, replace(catalogue.SETS[name], mirrors=urls))

    return put


def test_a_download_fills_the_cache_once(server, mirrors, arrays, cache):
    mirrors(server.mirror("a"), server.mirror("b"))
    train, test = load_mnist()
    assert train.source == f"MNIST, just downloaded from 127.0.0.1 to the cache {cache}" and not train.is_sample
    assert np.array_equal(train.images, arrays[NAMES[0]]) and np.array_equal(test.labels, arrays[NAMES[3]])
    assert server.requested == [f"/a/{name}.gz" for name in NAMES]
    assert {path.name: path.read_bytes() for path in cache.iterdir()} == server.files
    assert "from the cache" in load_mnist()[0].source and len(server.requested) == 4


@pytest.mark.parametrize("fault", ["404", "html", "other data", "cut off", "half a file"])
def test_the_second_mirror_makes_up_for_the_first(server, mirrors, arrays, cache, fault):
    mirrors(server.mirror("a", fault), server.mirror("b"))
    train, test = load_mnist()
    assert np.array_equal(train.images, arrays[NAMES[0]]) and np.array_equal(test.labels, arrays[NAMES[3]])
    assert not train.is_sample and {path.name: path.read_bytes() for path in cache.iterdir()} == server.files
    asked_of_a = 2 if fault == "other data" else 1  # what the first has delivered is not fetched again
    assert [path[1] for path in server.requested] == ["a"] * asked_of_a + ["b"] * (5 - asked_of_a)


@pytest.mark.parametrize(
    "fault, words",
    [
        ("404", "127.0.0.1: HTTP status 404 Not Found"),
        ("html", "train-images-idx3-ubyte is a web page (HTML), no IDX file: the server sent a page"),
        ("other data", "train-labels-idx1-ubyte is not MNIST's: its SHA-256 is"),
        ("cut off", "the server sent 199 of 399 bytes"),
        ("half a file", "train-images-idx3-ubyte.gz is a damaged gzip file"),
    ],
)
def test_when_all_fail_the_sample_says_why(server, mirrors, cache, fault, words):
    mirrors(server.mirror("a", fault), server.mirror("b", "404"))
    train, _ = load_mnist()
    assert train.is_sample and len(train) == 4000
    assert "because the download failed (127.0.0.1: " in train.source and words in train.source
    assert "; 127.0.0.1: HTTP status 404 Not Found); an error on it is not comparable" in train.source
    assert "\n" not in train.source
    kept = [path.name for path in cache.iterdir()] if cache.exists() else []
    assert kept == ([f"{NAMES[0]}.gz"] if fault == "other data" else [])


def test_a_refused_connection(server, mirrors, cache):
    with socket.socket() as closed:  # bound, not listening: nobody answers at this port
        closed.bind(("127.0.0.1", 0))
        refusing = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        mirrors(refusing, server.mirror("b"))
        assert not load_mnist()[0].is_sample
        for path in cache.iterdir():
            path.unlink()
        mirrors(refusing)
        assert "refused" in load_mnist()[0].source
    assert not list(cache.iterdir())


def test_a_mirror_that_falls_silent(server, mirrors, monkeypatch):
    monkeypatch.setattr(download, "READ_SECONDS", 0.3)
    mirrors(server.mirror("a", "silent"), server.mirror("b"))
    started = time.monotonic()
    assert not load_mnist()[0].is_sample
    assert time.monotonic() - started < 10


def test_a_host_that_drops_every_packet_costs_one_timeout_however_many_addresses_it_has(mirrors, monkeypatch):
    hanging = threading.Event()

    def drop(address, timeout):
        hanging.wait(30)
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", drop)
    monkeypatch.setattr(download, "CONNECT_SECONDS", 0.3)
    mirrors("http://mirror.invalid/", "http://other.invalid/")
    started = time.monotonic()
    try:
        source = load_mnist()[0].source
    finally:
        hanging.set()
    assert time.monotonic() - started < 10
    assert "(mirror.invalid: no connection within 0.3 s; other.invalid: no connection within 0.3 s)" in source


def test_behind_a_proxy_the_proxy_is_what_must_answer(server, mirrors, monkeypatch):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("http_proxy", server.mirror("b").removesuffix("/b/"))
    mirrors("http://mirror.invalid/b/")
    assert "just downloaded from mirror.invalid" in load_mnist()[0].source


def test_an_interrupted_download_leaves_nothing_half_written(server, mirrors, cache, monkeypatch):
    mirrors(server.mirror("a"))
    fetch, written = download.fetch, []

    def interrupted(url, *how):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(url)
        return fetch(url, *how)

    monkeypatch.setattr(download, "fetch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        load_mnist()
    assert sorted(path.name for path in cache.iterdir()) == sorted(f"{name}.gz" for name in NAMES[:2])
    monkeypatch.setattr(download, "fetch", fetch)
    server.requested.clear()
    assert not load_mnist()[0].is_sample
    assert server.requested == [f"/a/{name}.gz" for name in NAMES[2:]]


def test_an_interruption_while_writing_leaves_nothing(server, mirrors, cache, monkeypatch):
    def interrupt(descriptor):
        raise KeyboardInterrupt

    mirrors(server.mirror("a"))
    monkeypatch.setattr("os.fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        load_mnist()
    assert not list(cache.iterdir())


@pytest.mark.parametrize("contents", [b"", b"half a fi", gzip.compress(b"\0\0\x08\x01\0\0\0\1\7", mtime=0)])
def test_a_damaged_file_in_the_cache_is_fetched_again(server, mirrors, arrays, cache, contents):
    for name, array in arrays.items():
        write_idx(cache / f"{name}.gz", array)
    (cache / f"{NAMES[1]}.gz").write_bytes(contents)
    mirrors(server.mirror("a"))
    assert np.array_equal(load_mnist()[0].labels, arrays[NAMES[1]])
    assert server.requested == [f"/a/{NAMES[1]}.gz"]
    assert "from the cache" in load_mnist()[0].source


def test_a_cache_that_cannot_be_written_is_no_reason_to_go_without(server, mirrors, arrays, cache):
    cache.write_text("a file where the directory should be")
    mirrors(server.mirror("a"))
    train, _ = load_mnist()
    assert np.array_equal(train.images, arrays[NAMES[0]])
    assert f"just downloaded from 127.0.0.1 and not kept, since {cache} cannot be written: " in train.source


def test_progress_shows_on_stderr_only_when_asked_for_and_bars_on_a_terminal_only(
        server, mirrors, cache, capsys, monkeypatch):  # fmt: skip
    mirrors(server.mirror("a"))
    load_mnist(progress=False)
    assert capsys.readouterr() == ("", "")
    for terminal in (False, True):
        for path in cache.iterdir():
            path.unlink()
        monkeypatch.setattr(sys.stderr, "isatty", lambda shown=terminal: shown)
        load_mnist()
        said = capsys.readouterr()
        assert said.out == "" and f"downloading MNIST to {cache}" in said.err
        assert (f"{NAMES[0]}.gz: " in said.err) == ("\r" in said.err) == terminal


def test_reasons_are_short():
    inner = OSError(113, "No route to host")
    assert download.explain(OSError(RuntimeError("wrapped", inner))) == "No route to host"
    assert download.explain(TimeoutError()) == "TimeoutError"


# ------------------------------------------------------------------------- servers that misbehave on purpose


@pytest.fixture
def raw():
    """raw(answer) -> the URL of a server that answers so, see ``servers.RawServer``."""
    with contextlib.ExitStack() as stack:
        yield lambda answer: stack.enter_context(servers.RawServer(answer)).url


@pytest.mark.parametrize("fault", MISBEHAVING)
def test_whatever_a_server_says_the_next_mirror_is_asked(raw, server, mirrors, arrays, fault):
    mirrors(raw(servers.says(MISBEHAVING[fault])), server.mirror("b"))
    train, _ = load_mnist()
    assert np.array_equal(train.images, arrays[NAMES[0]])


@pytest.mark.parametrize("fault", MISBEHAVING)
def test_whatever_a_server_says_the_reason_is_printable(raw, mirrors, fault):
    mirrors(raw(servers.says(MISBEHAVING[fault])))
    train, _ = load_mnist()
    assert train.is_sample and train.source.isprintable()


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\nX: ", head("Content-Length: 1000")], ids=["head", "contents"])
def test_a_server_that_sends_a_byte_now_and_then_is_given_up(raw, mirrors, monkeypatch, start):
    monkeypatch.setattr(download, "FILE_SECONDS", 0.5)
    mirrors(raw(servers.drip(start)))
    begun = time.monotonic()
    assert "not done within 0.5 s" in load_mnist()[0].source
    assert time.monotonic() - begun < 10
    assert not [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]


def test_a_body_without_end_is_left_at_the_size_of_the_file(raw, mirrors, published):
    mirrors(raw(servers.flood))
    assert "the server sends more than 1,407 bytes, which the file has not" in load_mnist()[0].source


def test_an_archive_that_unpacks_to_gigabytes_is_not_unpacked(raw, mirrors):
    mirrors(raw(servers.says(MISBEHAVING["a bomb"])))
    assert "its header asks for 8,589,934,608 bytes, at most 47,981,840 are allowed" in load_mnist()[0].source


def test_a_user_without_a_home_gets_the_data_all_the_same(server, mirrors, arrays, monkeypatch):
    monkeypatch.setattr("minicnn.data.cache.cache_directory", lambda: None)
    mirrors(server.mirror("a"))
    train, _ = load_mnist()
    assert np.array_equal(train.images, arrays[NAMES[0]])
    assert "not kept, since there is no home directory for a cache" in train.source
    monkeypatch.setenv("MINICNN_OFFLINE", "1")
    assert "because this user has no home directory for a cache; MINICNN_OFFLINE" in load_mnist()[0].source
