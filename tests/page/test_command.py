"""``python examples/draw_digit.py`` from start to Ctrl-C, and what it writes."""

import gzip
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import minicnn as mc
from minicnn.page import __main__ as command
from minicnn.page.arrays import unpack
from minicnn.page.export import export

EXAMPLE = Path(__file__).parents[2] / "examples" / "draw_digit.py"


@contextmanager
def running(*arguments, **how):
    """-> (process, the line that it printed with its address)."""
    process = subprocess.Popen(
        [sys.executable, str(EXAMPLE), "--no-browser", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **how,
    )  # fmt: skip
    try:
        yield process, process.stdout.readline()
    finally:
        process.kill()
        process.communicate()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal for one process alone")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_the_page_until_ctrl_c(number):
    with running("--port", "0") as (process, line):
        url = re.fullmatch(r"LeNet-5 is at (http://127\.0\.0\.1:\d+/) \(Ctrl-C ends it\)\n", line).group(1)
        connection = socket.create_connection(("127.0.0.1", int(url.rstrip("/").rpartition(":")[2])))
        with connection, urllib.request.urlopen(url, timeout=10) as page:  # one more connection that stays open
            assert b"<title>LeNet-5" in page.read()
            started = time.monotonic()
            process.send_signal(number)
            output, errors = process.communicate(timeout=10)
        assert process.returncode == 0 and "stopped" in output and errors == ""
        assert time.monotonic() - started < 3


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal for one process alone")
def test_a_background_job_of_a_script_ends_by_sigint_too():
    ignoring = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)}  # as sh starts a job with &
    with running("--port", "0", **ignoring) as (process, _):
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=10)
    assert process.returncode == 0 and "stopped" in output and errors == ""


def test_a_port_that_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with running("--port", str(port)) as (process, line):
            assert line == "" and process.wait(10) == 1
            assert f"error: cannot listen at port {port}: " in process.stderr.read()


def test_without_a_port_it_finds_a_free_one(monkeypatch, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        monkeypatch.setattr(command, "PORT", other.getsockname()[1])
        with command.listen(tmp_path, None) as server:
            assert server.server_port not in (0, command.PORT)


@pytest.mark.parametrize("arguments", [["--port", "65536"], ["--port", "http"], ["--port", "-1"], ["--nothing"]])
def test_arguments_that_make_no_sense(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        command.main(arguments)
    assert end.value.code == 2 and arguments[0] in capsys.readouterr().err


def test_it_serves_files_and_nothing_else(served):
    def status(address, **how):
        try:
            with urllib.request.urlopen(urllib.request.Request(served + address, **how), timeout=10) as reply:
                return reply.status, reply.headers.get_content_type()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, None

    assert status("main.js") == (200, "text/javascript") and status("weights.bin") == (200, "application/octet-stream")
    assert status("../../../../etc/passwd")[0] == 404 and status("api/look", data=b"{}", method="POST")[0] == 501


def test_a_network_of_ones_own_comes_along(tmp_path, capsys):
    net = mc.models.lenet5(rng=7)
    net.save(tmp_path / "own.npz")
    assert command.main(["--network", str(tmp_path / "own.npz"), "--export", str(tmp_path / "page")]) == 0
    assert f"written: {tmp_path / 'page' / 'index.html'}" in capsys.readouterr().out
    facts, arrays = unpack((tmp_path / "page" / "weights.bin").read_bytes())
    assert np.array_equal(arrays["parameters"], net.vector.values) and facts["origin"] == "A network of your own."
    assert np.array_equal(arrays["prototypes"], net["output"].prototypes)


def test_a_checkpoint_in_training_comes_along(tmp_path, digits):
    net = mc.models.lenet5(rng=7)
    optimizer = mc.optim.SGD(net.parameters(), 0.0001)
    mc.training.fit(net, mc.losses.RBFLoss(), optimizer, digits.subset(range(20)), epochs=1, progress=False,
                    checkpoint=tmp_path / "checkpoint.npz")  # fmt: skip
    facts, arrays = unpack((export(tmp_path / "page", tmp_path / "checkpoint.npz").parent / "weights.bin").read_bytes())
    assert np.array_equal(arrays["parameters"], net.vector.values)
    assert facts["origin"] == "A network of your own after 1 pass."


def test_a_network_that_is_none_writes_nothing(tmp_path, capsys):
    mc.models.lenet_modern(rng=0).save(tmp_path / "modern.npz")
    broken = mc.models.lenet5(rng=0)
    broken.vector.values[3] = np.nan
    broken.save(tmp_path / "broken.npz")
    complaints = {"modern.npz": "of another architecture", "broken.npz": "not finite", "none.npz": "no such file"}
    for name, words in complaints.items():
        assert command.main(["--network", str(tmp_path / name), "--export", str(tmp_path / "page")]) == 1
        assert words in capsys.readouterr().err
    assert not (tmp_path / "page").exists()


def test_a_network_of_other_classes_comes_with_their_names_and_images(others):
    net, page = others("letters")
    facts, arrays = unpack((page / "weights.bin").read_bytes())
    assert facts["classes"] == list(net.classes) and facts["noun"] == "letter" and facts["drawn"]
    assert np.array_equal(arrays["prototypes"], net["output"].prototypes)
    assert facts["counts"]["output"] == [0, 84 * 26]
    assert facts["samples"] == {"title": "letters", "authors": None, "perClass": [2, 1], "misread": True}
    _, arrays = unpack(gzip.decompress((page / "samples.bin").read_bytes()))
    assert arrays["training_labels"].tolist() == 2 * list(range(26)) and len(arrays["testing_images"]) == 26
    _, wrong = unpack(gzip.decompress((page / "misread.bin").read_bytes()))
    assert (net.predict(wrong["images"]) != wrong["labels"]).all() and len(wrong["images"]) > 10
    assert "<title>LeNet-5 reads a letter</title>" in (page / "index.html").read_text(encoding="utf-8")


def test_data_that_does_not_go_with_the_network_writes_nothing(others, tmp_path, capsys):
    rng = np.random.default_rng(0)

    def directory(name, images, labels):
        (tmp_path / name).mkdir()
        for part in ("train", "test"):
            mc.data.write_idx(tmp_path / name / f"{part}-images.idx", images)
            mc.data.write_idx(tmp_path / name / f"{part}-labels.idx", labels)

    labels = np.arange(20, dtype=np.uint8) % 10
    directory("small", rng.integers(0, 256, (20, 8, 8), dtype=np.uint8), labels)
    directory("nine", rng.integers(0, 256, (20, 28, 28), dtype=np.uint8), labels // 2)
    directory("many", rng.integers(0, 256, (20, 28, 28), dtype=np.uint8), labels + 10)
    complaints = {"small": "has images of 8x8 pixels; the page draws 28x28", "nine": "has no image of 5, 6, 7, 8, 9",
                  "many": "shows 20 classes (0, 1, 2, ..., 19), but the network tells 10 apart"}  # fmt: skip
    for name, words in complaints.items():
        assert command.main(["--data", str(tmp_path / name), "--export", str(tmp_path / "page")]) == 1
        assert words in capsys.readouterr().err
    assert not (tmp_path / "page").exists()


def test_every_address_in_the_page_is_relative_and_there(exported):
    page = (exported / "index.html").read_text(encoding="utf-8")
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert addresses and all((exported / each).is_file() for each in addresses if not each.startswith("data:"))
    for path in exported.rglob("*.js"):
        source = path.read_text(encoding="utf-8")
        assert not re.search(r"""["'`(]https?://(?!www\.w3\.org/2000/svg)""", source), path
        for address in re.findall(r'^import .* from "(.+)";$', source, re.M):
            assert address.startswith(".") and (path.parent / address).is_file(), (path, address)
    facts, _ = unpack((exported / "weights.bin").read_bytes())
    assert facts["pixels"] == {"background": -0.1, "ink": 1.175, "size": 32}
