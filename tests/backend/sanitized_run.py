"""Every kernel and a whole step of LeNet-5 under AddressSanitizer and UBSan; started by test_sanitized.py.

With an argument, a kernel that reads one element too far instead, which must end this process.
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

import device_stand_in
import fused_checks
import host_kernels
import primitive_checks

sys.modules["cupy"] = device_stand_in.FakeCupy()

import minicnn as mc  # noqa: E402
from minicnn.backend.cupy_backend import CupyBackend  # noqa: E402
from minicnn.training.graph_step import GraphStep  # noqa: E402

ONE_TOO_FAR = """
extern "C" __global__ void f(const float* x, float* y, int n) {
    int i = threadIdx.x;
    if (i < n) y[i] = x[i + 1];
}
"""


def overrun(xp):
    module = xp.RawModule(code=ONE_TOO_FAR)
    module.compile()
    x, y = xp.zeros(30, np.float32), xp.zeros(30, np.float32)
    module.get_function("f")((1,), (64,), (x, y, np.int32(30)))


def every_kernel(device):
    for primitive in primitive_checks.PRIMITIVES:
        primitive_checks.check(device, primitive, ((3, 7, 5, 3), (3, 2), (2, 1), (0, 0)), "float32", 1)
    overlapping = (3, 9, 8, 3), 5, ((3, 2), (2, 1), (1, 2)), True, fused_checks.SQUASH, 3
    one_window = (2, 4, 3, 33), 9, ((4, 3), (1, 1), (0, 0)), False, None, 3
    cases = [
        *fused_checks.convolution_cases(device, *overlapping), *fused_checks.convolution_cases(device, *one_window),
        *fused_checks.dense_cases(device, 300, 11, 33, fused_checks.SQUASH, 3),
        *fused_checks.subsampling_cases(device, (5, 3, 2), (2, 3), 33, fused_checks.SQUASH, 3),
        *fused_checks.criterion_cases(device, 13, 7, 33, 2.0, 3),
        *fused_checks.gather_cases(device, (5, 4), (3, 2), 3, 4, 3), *fused_checks.update_cases(device, 77, 9, 3, True),
    ]  # fmt: skip
    for case in cases:
        case.check(device, "float32")
    x = device.asarray(np.linspace(-1, 1, 35, dtype="float32").reshape(5, 7))
    device.scaled_tanh(x, 1.7, 0.6, out=device.empty(x.shape, x.dtype))
    device.scaled_tanh_backward(x, x * 1, 1.7, 0.6, out=device.empty(x.shape, x.dtype))
    device.squared_distances(x, device.asarray(np.ones((3, 5), "float32")))


def lenet5(device):
    train = mc.data.load_sample()[0].subset(slice(3))
    net = mc.models.lenet5(rng=0, backend=device)
    optimizer = mc.optim.SGD(net.parameters(), 1e-3, momentum=0.9)
    with GraphStep(net, mc.losses.MAPLoss(), optimizer, train, 3, capture=False):
        return  # one whole step has run, to have every kernel compiled


if __name__ == "__main__":
    assert host_kernels.SANITIZE
    device = CupyBackend()
    if len(sys.argv) > 1:
        overrun(device.xp)
    else:
        every_kernel(device)
        lenet5(device)
    print("nothing found")
