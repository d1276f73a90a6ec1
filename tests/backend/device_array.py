"""What cupy.ndarray is, in host memory: DeviceArray wraps a NumPy array and refuses to be mixed with one.

While a stream is captured (device_stream.py) nothing is computed: what the graph would do is written down instead, and
what CuPy refuses then is refused.
"""

import functools
import types

import device_stream as streams
import numpy as np

WRITES_TO_THE_FIRST = {"copyto", "fill", "put"}
WAITS = {"nonzero", "flatnonzero", "argwhere", "unique", "extract", "tolist", "tobytes", "dumps"}
"""What asks the device for a number first, as a shape depends on it, or copies to the host by another name."""

BLAS = {"matmul", "dot", "tensordot", "inner", "vdot", "__matmul__", "__rmatmul__", "__imatmul__"}


def _refuse(*values):
    """Raise TypeError for NumPy arrays, wherever they hide; scalars of either kind are welcome."""
    for value in values:
        if isinstance(value, np.ndarray):
            raise TypeError(f"Unsupported type {type(value)}: a NumPy array among device arrays")
        if isinstance(value, (tuple, list)):
            _refuse(*value)


def _host(value):
    """``value`` with every DeviceArray in it replaced by its NumPy array."""
    if isinstance(value, DeviceArray):
        return value._host
    if isinstance(value, (tuple, list)):
        return type(value)(_host(v) for v in value)
    return value


def _device(value):
    """``value`` with every NumPy array or scalar in it as a DeviceArray: a full reduction stays on the device."""
    if isinstance(value, (np.ndarray, np.generic)):
        return DeviceArray(np.asarray(value))
    if isinstance(value, (tuple, list)):
        return type(value)(_device(v) for v in value)
    return value


def _arrays(values):
    for value in values:
        if isinstance(value, np.ndarray):
            yield value
        elif isinstance(value, (tuple, list)):
            yield from _arrays(value)


def _do(function, args, kwargs, target=None):
    """``function(*args, **kwargs)`` on host arrays: at once, or as a node of the graph being captured.

    target: the array that is written to, None where the result is a new array or a view.
    """
    if getattr(function, "__name__", "") in WAITS:
        streams.copy_to_host()
    graph = streams.submit()
    if graph is None:
        return function(*args, **kwargs)
    if getattr(function, "__name__", "") in BLAS:
        raise NotImplementedError("calling cuBLAS API during stream capture is currently unsupported")
    again = _later(function, args, kwargs)
    if target is not None:
        before = target.copy()
        result = function(*args, **kwargs)
        target[...] = before
        graph.append(again)
        return result
    result = function(*args, **kwargs)
    made = [a for a in _arrays([result]) if not any(np.may_share_memory(a, b) for b in _arrays(args))]
    if made:
        for a in made:
            streams.made(a)

        def node():
            for kept, new in zip(_arrays([result]), _arrays([again()])):
                kept[...] = new

        graph.append(node)
    return result


def _later(function, args, kwargs):
    """The call as a graph keeps it: by where the arrays lie."""
    places = streams.lent((args, tuple(kwargs.items())))

    def again():
        args, kwargs = places()
        return function(*args, **dict(kwargs))

    return again


def on_device(function):
    """The NumPy ``function`` for DeviceArrays. What it writes to (``out=``, in place) is returned as given."""

    def call(*args, **kwargs):
        _refuse(*args, *kwargs.values())
        out = kwargs.get("out")
        writes = out is None and getattr(function, "__name__", "") in WRITES_TO_THE_FIRST
        target = args[0]._host if writes else _host(out)
        result = _do(function, _host(args), {name: _host(value) for name, value in kwargs.items()}, target)
        return _device(result) if out is None else out

    return call


class DeviceArray:
    """What cupy.ndarray is, in host memory."""

    __array_priority__ = 100

    def __init__(self, host, device=None):
        self._host = host
        self.device = device or streams.Device()

    def __repr__(self):
        return f"DeviceArray({self._host!r})"

    def __getattr__(self, name):
        if name.startswith("_") or name in ("ctypes", "tofile", "byteswap"):
            raise AttributeError(f"DeviceArray has no attribute {name!r}")
        attribute = getattr(self._host, name)
        if callable(attribute):
            return functools.partial(on_device(getattr(np.ndarray, name)), self)
        return _device_attribute(attribute)

    @property
    def data(self):
        """cupy.cuda.MemoryPointer; only good for telling where in another array a view begins."""
        return types.SimpleNamespace(ptr=self._host.ctypes.data)

    def get(self):
        streams.copy_to_host()
        return self._host.copy()

    def item(self):
        streams.copy_to_host()
        return self._host.item()

    def __array__(self, *args, **kwargs):
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`")

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        if method != "__call__":
            raise TypeError(f"{ufunc.__name__}.{method} is not available on device arrays")
        return on_device(ufunc)(*inputs, **_single_out(kwargs))

    def __array_function__(self, function, types, args, kwargs):
        if any(issubclass(t, np.ndarray) for t in types):
            raise TypeError(f"np.{function.__name__}: a NumPy array among device arrays")
        return on_device(function)(*args, **kwargs)

    def __getitem__(self, index):
        _refuse(index)
        if any(a.dtype == bool for a in _arrays([_host(index)])):
            streams.copy_to_host()  # how many are true
        return _device(_do(np.ndarray.__getitem__, (self._host, _host(index)), {}))

    def __setitem__(self, index, value):
        _refuse(index, value)
        if isinstance(value, (tuple, list)):
            raise TypeError(f"Unsupported type {type(value)}: a list is no device array")
        _do(np.ndarray.__setitem__, (self._host, _host(index), _host(value)), {}, self._host)

    def set(self, arr):
        """From the host, as it is."""
        if type(arr) is not np.ndarray or arr.dtype != self.dtype or arr.shape != self.shape:
            raise ValueError(f"{self.dtype} {self.shape} cannot be set to {arr!r}")
        _do(np.ndarray.__setitem__, (self._host, ..., arr.copy()), {}, self._host)

    def __len__(self):
        return len(self._host)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __deepcopy__(self, memo):
        return DeviceArray(self._host.copy())

    def __reduce__(self):
        return DeviceArray, (self._host,)

    __hash__ = None


def _device_attribute(attribute):
    return DeviceArray(attribute) if isinstance(attribute, np.ndarray) else attribute  # .T is an array


def _single_out(kwargs):
    """A ufunc hands on ``out`` as a tuple of one."""
    if isinstance(kwargs.get("out"), tuple):
        (kwargs["out"],) = kwargs["out"]
    return kwargs


def _operator(name):
    method = getattr(np.ndarray, name)

    def operator(self, *others):
        _refuse(*others)
        if not all(isinstance(o, (DeviceArray, np.generic, bool, int, float, complex)) for o in others):
            return NotImplemented
        in_place = name in IN_PLACE
        result = _do(method, (self._host, *_host(others)), {}, self._host if in_place else None)
        return self if in_place else result if result is NotImplemented else _device(result)

    return operator


BINARY = "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift".split()
IN_PLACE = {f"__i{name}__" for name in BINARY}
for _name in BINARY:
    for _kind in ("", "r", "i"):
        setattr(DeviceArray, f"__{_kind}{_name}__", _operator(f"__{_kind}{_name}__"))
for _name in "eq ne lt le gt ge neg pos abs invert".split():
    setattr(DeviceArray, f"__{_name}__", _operator(f"__{_name}__"))


def _conversion(name):
    method = getattr(np.ndarray, name)

    def convert(self):
        streams.copy_to_host()
        return method(self._host)

    return convert


for _name in "float int bool index complex".split():  # these wait for the device and copy one number, as CuPy's do
    setattr(DeviceArray, f"__{_name}__", _conversion(f"__{_name}__"))
