"""Make the trained LeNet-5 that comes with minicnn: its weights and the model card beside them.

Trains on full MNIST with a fixed seed, takes the weights after the last pass (the test digits choose nothing), and
writes lenet5.npz and lenet5.md to a folder; only --publish puts them into the package. With --checkpoint it takes what
another run trained, with that run's settings.
"""

import argparse
import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import minicnn as mc
from minicnn.cli import ends
from minicnn.cli.help import Paragraphs
from minicnn.files import atomic_write
from minicnn.models import pretrained
from minicnn.serialization import load_npz, save_npz
from minicnn.training import RECIPES

PACKAGE = Path(pretrained.__file__).parent

CARD = """\
# LeNet-5, trained

`mc.models.lenet5(pretrained=True)` loads these weights. `examples/train_pretrained.py` wrote this page and
`{file}`; every number here was measured by it, none typed in.

| | |
|---|---|
| network | LeNet-5 of LeCun, Bottou, Bengio, Haffner 1998, section II.B: {parameters:,} trained parameters, float32 |
| input | 28x28 bytes, 0 background to 255 ink; `net.predict(images)` centres them in 32x32 |
| file | `{file}`, {size:,} bytes, no pickle, SHA-256 `{sha256}` |
| trained on | {trained_on} |
| recipe | {recipe} |
| which weights | those after the last pass; the test digits chose nothing |
| made by | `{command}` with minicnn {version} |

## Errors

On the {tested_on}:
**{wrong:,} of {count:,} wrong, {error:.2%}**. On the digits it was trained on, after training: {train_error:.2%}.

| digit | test digits | wrong | error | most often taken for |
|---|---|---|---|---|
{digits}

{sample}

## What it is for

Teaching, demonstrations and tests. It reads single digits that are drawn, scaled and centred as MNIST's were
(light on dark, 20x20 box, centred by mass in 28x28) and nothing else; it always answers with one of the ten, whatever
it is shown. The distance to the nearest prototype, `net.forward(...).min(axis=0)`, tells how sure it is.

## Licence

The weights are under the MIT licence, as minicnn is. They were learnt from MNIST (Yann LeCun, Corinna Cortes,
Christopher J. C. Burges; CC BY-SA 3.0, https://creativecommons.org/licenses/by-sa/3.0/); no digit of it is in the file.
"""

SEEN = """\
The bundled sample's digits all come from MNIST's **training** set: this network has seen every one of them, so an
error measured on them says nothing about digits it has not seen."""
UNCOMPARABLE = "None of this is comparable with errors on MNIST."


def main(arguments=None):
    args = parse(arguments)
    train, test = mc.data.load_mnist(args.data)
    what = description(train)
    if what is None and args.output.resolve() == PACKAGE.resolve():
        raise ValueError(f"what goes into the package must be trained on MNIST, not on {train.source}; give --data")
    what = what or ("the bundled sample" if train.is_sample else "data in MNIST's format, but other than MNIST's")
    net, recipe, command = published(args) if args.checkpoint else trained(args, train, test)

    result, seen = mc.training.evaluate(net, test), mc.training.evaluate(net, train)
    facts = {
        "kind": "network",
        "made": {
            "trained_on": f"{what}, {len(train):,} training digits", "recipe": recipe, "command": command,
            "version": mc.__version__,
        },
        "measured": {
            "tested_on": f"{len(test):,} test digits of {what}", "confusion": result.confusion.tolist(),
            "train_error": seen.error_rate,
        },
    }  # fmt: skip
    weights, page = args.output / "lenet5.npz", args.output / "lenet5.md"
    save_npz(weights, net.state_dict(), facts)
    with atomic_write(page, "w") as file:
        file.write(card(weights))
    print(f"test error: {result.error_rate:.2%}, {result.errors:,} of {result.count:,} wrong\n{weights}\n{page}")


def trained(args, train, test):
    """A network trained as the arguments say -> (network, its recipe, the command that makes it)."""
    recipe = RECIPES[args.recipe]
    recipe = replace(recipe, epochs=args.epochs or recipe.epochs)
    net = mc.models.lenet5(rng=args.seed, **recipe.network())
    history = mc.training.fit(
        net, recipe.make_loss(), recipe.make_optimizer(net.parameters()), train, test, epochs=recipe.epochs,
        batch_size=recipe.batch_size, schedule=recipe.make_schedule(), seed=args.seed, threads=args.threads,
        augment=recipe.distortion if args.distort else None, progress=not args.quiet,
    )  # fmt: skip
    if history.interrupted:
        raise KeyboardInterrupt
    idle = {"j"} if recipe.loss != "map" else set()
    idle |= {"mu", "memory"} if recipe.optimizer != "sdlm" else set()
    settings = {name: value for name, value in recipe.settings().items() if name not in idle}
    settings |= {"distortions": repr(recipe.distortion) if args.distort else "none", "seed": args.seed}
    options = f"--recipe {args.recipe} {'--distort' if args.distort else '--no-distort'} --epochs {recipe.epochs}"
    command = f"python examples/train_pretrained.py --data DIR {options} --seed {args.seed}"
    return net, settings, command


def published(args):
    """The network of a finished run's checkpoint -> (network, that run's settings, the command)."""
    facts = mc.training.read_facts(args.checkpoint)[1]
    config, of_this_machine = facts["config"], ("data", "threads")
    settings = {name: value for name, value in config.items() if name not in of_this_machine and value is not None}
    if not settings:
        raise mc.errors.CheckpointError(f"{args.checkpoint} does not say with which settings it was trained")
    net = mc.models.lenet5().load(args.checkpoint)
    return net, settings, "python examples/train_pretrained.py --data DIR --checkpoint FILE"


def description(dataset):
    """The word "MNIST" if the data are MNIST's beyond doubt, else None."""
    return "MNIST" if dataset.source.startswith("MNIST,") else None


def card(path):
    """The model card of a weights file, as Markdown, from what the file itself says."""
    arrays, facts = load_npz(path)
    made, measured = facts["made"], facts["measured"]
    confusion = measured["confusion"]
    contents = path.read_bytes()
    wrong, count = sum(map(sum, confusion)) - sum(row[d] for d, row in enumerate(confusion)), sum(map(sum, confusion))
    return CARD.format(
        file=path.name, size=len(contents), sha256=hashlib.sha256(contents).hexdigest(),
        parameters=sum(a.size for a in arrays.values()), wrong=wrong, count=count, error=wrong / count,
        recipe=", ".join(f"{name.replace('_', ' ')} {value}" for name, value in made["recipe"].items()),
        digits="\n".join(digit_line(digit, row) for digit, row in enumerate(confusion)),
        sample=SEEN if made["trained_on"].startswith("MNIST,") else UNCOMPARABLE,
        train_error=measured["train_error"], tested_on=measured["tested_on"],
        **{name: made[name] for name in ("trained_on", "command", "version")},
    )  # fmt: skip


def digit_line(digit, row):
    """One digit's line of the table: how many were shown, how many misread, and as what."""
    count, wrong = sum(row), sum(row) - row[digit]
    others = sorted((taken for taken in range(len(row)) if taken != digit), key=lambda taken: -row[taken])
    taken = ", ".join(f"{other} ({row[other]})" for other in others[:3] if row[other]) or "-"
    return f"| {digit} | {count:,} | {wrong} | {wrong / max(count, 1):.2%} | {taken} |"


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=Paragraphs)
    add = parser.add_argument
    add("--data", metavar="DIR", help="directory with the four MNIST files (default: as lenet5_mnist.py)")
    add("--recipe", choices=RECIPES, default="long", help="as of lenet5_mnist.py (default: %(default)s)")
    add("--distort", action=argparse.BooleanOptionalAction, default=True,
        help="train on random distortions of the digits, new ones in every epoch (default: on)")  # fmt: skip
    add("--epochs", type=int, help="passes over the training set (default: the recipe's)")
    add("--seed", type=int, default=0, help="of weights and shuffles (default: %(default)s)")
    add("--threads", type=int, help="how many share each batch; the weights do not depend on it (default: all cores)")
    add("--checkpoint", type=Path, metavar="FILE", help="publish the network of this training checkpoint, with its "
        "settings as the recipe, instead of training one")  # fmt: skip
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--output", type=Path, default=Path("pretrained"), metavar="DIR",
                       help="where both files go (default: %(default)s)")  # fmt: skip
    where.add_argument("--publish", dest="output", action="store_const", const=PACKAGE, help="replace the weights of "
                       f"the package itself, in {PACKAGE}")  # fmt: skip
    add("--quiet", action="store_true", help="no progress bars")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(ends(main))
