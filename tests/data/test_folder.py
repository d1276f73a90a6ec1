"""Folders of pictures: what becomes of them, and what is refused."""

import numpy as np
import pytest

from minicnn.data import load, load_sample
from minicnn.data.drawing import as_mnist
from minicnn.data.pictures import read_grey, read_picture
from minicnn.errors import DataFileError

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def cross(height, width, paper=255, ink=0):
    """A plus sign on paper, not in the middle."""
    grey = np.full((height, width), paper, np.uint8)
    top, left = height // 4, width // 3
    grey[top : top + height // 2, left + width // 5 : left + width // 5 + max(2, width // 12)] = ink
    grey[top + height // 4 : top + height // 4 + max(2, height // 12), left : left + width // 2] = ink
    return grey


@pytest.fixture
def shapes(tmp_path):
    """Two classes of pictures of odd sizes."""
    for number in range(6):
        save(tmp_path / "shapes" / "plus" / f"{number}.png", cross(40 + 7 * number, 90 - 5 * number))
        bar = np.full((50 + number, 33), 255, np.uint8)
        bar[8:40, 12:17] = 0
        save(tmp_path / "shapes" / "bar" / f"{number}.png", bar)
    return tmp_path / "shapes"


def test_a_folder_is_a_class_and_a_fifth_is_kept_for_the_test(shapes):
    train, test = load(shapes)
    assert train.classes == ("bar", "plus") and train.name == "shapes"
    assert train.source == f"pictures by class from {shapes} (the path given)"
    assert train.labels.tolist() == [0] * 5 + [1] * 5 and test.labels.tolist() == [0, 1]
    assert np.array_equal(load(shapes)[1].images, test.images)


def test_pictures_of_any_size_are_scaled_and_centred_as_mnists_are(shapes):
    train, _ = load(shapes)
    assert train.images.shape == (10, 28, 28)
    for image in train.images:
        rows, columns = np.nonzero(image > 60)
        assert max(np.ptp(rows), np.ptp(columns)) + 1 in (19, 20)
        mass = image.astype(float)
        assert abs(mass.sum(axis=1) @ np.arange(28) / mass.sum() - 13.5) < 1
        assert abs(mass.sum(axis=0) @ np.arange(28) / mass.sum() - 13.5) < 1
        assert image[0, 0] == 0 and image.max() > 200


def test_train_and_test_folders(tmp_path):
    for part, count in (("train", 3), ("test", 2)):
        for name in ("10", "9"):
            for number in range(count):
                save(tmp_path / part / name / f"{number}.png", cross(30, 30 + number))
    train, test = load(tmp_path)
    assert train.classes == test.classes == ("9", "10")  # numbers by their value
    assert (len(train), len(test)) == (6, 4)


def test_mnist_itself_comes_back_as_it_was(tmp_path):
    digits = load_sample()[1].subset(slice(40))
    for number, (image, label) in enumerate(zip(digits.images, digits.labels)):
        save(tmp_path / "train" / str(label) / f"{number:03}.png", image)
        save(tmp_path / "test" / str(label) / f"{number:03}.png", 255 - image)  # black on white
    train, test = load(tmp_path)
    order = np.argsort(digits.labels, kind="stable")
    assert np.array_equal(train.images, digits.images[order]) and np.array_equal(train.labels, digits.labels[order])
    assert np.array_equal(test.images, train.images)


# ------------------------------------------------------------------------------------------------- kinds of pictures


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".pgm", ".gif"])
def test_formats(tmp_path, suffix):
    save(tmp_path / f"a{suffix}", cross(60, 50))
    assert np.array_equal(read_grey(tmp_path / f"a{suffix}"), cross(60, 50))


def test_colours_count_by_their_brightness(tmp_path):
    pixels = np.full((30, 30, 3), 255, np.uint8)
    pixels[5:25, 12:16] = (0, 0, 255)
    save(tmp_path / "blue.png", pixels)
    assert read_grey(tmp_path / "blue.png")[10, 13] == 29  # 0.114 · 255
    assert read_picture(tmp_path / "blue.png").max() == 255


def test_transparent_pictures_lie_on_white_paper(tmp_path):
    ink = 255 - cross(60, 50)
    save(tmp_path / "a.png", np.stack([np.zeros_like(ink)] * 3 + [ink], axis=-1))
    assert np.array_equal(read_grey(tmp_path / "a.png"), cross(60, 50))
    palette = Image.fromarray(cross(60, 50)).convert("P")
    palette.save(tmp_path / "p.png", transparency=255)
    assert np.array_equal(read_picture(tmp_path / "p.png"), read_picture(tmp_path / "a.png"))


def test_white_ink_on_a_dark_board_is_ink(tmp_path):
    save(tmp_path / "board.png", cross(60, 50, paper=20, ink=230))
    save(tmp_path / "paper.png", cross(60, 50, paper=235, ink=25))
    assert np.array_equal(read_picture(tmp_path / "board.png"), read_picture(tmp_path / "paper.png"))


def test_pictures_of_16_bits(tmp_path):
    save(tmp_path / "deep.png", cross(60, 50).astype("uint16") * 257)
    assert np.array_equal(read_grey(tmp_path / "deep.png"), cross(60, 50))


def test_large_pictures_are_made_smaller(tmp_path):
    save(tmp_path / "large.png", cross(1400, 700))
    assert read_grey(tmp_path / "large.png").shape == (280, 140)
    small = as_mnist(255 - cross(280, 140))
    assert np.abs(read_picture(tmp_path / "large.png").astype(int) - small).mean() < 12


# ------------------------------------------------------------------------------------------------- what is refused


def test_one_class_is_nothing_to_tell_apart(shapes):
    for path in (shapes / "bar").iterdir():
        path.unlink()
    (shapes / "bar").rmdir()
    with pytest.raises(DataFileError, match="must hold a folder of pictures for each class; it holds one, plus"):
        load(shapes)


def test_a_class_without_a_picture(shapes):
    (shapes / "star").mkdir()
    (shapes / "star" / ".DS_Store").touch()
    with pytest.raises(DataFileError, match="star holds no picture: a class must have one at least"):
        load(shapes)


@pytest.mark.parametrize("name, words", [("notes.txt", "notes.txt is no picture"), ("more", "more is a folder")])
def test_something_else_among_the_pictures(shapes, name, words):
    (shapes / "bar" / name).touch() if "." in name else (shapes / "bar" / name).mkdir()
    with pytest.raises(DataFileError, match=f"bar must hold pictures .* and nothing else; {words}"):
        load(shapes)


def test_what_file_managers_leave_behind_is_passed_over(shapes):
    for name in ("Thumbs.db", ".DS_Store"):
        (shapes / "bar" / name).touch()
    assert len(load(shapes)[0]) == 10


@pytest.mark.parametrize("contents", [b"", b"no picture at all", b"\x89PNG\r\n\x1a\n"])
def test_a_damaged_picture_is_named(shapes, contents):
    (shapes / "bar" / "9.png").write_bytes(contents)
    with pytest.raises(DataFileError, match=r"9.png is no picture that Pillow can read"):
        load(shapes)


def test_half_a_picture_is_named(shapes):
    whole = (shapes / "plus" / "5.png").read_bytes()
    (shapes / "bar" / "9.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataFileError, match=r"9.png is no picture that Pillow can read"):
        load(shapes)


def test_a_picture_of_nothing_is_named(shapes):
    save(shapes / "bar" / "9.png", np.full((40, 40), 255, np.uint8))
    with pytest.raises(DataFileError, match=r"9.png: the picture shows nothing"):
        load(shapes)


def test_a_part_alone(shapes):
    (shapes / "train").mkdir()
    save(shapes / "train" / "a" / "1.png", cross(30, 30))
    with pytest.raises(DataFileError, match="has a folder train/ but no test/: it must have both"):
        load(shapes)
    save(shapes / "test" / "a" / "1.png", cross(30, 30))
    with pytest.raises(DataFileError, match="must have no folder beside train/ and test/; it has bar, plus"):
        load(shapes)


def test_a_test_part_with_a_class_of_its_own(tmp_path):
    for name in ("train/a", "train/b", "test/a", "test/c"):
        save(tmp_path / name / "1.png", cross(30, 30))
    with pytest.raises(DataFileError, match=r"test has classes that .*train has not: c"):
        load(tmp_path)


def test_pictures_without_folders(tmp_path):
    save(tmp_path / "1.png", cross(30, 30))
    with pytest.raises(DataFileError, match=r"a folder of pictures for each class; it holds 1.png: no IDX file"):
        load(tmp_path)


def test_a_missing_picture(tmp_path):
    with pytest.raises(DataFileError, match=r"none.png: there is no such file"):
        read_picture(tmp_path / "none.png")
