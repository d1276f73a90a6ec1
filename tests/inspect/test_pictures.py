"""Every picture is written whole, for either kind of network, and no text leaves the sheet."""

import numpy as np
import pytest

import minicnn as mc
from minicnn.inspect import UpdateRatios, trace

plots = pytest.importorskip("minicnn.plots")
from minicnn.plots import canvas, flow, outputs, saliency, updates  # noqa: E402

IMAGE = np.random.default_rng(0).integers(0, 256, (2, 28, 28), dtype=np.uint8)


@pytest.fixture(params=["lenet5", "lenet_modern"])
def traced(request):
    return trace(getattr(mc.models, request.param)(rng=0), IMAGE, [8, 3])


@pytest.fixture
def sheets(monkeypatch):
    """Collects the figures that are drawn, and checks that all of their text lies on the sheet."""
    from matplotlib.figure import Figure

    seen, save = [], Figure.savefig

    def spy(figure, *args, **kwargs):
        save(figure, *args, **kwargs)
        seen.append(figure)

    monkeypatch.setattr(Figure, "savefig", spy)
    yield seen
    assert seen
    for figure in seen:
        box = figure.get_tightbbox(figure.canvas.get_renderer())  # of all that is drawn, in inches
        width, height = figure.get_size_inches()
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height, box


@pytest.mark.parametrize("draw", ["draw_feature_maps", "draw_gradient_flow", "draw_saliency", "draw_outputs"])
def test_the_pictures_of_a_trace(draw, traced, sheets, tmp_path):
    path = getattr(traced, draw)(tmp_path / "new" / "picture.png")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert path.stat().st_size > 10_000


def test_the_filters_of_a_convolution(traced, sheets, tmp_path):
    name = "C3" if traced[0].name == "C1" else "conv2"
    assert traced.draw_filters(tmp_path / "filters.png", name).exists()
    with pytest.raises(ValueError, match="has no kernels to draw"):
        traced.draw_filters(tmp_path / "none.png", "flatten")
    assert not (tmp_path / "none.png").exists()


def test_the_update_ratios(sheets, tmp_path):
    net = mc.Sequential({f"layer{i}": mc.Linear(3, 3, rng=i) for i in range(9)})
    optimizer = mc.optim.SGD(net.parameters(), 0.01)
    with UpdateRatios(net, optimizer) as ratios:
        for _ in range(3):
            net.vector.grads[...] = 1
            net["layer0"].weight.grad = np.zeros((3, 3), np.float32)  # a step of 0 has no logarithm
            optimizer.step()
    assert ratios.draw(tmp_path / "updates.png").exists()


def test_nothing_to_draw_is_an_error(tmp_path):
    for steps, ratios in (([], {"a": []}), ([1], {})):
        with pytest.raises(ValueError, match="no step to draw"):
            updates.update_ratios(steps, ratios, tmp_path / "p.png")
    with pytest.raises(ValueError, match=r"values must have shape \(classes,\)"):
        outputs.outputs(np.zeros((2, 2)), 0, tmp_path / "p.png")
    with pytest.raises(ValueError, match=r"label must lie in 0\.\.2"):
        outputs.outputs(np.zeros(3), 3, tmp_path / "p.png")
    with pytest.raises(ValueError, match="one shape"):
        saliency.saliency(np.zeros((1, 2, 2)), np.zeros((1, 2, 3)), 0, tmp_path / "p.png")
    assert not list(tmp_path.iterdir())


def test_all_zero_gradients_can_be_drawn(sheets, tmp_path):
    saliency.saliency(np.zeros((3, 4, 4)), np.zeros((3, 4, 4)), 0, tmp_path / "s.png")
    outputs.outputs(np.zeros(1), 0, tmp_path / "o.png")
    net = mc.Sequential({"out": mc.Linear(2, 2, rng=0)})
    net["out"].weight.value = np.zeros((2, 2), np.float32)
    flow.gradient_flow(trace(net, np.zeros((2, 1), np.float32), 0), tmp_path / "f.png")


def test_the_colours_are_told_apart_by_the_colour_blind():
    okabe_ito = {"#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7"}
    assert {canvas.BLUE, canvas.ORANGE, flow.GREEN, *updates.COLOURS} <= okabe_ito
    assert len(set(updates.COLOURS)) == len(updates.COLOURS)
