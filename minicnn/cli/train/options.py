"""The options of the main job, and those that a checkpoint restores."""

import argparse
import contextlib
import math
from pathlib import Path

import minicnn as mc
from minicnn.cli.help import Paragraphs
from minicnn.cli.numbers import number
from minicnn.training.recipes import INITIALISERS, LOSSES, RECIPES

OF_THE_RECIPE = ("loss", "j", "lr", "mu", "momentum", "weight_decay", "batch_size", "epochs", "init", "dropout")
SETTINGS = ("recipe", *OF_THE_RECIPE, "distort", "data", "backend", "seed", "threads")
"""The options that a checkpoint keeps and --resume restores."""


def parse(arguments, about, prog=None, ranks=1):
    """The command line -> all options; those of a checkpoint that is gone on from, unless they are given.

    ranks: how many processes share every batch.
    """
    count = number(int, "at least 1", lambda n: n >= 1)
    rate = number(float, "positive and finite", lambda x: 0 < x < math.inf)
    names = "; ".join(f"{name}: {recipe.about}" for name, recipe in RECIPES.items())

    how = {"usage": "%(prog)s [OPTIONS]", "formatter_class": Paragraphs}
    parser = argparse.ArgumentParser(prog=prog, description=about, **how)
    add = parser.add_argument
    add("--data", metavar="NAME|DIR", help=f"a data set by its name, {', '.join(mc.data.NAMES)}; or a directory of IDX "
        "files or of pictures in a folder a class (default: MINICNN_DATA, or else MNIST from the cache, a download or "
        "the bundled sample, whichever comes first)")  # fmt: skip
    add("--recipe", choices=RECIPES, default="default", help=f"{names}. The options below change parts of it "
        "(default: %(default)s, whose values they show)")  # fmt: skip
    add("--epochs", type=count, help="passes over the training set (default: %(default)s)")
    size = parser.add_mutually_exclusive_group().add_argument
    size("--batch-size", type=count, help="samples a step (default: %(default)s)")
    size("--rank-batch-size", type=count, metavar="N", help="N samples a step for each process of mpiexec's, so "
         "that the batch grows with them (default: they share one of --batch-size)")  # fmt: skip
    add("--lr", type=rate, help="first learning rate, from which the recipe's schedule falls (default: %(default)s)")
    add("--momentum", type=number(float, "at least 0 and below 1", lambda x: 0 <= x < 1),
        help="of the optimizer (default: %(default)s)")  # fmt: skip
    add("--weight-decay", type=number(float, "at least 0 and finite", lambda x: 0 <= x < math.inf),
        help="so much of each weight is added to its gradient (default: %(default)s)")  # fmt: skip
    add("--mu", type=rate, help="keeps the paper's steps, lr / (mu + curvature), bounded (default: %(default)s)")
    add("--loss", choices=LOSSES, help="rbf: equation 8 of the paper; map: equation 9 with --j; softmax: equation 9 "
        "with j infinite (default: %(default)s)")  # fmt: skip
    add("--j", type=rate, help="distance of the rubbish class for --loss map: images nearer to their prototype "
        "are let go (default: %(default)s)")  # fmt: skip
    add("--init", choices=INITIALISERS, help="initial weights: lecun1998: uniform in ±2.4 / fan-in, as published; "
        "fan-in: in ±1 / sqrt(fan-in) (default: %(default)s)")  # fmt: skip
    add("--dropout", metavar="P", type=number(float, "at least 0 and below 1", lambda p: 0 <= p < 1),
        help="the share of S2's and S4's outputs left out at random in every step (default: %(default)s)")  # fmt: skip
    add("--distort", action="store_true", help="train on random distortions of the images, new ones in every epoch")
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
        facts["config"] = {"threads": None, "dropout": 0.0, **facts["config"]}  # there since versions 0.2 and 0.5
        if lacking := [name for name in SETTINGS if name not in facts["config"]]:
            raise mc.errors.CheckpointError(f"{args.resume} is not from minicnn train: it has no {', '.join(lacking)}")
        if lacking := [name for name in ("epoch", "batch") if name not in facts["progress"]]:
            raise mc.errors.CheckpointError(f"{args.resume} is damaged: its progress has no {', '.join(lacking)}")
        parser.set_defaults(**checked_settings(parser, args.resume, facts["config"]))
        args = parser.parse_args(arguments)
        if args.recipe not in RECIPES:
            parser.error(f"argument --resume: {args.resume} was trained by the recipe {args.recipe!r}, which is not in "
                         f"this version; give --recipe with one of {', '.join(RECIPES)}")  # fmt: skip
        args.progress = facts["progress"]
        args.output = args.output or args.resume.parent
    if args.rank_batch_size:
        args.batch_size = args.rank_batch_size * ranks
    if args.data and args.data not in mc.data.NAMES and Path(args.data).expanduser().exists():
        args.data = str(Path(args.data).expanduser().absolute())
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
