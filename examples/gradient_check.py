"""Check every layer, every loss and both networks against central differences, then catch a wrong layer.

Exit status 0 if everything right is found right and everything wrong is found wrong, else 1.
"""

import argparse
import sys
import textwrap

import numpy as np

import minicnn as mc
from minicnn.cli.help import Paragraphs
from minicnn.gradcheck.report import table
from minicnn.terminal import WIDTH

EXPLANATION = """\
Every parameter and input is moved up and down by a small step: does
L = sum(y * dy) follow the gradient? And once more at other parameters, after a
forward with another x: does it still? The error is the largest of each array,
relative to the larger of both values, or to 1/1000 of the array's largest, or
to what the rounding of L leaves visible, if that is more."""


class ForgetsTheTranspose(mc.Linear):
    """dx = W dy instead of W^T dy: with as many outputs as inputs no shape gives it away."""

    def backward(self, dy):
        super().backward(dy)
        return self.weight.value @ dy


class AveragesTheBatch(mc.Linear):
    """Divides dW by N, though the loss has done so already: training looks fine, only slower."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.weight.grad /= dy.shape[1]
        return dx


class ForgetsTheWeight(mc.LayerNorm):
    """dx is right as long as every weight is 1, and at first every weight is: only other weights show it."""

    def backward(self, dy):
        super().backward(dy)
        return (dy - dy.mean(axis=0) - self.z * (dy * self.z).mean(axis=0)) / self.deviation


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=Paragraphs)
    parser.add_argument("--seed", type=int, default=0, help="of weights and inputs (default: %(default)s)")
    parser.add_argument("--samples", type=int, default=200, metavar="K",
                        help="elements checked of each array of the networks (default: %(default)s)")  # fmt: skip
    parser.add_argument("--second", action="store_true", help="check second derivatives as well")
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)

    print(EXPLANATION)
    reports = []
    for heading, subjects in (
        ("layers", layers(rng)), ("losses", losses(rng)), ("networks", networks(rng, args.samples)),
    ):  # fmt: skip
        found = [(name, mc.gradcheck(subject, x, second=args.second, **how)) for name, subject, x, how in subjects]
        print(f"\n{heading}\n", *table(found), sep="\n")
        for name, report in found:
            for remark in report.remarks():
                print(broken(f"{name.strip()}, {remark}"))
        reports += [report for _, report in found]
    failed = [report for report in reports if not report]
    worst = max(report.error for report in reports)
    print(f"\n{len(reports) - len(failed)} of {len(reports)} agree; the largest relative error of all is {worst:.1e}")

    print("\nNow three layers that are wrong on purpose.")
    wrong = {"x": ForgetsTheTranspose(4, 4, rng=rng), "weight": AveragesTheBatch(4, 4, rng=rng)}
    caught = [catch(layer, array, rng) for array, layer in [*wrong.items(), ("x", ForgetsTheWeight(4))]]
    return 0 if not failed and all(caught) else 1


def layers(rng):
    """(name, layer, x, further arguments of gradcheck) of every kind of layer."""
    def maps(channels, height, width, batch=2):
        return rng.standard_normal((channels, height, width, batch))

    how = {"rng": rng}
    for name, layer, x in (
        ("Conv2d", mc.Conv2d(2, 3, 3, **how), maps(2, 6, 5)),
        ("  stride, padding", mc.Conv2d(2, 3, (3, 2), stride=(2, 1), padding=(1, 2), **how), maps(2, 7, 6)),
        ("  connections", mc.Conv2d(3, 3, 2, connections=[[0, 1], [2], [0, 2]], **how), maps(3, 5, 4)),
        ("  dilation, groups", mc.Conv2d(4, 2, 2, dilation=2, groups=2, **how), maps(4, 5, 4)),
        ("Subsampling", mc.Subsampling(3, **how), maps(3, 6, 4)),
        ("MaxPool2d", mc.MaxPool2d(2), maps(2, 6, 6)),
        ("  overlapping", mc.MaxPool2d(3, stride=2), maps(2, 7, 7)),
        ("  padding, dilation", mc.MaxPool2d(3, stride=2, padding=1, dilation=2), maps(2, 7, 7)),
        ("AvgPool2d", mc.AvgPool2d(3, stride=2), maps(2, 7, 7)),
        ("  padding, ceil_mode", mc.AvgPool2d(3, stride=2, padding=1, ceil_mode=True), maps(2, 6, 6)),
        ("GlobalAvgPool2d", mc.GlobalAvgPool2d(), maps(2, 3, 4)),
        ("Flatten", mc.Flatten(), maps(2, 3, 4)),
        ("Linear", mc.Linear(5, 4, **how), rng.standard_normal((5, 3))),
        ("RBF", mc.RBF(rng.choice([-1, 1], (4, 6))), rng.standard_normal((6, 3))),
        ("ScaledTanh", mc.ScaledTanh(), rng.standard_normal((5, 3))),
        ("Tanh", mc.Tanh(), rng.standard_normal((5, 3))),
        ("Sigmoid", mc.Sigmoid(), rng.standard_normal((5, 3))),
        ("ReLU", mc.ReLU(), rng.standard_normal((5, 3))),
        ("  at its corner", mc.ReLU(), np.linspace(-1, 1, 5)[:, None]),
        ("LeakyReLU", mc.LeakyReLU(), rng.standard_normal((5, 3))),
        ("Dropout", mc.Dropout(0.3, **how), rng.standard_normal((5, 3))),
        ("BatchNorm1d", mc.BatchNorm1d(3), rng.standard_normal((3, 5))),
        ("BatchNorm2d", mc.BatchNorm2d(2), maps(2, 3, 4)),
        ("LayerNorm", mc.LayerNorm(4), rng.standard_normal((4, 3))),
        ("Residual", mc.Residual([mc.Linear(4, 4, **how), mc.Tanh()]), rng.standard_normal((4, 3))),
        ("Parallel", mc.Parallel([mc.Conv2d(2, 2, 3, **how), mc.AvgPool2d(3, stride=1)], "concatenate"), maps(2, 5, 5)),
    ):  # fmt: skip
        yield name, layer, x, {}


def losses(rng):
    outputs, labels = rng.standard_normal((10, 6)), {"labels": rng.integers(0, 10, 6)}
    distances = rng.uniform(0, 8, (10, 6))
    yield "RBFLoss", mc.losses.RBFLoss(), distances, labels
    yield "MAPLoss, j = 2", mc.losses.MAPLoss(2.0), distances, labels
    yield "MAPLoss", mc.losses.MAPLoss(), distances, labels
    yield "CrossEntropyLoss", mc.losses.CrossEntropyLoss(), outputs, labels
    yield "  sum", mc.losses.CrossEntropyLoss(reduction="sum"), outputs, labels
    yield "MSELoss", mc.losses.MSELoss(), outputs, {"targets": rng.standard_normal(outputs.shape)}


def networks(rng, samples):
    for make, shape in ((mc.models.lenet5, (1, 32, 32, 1)), (mc.models.lenet_modern, (1, 28, 28, 1))):
        yield make.__name__, make(rng=rng), rng.standard_normal(shape), {"samples": samples}


def catch(layer, expected, rng):
    """Check a wrong layer and print the report; True if exactly the array that is wrong was found."""
    report = mc.gradcheck(layer, rng.standard_normal((4, 3)))
    print(broken(f"\n{type(layer).__name__}: {type(layer).__doc__}\n\n{report}"))
    if [array.name for array in report.failed] != [expected]:
        print(f"NOT CAUGHT: {expected} is wrong, and nothing else")
        return False
    wrong = report[expected]
    print(f"caught: {expected}{list(wrong.index)} should be {wrong.numeric:.6f}, backward said {wrong.analytic:.6f}")
    return True


def broken(text):
    """``text`` with its long lines, which are sentences, broken between words."""
    how = {"subsequent_indent": "    ", "break_on_hyphens": False}
    return "\n".join(textwrap.fill(line, WIDTH, **how) if len(line) > WIDTH else line for line in text.split("\n"))


if __name__ == "__main__":
    sys.exit(main())
