"""``minicnn predict``: picture files, streams, tables and JSON."""

import io
import json
import re
import subprocess
import sys

import numpy as np
import pytest

import minicnn as mc
from minicnn import cli
from minicnn.cli.predict.inputs import pictures

Image = pytest.importorskip("PIL.Image")


@pytest.fixture(scope="module")
def net():
    return mc.models.lenet5(pretrained=True)


@pytest.fixture(scope="module")
def digits():
    test = mc.data.load_sample()[1]
    return test.images[:4], test.labels[:4]


@pytest.fixture
def folder(tmp_path, digits, monkeypatch):
    """Four digits: as they are, black on white, eight times as large on a grey sheet, and in colours."""
    monkeypatch.chdir(tmp_path)
    images = digits[0]
    Image.fromarray(images[0]).save("plain.png")
    Image.fromarray(255 - images[1]).save("ink on paper.png")
    Image.fromarray((230 - 0.7 * np.kron(images[2], np.ones((8, 8)))).astype("uint8")).save("photo.jpg", quality=90)
    Image.fromarray(np.stack([images[3], images[3] // 2, images[3]], axis=-1)).resize((84, 84)).save("colours.bmp")
    return tmp_path


FILES = ("plain.png", "ink on paper.png", "photo.jpg", "colours.bmp")


def as_stdin(monkeypatch, data):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(data)), encoding="utf-8"))


def test_a_line_a_picture_with_the_two_nearest_classes(folder, net, digits, capsys):
    assert cli.main(["predict", *FILES]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["answer", "distance", "next", "distance", "file"]
    distances = net.outputs(digits[0][:2], batch_size=1)
    for line, name, label in zip(lines, FILES, digits[1]):
        row = re.fullmatch(r"(\d) +(\S+)  (\d) +(\S+)  (.*?)(?:  \(in doubt\))?", line)
        answer, near, other, far, file = row.groups()
        assert (answer, file) == (str(label), name) and other != answer and float(near) < float(far)
    for line, expected in zip(lines, np.sort(distances, axis=0)[:2].T):  # of MNIST's own size: taken as they are
        assert [float(number) for number in re.findall(r"\d+\.\d\d", line)] == pytest.approx(expected, abs=0.006)


def test_json_has_all_distances_the_nearest_first(folder, net, digits, capsys):
    assert cli.main(["predict", "--json", *FILES]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["file"] for answer in answers] == list(FILES)
    first = answers[0]
    expected = net.outputs(digits[0][:1], batch_size=1)[:, 0]
    assert first["distances"] == {str(d): pytest.approx(expected[d], abs=1e-3) for d in range(10)}
    assert list(first["distances"].values()) == sorted(first["distances"].values())
    assert first["answer"] == next(iter(first["distances"])) and first["doubt"] is False


def test_a_file_that_is_no_picture_does_not_keep_the_others_from_an_answer(folder, capsys):
    (folder / "words.png").write_text("no picture")
    Image.new("L", (40, 40), 200).save("empty.png")
    assert cli.main(["predict", "words.png", "empty.png", "nowhere.png", "plain.png"]) == 1
    output, errors = capsys.readouterr()
    assert len(output.splitlines()) == 2 and output.endswith("plain.png\n")
    words, empty, nowhere = errors.splitlines()
    assert words.startswith("error: words.png is no picture") and empty.startswith("error: empty.png: ")
    assert nowhere == "error: nowhere.png: there is no such file"
    assert cli.main(["predict", "--json", "nowhere.png"]) == 1
    assert json.loads(capsys.readouterr().out) == {"file": "nowhere.png", "error": "nowhere.png: there is no such file"}


def test_names_from_standard_input(folder, digits, capsys, monkeypatch):
    as_stdin(monkeypatch, "\n".join([*FILES, ""]).encode())
    assert cli.main(["predict", "-"]) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [line[0] for line in lines] == [str(label) for label in digits[1]]


@pytest.mark.parametrize("name", ["plain.png", "photo.jpg", "colours.bmp", "plain.pgm", "photo.gif"])
def test_a_picture_from_standard_input(folder, name, capsys, monkeypatch):
    if not (folder / name).exists():
        stem = name.partition(".")[0]
        Image.open(next(folder.glob(f"{stem}.*"))).save(name)
    as_stdin(monkeypatch, (folder / name).read_bytes())
    assert cli.main(["predict", "--json", "-"]) == 0
    piped = json.loads(capsys.readouterr().out)
    assert cli.main(["predict", "--json", name]) == 0
    assert piped == {**json.loads(capsys.readouterr().out), "file": "standard input"}


def test_names_are_answered_as_they_come():
    class Coming(io.RawIOBase):
        """Says a second name only when the first has been taken."""

        taken = False

        def readable(self):
            return True

        def readinto(self, buffer):
            piece = b"b.png\n" if self.taken else b"a.png\n"
            buffer[: len(piece)] = piece
            return len(piece)

    raw = Coming()
    names = pictures(["-"], io.TextIOWrapper(io.BufferedReader(raw), encoding="utf-8"))
    assert next(names) == ("a.png", "a.png")
    raw.taken = True
    assert next(names) == ("b.png", "b.png")


def test_a_network_of_ones_own_and_its_classes(folder, capsys):
    own = mc.models.lenet5(classes="ABCDEFGHIJK", rng=1)
    own.save("letters.npz")
    assert cli.main(["predict", "--network", "letters.npz", "--json", "plain.png"]) == 0
    assert sorted(json.loads(capsys.readouterr().out)["distances"]) == list("ABCDEFGHIJK")
    own.vector.values[0] = np.nan
    own.save("astray.npz")
    mc.models.lenet_modern(rng=0).save("modern.npz")
    complaints = {"astray.npz": "not finite", "modern.npz": "another architecture", "plain.png": "checkpoint"}
    for file, words in complaints.items():
        assert cli.main(["predict", "--network", file, "plain.png"]) == 1
        assert words in capsys.readouterr().err


def test_a_reader_that_has_seen_enough_ends_it_quietly(folder):
    code = f"from minicnn.cli import main; import sys; sys.exit(main(['predict', *{FILES[:1] * 400!r}]))"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.readline()
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 1 and errors == ""


def test_without_pillow_it_says_what_to_install(folder, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert cli.main(["predict", "plain.png"]) == 1
    assert re.match(r'error: picture files need Pillow \(pip install -e "\S+\[plot\]"\)', capsys.readouterr().err)
