"""``minicnn export``: a trained network for other programs, in the form that a file's name ends in."""

import argparse
import re
import sys
from pathlib import Path

import numpy as np

import minicnn as mc
from minicnn.data.classes import DIGITS
from minicnn.files import atomic_write
from minicnn.models.lenet5 import INPUT_SHAPE as LENET5_SHAPE
from minicnn.models.lenet_modern import INPUT_SHAPE as MODERN_SHAPE
from minicnn.terminal import fitted

ABOUT = """Write a trained network to FILE, for other programs:

  NAME.onnx         an ONNX model: uint8 images in, distances and labels out
  NAME.safetensors  the weights in PyTorch's names and shapes
  NAME.npz          the weights as minicnn's own net.load reads them; with
                    --pytorch in PyTorch's names and shapes, for np.load

docs/interop.md shows the other side of each."""

MODELS = {"lenet5": LENET5_SHAPE, "lenet_modern": MODERN_SHAPE}
"""What each takes without samples, where nothing is preprocessed."""


def main(arguments=None, prog="python -m minicnn export"):
    parser = argparse.ArgumentParser(prog=prog, description=ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", metavar="FILE", type=Path, help="where to write; what is there is replaced")
    parser.add_argument("--network", metavar="FILE", help="weights, a file that net.save or training wrote, such as "
                        "runs/lenet5/checkpoint.npz (default: LeNet-5's that come with minicnn)")  # fmt: skip
    parser.add_argument("--model", choices=MODELS, default="lenet5", help="whose weights these are (default: lenet5)")
    parser.add_argument("--images", metavar="HxW", type=size, help="onnx: pixels of the images that the model takes, "
                        "which it preprocesses itself (default: 28x28)")  # fmt: skip
    parser.add_argument("--preprocessed", action="store_true", help="onnx: take what forward takes instead, (N, 1, 32, "
                        "32) real numbers for LeNet-5")  # fmt: skip
    parser.add_argument("--pytorch", action="store_true", help="npz: in PyTorch's names and shapes")
    args = parser.parse_args(arguments)
    if args.file.suffix not in WRITERS:
        parser.error(f"FILE must end in {', '.join(WRITERS)}, got {args.file.name}")
    if args.preprocessed and args.images:
        parser.error("--preprocessed models take no images: leave --images out")
    if args.model != "lenet5" and args.network is None:
        parser.error(f"no weights of {args.model} come with minicnn: give --network FILE")
    try:
        WRITERS[args.file.suffix](network(args.model, args.network), args)
    except ImportError as error:
        print(fitted(f"error: {error}", sys.stderr, indent="    "), file=sys.stderr)
        return 1
    print(f"written: {args.file}")
    return 0


def network(model, path):
    """The model with the weights of a file, or LeNet-5 with those of the package."""
    if path is None:
        return mc.models.lenet5(pretrained=True)
    return getattr(mc.models, model)(mc.models.classes_of(path) or DIGITS).load(path)


def size(text):
    """(28, 28) from "28x28"."""
    found = re.fullmatch(r"(\d{1,4})x(\d{1,4})", text)
    if not found:
        raise argparse.ArgumentTypeError(f"must be HEIGHTxWIDTH, as 28x28, got {text}")
    return int(found[1]), int(found[2])


def onnx(net, args):
    if args.preprocessed:
        mc.interop.save_onnx(net, args.file, MODELS[args.model], labels=True)
    else:
        mc.interop.save_onnx(net, args.file, images=args.images or (28, 28), labels=True)


def safetensors(net, args):
    mc.interop.save_safetensors(net, args.file)


def npz(net, args):
    if not args.pytorch:
        net.save(args.file)
        return
    with atomic_write(args.file) as file:
        np.savez(file, **mc.interop.torch_state_dict(net))


WRITERS = {".onnx": onnx, ".safetensors": safetensors, ".npz": npz}
