"""Train LeNet-5, as published in 1998, on MNIST; needs no argument and no network.

Prints progress and the test error, and leaves a checkpoint, the history and pictures in the output directory.
Ctrl-C stops after the current batch and keeps what was learnt; --resume goes on from there. So do SIGTERM and SIGHUP.
"""

import argparse
import contextlib
import math
import signal
import sys
from dataclasses import replace
from pathlib import Path

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # there is nothing to end cleanly yet, and no traceback to read

import numpy as np

import minicnn as mc
from minicnn.files import locked
from minicnn.models.lenet5 import INPUT_SHAPE
from minicnn.training.recipes import INITIALISERS, LOSSES, RECIPES

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
    signal.signal(signal.SIGINT, signal.default_int_handler)

OF_THE_RECIPE = ("loss", "j", "lr", "mu", "momentum", "weight_decay", "batch_size", "epochs", "init")
SETTINGS = ("recipe", *OF_THE_RECIPE, "distort", "data", "backend", "seed", "threads")
"""The options that a checkpoint keeps and --resume restores."""


def main(arguments=None):
    args = parse(arguments)
    with contextlib.ExitStack() as at_the_end:
        return run(args, at_the_end)


def run(args, at_the_end):
    """All that the arguments ask for -> the exit status; at_the_end gives back the directory of the results."""
    say = (lambda *words: None) if args.quiet else (lambda *words: print(*words, flush=True))

    backend = mc.backend.get(args.backend)
    threads = f", threads: {mc.compiled.thread_count(args.threads)}" if backend.name == "numpy" else ""
    say(f"backend:  {backend.name} ({backend.reason}); {mc.compiled.describe(backend)}{threads}")
    train, test = mc.data.load_mnist(args.data, progress=not args.quiet)
    say(f"data:     {train.source}\n          {len(train):,} training digits, {len(test):,} test digits")
    recipe = replace(RECIPES[args.recipe], **{name: getattr(args, name) for name in OF_THE_RECIPE})
    say(f"recipe:   {args.recipe} ({recipe.about})")
    loss_name = f"map loss with j {args.j:g}" if args.loss == "map" else f"{args.loss} loss"
    say(f"training: {args.epochs} epoch{'s'[: args.epochs > 1]} in batches of {args.batch_size}, {loss_name}, "
        f"{recipe.optimizer.upper()} with lr {args.lr:g} falling, momentum {args.momentum:g}, "
        f"weight decay {args.weight_decay:g}, seed {args.seed}"
        f"{', digits distorted anew in every epoch' * args.distort}")  # fmt: skip
    if args.resume:
        say(f"resumed:  {where_it_stands(args)}")

    net = mc.models.lenet5(rng=args.seed, **recipe.initialisers(), backend=backend)
    say(f"\n{net.summary(INPUT_SHAPE)}\n")
    loss, optimizer = recipe.make_loss(), recipe.make_optimizer(net.parameters())
    augment = mc.data.Distortion() if args.distort else None
    untrained = mc.training.evaluate(net, train.subset(slice(500)), loss).loss
    output = at_the_end.enter_context(results_directory(args.output))
    checkpoint, history_file = output / "checkpoint.npz", output / "history.jsonl"
    history = mc.training.fit(
        net, loss, optimizer, train, test,
        epochs=args.epochs, batch_size=args.batch_size, schedule=recipe.make_schedule(), seed=args.seed,
        threads=args.threads, augment=augment, checkpoint=checkpoint, history=history_file, resume=args.resume,
        config={name: getattr(args, name) for name in SETTINGS}, progress=not args.quiet,
        on_epoch=lambda record: stop_if_lost(record, untrained),
    )  # fmt: skip
    if history.interrupted:
        with contextlib.suppress(OSError):  # a closed terminal is one of the reasons to stop
            print(f"stopped in epoch {len(history) + 1} of {args.epochs}; to go on:\n"
                  f"    python {sys.argv[0]} --resume {checkpoint}", file=sys.stderr, flush=True)  # fmt: skip
        return 128 + history.signal  # as a shell says of what a signal has ended: 130 for Ctrl-C, 143 for SIGTERM

    result = mc.training.evaluate(net, test, loss)
    say("\nconfusion matrix of the test digits (rows: true digit, columns: predicted)")
    say(f"{confusion_table(result.confusion)}\n")
    comparable = " (on the sample: not comparable with MNIST's)" if test.is_sample else ""
    print(f"test error: {result.error_rate:.2%}, {result.errors:,} of {result.count:,} wrong{comparable}", flush=True)
    for name, path in (("checkpoint", checkpoint), ("history", history_file)):
        if path.exists():
            say(f"{name + ':':12}{path}")
    if not args.no_plots:
        try:
            for number, path in enumerate(draw(net, test, result, history, output, augment)):
                say(f"{'' if number else 'pictures:':12}{path}")
        except ImportError as error:
            say(f"pictures:   none; {error}")
    return 0


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


def confusion_table(confusion):
    width = max(5, len(str(confusion.max())) + 1)
    lines = ["     " + "".join(f"{digit:{width}}" for digit in range(len(confusion)))]
    lines += [f"{digit:5}" + "".join(f"{count:{width}}" for count in row) for digit, row in enumerate(confusion)]
    return "\n".join(lines)


def draw(net, test, result, history, output, augment):
    """Write the pictures; yields the path of each. Raises ImportError without matplotlib."""
    from minicnn import plots

    host = net.backend.to_numpy
    yield plots.learning_curves(history, output / "learning_curves.png", "LeNet-5 learns to read digits")
    yield plots.confusion_matrix(result.confusion, output / "confusion_matrix.png")
    c1, c3 = net["C1"], net["C3"]
    yield plots.filters(host(c1.dense_weight()), output / "filters_c1.png", "C1: the kernel of each map")
    yield plots.filters(host(c3.dense_weight()), output / "filters_c3.png",
                        "C3: a kernel for each connection of Table I", connections=c3.table)  # fmt: skip

    image, label = example_digit(test, result)
    x = net.input(image)
    stages, outputs = [("input", host(x)[..., 0])], {}
    for layer in net:
        x = layer.forward(x)
        outputs[layer.name] = host(x)[..., 0]
    stages += [(name, outputs[f"{name} squash"]) for name in ("C1", "S2", "C3", "S4", "C5", "F6")]
    stages.append(("output", outputs["output"]))
    yield plots.feature_maps(stages, output / "feature_maps.png", f"LeNet-5 looks at a{'n' * (label == 8)} {label}")
    yield plots.prototype(outputs["F6 squash"], host(net["output"].prototypes), outputs["output"], label,
                          output / "f6_and_prototype.png")  # fmt: skip
    if augment is not None:
        yield plots.distortions(image[0], augment, output / "distortions.png")
    yield plots.misclassified(test.images, test.labels, result.predictions, output / "misclassified.png")


def example_digit(test, result, digit=3):
    """(image, label): of the 3s that are read rightly, the most typical one, nearest to the mean of them all."""
    right = np.flatnonzero((test.labels == digit) & (result.predictions == digit))
    if not len(right):
        return test.images[:1], int(test.labels[0])
    threes = test.images[right].astype("float32")
    best = right[np.square(threes - threes.mean(axis=0)).sum(axis=(1, 2)).argmin()]
    return test.images[best : best + 1], digit


def parse(arguments):
    count = number(int, "at least 1", lambda n: n >= 1)
    rate = number(float, "positive and finite", lambda x: 0 < x < math.inf)
    names = "; ".join(f"{name}: {recipe.about}" for name, recipe in RECIPES.items())

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--data", metavar="DIR", help="directory with the four MNIST files, raw or .gz (default: MINICNN_DATA, "
        "the cache, a download, the bundled sample, whichever comes first)")  # fmt: skip
    add("--recipe", choices=RECIPES, default="default", help=f"{names}. The options below change parts of it "
        "(default: %(default)s, whose values they show)")  # fmt: skip
    add("--epochs", type=count, help="passes over the training set (default: %(default)s)")
    add("--batch-size", type=count, help="samples a step (default: %(default)s)")
    add("--lr", type=rate, help="first learning rate, from which the recipe's schedule falls (default: %(default)s)")
    add("--momentum", type=number(float, "at least 0 and below 1", lambda x: 0 <= x < 1),
        help="of the optimizer (default: %(default)s)")  # fmt: skip
    add("--weight-decay", type=number(float, "at least 0 and finite", lambda x: 0 <= x < math.inf),
        help="so much of each weight is added to its gradient (default: %(default)s)")  # fmt: skip
    add("--mu", type=rate, help="keeps the paper's steps, lr / (mu + curvature), bounded (default: %(default)s)")
    add("--loss", choices=LOSSES, help="rbf: equation 8 of the paper; map: equation 9 with --j; softmax: equation 9 "
        "with j infinite (default: %(default)s)")  # fmt: skip
    add("--j", type=rate, help="distance of the rubbish class for --loss map: digits nearer to their prototype "
        "are let go (default: %(default)s)")  # fmt: skip
    add("--init", choices=INITIALISERS, help="initial weights: lecun1998: uniform in ±2.4 / fan-in, as published; "
        "fan-in: in ±1 / sqrt(fan-in) (default: %(default)s)")  # fmt: skip
    add("--distort", action="store_true", help="train on random distortions of the digits, new ones in every epoch")
    add("--backend", choices=mc.backend.NAMES, help="where to compute (default: MINICNN_BACKEND or auto)")
    add("--seed", type=number(int, "at least 0", lambda n: n >= 0), default=0,
        help="of weights and shuffles (default: %(default)s)")  # fmt: skip
    add("--threads", type=count, help="how many share each batch on the CPU; the result does not depend on it "
        "(default: all cores)")  # fmt: skip
    add("--output", type=Path, metavar="DIR", help="where results go; those of an earlier run there are replaced "
        "(default: runs/lenet5, or the first free of runs/lenet5-2, -3, ...)")  # fmt: skip
    add("--resume", type=Path, metavar="FILE", help="go on from this checkpoint, with its settings unless given here")
    add("--no-plots", action="store_true", help="draw no pictures (they need matplotlib)")
    add("--quiet", action="store_true", help="print the test error only")

    def defaults(recipe):
        parser.set_defaults(**{name: getattr(RECIPES[recipe], name) for name in OF_THE_RECIPE})

    defaults("default")
    args = parser.parse_args(arguments)
    defaults(args.recipe)
    args = parser.parse_args(arguments)
    if args.resume:
        facts = mc.training.read_facts(args.resume)[1]
        facts["config"].setdefault("threads", None)  # version 0.1 had worker processes
        if lacking := [name for name in SETTINGS if name not in facts["config"]]:
            raise mc.errors.CheckpointError(f"{args.resume} is not from this script: it has no {', '.join(lacking)}")
        if lacking := [name for name in ("epoch", "batch") if name not in facts["progress"]]:
            raise mc.errors.CheckpointError(f"{args.resume} is damaged: its progress has no {', '.join(lacking)}")
        parser.set_defaults(**checked_settings(parser, args.resume, facts["config"]))
        args = parser.parse_args(arguments)
        if args.recipe not in RECIPES:
            parser.error(f"argument --resume: {args.resume} was trained by the recipe {args.recipe!r}, which is not in "
                         f"this version; give --recipe with one of {', '.join(RECIPES)}")  # fmt: skip
        args.progress = facts["progress"]
        args.output = args.output or args.resume.parent
    args.data = args.data and str(Path(args.data).expanduser().absolute())
    if args.output and args.output.is_file():
        parser.error(f"argument --output: must be a directory, {args.output} is a file")
    return args


def checked_settings(parser, checkpoint, config):
    """The settings of a checkpoint, by name, each as its option would take it from a command line."""
    settings = {}
    for name in SETTINGS:
        value, option = config[name], f"--{name.replace('_', '-')}"
        try:
            if name == "recipe" and isinstance(value, str):
                settings[name] = value  # one of an earlier version's, perhaps: --recipe may give another
            elif isinstance(value, bool) if name == "distort" else value is None and parser.get_default(name) is None:
                settings[name] = value
            elif isinstance(value, (str, int, float)) and not isinstance(value, bool) and name != "distort":
                with refusing(parser):
                    settings[name] = getattr(parser.parse_args([f"{option}={value}"]), name)
            else:
                raise ValueError(f"argument {option}: invalid value: {value!r}")
        except ValueError as error:
            raise mc.errors.CheckpointError(f"{checkpoint} is damaged: among its settings, {error}") from None
    return settings


@contextlib.contextmanager
def refusing(parser):
    """Within the block the parser raises a ValueError instead of ending the program."""

    def refuse(message):
        raise ValueError(message)

    parser.error = refuse
    try:
        yield
    finally:
        del parser.error


def number(kind, text, fits):
    """For argparse: a converter to int or float that refuses what does not fit."""

    def convert(value):
        result = kind(value)
        if not fits(result):
            raise argparse.ArgumentTypeError(f"must be {text}, got {value}")
        return result

    convert.__name__ = kind.__name__  # argparse names it in its message
    return convert


@contextlib.contextmanager
def results_directory(path=None):
    """The directory for the results, this run's alone while the block lasts; without results it is removed again.

    ``path``, or the first of runs/lenet5, runs/lenet5-2, ... that does not exist yet: whoever creates it has claimed
    it. Raises BlockingIOError where another run writes into ``path`` at this moment.
    """
    existed = path is not None and path.exists()
    if path is None:
        path = new_directory(Path("runs/lenet5"))
    path.mkdir(parents=True, exist_ok=True)
    try:
        with locked(path):
            yield path
    finally:
        if not existed:
            with contextlib.suppress(OSError):  # it is not empty
                path.rmdir()


def new_directory(path):
    """Create ``path``, or the first of path-2, path-3, ... that there is not yet: no two runs get the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    candidate, number = path, 1
    while True:
        try:
            candidate.mkdir()
            return candidate
        except FileExistsError:
            number += 1
            candidate = path.with_name(f"{path.name}-{number}")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (mc.errors.MinicnnError, ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(130)
