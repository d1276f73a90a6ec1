"""How strongly the loss bends along each parameter: h for ``minicnn.optim.StochasticDiagonalLM``."""

from minicnn.training.step import cache_sized


def curvature(network, loss, dataset, indices):
    """h, the Gauss-Newton diagonal d²E/dw_k² of the samples' loss, in the order of the parameter vector.

    Takes the samples forwards, then their gradients backwards (what the outputs bend needs them), then their
    second derivatives backwards (LeCun et al. 1998, appendix C).
    """
    backend, h = network.backend, 0
    loss.to(backend)
    for part in cache_sized(indices, backend.step_samples):
        outputs = network.forward(network.input(dataset.images[part]))
        loss.forward(outputs, dataset.labels[part])
        network.backward(loss.backward(len(indices)))
        network.second_backward(loss.second_backward(len(indices)))
        h = h + backend.xp.concatenate([p.flat_curvature for p in network.parameters()])
    return h
