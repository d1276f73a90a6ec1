"""Every kernel and a whole step of LeNet-5 under AddressSanitizer and UBSan; started by test_sanitized.py.

With an argument, a kernel that reads one element too far instead, which must end this process.
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "compiled"))

import cuda_cases
import device_stand_in
import host_kernels
import primitive_checks

import minicnn as mc
from minicnn.backend.cupy_backend import CupyBackend
from minicnn.compiled.graph import GraphSteps

sys.modules["cupy"] = device_stand_in.FakeCupy()

ONE_TOO_FAR = """
extern "C" __global__ void f(const float* x, float* y, int n) {
    int i = threadIdx.x;
    if (i < n) y[i] = x[i + 1];
}
"""


def overrun(xp):
    module = xp.RawModule(code=ONE_TOO_FAR)
    module.compile()
    # behind 32 lies poisoned padding of the array itself; behind 30 may lie what malloc has not given out yet
    x, y = xp.zeros(32, np.float32), xp.zeros(32, np.float32)
    module.get_function("f")((1,), (64,), (x, y, np.int32(32)))


def every_kernel(device):
    for primitive in primitive_checks.PRIMITIVES:
        primitive_checks.check(device, primitive, ((3, 7, 5, 3), (3, 2), (2, 1), (0, 0)), "float32", 1)
        primitive_checks.check(device, primitive, ((2, 7, 5, 3), (3, 2), (1, 2), (2, 1), (2, 3)), "float32", 1)
    for case in cuda_cases.CASES:
        if "squashed" in case or "random" in case:
            continue  # the same accesses once more, or more of a kind
        want = cuda_cases.expected(case, "float32")
        cuda_cases.assert_agrees(cuda_cases.computed(device, case, "float32"), want, case, "float32")
        if case in cuda_cases.tower_cases("float32")[0]:
            cuda_cases.assert_agrees(cuda_cases.computed_in_a_tower(device, case, "float32"), want, case, "float32")


def lenet5(device):
    train = mc.data.load_sample()[0].subset(slice(3))
    net = mc.models.lenet5(rng=0, backend=device)
    optimizer = mc.optim.SGD(net.parameters(), 1e-3, momentum=0.9)
    with GraphSteps(net, mc.losses.MAPLoss(), optimizer, train, 3, capture=False):
        return  # one whole step has run, to have every kernel loaded


if __name__ == "__main__":
    assert host_kernels.SANITIZE
    device = CupyBackend()
    if len(sys.argv) > 1:
        overrun(device.xp)
    else:
        every_kernel(device)
        lenet5(device)
    print("nothing found")
