"""Bodies for the gaps of examples/exercises: by hand as a student would write them, and by the engine itself.

Each maps an exercise's file to {function: body}; ``fill`` puts bodies where the gaps are.
"""

import textwrap
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "examples" / "exercises"
MARK = "# Your code goes here, in place of the next line."


def fill(file, bodies):
    """The text of an exercise with each body in place of the gap of its function."""
    text = (FOLDER / file).read_text(encoding="utf-8")
    for function, body in bodies.items():
        before, found, after = text.partition(f"def {function}(")
        head, mark, rest = after.partition(MARK)
        assert found and mark, f"{file} has no gap in {function}"
        indent = " " * (len(head) - len(head.rstrip(" ")))
        rest = rest.split("\n", 2)[2]  # the rest of the mark's line, and the line that raises
        text = before + found + head + textwrap.indent(textwrap.dedent(body).strip(), indent).lstrip() + "\n" + rest
    return text


BY_HAND = {
    "ex01_linear_backward.py": {"backward": """
        self.dW = dy @ self.x.T
        self.db = dy.sum(axis=1)
        return self.W.T @ dy
    """},
    "ex02_squash_backward.py": {"squash_backward": "return A * S * (1 - (y / A) ** 2) * dy"},
    "ex03_im2col.py": {"im2col": """
        C, H, W, N = x.shape
        h_out, w_out = (H - size) // stride + 1, (W - size) // stride + 1
        cols = np.empty((C, size, size, h_out, w_out, N))
        for i in range(size):
            for j in range(size):
                cols[:, i, j] = x[:, i : i + stride * h_out : stride, j : j + stride * w_out : stride]
        return cols.reshape(C * size * size, h_out * w_out * N)
    """},
    "ex04_col2im.py": {"col2im": """
        C, H, W, N = x_shape
        h_out, w_out = (H - size) // stride + 1, (W - size) // stride + 1
        dcols = dcols.reshape(C, size, size, h_out, w_out, N)
        dx = np.zeros(x_shape)
        for i in range(size):
            for j in range(size):
                dx[:, i : i + stride * h_out : stride, j : j + stride * w_out : stride] += dcols[:, i, j]
        return dx
    """},
    "ex05_conv_backward.py": {"backward": """
        outputs, _, size, _ = self.W.shape
        h_out, w_out = dy.shape[1:3]
        self.dW, dx = np.zeros_like(self.W), np.zeros_like(self.x)
        for i in range(size):
            for j in range(size):
                rows = slice(i, i + self.stride * h_out, self.stride)
                columns = slice(j, j + self.stride * w_out, self.stride)
                for o in range(outputs):
                    for c in self.connections[o]:
                        self.dW[o, c, i, j] = np.sum(dy[o] * self.x[c, rows, columns])
                        dx[c, rows, columns] += self.W[o, c, i, j] * dy[o]
        self.db = dy.sum(axis=(1, 2, 3))
        return dx
    """},
    "ex06_subsampling_gradients.py": {"subsampling_gradients": """
        s = x[:, ::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, ::2] + x[:, 1::2, 1::2]
        return (dy * s).sum(axis=(1, 2, 3)), dy.sum(axis=(1, 2, 3))
    """},
    "ex07_rbf.py": {
        "rbf_forward": "return ((x[None, :, :] - w[:, :, None]) ** 2).sum(axis=1)",
        "rbf_backward": "return 2 * (dy[:, None, :] * (x[None, :, :] - w[:, :, None])).sum(axis=0)",
    },
    "ex08_discriminative_gradient.py": {"discriminative_gradient": """
        m = np.minimum(y.min(axis=0), j)
        terms = np.exp(m - y)
        dy = -terms / (np.exp(m - j) + terms.sum(axis=0))
        for n in range(len(labels)):
            dy[labels[n], n] += 1
        return dy / len(labels)
    """},
    "ex09_momentum.py": {"momentum_step": """
        v_new = momentum * v + g
        return w - lr * v_new, v_new
    """},
    "ex10_second_derivative.py": {
        "linear_second": "return d2y @ (x**2).T, d2y.sum(axis=1), (W**2).T @ d2y",
        "squash_second": "return (A * S * (1 - (y / A) ** 2)) ** 2 * d2y",
    },
}  # fmt: skip

ENGINE = {
    "ex01_linear_backward.py": {"backward": """
        import minicnn as mc
        layer = mc.Linear(self.W.shape[1], self.W.shape[0], dtype="float64")
        layer.weight.value, layer.bias.value = self.W, self.b
        layer.forward(self.x)
        dx = layer.backward(dy)
        self.dW, self.db = layer.weight.grad, layer.bias.grad
        return dx
    """},
    "ex02_squash_backward.py": {"squash_backward": """
        import numpy as np
        import minicnn as mc
        squash = mc.ScaledTanh()
        squash.forward(np.arctanh(y / A) / S)
        return squash.backward(dy)
    """},
    "ex03_im2col.py": {"im2col": """
        import minicnn as mc
        return mc.backend.get("numpy").im2col(x, (size, size), (stride, stride))
    """},
    "ex04_col2im.py": {"col2im": """
        import minicnn as mc
        return mc.backend.get("numpy").col2im(dcols, x_shape, (size, size), (stride, stride))
    """},
    "ex05_conv_backward.py": {"backward": """
        import minicnn as mc
        outputs, inputs, size, _ = self.W.shape
        layer = mc.Conv2d(inputs, outputs, size, stride=self.stride, connections=self.connections, dtype="float64")
        layer.weight.value = np.concatenate([self.W[o, list(maps)] for o, maps in enumerate(self.connections)])
        layer.forward(self.x)
        dx = layer.backward(dy)
        pairs = iter(layer.weight.grad)
        self.dW, self.db = np.zeros_like(self.W), layer.bias.grad
        for o, maps in enumerate(self.connections):
            for c in maps:
                self.dW[o, c] = next(pairs)
        return dx
    """},
    "ex06_subsampling_gradients.py": {"subsampling_gradients": """
        import minicnn as mc
        layer = mc.Subsampling(len(x), dtype="float64")
        layer.forward(x)
        layer.backward(dy)
        return layer.coefficient.grad, layer.bias.grad
    """},
    "ex07_rbf.py": {
        "rbf_forward": """
            import minicnn as mc
            return mc.RBF(w, dtype="float64").forward(x)
        """,
        "rbf_backward": """
            import minicnn as mc
            layer = mc.RBF(w, dtype="float64")
            layer.forward(x)
            return layer.backward(dy)
        """,
    },
    "ex08_discriminative_gradient.py": {"discriminative_gradient": """
        import minicnn as mc
        loss = mc.losses.MAPLoss(j=j)
        loss.forward(y, labels)
        return loss.backward()
    """},
    "ex09_momentum.py": {"momentum_step": """
        import minicnn as mc
        parameter = mc.Parameter(w)
        parameter.grad = g
        optimizer = mc.optim.SGD([parameter], lr, momentum=momentum)
        if momentum == 0:
            optimizer.step()
            return parameter.value, g
        optimizer.load_state_dict({"velocity0": v.ravel()}, lambda a: a)
        optimizer.step()
        return parameter.value, optimizer.velocity[0].reshape(v.shape)
    """},
    "ex10_second_derivative.py": {  # a second derivative goes the way of a gradient, through squares
        "linear_second": """
            import minicnn as mc
            layer = mc.Linear(W.shape[1], W.shape[0], dtype="float64")
            layer.weight.value = W**2
            layer.forward(x**2)
            d2x = layer.backward(d2y)
            return layer.weight.grad, layer.bias.grad, d2x
        """,
        "squash_second": """
            import numpy as np
            import minicnn as mc
            squash = mc.ScaledTanh()
            squash.forward(np.arctanh(y / A) / S)
            return squash.backward(np.ones_like(y)) ** 2 * d2y
        """,
    },
}  # fmt: skip
