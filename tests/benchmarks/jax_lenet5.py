"""LeNet-5 in JAX, jitted: the same layers and numbers as tests/benchmarks/torch_lenet5.py."""

import jax
import jax.numpy as jnp
import numpy as np

from minicnn.models.lenet5 import TABLE_I
from minicnn.models.prototypes import digit_prototypes

MASK = np.zeros((16, 6, 1, 1), "float32")
for o, maps in enumerate(TABLE_I):
    MASK[o, list(maps)] = 1
PROTOTYPES = digit_prototypes().astype("float32")


def squash(x):
    return 1.7159 * jnp.tanh(x * (2 / 3))


def convolve(x, weight, bias):
    return jax.lax.conv_general_dilated(x, weight, (1, 1), "VALID") + bias[:, None, None]


def subsample(x, coefficient, bias):
    sums = jax.lax.reduce_window(x, 0.0, jax.lax.add, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
    return coefficient[:, None, None] * sums + bias[:, None, None]


def forward(p, x):
    """x (N, 1, 32, 32) -> squared distances (N, 10)."""
    x = squash(convolve(x, p["C1.weight"], p["C1.bias"]))
    x = squash(subsample(x, p["S2.coefficient"], p["S2.bias"]))
    x = squash(convolve(x, p["C3.weight"] * MASK, p["C3.bias"]))
    x = squash(subsample(x, p["S4.coefficient"], p["S4.bias"]))
    x = squash(convolve(x, p["C5.weight"], p["C5.bias"])).reshape(len(x), 120)
    x = squash(x @ p["F6.weight"].T + p["F6.bias"])
    return ((x[:, None, :] - PROTOTYPES) ** 2).sum(axis=2)


def parameters(net):
    """Ours as a dict of JAX arrays, C3's weight dense."""
    state = net.state_dict()
    state["C3.weight"] = net["C3"].dense_weight().copy()
    return {name: jnp.asarray(value) for name, value in state.items()}


def loss(p, images, labels):
    x = jnp.pad(images.astype("float32") * (1.275 / 255) - 0.1, ((0, 0), (2, 2), (2, 2)), constant_values=-0.1)
    log_p = jax.nn.log_softmax(-forward(p, x[:, None]))
    return -log_p[jnp.arange(len(labels)), labels].mean()


def step(p, v, images, labels, lr, momentum):
    """One step of SGD with momentum -> (loss, parameters, velocities)."""
    value, gradient = jax.value_and_grad(loss)(p, images, labels)
    v = {name: momentum * v[name] + gradient[name] for name in v}
    return value, {name: p[name] - lr * v[name] for name in p}, v


jitted_step = jax.jit(step, donate_argnums=(0, 1))
