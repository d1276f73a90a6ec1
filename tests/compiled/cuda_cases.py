"""What could go wrong on a GPU only, beside the cases that it shares with the CPU; and what to do with a case.

Sums over a batch are added by several blocks of threads, products share their depth among warps, and grids end.
"""

import functools

import numpy as np
import primitive_cases as table
from primitive_cases import SQUASH, Draw

import minicnn as mc
from minicnn.backend import kernels
from minicnn.compiled import primitives, tower_text, towers
from minicnn.compiled.cuda import CudaForm
from minicnn.compiled.cuda_towers import BoundTower, TowerForm
from minicnn.compiled.primitives import Window

TOLERANCE = {"float32": 2e-5, "float64": 2e-13}
"""Of an array's largest element. Sums are added in another order than the reference's, which works in float64, and a
product may be added without being rounded first: CUDA's own code came to 1.1e-13 so."""


def cases():
    """(name, primitive, arguments(draw)): the shared table, and more."""
    yield from table.cases()
    yield "depth beyond shared memory", "dense", table._dense((9, 300, 40), SQUASH)
    yield "depth beyond shared memory", "dense_input_gradient", table._dense_input_gradient((300, 9, 40), SQUASH)
    yield "several tiles", "dense_weight_gradient", table._dense_weight_gradient((18, 40, 65))
    wide = dict(maps=17, channels=2, height=20, width=20, samples=33, window=Window((3, 3), (1, 1)))
    yield "sums in parts", "convolution_weight_gradient", table._convolution_weight_gradient(wide)
    yield "sums in parts", "subsampling_backward", table._subsampling_backward(3, 9, 10, 65, (2, 2), SQUASH)
    for nobody in (0, 3, 40):
        words = f"three blocks, {nobody} do not count"
        yield words, "rbf_criterion", table._rbf_criterion(84, 10, 65, SQUASH, 2.0, nobody)
        yield words, "cross_entropy", table._cross_entropy(10, 65, nobody)
    for classes in (92, 188):  # that many float64 or float32 distances do not fit beside the kernel's own variables
        yield f"{classes} classes", "rbf_criterion", table._rbf_criterion(3, classes, 33, SQUASH, 2.0, 1)
    yield "more columns than a block", "avg_pool", table._pool("avg_pool", 2, 3, 400, 2, Window((2, 2), (2, 2)))
    yield "nobody at all", "gather", table._gather(3, 0)


CASES = {f"{primitive}: {name}": (primitive, arguments) for name, primitive, arguments in cases()}


def computed(backend, case, dtype):
    """What the kernel makes of its arguments, as NumPy arrays, None for those that are no arrays."""
    primitive, arguments = CASES[case]
    given = [backend.asarray(a.copy()) if isinstance(a, np.ndarray) else a for a in arguments(Draw(0, dtype))]
    CudaForm(backend, dtype).prepare(primitive, *given)()
    return [backend.to_numpy(a) if hasattr(a, "dtype") else None for a in given]


def tower_of(case, arguments):
    """The case as a tower of one primitive; None if it cannot stand in one."""
    call = towers.Call(CASES[case][0], arguments)
    if call.step is None:
        return None
    tower = towers.Tower([call], [call])
    tower.shared_with = call.read() | call.written()  # the batch is the last axis
    tower.name = f"case_{list(CASES).index(case)}"
    return tower


@functools.cache
def tower_cases(dtype):
    """({case: kernel's text}, all of them as one source): compiled together they take seconds, one by one minutes."""
    made = {case: tower_of(case, arguments(Draw(0, dtype))) for case, (_, arguments) in CASES.items()}
    texts = {case: tower.text()[0] for case, tower in made.items() if tower is not None}
    return texts, kernels.Written(tower_text.source(texts.values()))


def computed_in_a_tower(backend, case, dtype):
    """As ``computed``, by the functions that towers are made of."""
    given = [backend.asarray(a.copy()) if isinstance(a, np.ndarray) else a for a in CASES[case][1](Draw(0, dtype))]
    form = TowerForm(backend, dtype)
    bound = BoundTower(form, tower_of(case, given))
    left = [(sums, backend.xp.zeros(sums.parts * sums.size, dtype)) for sums in form.left]
    for sums, partial in left:
        sums.bind(partial)
    bound.bind(tower_cases(dtype)[1])
    bound()
    got = [backend.to_numpy(a) if hasattr(a, "dtype") else None for a in given]
    for sums, partial in left:
        added = backend.to_numpy(partial).reshape(sums.parts, sums.size).sum(axis=0)
        for gradient, places in sums.targets:
            (number,) = (i for i, a in enumerate(given) if a is gradient)
            got[number] = got[number] + added[places].reshape(gradient.shape)
    if form.blocks is not None:
        got[-1] = backend.to_numpy(form.blocks).sum(axis=0)
    return got


def expected(case, dtype):
    """The same by the primitive's meaning, worked out in float64 from arguments rounded to ``dtype``."""
    primitive, arguments = CASES[case]
    exact = [_double(a, dtype) for a in arguments(Draw(0, dtype))]
    getattr(primitives, primitive)(mc.backend.get("numpy"), *exact)
    return [a if isinstance(a, np.ndarray) else None for a in exact]


def _double(a, dtype):
    return a.astype("float64") if isinstance(a, np.ndarray) and a.dtype == dtype else a


def assert_agrees(got, want, case, dtype):
    for number, (a, b) in enumerate(zip(got, want)):
        if b is None:
            continue
        scale = max(1, np.nanmax(np.abs(b), initial=0)) if b.dtype.kind == "f" else 0
        words = f"argument {number} of {case}"
        np.testing.assert_allclose(a, b, rtol=0, atol=scale * TOLERANCE[dtype], err_msg=words)
