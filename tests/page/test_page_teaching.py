"""The page teaches its network: a target, gradients, steps, and training from random weights."""

import numpy as np
import pytest
from reading import held_out, numbers, target

import minicnn as mc

pytestmark = pytest.mark.slow


def test_the_target_follows_the_label_or_the_answer_until_one_is_picked(page):
    assert target(page) == "3" and "its own answer" in page.text("target-why")
    page.click("#samples button:nth-of-type(8)")
    page.wait(lambda: page.answer() == "7")
    assert target(page) == "7" and "label" in page.text("target-why")
    page.click("#targets label:nth-of-type(9) input")
    page.click("#samples button:nth-of-type(2)")
    page.wait(lambda: page.answer() == "1")
    assert target(page) == "8" and "your choice" in page.text("target-why")


def test_backward_one_step_and_reset(page):
    page.click("#targets label:nth-of-type(9) input")  # 8
    page.click("input[value=backward]")
    page.frame()
    assert page.find("#gradients").is_displayed()
    assert len(np.unique(page.pixels("#input-saliency").reshape(-1, 4), axis=0)) > 20
    purple_or_green = page.pixels("#stage-C3 canvas").astype(int)
    assert np.ptp(purple_or_green[..., 1] - purple_or_green[..., 0]) > 20
    before = page.distances()

    page.click("#step")
    page.frame()
    assert page.distances()[8] < before[8]
    assert page.text("steps").startswith("1 step from the shipped weights") and "→" in page.text("change-summary")
    page.click("#change-mode")
    page.frame()
    assert "last step" in page.text("legend-title") and len(page.all("#moved .track")) == 6

    page.click("#reset")
    page.frame()
    assert page.distances() == before and page.text("steps") == "These are the shipped weights"
    assert not page.find("#change-mode").is_enabled()


def test_a_step_is_what_minicnn_steps(page, digits):
    net, loss = mc.models.lenet5(pretrained=True), mc.losses.RBFLoss()
    page.open(at="#digit=mnist.2&target=8")
    for _ in range(3):
        page.click("#step")
        page.frame()
        loss.forward(net.forward(net.input(held_out(digits, 2)[None])), np.array([8]))
        net.backward(loss.backward())
        mc.optim.SGD(net.parameters(), 0.001).step()
    distances = net.forward(net.input(held_out(digits, 2)[None]))[:, 0]
    assert np.allclose(page.distances(), distances, rtol=0.01, atol=0.001)


def test_an_empty_pad_teaches_nothing(page):
    page.click("#clear")
    page.frame()
    page.click("#play")
    page.frame()
    assert "draw a digit first" in page.text("message") and page.text("play") == "Play"


def test_play_steps_until_it_is_stopped(page):
    page.click("#targets label:nth-of-type(9) input")
    page.click("#play")
    page.wait(lambda: page.answer() == "8")
    page.click("#play")
    page.frame()
    steps = page.text("steps")
    page.frame()
    assert page.text("steps") == steps and page.text("play") == "Play"


def test_it_learns_to_read_from_random_weights(page):
    page.click("#random")
    page.wait(lambda: "unseen" in page.text("steps"), seconds=90)
    page.wait(lambda: numbers(page.text("steps"))[-2] >= 70, seconds=200)  # of 100, where chance is 10
    assert "from random weights" in page.text("steps")
    assert len(np.unique(page.pixels("#curve").reshape(-1, 4), axis=0)) > 3
    page.click("#reset")
    page.frame()
    assert page.text("steps") == "These are the shipped weights" and page.answer() == "3"
