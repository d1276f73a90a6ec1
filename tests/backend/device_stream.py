"""Streams, graphs and memory of the stand-in device: what CuPy promises about them, and what it refuses.

Work is done at once, but accounted for as if it were queued: work on one stream while another still has some that
nobody waited for is a race, and an AssertionError here. While a stream is captured, work is appended to a Graph.
"""

import time
import types
import weakref
from contextlib import contextmanager

import numpy as np


class CUDARuntimeError(RuntimeError):
    """cupy.cuda.runtime.CUDARuntimeError; its message starts with CUDA's name for the error."""


class CUDADriverError(RuntimeError):
    """cupy.cuda.driver.CUDADriverError: the same of the driver's functions, which launch kernels."""


class OutOfMemoryError(MemoryError):
    """cupy.cuda.memory.OutOfMemoryError."""

    def __init__(self, size, total, limit=0):
        super().__init__(f"Out of memory allocating {size:,} bytes (allocated so far: {total:,} bytes).")
        self._size, self._total, self._limit = size, total, limit


class Device:
    """cupy.cuda.Device: by number, or the current one."""

    current = 0
    capability = 90
    attributes = types.MappingProxyType({"MaxSharedMemoryPerBlockOptin": 227 * 1024})  # an H100's

    def __init__(self, number=None):
        self.id = Device.current if number is None else number

    def __eq__(self, other):
        return self.id == other.id

    __hash__ = None

    def __enter__(self):
        self.before, Device.current = Device.current, self.id
        return self

    def __exit__(self, *error):
        Device.current = self.before

    def use(self):
        Device.current = self.id

    def synchronize(self):
        _refuse_while_capturing("a wait for the device")
        _pending.clear()


class Graph:
    """cupy.cuda.Graph: what was captured, done again at every launch."""

    def __init__(self, nodes, made):
        self.nodes, self.made = nodes, made  # what was made while capturing stays in the graph's own pool
        self.launches = 0

    def launch(self, stream=None):
        with stream or current():
            assert submit() is None, "the stand-in does not put a graph into a graph"
            self.launches += 1
            for node in self.nodes:
                node()


class Stream:
    """cupy.cuda.Stream; ``null`` is the default one."""

    def __init__(self, null=False, non_blocking=False):
        self.is_null, self.non_blocking = null, non_blocking
        self.nodes = None

    def __enter__(self):
        _streams.append(self)
        return self

    def __exit__(self, *error):
        assert _streams.pop() is self

    def begin_capture(self, mode=None):
        if self.is_null:
            raise RuntimeError("cannot capture on the default (legacy) stream")
        assert self.nodes is None, "the stream is being captured already"
        self.nodes, self.made, self.broken = [], [], False

    def end_capture(self):
        nodes, self.nodes = self.nodes, None
        if nodes is None:
            raise CUDARuntimeError("cudaErrorIllegalState: the operation cannot be performed in the present state")
        if self.broken:
            raise CUDARuntimeError("cudaErrorStreamCaptureInvalidated: operation failed due to a previous error")
        return Graph(nodes, self.made)

    def is_capturing(self):
        if self.nodes is not None and self.broken:
            raise RuntimeError("the stream was capturing, but an error has invalidated the capture sequence")
        return self.nodes is not None

    def synchronize(self):
        if self.is_capturing():
            _refuse_while_capturing("a wait for the stream")
        _pending.discard(id(self))


class Event:
    """cupy.cuda.Event: when a stream came by. Work is done at once here, so it is the host's time."""

    def record(self, stream=None):
        self.seconds = time.perf_counter()

    def synchronize(self):
        _refuse_while_capturing("a wait for an event")


def get_elapsed_time(start, end):
    """Milliseconds between two events."""
    return 1000 * (end.seconds - start.seconds)


Stream.null = Stream(null=True)
_streams = [Stream.null]
_pending = set()  # streams with work that nobody has waited for
_pools = []


class Memory:
    """How much there is, and how much was asked for. It is never given back: tests are short."""

    limit = None
    used = 0


def current():
    """cupy.cuda.get_current_stream()."""
    return _streams[-1]


def submit():
    """Where work for the current stream goes: None, do it now; or the list of a graph's nodes."""
    stream = current()
    others = _pending - {id(stream)}
    assert not others, "a race: another stream has work that nobody has waited for"
    if stream.is_capturing():
        return stream.nodes
    _pending.add(id(stream))
    return None


def copy_to_host():
    """A copy to the host waits for the current stream."""
    _refuse_while_capturing("a copy to the host")
    submit()
    current().synchronize()


def _refuse_while_capturing(what):
    stream = current()
    if stream.is_capturing():
        stream.broken = True
        name = "cudaErrorStreamCaptureUnsupported"
        raise CUDARuntimeError(f"{name}: operation not permitted when stream is capturing ({what})")


def copy_from_host():
    if current().is_capturing():
        current().broken = True
        raise RuntimeError("the current stream is capturing, so synchronous API calls is disallowed")
    submit()


def allocate(size):
    """Account for ``size`` bytes. In a capture they must come from a pool of the graph's own: the common one would
    hand the memory to somebody else while the graph still writes to it."""
    assert not current().is_capturing() or _pools, "memory of a captured graph comes from the common pool"
    if Memory.limit is not None and Memory.used + size > Memory.limit:
        raise OutOfMemoryError(size, Memory.used, Memory.limit)
    Memory.used += size


def made(host):
    """Account for a new array of the device's memory, given as the NumPy array that stands for it."""
    allocate(host.nbytes)
    if current().is_capturing():
        current().made.append(_owner(host))


def _owner(host):
    """The array whose memory ``host`` is a view of."""
    while isinstance(host.base, np.ndarray):
        host = host.base
    return host


def lent(value):
    """A function that gives back ``value``, arrays and lists of them as a graph has them: it knows where they lie, and
    keeps no memory alive. AssertionError once that memory belongs to somebody else."""
    if isinstance(value, (tuple, list)):
        kind, parts = type(value), [lent(v) for v in value]
        return lambda: kind(part() for part in parts)
    if not isinstance(value, np.ndarray):
        return lambda: value
    owner, how = _owner(value), (value.shape, value.strides)
    first, begin, dtype = value.ctypes.data, owner.ctypes.data, value.dtype
    kept = weakref.ref(owner)

    def array():
        owner = kept()
        assert owner is not None, "a graph uses memory that has been given back"
        flat = owner.ravel(order="K").view(np.uint8)
        return np.ndarray(how[0], dtype, flat, first - begin, how[1])

    return array


class MemoryPool:
    """cupy.cuda.MemoryPool; ``malloc`` is only a name to hand to ``using_allocator``."""

    def malloc(self, size):
        raise AssertionError("the stand-in allocates by itself")

    def free_all_blocks(self):
        Memory.used = 0


@contextmanager
def using_allocator(allocator):
    _pools.append(allocator)
    try:
        yield
    finally:
        _pools.pop()
