"""Train LeNet-5, as published in 1998, on MNIST or other images; needs no argument and no network.

Prints progress and the test error, and leaves a checkpoint, the history and pictures in the output directory.
Ctrl-C stops after the current batch and keeps what was learnt; --resume goes on from there. So do SIGTERM and SIGHUP.
"""

import sys

import minicnn as mc
from minicnn.cli import ends
from minicnn.cli.train import Job


def main(arguments=None, prog=None):
    """What ``minicnn train`` does. A Job knows the options; it says what goes on, keeps the files and draws."""
    with Job(arguments, __doc__, prog) as job:
        recipe = job.recipe  # the numbers: RECIPES["default"] of minicnn/training/recipes.py, or what the options say
        train, test = job.data()

        net = mc.models.lenet5(train.classes, rng=job.seed, backend=job.backend, **recipe.network())
        loss = recipe.make_loss()  # mc.losses.MAPLoss(10), equation 9 of the paper
        optimizer = recipe.make_optimizer(net.parameters())  # mc.optim.SGD(..., momentum=0.9, weight_decay=0.01)
        job.begin(net, loss, train)

        history = mc.training.fit(
            net, loss, optimizer, train, test,
            epochs=recipe.epochs, batch_size=recipe.batch_size, schedule=recipe.make_schedule(),  # lr falls to 0
            augment=job.augment, seed=job.seed, **job.how(),  # files, threads, the progress bar
        )  # fmt: skip
        if history.interrupted:
            return job.stopped(history)
        result = mc.training.evaluate(net, test, loss)
        return job.finish(net, test, result, history)


if __name__ == "__main__":
    sys.exit(ends(main))
