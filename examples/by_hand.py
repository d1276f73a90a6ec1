"""LeNet-5 (LeCun et al. 1998) by hand, on one page: each layer forward and backward, the criterion, the training.

Samples come last: maps are (C, H, W, N), vectors (features, N). A layer is a function of x and its weights; it returns
y and the way back, a function of dy = dE/dy that returns dx and the gradients of the weights.
"""

import numpy as np

from minicnn.data import load_sample  # MNIST digits: images (N, 28, 28) of bytes, labels (N,)

K, A, S = 5, 1.7159, 2 / 3  # kernels are K x K; units are squashed by A tanh(S a), which leaves ±1 where they are
READS = "012 123 234 345 045 015 0123 1234 2345 0345 0145 0125 0134 1245 0235 012345".split()
TABLE_I = np.array([[str(c) in maps for c in range(6)] for maps in READS]).repeat(K * K, axis=1)  # what C3 reads of S2
DRAWINGS = """
······· ··▄██·· ······· ▀▀▀▀▀██ ······· ······· ·▄█▀▀▀· ▀▀▀▀▀██ ▄█▀▀▀█▄ ▄█▀▀██▄
·▄█▀█▄· ·▀▀██·· ▄█▀▀▀█▄ ···▄█▀· ·▄▄··▄▄ ██▀▀▀▀▀ ██····· ····▄█▀ ██···██ ██···██
██···██ ···██·· ▀···▄█▀ ··▀▀▀█▄ ▄██··██ ▀█▄▄▄·· ███▀▀█▄ ···██·· ▄█▀▀▀█▄ ▀█▄▄███
██···██ ···██·· ·▄█▀▀·· ·····██ ██···██ ··▀▀▀█▄ ██···██ ··██··· ██···██ ·····██
·▀█▄█▀· ·▄▄██▄▄ ██▄▄▄▄▄ ▀█▄▄▄█▀ ▀█▄▄███ ▀█▄▄▄█▀ ▀██▄▄█▀ ··██··· ▀█▄▄▄█▀ ·▄▄▄█▀·
······· ······· ······· ······· ·····██ ······· ······· ······· ······· ·······"""
rows = [[sign in half for sign in line if sign != " "] for line in DRAWINGS.split("\n")[1:] for half in ("▀█", "▄█")]
PROTOTYPES = np.where(rows, 1.0, -1.0).reshape(12, 10, 7).swapaxes(0, 1).reshape(10, 84)  # F6 is to draw these

def windows(x):  # K x K views of x: number (i, j) is what pixel (i, j) of every window sees, (C, H_out, W_out, N)
    return [x[:, i : i + x.shape[1] - K + 1, j : j + x.shape[2] - K + 1] for i, j in np.ndindex(K, K)]

def im2col(x):  # what a window sees becomes a column: (C·K·K, H_out·W_out·N)
    return np.stack(windows(x), axis=1).reshape(len(x) * K * K, -1)

def col2im(cols, shape):  # the way back: a pixel adds up what all its copies bring
    dx = np.zeros(shape)
    for pixels, copies in zip(windows(dx), cols.reshape(len(dx), K * K, -1).swapaxes(0, 1)):
        pixels += copies.reshape(pixels.shape)
    return dx

def linear(x, W, b):
    cols = x.reshape(-1, x.shape[-1])
    def backward(dy):
        return (W.T @ dy).reshape(x.shape), (dy @ cols.T, dy.sum(axis=1, keepdims=True))
    return W @ cols + b, backward

def convolution(x, W, b, connected=1):  # a linear layer on columns
    y, linear_backward = linear(im2col(x), W * connected, b)
    def backward(dy):
        dcols, (dW, db) = linear_backward(dy.reshape(y.shape))
        return col2im(dcols, x.shape), (dW * connected, db)
    return y.reshape(len(W), x.shape[1] - K + 1, x.shape[2] - K + 1, -1), backward

def subsampling(x, W, b):  # s adds up 2 x 2 pixels; W and b are one number each for a whole map
    s = x[:, ::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, ::2] + x[:, 1::2, 1::2]
    def backward(dy):
        dW, db = (np.sum(factor * dy, axis=(1, 2, 3))[:, None] for factor in (s, 1))
        return (W[:, None, None] * dy).repeat(2, axis=1).repeat(2, axis=2), (dW, db)
    return W[:, None, None] * s + b[:, None, None], backward

def squash(a):
    y = A * np.tanh(S * a)
    return y, lambda dy: (S / A * (A**2 - y**2) * dy, ())

def distances(x):  # squared, from each prototype: the nearest is the network's answer
    d = x - PROTOTYPES[:, :, None]
    return (d**2).sum(axis=1), lambda dy: (2 * (dy[:, None] * d).sum(axis=0), ())

def equation_9(y, labels, j=10):  # E = mean of y_D + log(exp(-j) + sum_i exp(-y_i)), D the right class -> E, dE/dy
    right, m = (labels, np.arange(len(labels))), np.minimum(y.min(axis=0), j)  # without m, exp may give only zeros
    total = np.exp(m - j) + np.exp(m - y).sum(axis=0)
    dy = (np.arange(len(y))[:, None] == labels) - np.exp(m - y) / total
    return (y[right] - m + np.log(total)).mean(), dy / len(labels)

LENET5 = [("C1", convolution), ("", squash), ("S2", subsampling), ("", squash),
          ("C3", lambda x, W, b: convolution(x, W, b, TABLE_I)), ("", squash), ("S4", subsampling), ("", squash),
          ("C5", convolution), ("", squash), ("F6", linear), ("", squash), ("", distances)]
SIZES = {"C1": (6, 25, 25), "S2": (6, 1, 4), "C3": (16, 150, TABLE_I.sum(axis=1, keepdims=True)), "S4": (16, 1, 4),
         "C5": (120, 400, 400), "F6": (84, 120, 120)}  # the shape of W, and how many inputs a unit has

def start(rng):  # W and b of each layer, uniform in ±1 / sqrt(inputs)
    return {name: [rng.uniform(-1, 1, (rows, columns)) / np.sqrt(inputs) for columns in (width, 1)]
            for name, (rows, width, inputs) in SIZES.items()}

def backprop(w, x, labels):  # -> E, (dW, db) of each layer, the class that is read in each picture
    ways_back, gradients = [], {}
    for name, layer in LENET5:
        x, backward = layer(x, *w.get(name, ()))
        ways_back.append((name, backward))
    E, dx = equation_9(x, labels)
    for name, backward in reversed(ways_back):
        dx, gradients[name] = backward(dx)
    return E, gradients, x.argmin(axis=0)

def gradient_check(w, x, labels, rng, h=1e-5):  # in random directions d, beside (E(w + h d) - E(w - h d)) / 2h
    gradients = backprop(w, x, labels)[1]
    for name in w:
        d = [rng.standard_normal(p.shape) for p in w[name]]
        up, down = (backprop({**w, name: [p + s * q for p, q in zip(w[name], d)]}, x, labels)[0] for s in (h, -h))
        by_hand = sum((g * q).sum() for g, q in zip(gradients[name], d))
        print(f"{name:2}: {by_hand:11.6f} by hand, {(up - down) / (2 * h):11.6f} by differences")

def pictures(data):  # bytes become -0.1 (background) to 1.175 (ink), in the middle of 32 x 32
    x = np.pad(data.images * 1.275 / 255 - 0.1, ((0, 0), (2, 2), (2, 2)), constant_values=-0.1)
    return x.transpose(1, 2, 0)[None], data.labels

def train(w, data, test, rng, epochs=10, lr=0.0015, momentum=0.9, decay=0.01, size=64):
    (x, labels), (x_test, labels_test) = pictures(data), pictures(test)
    velocity = {name: [0 * p for p in w[name]] for name in w}
    for epoch in range(epochs):
        order, rate = rng.permutation(len(labels)), lr * (1 + np.cos(np.pi * epoch / epochs)) / 2
        for batch in np.split(order, range(size, len(order), size)):
            E, gradients, _ = backprop(w, x[..., batch], labels[batch])
            for name in w:
                for p, g, v in zip(w[name], gradients[name], velocity[name]):
                    v[:] = momentum * v + g + decay * p
                    p -= rate * v
        read = [backprop(w, x_test[..., i : i + 100], labels_test[i : i + 100])[2] for i in range(0, len(test), 100)]
        print(f"epoch {epoch + 1:2}: E = {E:.3f}, test error {np.mean(np.concatenate(read) != labels_test):.1%}")

if __name__ == "__main__":
    rng = np.random.default_rng(0)
    w, (data, test) = start(rng), load_sample()
    gradient_check(w, *pictures(data.subset(slice(8))), rng)
    train(w, data, test, rng)
