"""What surrounds the training of LeNet-5: what is said of it, where its results go, and when it has gone astray."""

import contextlib
import pickle
import sys
from dataclasses import replace

import minicnn as mc
from minicnn.cli.train.confusion import confusion_words
from minicnn.cli.train.options import OF_THE_RECIPE, SETTINGS, parse
from minicnn.cli.train.pictures import draw
from minicnn.cli.train.places import results_directory
from minicnn.data.classes import listed
from minicnn.models.lenet5 import INPUT_SHAPE
from minicnn.terminal import fitted
from minicnn.training.recipes import RECIPES

OF_THE_START = 500
"""Images on which the loss before training is measured."""


class Job:
    """One run, as its options want it. Within the block the directory of its results is its own.

    arguments: the command line, by default this process's; about: what --help begins with; prog: how the command is
    called, by default the script that runs. ``recipe``, ``seed``, ``backend`` and ``augment`` are for the training,
    ``how()`` is the rest of what ``fit`` takes.

    Where mpiexec has started several of these, they train one network together. All go by rank 0's options; it alone
    says what goes on, writes files and draws.
    """

    def __init__(self, arguments, about, prog=None):
        ranks = mc.ranks.world()
        self.args = args = told_by_the_first(ranks, lambda: parse(arguments, about, prog, ranks.size))
        args.quiet = args.quiet or ranks.rank > 0
        self.called = prog or f"python {sys.argv[0]}"
        self.recipe = replace(RECIPES[args.recipe], **{name: getattr(args, name) for name in OF_THE_RECIPE})
        self.seed, self.augment = args.seed, self.recipe.distortion if args.distort else None
        with ranks.together():
            self.backend = mc.backend.get(args.backend)
        self.ranks = ranks.on(self.backend)
        threads = f", threads: {mc.compiled.thread_count(args.threads)}" if self.backend.name == "numpy" else ""
        computes = mc.compiled.describe(self.backend)
        self.say(f"backend:  {self.backend.name} ({self.backend.reason}); {computes}{threads}")
        if ranks.size > 1:
            self.say(f"ranks:    {ranks.size} processes share every batch, by {self.ranks.words}")

    def __enter__(self):
        self.at_the_end = contextlib.ExitStack()
        self.at_the_end.enter_context(self.ranks.last_resort())
        return self

    def __exit__(self, *error):
        return self.at_the_end.__exit__(*error)

    def say(self, text, always=False):
        if always or not self.args.quiet:
            print(fitted(text, sys.stdout, indent=" " * 10), flush=True)

    def data(self):
        """(train, test): what --data names, or MNIST."""
        for turn in range(2):  # the first rank downloads, if need be, what the others then find
            with self.ranks.together():
                if turn == min(self.ranks.rank, 1):
                    train, test = mc.data.load(self.args.data, progress=not self.args.quiet)
        self.say(f"data:     {train.source}\n          {len(train):,} training images, {len(test):,} test images of "
                 f"{len(train.classes)} classes: {listed(train.classes)}")  # fmt: skip
        return train, test

    def begin(self, net, loss, train):
        """Say what will be trained, and how; take the directory of the results."""
        args, recipe = self.args, self.recipe
        self.say(f"recipe:   {args.recipe} ({recipe.about})")
        loss_name = f"map loss with j {args.j:g}" if args.loss == "map" else f"{args.loss} loss"
        self.say(f"training: {args.epochs} epoch{'s'[: args.epochs > 1]} in batches of {args.batch_size}, {loss_name}, "
                 f"{recipe.optimizer.upper()} with lr {args.lr:g} falling, momentum {args.momentum:g}, "
                 f"weight decay {args.weight_decay:g}, {f'dropout {args.dropout:g}, ' * (args.dropout > 0)}"
                 f"seed {args.seed}"
                 f"{', images distorted anew in every epoch' * args.distort}")  # fmt: skip
        if args.resume:
            self.say(f"resumed:  {where_it_stands(args)}")
        self.say(f"\n{net.summary(INPUT_SHAPE)}\n")
        self.untrained = mc.training.evaluate(net, train.subset(slice(OF_THE_START)), loss).loss
        self.checkpoint = self.history_file = None
        with self.ranks.together():
            if self.ranks.rank == 0:
                self.output = self.at_the_end.enter_context(results_directory(args.output))
                self.checkpoint, self.history_file = self.output / "checkpoint.npz", self.output / "history.jsonl"

    def how(self):
        """Arguments of ``fit``: where it keeps what, how much it shows, and how many threads share the work."""
        return {
            "threads": self.args.threads, "checkpoint": self.checkpoint, "history": self.history_file,
            "resume": self.args.resume, "config": {name: getattr(self.args, name) for name in SETTINGS},
            "progress": not self.args.quiet, "on_epoch": lambda record: stop_if_lost(record, self.untrained),
            "communicator": self.ranks,
        }  # fmt: skip

    def stopped(self, history):
        """Say how to go on -> the exit status, as a shell says of what a signal has ended: 130 for Ctrl-C."""
        if self.ranks.rank == 0:
            with contextlib.suppress(OSError):  # a closed terminal is one of the reasons to stop
                print(f"stopped in epoch {len(history) + 1} of {self.args.epochs}; to go on:\n"
                      f"    {self.called} --resume {self.checkpoint}", file=sys.stderr, flush=True)  # fmt: skip
        return 128 + history.signal

    def finish(self, net, test, result, history):
        """The confusion matrix, the test error, where everything lies, and the pictures."""
        if self.ranks.rank:
            return 0
        self.say(f"\n{confusion_words(result.confusion, test.classes, f'test images of {test.name}')}\n")
        comparable = " (on the sample: not comparable with MNIST's)" if test.is_sample else ""
        wrong = f"{result.errors:,} of {result.count:,} wrong"
        self.say(f"test error: {result.error_rate:.2%}, {wrong}{comparable}", always=True)
        for name, path in (("checkpoint", self.checkpoint), ("history", self.history_file)):
            if path.exists():
                self.say(f"{name + ':':12}{path}")
        if not self.args.no_plots:
            try:
                for number, path in enumerate(draw(net, test, result, history, self.output, self.augment)):
                    self.say(f"{'' if number else 'pictures:':12}{path}")
            except ImportError as error:
                self.say(f"pictures:   none; {error}")
        return 0


def told_by_the_first(ranks, parse):
    """What ``parse`` returns on rank 0, on all ranks: it alone may see the checkpoint to go on from, and says what is
    wrong with the command line."""
    args, status = None, 0
    with ranks.together():
        if ranks.rank == 0:
            try:
                args = parse()
            except SystemExit as end:
                status = end.code
    if ranks.size > 1:
        args, status = pickle.loads(ranks.data(pickle.dumps((args, status))))
    if args is None:
        raise SystemExit(status)
    return args


def where_it_stands(args):
    """What a resumed run begins with, in words."""
    epoch, batch = (args.progress[name] for name in ("epoch", "batch"))
    text = f"from {args.resume}, {epoch} of {args.epochs} epochs done"
    if epoch >= args.epochs:
        return f"{text}: training is complete, --epochs N would go on to N"
    return f"{text} and {batch} batches of the next" if batch else text


def stop_if_lost(record, untrained):
    """Raise DivergedError if training has made things worse.

    The squashing functions keep a loss finite however large the weights grow; but then every unit is
    saturated, gradients vanish and nothing is learnt any more.
    """
    if record["train_loss"] > 1.5 * untrained:
        raise mc.errors.DivergedError(
            f"the mean loss of epoch {record['epoch']} is {record['train_loss']:.4g}, up from {untrained:.4g} before "
            "training: the weights have run away; try a smaller --lr"
        )

