"""An ONNX graph while it is written: nodes, and the arrays that they read."""

import numpy as np

from minicnn.interop.needs import needed

OPSET, IR_VERSION = 18, 8
"""Of 2022: ReduceMean takes its axes as an input from 18 on, and runtimes of the years since read both."""


class Graph:
    """``node`` and ``constant`` add to the graph and return the name of what they add.

    A value is called after the layer that makes it, an array of the network's state exactly as there, "C1.weight": by
    that name it is read back.

    shapes: {path of a layer: the shape of its x, without samples}, which windows over an edge need; state: the names of
    the network's state, which nothing else is called by.
    """

    def __init__(self, shapes, state):
        onnx = needed("onnx", "an ONNX model")
        self.helper, self.numpy_helper = onnx.helper, onnx.numpy_helper
        self.shapes, self.nodes, self.constants = shapes, [], {}
        self.taken = {*state, "input", "images", "output", "labels"}

    def node(self, operator, inputs, name, **attributes):
        """A node that computes ``operator`` of ``inputs`` (names); -> the name of its output."""
        output = self._free(f"{name}.y")
        self.nodes.append(self.helper.make_node(operator, inputs, [output], name=f"{output}/{operator}", **attributes))
        return output

    def output(self, value, name):
        """``value`` under this very name, an output of the model."""
        if not (self.nodes and self.nodes[-1].output[0] == value):
            value = self.node("Identity", [value], name)
        self.nodes[-1].output[0] = name
        return name

    def constant(self, name, array):
        """An array that is part of the model, and of its state nothing."""
        return self.state(self._free(name), array)

    def state(self, name, array):
        """An array of the network's state, by its name there."""
        self.constants[name] = self.numpy_helper.from_array(np.asarray(array, order="C"), name)
        return name

    def numbers(self, name, values):
        """float32 constants, as one number or a list."""
        return self.constant(name, np.array(values, np.float32))

    def integers(self, name, values):
        """int64 constants: axes and widths of borders."""
        return self.constant(name, np.array(values, np.int64))

    def parameter(self, parameter, array=None):
        """A layer's Parameter, in the form of ``array`` where ONNX wants another."""
        return self.state(parameter.name, parameter.value if array is None else array)

    def model(self, inputs, outputs, facts):
        """The whole model; inputs and outputs: [(name, NumPy type, shape)], facts: {name: text}."""
        from minicnn import __version__

        def described(values):
            types = self.helper.np_dtype_to_tensor_dtype
            return [self.helper.make_tensor_value_info(name, types(np.dtype(t)), shape) for name, t, shape in values]

        constants = list(self.constants.values())
        graph = self.helper.make_graph(self.nodes, "minicnn", described(inputs), described(outputs), constants)
        model = self.helper.make_model(
            graph, opset_imports=[self.helper.make_opsetid("", OPSET)], ir_version=IR_VERSION,
            producer_name="minicnn", producer_version=__version__,
        )  # fmt: skip
        self.helper.set_model_props(model, facts)
        return model

    def _free(self, name):
        """The name, or with a number behind it where it is taken."""
        free, count = name, 1
        while free in self.taken:
            count += 1
            free = f"{name}_{count}"
        self.taken.add(free)
        return free
