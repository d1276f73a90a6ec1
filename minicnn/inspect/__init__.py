"""Look inside a network: the signals and gradients of one step, layer by layer, as arrays, a table and pictures.

    trace = mc.inspect.trace(net, image, label)
    print(trace)                                # a line a layer
    trace["C3"].output                          # and .input, .input_gradient, .gradients["C3.weight"], ...
    trace.draw_gradient_flow("flow.png")

    with mc.inspect.UpdateRatios(net, optimizer) as ratios:
        mc.training.fit(net, loss, optimizer, ...)
    ratios.draw("updates.png")

Pictures need matplotlib.
"""

from minicnn.inspect.step import LayerTrace, Trace
from minicnn.inspect.trace import trace
from minicnn.inspect.updates import UpdateRatios

__all__ = ["LayerTrace", "Trace", "UpdateRatios", "trace"]
