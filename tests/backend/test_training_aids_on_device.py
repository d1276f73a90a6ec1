"""Ensembles and the curvature in use are the same wherever they are computed."""

import numpy as np
import pytest

import minicnn as mc


def test_the_memory_of_a_curvature_on_another_backend(device):
    net = mc.Sequential([mc.Linear(2, 1, bias=False)]).to(device)
    optimizer = mc.optim.StochasticDiagonalLM(net.parameters(), 0.1, mu=0.5, memory=0.75)
    for h in ([4.0, 2.0], [1.0, 5.0]):
        optimizer.use_curvature(device.asarray(np.array(h, "float32")))
    assert isinstance(optimizer.curvature, device.xp.ndarray)
    np.testing.assert_array_equal(device.to_numpy(optimizer.curvature), [3, 5])


def test_networks_that_answer_together_on_another_backend(device):
    images, make = mc.data.load_sample()[1].images[:7], mc.models.lenet_modern
    together = mc.Ensemble([make(rng=0, backend=device), make(rng=1, backend=device)])
    expected = mc.Ensemble([make(rng=0), make(rng=1)])
    said = device.to_numpy(together.outputs(images))
    np.testing.assert_allclose(said, expected.outputs(images), rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(together.predict(images), expected.predict(images))
    with pytest.raises(ValueError, match=r"networks\[1\] has backend numpy where networks\[0\] has backend cupy"):
        mc.Ensemble([make(rng=0, backend=device), make(rng=0)])
