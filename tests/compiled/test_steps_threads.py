"""The compiled step gives the same bits for any number of threads."""

import threading

import numpy as np
import pytest
from quick import rest_slow
from step_networks import Centre, Scale, small_network
from trainings import batches_of, digits, lenet5, weights_after

import minicnn as mc
from minicnn.compiled.steps import Steps


def with_a_layer_of_ones_own():
    net = small_network(Centre(), Scale())
    return net, mc.losses.CrossEntropyLoss(), mc.optim.SGD(net.parameters(), 0.01)


@pytest.mark.parametrize("make", [lenet5, with_a_layer_of_ones_own])
@pytest.mark.parametrize("size", rest_slow([100, 1, 64]))
def test_any_number_of_threads_gives_the_same_bits(form, make, size):
    data = digits()
    alone, said_alone = weights_after(1, size, make, data)
    for threads in (2, 3, 7):
        together, said = weights_after(threads, size, make, data)
        assert np.array_equal(alone, together)
        assert said == said_alone


def test_two_trainings_at_once_in_one_process(form):
    data, results = digits(), [None, None]
    expected, _ = weights_after(2, 64, lenet5, data)

    def train(number):
        results[number], _ = weights_after(2, 64, lenet5, data)

    threads = [threading.Thread(target=train, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(result, expected) for result in results)


def test_a_million_threads_are_no_more_than_there_are_parts(form):
    before = threading.active_count()
    net, loss, optimizer = lenet5()
    with Steps(net, loss, optimizer, digits(), 64, 1_000_000) as trained:
        list(trained.epoch(batches_of(digits(), 64, 2), [0.01] * 2))
        assert threading.active_count() - before < 8


def test_threads_end_with_the_block(form):
    before = threading.active_count()
    weights_after(3, 64, lenet5, digits())
    for _ in range(100):
        if threading.active_count() == before:
            break
        threading.Event().wait(0.05)
    assert threading.active_count() == before
