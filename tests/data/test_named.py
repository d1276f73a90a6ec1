"""Data sets by name: from a server on this machine, in the format of their authors, and then from the cache."""

import gzip
import hashlib
import http.server
import io
import struct
import threading
import zipfile
from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np
import pytest

import minicnn as mc
from minicnn.data import cache as cache_module
from minicnn.data import catalogue, load
from minicnn.errors import DataFileError

NAMES = list(catalogue.SETS)
EMNIST = [name for name in NAMES if name.startswith("emnist")]
HEIGHT, WIDTH = 6, 5


def idx(array):
    """The gzip bytes of an IDX file."""
    code = {"uint8": 8, "int32": 12}[array.dtype.name]
    header = struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape)
    return gzip.compress(header + array.astype(array.dtype.newbyteorder(">")).tobytes(), mtime=0)


def tiny(data_set, rng):
    """-> (arrays by file name as their authors would publish them, [(images, labels) as users see them])."""
    arrays, seen = {}, []
    names = [file.name for file in data_set.files]
    for count, (images_name, labels_name) in zip((2 * len(data_set.classes), 7), (names[:2], names[2:])):
        images = rng.integers(0, 256, (count, HEIGHT, WIDTH), dtype=np.uint8)
        labels = np.resize(np.arange(len(data_set.classes), dtype=np.uint8), count)
        seen.append((images, labels))
        published = labels + np.uint8(data_set.first_label)
        if "idx2-int" in labels_name:
            published = np.stack([published, *rng.integers(0, 999, (7, count))], axis=1).astype("int32")
        arrays[images_name] = images.swapaxes(1, 2).copy() if data_set.transposed else images
        arrays[labels_name] = published
    return arrays, seen


@pytest.fixture
def internet(monkeypatch):
    """All data sets, small, on a server; ``seen`` is what they hold, ``requested`` what was asked for."""
    rng, bodies, seen, archives = np.random.default_rng(0), {}, {}, {}
    for name, data_set in catalogue.SETS.items():
        arrays, seen[name] = tiny(data_set, rng)
        archives[name] = {f"{file}.gz": idx(array) for file, array in arrays.items()}
        files = []
        for file, array in zip(data_set.files, arrays.values()):
            raw = archives[name][f"{file.name}.gz"]
            digest = file.digest
            if digest is not None:
                kind = digest.partition(":")[0]
                digest = f"{kind}:{hashlib.new(kind, raw if file.archived else gzip.decompress(raw)).hexdigest()}"
            files.append(replace(file, shape=array.shape, digest=digest))
        monkeypatch.setitem(catalogue.SETS, name, replace(catalogue.SETS[name], files=tuple(files)))
        bodies |= {f"/{name}/{file}": body for file, body in archives[name].items() if data_set.archive is None}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for file, body in [item for name in EMNIST for item in archives[name].items()]:
            archive.writestr(f"gzip/{file}", body)
    real, body = catalogue.EMNIST_ARCHIVE, packed.getvalue()
    archive = replace(real, size=len(body), digest=f"sha256:{hashlib.sha256(body).hexdigest()}")
    bodies |= {f"/{name}/{archive.name}": body for name in EMNIST}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            server.requested.append(PurePosixPath(self.path).name)
            body = server.bodies[self.path]
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words):
            """Nothing: stderr is for what the user would see."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.requested, server.bodies, server.seen, server.archive = [], bodies, seen, body
        for name, data_set in catalogue.SETS.items():
            mirror = f"http://127.0.0.1:{server.server_address[1]}/{name}/"
            monkeypatch.setitem(catalogue.SETS, name, replace(
                data_set, mirrors=(mirror,), archive=archive if data_set.archive else None))  # fmt: skip
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def holds(parts, seen):
    return all(np.array_equal(part.images, images) and np.array_equal(part.labels, labels)
               for part, (images, labels) in zip(parts, seen))  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_data_set_is_fetched_once_turned_upright_and_counted_from_0(internet, name):
    data_set = catalogue.SETS[name]
    for whence in ("just downloaded from 127.0.0.1", "from the cache"):
        parts = load(name, progress=False)
        assert holds(parts, internet.seen[name])
        assert all(part.name == data_set.title and part.classes == data_set.classes for part in parts)
        assert parts[0].source.startswith(f"{data_set.title}, {whence}") and not parts[0].is_sample
    assert len(internet.requested) == (1 if name in EMNIST else 4)


def test_one_download_of_emnist_serves_all_of_it_and_leaves_no_archive(internet, cache):
    for name in EMNIST:
        assert holds(load(name, progress=False), internet.seen[name])
    assert internet.requested == ["gzip.zip"]
    assert sorted(path.name for path in (cache / "emnist").iterdir()) == sorted(
        f"{file.name}.gz" for name in EMNIST for file in catalogue.SETS[name].files)  # fmt: skip


def test_an_archive_of_emnist_that_the_user_has_put_into_the_cache_is_used(internet, cache):
    (cache / "emnist").mkdir(parents=True)
    (cache / "emnist" / "gzip.zip").write_bytes(internet.archive)
    assert holds(load("emnist-letters"), internet.seen["emnist-letters"]) and not internet.requested


def test_without_a_home_emnist_is_unpacked_all_the_same(internet, monkeypatch):
    monkeypatch.setattr(cache_module, "cache_directory", lambda: None)
    parts = load("emnist-digits", progress=False)
    assert holds(parts, internet.seen["emnist-digits"]) and "not kept, since there is no home" in parts[0].source


@pytest.mark.parametrize("name", ["fashion-mnist", "kmnist", "qmnist"])
def test_other_data_than_published_are_refused_and_not_kept(internet, cache, name):
    file = catalogue.SETS[name].files[0]
    internet.bodies[f"/{name}/{file.name}.gz"] = idx(np.zeros(file.shape, np.uint8))
    kind = "MD5" if file.digest.startswith("md5") else "SHA-256"
    title = catalogue.SETS[name].title
    with pytest.raises(DataFileError, match=f"{title} is not here: .*{file.name} is not {title}'s: its {kind} is"):
        load(name, progress=False)
    assert not list(cache.rglob("*.gz"))


@pytest.mark.parametrize("body, words", [
    (b"<html>moved</html>", "gzip.zip is not the one of EMNIST letters: it is a web page; its SHA-256 is"),
    (b"PK", "gzip.zip is not the one of EMNIST letters; its SHA-256 is"),
])  # fmt: skip
def test_another_archive_is_refused_and_nothing_of_it_kept(internet, cache, body, words):
    internet.bodies["/emnist-letters/gzip.zip"] = body
    with pytest.raises(DataFileError, match=words):
        load("emnist-letters", progress=False)
    assert not [path for path in cache.rglob("*") if path.is_file()]


def test_labels_that_a_data_set_has_not_are_refused_in_the_cache_too(internet, cache):
    load("emnist-letters", progress=False)
    file = catalogue.SETS["emnist-letters"].files[1]
    (cache / "emnist" / f"{file.name}.gz").write_bytes(idx(np.full(file.shape, 27, np.uint8)))
    with pytest.raises(DataFileError, match=r"the labels of EMNIST letters, .* must lie in 1\.\.26, they are 27\.\.27"):
        load("emnist-letters", progress=False)


def test_offline_the_message_says_what_to_put_where(internet, cache, monkeypatch):
    monkeypatch.setenv("MINICNN_OFFLINE", "1")
    with pytest.raises(DataFileError) as caught:
        load("fashion-mnist")
    assert str(caught.value).startswith(f"Fashion-MNIST is not here: the cache {cache / 'fashion-mnist'} lacks train-")
    assert "MINICNN_OFFLINE forbids a download" in str(caught.value)
    assert "To go on, put train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz" in str(caught.value)
    with pytest.raises(DataFileError, match=f"put gzip.zip into {cache / 'emnist'}, or give a directory"):
        load("emnist-digits")


def test_mnist_by_name_is_the_sample_where_there_is_no_other(monkeypatch):
    monkeypatch.setenv("MINICNN_OFFLINE", "1")
    train, _ = load("mnist")
    assert train.is_sample and train.name == "MNIST's sample"


def test_the_variable_may_name_a_data_set(internet, monkeypatch):
    monkeypatch.setenv("MINICNN_DATA", "kmnist")
    assert holds(load(progress=False), internet.seen["kmnist"])


def test_a_name_that_is_none_is_met_with_those_that_are():
    words = r"must be a data set's name \(mnist, fashion-mnist, .*\) or a directory; fashon-mnist is neither; did you"
    with pytest.raises(DataFileError, match=words + " mean fashion-mnist"):
        load("fashon-mnist")


def test_every_file_that_is_fetched_alone_has_a_digest():
    for data_set in vars(catalogue)["SETS"].values():
        digests = [file.digest for file in data_set.files] if data_set.archive is None else [data_set.archive.digest]
        for digest in digests:
            kind, _, number = digest.partition(":")
            assert len(bytes.fromhex(number)) == {"sha256": 32, "md5": 16}[kind]
        assert len(data_set.files) == 4 and data_set.classes == mc.data.classes.class_names(data_set.classes)


def test_mirrors_without_encryption_only_send_what_a_sha256_is_known_of():
    for data_set in (catalogue.FASHION_MNIST, catalogue.KMNIST, catalogue.QMNIST, catalogue.MNIST):
        assert all(mirror.endswith("/") for mirror in data_set.mirrors)
        if any(mirror.startswith("http:") for mirror in data_set.mirrors):
            assert all(file.digest.startswith("sha256:") for file in data_set.files)
