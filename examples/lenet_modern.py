"""Train the LeNet of PyTorch tutorials on MNIST and print the log lines of the script it comes from.

No activation between layers, summed cross-entropy, plain SGD with lr 0.001 and batches of 64.
"""

import argparse
import sys

import minicnn as mc
from minicnn.cli import ends
from minicnn.cli.help import Paragraphs


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=Paragraphs)
    parser.add_argument("--data", metavar="DIR", help="directory with the MNIST files (default: as lenet5_mnist.py)")
    parser.add_argument("--epochs", type=int, default=50, help="default: %(default)s")
    parser.add_argument("--batch-size", type=int, default=64, help="default: %(default)s")
    parser.add_argument("--lr", type=float, default=1e-3, help="default: %(default)s")
    parser.add_argument("--backend", choices=mc.backend.NAMES, help="default: MINICNN_BACKEND or auto")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument("--threads", type=int, help="how many share each batch on the CPU (default: all cores)")
    parser.add_argument("--history", metavar="FILE", help="keep one JSON line an epoch in this file")
    args = parser.parse_args()

    backend = mc.backend.get(args.backend)
    train, test = mc.data.load_mnist(args.data)
    print(f"{backend.name} ({backend.reason}), {mc.compiled.describe(backend)}; {train.source}", flush=True)
    net = mc.models.lenet_modern(rng=args.seed, backend=backend)
    loss = mc.losses.CrossEntropyLoss(reduction="sum")

    def report(record):
        accuracy = 100 * (1 - record["train_error"])
        values = record["epoch"], args.epochs, record["train_loss"], accuracy, record["seconds"]
        print("[%d/%d] Loss: %.5f, Acc: %.2f, Time: %.1f s" % values, flush=True)

    history = mc.training.fit(
        net, loss, mc.optim.SGD(net.parameters(), args.lr), train, epochs=args.epochs, batch_size=args.batch_size,
        seed=args.seed, threads=args.threads, history=args.history, progress=False, on_epoch=report,
    )  # fmt: skip
    if history.interrupted:
        print("stopped", file=sys.stderr)
        return 128 + history.signal  # as a shell says of what a signal has ended
    result = mc.training.evaluate(net, test, loss)
    print("Test: Loss: %.5f, Acc: %.2f %%" % (result.loss, 100 * (1 - result.error_rate)))


if __name__ == "__main__":
    sys.exit(ends(main))
