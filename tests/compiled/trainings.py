"""Training in compiled steps beside training layer by layer."""

import numpy as np

import minicnn as mc
from minicnn.compiled.steps import Steps


def digits(count=200, classes=10):
    """Some of the sample's digits; with more than 10 classes some have a label that LeNet-5 has no output for."""
    train = mc.data.load_sample()[0]
    some = np.random.default_rng(0).permutation(len(train))[:count]
    return mc.data.Dataset(train.images[some], train.labels[some] + (classes - 10))


def layer_by_layer(net, loss, optimizer, data, batches, rates):
    """What training is: (summed loss, wrong labels) of every batch."""
    results = []
    for indices, lr in zip(batches, rates):
        x, labels = net.input(data.images[indices]), data.labels[indices]
        outputs = net.forward(x)
        value = loss.forward(outputs, labels)
        net.backward(loss.backward())
        optimizer.lr = lr
        optimizer.step()
        summed = value * len(indices) if getattr(loss, "reduction", "mean") == "mean" else value
        results.append((summed, int(np.count_nonzero(net.decide(outputs) != labels))))
    return results


def batches_of(data, size, steps, seed=1):
    rng, batches = np.random.default_rng(seed), []
    while len(batches) < steps:
        batches += list(mc.data.batch_indices(len(data), size, rng))
    return batches[:steps]


def assert_same_training(make, data, size, steps, tolerance=1e-10, threads=2):
    """make() -> (network, loss, optimizer), the same each time."""
    batches = batches_of(data, size, steps)
    net, loss, optimizer = make()
    rates = np.linspace(optimizer.lr, optimizer.lr / 2, steps)
    expected = layer_by_layer(net, loss, optimizer, data, batches, rates)
    compiled, loss, optimizer = make()
    with Steps(compiled, loss, optimizer, data, size, threads) as trained:
        got = list(trained.epoch(batches, rates))
    assert [lr for _, lr, _, _ in got] == list(rates)
    assert all(np.array_equal(indices, batch) for (indices, *_), batch in zip(got, batches))
    np.testing.assert_allclose([g[2] for g in got], [e[0] for e in expected], rtol=tolerance)
    assert [g[3] for g in got] == [e[1] for e in expected]
    np.testing.assert_allclose(compiled.vector.values, net.vector.values, rtol=0, atol=tolerance)
    np.testing.assert_allclose(compiled.vector.grads, net.vector.grads, rtol=0, atol=tolerance)


def weights_after(threads, size, make, data, steps=20):
    net, loss, optimizer = make()
    with Steps(net, loss, optimizer, data, size, threads) as trained:
        said = [result[2:] for result in trained.epoch(batches_of(data, size, steps), [0.01] * steps)]
    return net.vector.values, said


def lenet5():
    net = mc.models.lenet5(rng=0)
    return net, mc.losses.MAPLoss(10.0), mc.optim.SGD(net.parameters(), 0.001, momentum=0.9)
