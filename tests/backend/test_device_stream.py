"""The stand-in's graphs are as strict as CUDA's: what they refuse, and whose memory they use."""

import contextlib

import numpy as np
import pytest
from device_stand_in import CUDARuntimeError


@contextlib.contextmanager
def captured(xp):
    """Within this block work goes into a graph, which the list has in the end."""
    graph, stream, pool = [], xp.cuda.Stream(non_blocking=True), xp.cuda.MemoryPool()
    with stream, xp.cuda.using_allocator(pool.malloc):
        stream.begin_capture()
        try:
            yield graph
        finally:
            graph.append(stream.end_capture())


@pytest.mark.parametrize("ask", [
    lambda a: a.get(), lambda a: a.tolist(), lambda a: a.tobytes(), lambda a: float(a[0]), lambda a: a[a > 1],
    lambda a: np.nonzero(a), lambda a: np.unique(a),
], ids=["get", "tolist", "tobytes", "float", "a mask", "nonzero", "unique"])  # fmt: skip
def test_nothing_is_copied_to_the_host_while_a_graph_is_captured(fake_cupy, ask):
    a = fake_cupy.asarray(np.arange(3.0))
    fake_cupy.cuda.Device().synchronize()
    with pytest.raises(CUDARuntimeError, match="Invalidated"), captured(fake_cupy):
        with pytest.raises(CUDARuntimeError, match=r"not permitted when stream is capturing \(a copy to the host"):
            ask(a)
    ask(a)


def test_a_graph_keeps_no_memory_alive_but_its_own(fake_cupy):
    a, b = (fake_cupy.asarray(np.full((2, 3), value)) for value in (1.0, 10.0))
    fake_cupy.cuda.Device().synchronize()
    with captured(fake_cupy) as graph:
        doubled = a[:, 1:] * 2  # in the graph's own pool
        b[:, ::-2] += doubled
        del doubled
    for _ in range(2):
        graph[0].launch()
    np.testing.assert_array_equal(b.get(), [[14, 10, 14]] * 2)
    del a
    with pytest.raises(AssertionError, match="memory that has been given back"):
        graph[0].launch()


def test_lists_are_no_arrays(fake_cupy):
    a = fake_cupy.zeros(2)
    with pytest.raises(TypeError, match="a list is no device array"):
        a[...] = [1, 2]
