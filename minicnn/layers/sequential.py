"""Layers one after the other: a network, and itself a layer."""

import copy
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import numpy as np
from threadpoolctl import threadpool_limits

from minicnn.backend import get
from minicnn.errors import CheckpointError
from minicnn.layers.base import Layer
from minicnn.layers.parameter import ParameterVector
from minicnn.serialization import load_npz, save_npz


def pick(layers, key):
    """The one of the layers at an index, or with a name; KeyError says which names there are."""
    if not isinstance(key, str):
        return layers[key]
    for layer in layers:
        if layer.name == key:
            return layer
    raise KeyError(f"no layer is called {key!r}; there are {', '.join(layer.name for layer in layers)}")


class Sequential(Layer):
    """y = f_n(... f_2(f_1(x))); backward is the chain rule, from the last layer to the first.

    layers: a list of layers, or a mapping from names to layers. Unnamed layers are called after their class.
    All parameters move into one contiguous ``vector``; a parameter's name is "C1.weight".

    preprocess: turns uint8 images (N, H, W) into the network's input (C, H, W, N); ``predict`` and training
    use it.
    """

    def __init__(self, layers, *, preprocess=None):
        super().__init__()
        named = list(layers.items()) if hasattr(layers, "items") else [(None, layer) for layer in layers]
        if not named:
            raise ValueError("layers is empty: a network needs at least one layer")
        self.layers = [layer for _, layer in named]
        self.preprocess = preprocess
        for index, (name, layer) in enumerate(named):
            if not isinstance(layer, Layer):
                raise TypeError(f"layers[{index}] must be a Layer, got {type(layer).__name__}")
            if any(layer is earlier for earlier in self.layers[:index]):  # it keeps what *one* backward needs
                raise ValueError(f"layers[{index}] occurs twice: make a {type(layer).__name__} for each place")
            layer.name = name or layer.name or f"{index}.{type(layer).__name__}"
            for p in layer.parameters():
                p.name = f"{layer.name}.{p.name}"
        self.vector = None
        self._join()

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dy):
        for layer in reversed(self.layers):
            dy = layer.backward(dy)
        return dy

    def second_backward(self, d2y):
        for layer in reversed(self.layers):
            d2y = layer.second_backward(d2y)
        return d2y

    def __len__(self):
        return len(self.layers)

    def __iter__(self):
        return iter(self.layers)

    def __getitem__(self, key):
        """The layer at an index, or with a name: ``net[0]``, ``net["C1"]``."""
        return pick(self.layers, key)

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]

    def to(self, backend=None, dtype=None):
        if backend is not None:
            self.backend = get(backend)
        for layer in self.layers:  # each moves its own parameters
            layer.to(self.backend if backend is not None else None, dtype)
        self._join()
        return self

    def _join(self, values=None, grads=None):
        """Gather all parameters in one vector (over ``values`` and ``grads``, if given)."""
        if self.parameters():
            self.vector = ParameterVector(self.parameters(), self.backend.xp, values, grads)

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._join()  # a copied or unpickled view no longer shares memory with its vector

    def decide(self, outputs):
        """The class each sample's outputs (classes, N) stand for, by the rule of the last layer."""
        return self.layers[-1].decide(outputs)

    @property
    def needs_input_gradient(self):
        return self.layers[0].needs_input_gradient

    @needs_input_gradient.setter
    def needs_input_gradient(self, needed):
        self.layers[0].needs_input_gradient = needed

    # ------------------------------------------------------------------------------------------ prediction

    def predict(self, images, batch_size=None):
        """The label of every image, a NumPy array (N,); arguments and errors as of ``outputs``."""
        return self.backend.to_numpy(self.decide(self.outputs(images, batch_size)))

    def outputs(self, images, batch_size=None):
        """What the network says of every image: ``(outputs, N)`` on its backend.

        images: uint8 (N, H, W) as in a Dataset, or real (C, H, W, N) as ``forward`` takes them; batch_size: how
        many go through the layers at once (default: as many as suit the backend). Raises ValueError for images
        of another shape, none, or one with a pixel that is not finite.
        """
        images = np.asarray(images) if isinstance(images, (list, tuple)) else images
        if images.ndim not in (3, 4) or 0 in images.shape:
            raise ValueError(f"images must have shape (N, H, W) or (C, H, W, N), got {tuple(images.shape)}")
        if images.dtype.kind == "f" and not bool(self.backend.xp.isfinite(self.backend.asarray(images)).all()):
            raise ValueError("images must be finite, got NaN or an infinite pixel")
        count = len(images) if images.ndim == 3 else images.shape[-1]
        batch_size = batch_size or self.backend.predict_samples
        starts = range(0, count, batch_size)

        def run(network, starts):
            batches = []
            with network.backend.reuse_buffers() as workspace:
                for start in starts:
                    workspace.rewind()
                    part = slice(start, start + batch_size)
                    x = network.input(images[part] if images.ndim == 3 else images[..., part])
                    batches.append(network.forward(x).copy())
            return batches

        # a thread of its own for each core, and a copy of the network, since layers keep what they have seen
        threads = max(1, min(self.backend.threads, len(starts) // 16))
        networks = [self, *(copy.deepcopy(self) for _ in range(threads - 1))]
        shares = [starts[i * len(starts) // threads : (i + 1) * len(starts) // threads] for i in range(threads)]
        contexts = [copy_context() for _ in shares]  # np.errstate and the like hold in every thread
        with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
            # a single share stays in this thread, whose current device and stream are the caller's
            start = pool.map if threads > 1 else map
            parts = start(lambda context, *job: context.run(run, *job), contexts, networks, shares)
            return self.backend.xp.concatenate([batch for part in parts for batch in part], axis=-1)

    def input(self, images):
        """Images as ``forward`` takes them: uint8 (N, H, W) are preprocessed, all are moved to the backend."""
        if images.ndim != 3:
            return self.backend.asarray(images)
        if self.preprocess is None:
            raise TypeError("images (N, H, W) need a network with preprocess=; give real (C, H, W, N) instead")
        return self.backend.asarray(self.preprocess(images, dtype=self.dtype))

    @property
    def dtype(self):
        """The number type of the parameters."""
        return self.vector.values.dtype if self.vector else np.dtype("float32")

    # -------------------------------------------------------------------------------------------- summary

    def describe(self):
        return f"Sequential of {len(self.layers)} layers, {sum(p.size for p in self.parameters()):,} parameters"

    def counts(self, input_shape):
        """One dict a layer: name, text, input, output (shapes without N), parameters, connections.

        An elementwise layer has no line of its own; its name stands in ``text`` of the layer before it.
        """
        probe = copy.deepcopy(self)  # a forward pass shows the shapes without touching what self keeps
        x = probe.backend.asarray(np.zeros((*input_shape, 1), self.dtype))
        lines = []
        for layer in probe:
            y = layer.forward(x)
            before, after = tuple(x.shape[:-1]), tuple(y.shape[:-1])
            if layer.activation and lines:
                lines[-1]["text"] += f", {layer.describe()}"
            else:
                lines.append({
                    "name": layer.name, "text": layer.describe(), "input": before, "output": after,
                    "parameters": sum(p.size for p in layer.parameters()),
                    "connections": layer.connections(before, after),
                })  # fmt: skip
            x = y
        return lines

    def summary(self, input_shape):
        """The network as a table, one line a layer; input_shape is (C, H, W)."""
        lines = self.counts(input_shape)
        rows = [("layer", "", "input", "output", "parameters", "connections")]
        for line in lines:
            shapes = ["x".join(map(str, (*s[1:], s[0]))) for s in (line["input"], line["output"])]
            rows.append((line["name"], line["text"], *shapes, f"{line['parameters']:,}", f"{line['connections']:,}"))
        totals = [f"{sum(line[key] for line in lines):,}" for key in ("parameters", "connections")]
        rows.append(("total", "", "", "", *totals))
        widths = [max(len(row[column]) for row in rows) for column in range(6)]
        texts = []
        for row in rows:
            cells = [cell.ljust(w) if i < 2 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths))]
            texts.append("  ".join(cells).rstrip())
        rule = "-" * max(map(len, texts))
        return "\n".join([texts[0], rule, *texts[1:-1], rule, texts[-1]])

    # ---------------------------------------------------------------------------------------- state on disk

    def state_dict(self):
        """Every parameter's value by name, as NumPy copies."""
        return {p.name: np.array(self.backend.to_numpy(p.value)) for p in self.parameters()}

    def load_state_dict(self, mapping):
        """Set every parameter from a mapping of names to arrays, cast to the network's own dtype.

        Raises CheckpointError, before anything is changed, where names or shapes are not this network's.
        """
        own = {p.name: p for p in self.parameters()}
        if missing := [name for name in own if name not in mapping]:
            raise CheckpointError(f"of another architecture: {', '.join(missing)} missing")
        if foreign := [name for name in mapping if name not in own]:
            raise CheckpointError(f"of another architecture: {', '.join(foreign)} not in this network")
        for name, p in own.items():
            if np.shape(mapping[name]) != p.shape:
                raise CheckpointError(
                    f"of another architecture: {name} is {np.shape(mapping[name])}, this network has {p.shape}"
                )
        for name, p in own.items():
            p.value = self.backend.asarray(np.asarray(mapping[name]), dtype=p.value.dtype)

    def save(self, path):
        """Write the parameters to ``path`` (.npz, no pickle), whole or not at all."""
        save_npz(path, self.state_dict(), {"kind": "network"})

    def load(self, path):
        """Read parameters that ``save`` or a training checkpoint wrote; returns self. Raises CheckpointError."""
        arrays, facts = load_npz(path)
        if facts["kind"] == "checkpoint":
            arrays = network_part(arrays)
        try:
            self.load_state_dict(arrays)
        except CheckpointError as error:
            raise CheckpointError(f"{path} is {error}") from None
        return self


def network_part(arrays):
    """Of a training checkpoint's arrays, the network's, by parameter name."""
    return {name.removeprefix("network/"): a for name, a in arrays.items() if name.startswith("network/")}
