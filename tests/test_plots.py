"""Pictures: readable files, nothing clipped, honest colour scales, every edge case drawn."""

import os
import subprocess
import sys

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")

from matplotlib.image import imread  # noqa: E402
from matplotlib.text import Text  # noqa: E402

from minicnn import files, plots  # noqa: E402
from minicnn.models.lenet5 import TABLE_I  # noqa: E402
from minicnn.models.prototypes import digit_prototypes, prototypes  # noqa: E402
from minicnn.plots import canvas  # noqa: E402


@pytest.fixture
def figures(monkeypatch):
    """The matplotlib figures that the test has drawn."""
    drawn = []

    class Recorded(canvas.Figure):
        def __init__(self, *args, **how):
            super().__init__(*args, **how)
            drawn.append(self)

    monkeypatch.setattr(canvas, "Figure", Recorded)
    return drawn


@pytest.fixture
def check(tmp_path, figures):
    """check(draw, *args): draw(*args, path=...) writes a whole, sharp picture with nothing outside -> the figure."""

    def run(draw, *args, **how):
        path = tmp_path / "new directory" / "picture.png"
        assert draw(*args, path=path, **how) == path
        assert [p.name for p in path.parent.iterdir()] == [path.name]
        pixels = imread(path)
        assert pixels.shape[1] >= 1300 and pixels.shape[0] >= 500
        assert pixels[..., :3].max() == 1 and pixels[..., :3].min() < 0.5, "an empty sheet"
        figure = figures[-1]
        box = figure.get_tightbbox()
        width, height = figure.get_size_inches()
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height, f"{box} leaves the sheet"
        return figure

    return run


def texts(figure):
    return [text.get_text() for text in figure.findobj(Text) if text.get_visible() and text.get_text()]


def pictures(figure, axes=0):
    return figure.axes[axes].images


def record(epoch, train=0.4, test=0.2):
    values = {"train_loss": 3 * train, "train_error": train}
    return {"epoch": epoch, **values, **({} if test is None else {"test_loss": 3 * test, "test_error": test})}


# -------------------------------------------------------------------------------------------- learning curves


def test_learning_curves_show_all_four_series_and_their_last_values(check):
    figure = check(plots.learning_curves, [record(n, 0.4 / n, 0.3 / n) for n in range(1, 21)], title="a run")
    shown = texts(figure)
    assert {"a run", "loss", "error", "epoch", "images misread (%)"} <= set(shown)
    assert {"0.06", "0.045", "2.00%", "1.50%"} <= set(shown)
    losses, errors = figure.axes
    assert [len(axes.lines) for axes in (losses, errors)] == [2, 2]
    np.testing.assert_allclose(errors.lines[1].get_ydata(), [30 / n for n in range(1, 21)])
    assert list(losses.get_xticks()) == [1, 5, 10, 15, 20]


@pytest.mark.parametrize("records", [
    [record(1)], [record(1, 0.5, 0.5)], [record(1, test=None), record(2, test=None)], [record(1), record(2, 0.0, 0.0)],
    [record(1, 0.0, 0.0)], [record(5), record(6)], [record(1, 0.9, 1e-5)],
], ids=["one epoch", "equal values", "no test", "down to zero", "zero", "resumed", "far apart"])  # fmt: skip
def test_learning_curves_of_unusual_runs(check, records):
    figure = check(plots.learning_curves, records)
    for axes in figure.axes:
        low, high = sorted(axes.get_ylim())
        assert any(low <= tick <= high for tick in axes.get_yticks()), "an axis without a number"
        boxes = [text.get_window_extent() for text in axes.texts]
        assert len(boxes) == len(axes.lines)
        assert not (len(boxes) == 2 and boxes[0].overlaps(boxes[1])), "one value is written over the other"


def test_learning_curves_need_an_epoch(tmp_path):
    with pytest.raises(ValueError, match="records is empty"):
        plots.learning_curves([], tmp_path / "p.png")
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------------------------------- confusion matrix


@pytest.mark.parametrize("count, length", [(2, 1), (10, 12), (47, 3)])
def test_confusion_matrix_of_other_classes(check, count, length):
    names = [f"{n:0>{length}}" for n in range(count)]
    confusion = 40 * np.eye(count, dtype=int)
    confusion[0, -1] = confusion[-1, 0] = 1
    figure = check(plots.confusion_matrix, confusion, classes=names, what="test images of letters")
    assert all(texts(figure).count(name) >= 2 for name in names[:1] + names[-1:])
    assert any("test images of letters misread: error" in text for text in texts(figure))


def test_confusion_matrix_needs_a_name_for_each_class(tmp_path):
    with pytest.raises(ValueError, match="classes must be 3 names, got 2"):
        plots.confusion_matrix(np.eye(3, dtype=int), tmp_path / "p.png", classes="AB")


def test_confusion_matrix_counts_rows_and_errors(check):
    confusion = np.diag([90] * 10)
    confusion[4, 9], confusion[9, 4] = 10, 1
    figure = check(plots.confusion_matrix, confusion)
    shown = texts(figure)
    assert "11 of 911 images misread: error 1.21%" in shown
    assert shown.count("90") == 10 and {"10", "10.0%", "1.1%"} <= set(shown)
    assert {"true label", "predicted label", "images confused"} <= set(shown)
    mistakes = pictures(figure)[-1].get_array()
    assert mistakes[4, 9] == 10 and mistakes.mask[3, 3], "only mistakes are coloured"


@pytest.mark.parametrize("confusion", [
    [[7]], [[0]], [[5, 0], [0, 0]], np.diag([980, 1135, 1032]), np.full((12, 12), 12345),
], ids=["one class", "nothing", "a class without samples", "no mistake", "many mistakes"])  # fmt: skip
def test_confusion_matrix_of_unusual_results(check, confusion):
    check(plots.confusion_matrix, confusion)


def test_confusion_matrix_refuses_another_shape(tmp_path):
    with pytest.raises(ValueError, match=r"confusion must have shape \(classes, classes\), got \(2, 3\)"):
        plots.confusion_matrix(np.zeros((2, 3)), tmp_path / "p.png")


# ----------------------------------------------------------------------------------------------------- filters


def test_c1_has_one_tile_a_kernel_on_a_scale_centred_at_zero(check):
    weights = np.random.default_rng(0).normal(size=(6, 1, 5, 5))
    figure = check(plots.filters, weights, title="C1")
    assert len(pictures(figure)) == 6
    scales = {image.get_clim() for image in pictures(figure)}
    assert scales == {(-np.abs(weights).max(), np.abs(weights).max())}
    assert {"C1", "weight", *(f"map {o}" for o in range(6))} <= set(texts(figure))


def test_c3_shows_exactly_the_connections_of_table_i(check):
    weights = np.random.default_rng(0).normal(size=(16, 6, 5, 5))
    figure = check(plots.filters, weights, title="C3", connections=TABLE_I)
    places = {}
    for image in pictures(figure):
        left, right, bottom, top = image.get_extent()
        places[round((left + right) / 2), round((bottom + top) / 2)] = image.get_array()
    assert sorted(places) == sorted((o, c) for o, maps in enumerate(TABLE_I) for c in maps)
    for (o, c), kernel in places.items():
        np.testing.assert_array_equal(kernel, weights[o, c])


@pytest.mark.parametrize("shape", [(1, 1, 5, 5), (20, 1, 3, 3), (2, 3, 3, 5), (4, 12, 1, 1)], ids=str)
def test_filters_of_other_layers(check, shape):
    figure = check(plots.filters, np.zeros(shape), title="all zero")
    assert len(pictures(figure)) == shape[0] * shape[1]


def test_filters_refuses_another_shape(tmp_path):
    with pytest.raises(ValueError, match=r"weights must have shape \(C_out, C_in, KH, KW\), got \(84, 120\)"):
        plots.filters(np.zeros((84, 120)), tmp_path / "p.png", "F6")


# -------------------------------------------------------------------------------------- feature maps, prototype


def lenet5_stages(rng):
    shapes = {"input": (1, 32, 32), "C1": (6, 28, 28), "S2": (6, 14, 14), "C3": (16, 10, 10), "S4": (16, 5, 5),
              "C5": (120, 1, 1), "F6": (84,), "output": (10,)}  # fmt: skip
    return [(name, rng.uniform(-1.7, 1.7, shape)) for name, shape in shapes.items()]


def test_feature_maps_show_every_map_of_every_layer(check):
    stages = lenet5_stages(np.random.default_rng(0))
    stages[-1] = "output", np.array([90, 80, 70, 0.042, 60, 50, 40, 30, 20, 10])
    figure = check(plots.feature_maps, stages, title="LeNet-5 looks at a 3")
    shown = texts(figure)
    assert {"LeNet-5 looks at a 3", *(name for name, _ in stages)} <= set(shown)
    assert {"6 maps\n28x28", "16 maps\n5x5", "120 units\n", "84 units\nas 7x12"} <= set(shown)
    drawn = [image.get_array() for axes in figure.axes for image in axes.images]
    maps = [m for _, values in stages if values.ndim == 3 and values.shape[1] > 1 for m in values]
    assert len(drawn) == len(maps) == 1 + 6 + 6 + 16 + 16
    assert all(np.array_equal(a, b) for a, b in zip(drawn, maps))
    outputs = figure.axes[-2]
    colours = [bar.get_facecolor() for bar in outputs.patches]
    assert colours.index(matplotlib.colors.to_rgba(canvas.ORANGE)) == 3
    assert {" 0.042", " 90.0"} <= set(shown)


def test_feature_maps_of_another_network_whose_largest_output_wins(check):
    rng = np.random.default_rng(0)
    logits = np.array([-3.0, 2.0, 1.0])
    stages = [("input", rng.random((3, 8, 12))), ("conv", np.zeros((40, 6, 10))), ("output", logits)]
    figure = check(plots.feature_maps, stages, title="another", smallest_wins=False, output_words="logit")
    colours = [bar.get_facecolor() for bar in figure.axes[-2].patches]
    assert colours.index(matplotlib.colors.to_rgba(canvas.ORANGE)) == 1


@pytest.mark.parametrize("names", ["ABCDEFGHIJ", [f"ankle boot {n}" for n in range(10)]])
def test_feature_maps_name_the_classes(check, names):
    figure = check(plots.feature_maps, lenet5_stages(np.random.default_rng(0)), title="", classes=names)
    assert set(names) <= set(texts(figure))


def test_feature_maps_of_many_classes(check):
    stages = [*lenet5_stages(np.random.default_rng(0))[:-1], ("output", np.arange(94.0))]
    figure = check(plots.feature_maps, stages, title="")
    assert {str(n) for n in range(94)} <= set(texts(figure))


def test_feature_maps_need_a_layer(tmp_path):
    with pytest.raises(ValueError, match="at least one layer"):
        plots.feature_maps(lenet5_stages(np.random.default_rng(0))[:2], tmp_path / "p.png", "")


@pytest.mark.parametrize("label, verdict", [(3, "rightly"), (8, "wrongly: it is 8")])
def test_prototype_marks_the_nearest(check, label, verdict):
    drawings = digit_prototypes()
    f6 = 0.8 * drawings[3]
    distances = np.square(f6 - drawings).sum(axis=1)
    figure = check(plots.prototype, f6, drawings, distances, label)
    shown = texts(figure)
    assert f"The nearest prototype wins: read as 3, {verdict}" in shown
    assert {"output of F6", "prototype of 3", "squared distance from each prototype"} <= set(shown)
    marked = [t.get_text() for t in figure.findobj(Text) if t.get_color() == canvas.ORANGE]
    assert marked == [canvas.rounded(distances[3])]
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), f6.reshape(12, 7))


@pytest.mark.parametrize("count", [2, 26, 94])
def test_prototypes_of_other_classes_by_their_names(check, count):
    names = [chr(code) for code in range(126, 126 - count, -1)]
    drawings, f6 = prototypes(names), prototypes(names)[1]
    figure = check(plots.prototype, f6, drawings, np.square(f6 - drawings).sum(axis=1), 0, classes=names)
    assert f"The nearest prototype wins: read as {names[1]}, wrongly: it is {names[0]}" in texts(figure)
    assert len(figure.axes[-1].images) == count


# ----------------------------------------------------------------------------------------------- misclassified


def test_misclassified_names_the_classes_and_the_data(check):
    names = ["shirt", "$ and $", "ankle boot"]
    images, labels = np.zeros((3, 28, 28), np.uint8), np.array([0, 1, 2])
    figure = check(plots.misclassified, images, labels, [1, 0, 2], classes=names, what="test images of clothes")
    assert {"shirt →\n$ and $", "$ and $ →\nshirt"} <= set(texts(figure))
    assert "2 of 3 test images of clothes misread, all of them: true → predicted" in texts(figure)


def test_a_long_title_becomes_smaller_and_leaves_a_margin(check):
    images, labels = np.zeros((3, 28, 28), np.uint8), np.array([0, 1, 2])
    figure = check(plots.misclassified, images, labels, [1, 0, 2], what="test images of " + 5 * "a long name, ")
    (title,) = (text for text in figure.findobj(Text) if "misread" in text.get_text())
    box = title.get_window_extent()
    assert box.x0 > 0.01 * figure.bbox.width and box.x1 < 0.99 * figure.bbox.width


@pytest.mark.parametrize("count, wrong, title", [
    (1000, 0, "0 of 1,000 images misread"),
    (30, 1, "1 of 30 images misread, all of them: true → predicted"),
    (60, 50, "50 of 60 images misread, all of them: true → predicted"),
    (2000, 77, "77 of 2,000 images misread, the first 50: true → predicted"),
])  # fmt: skip
def test_misclassified_says_how_many_of_how_many(check, count, wrong, title):
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (count, 28, 28), np.uint8), rng.integers(0, 10, count)
    predictions = labels.copy()
    which = np.sort(rng.permutation(count)[:wrong])
    predictions[which] = (labels[which] + 1) % 10
    figure = check(plots.misclassified, images, labels, predictions)
    shown = texts(figure)
    assert title in shown
    pairs = [f"{label} → {(label + 1) % 10}" for label in labels[which[:50]]]
    assert [text for text in shown if " → " in text and text != title] == pairs
    assert len(pictures(figure)) == len(pairs)


def test_misclassified_needs_equally_many(tmp_path):
    with pytest.raises(ValueError, match="equally many, got 3, 2 and 2"):
        plots.misclassified(np.zeros((3, 28, 28)), [1, 2], [1, 2], tmp_path / "p.png")


# --------------------------------------------------------------------------------------------------- the files


def test_a_full_disk_leaves_the_old_picture(tmp_path, monkeypatch):
    path = plots.confusion_matrix([[1]], tmp_path / "p.png")
    before = path.read_bytes()

    def disk_full(descriptor):
        raise OSError("no space left on device")

    monkeypatch.setattr(files.os, "fsync", disk_full)
    with pytest.raises(OSError, match="no space"):
        plots.confusion_matrix([[2]], path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_the_suffix_chooses_the_format(tmp_path):
    assert plots.confusion_matrix([[1]], tmp_path / "p.pdf").read_bytes().startswith(b"%PDF")
    assert b"<svg" in plots.confusion_matrix([[1]], tmp_path / "p.svg").read_bytes()
    with pytest.raises(ValueError, match="txt"):
        plots.confusion_matrix([[1]], tmp_path / "p.txt")
    assert len(list(tmp_path.iterdir())) == 2


def test_the_users_settings_neither_show_nor_change(tmp_path):
    plain = imread(plots.confusion_matrix([[1]], tmp_path / "p.png"))
    with matplotlib.rc_context({"font.size": 3, "axes.facecolor": "black"}):
        before = dict(matplotlib.rcParams)
        again = imread(plots.confusion_matrix([[1]], tmp_path / "p.png"))
        assert dict(matplotlib.rcParams) == before
    np.testing.assert_array_equal(plain, again)


def test_neither_pyplot_nor_a_display_is_needed(tmp_path):
    code = "import sys; from minicnn import plots; print(plots.confusion_matrix([[1]], sys.argv[1])); " \
           "assert 'matplotlib.pyplot' not in sys.modules"  # fmt: skip
    environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "MPLBACKEND")}
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "p.png"], env=environment, capture_output=True,
                          text=True, timeout=600)  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert imread(done.stdout.strip()).size
