"""Trained weights that come with the package, NAME.npz, each with a model card NAME.md that says how they came about.

``examples/train_pretrained.py`` makes both.
"""

from importlib import resources

from minicnn.serialization import load_npz


def weights(name):
    """-> (arrays by parameter name, facts), as in ``name``.npz: facts["made"] says how, facts["measured"] how good.

    Raises ValueError for a network that no weights came with, CheckpointError for a damaged file.
    """
    folder = resources.files(__name__)
    names = sorted(file.name.removesuffix(".npz") for file in folder.iterdir() if file.name.endswith(".npz"))
    if name not in names:
        raise ValueError(f"name must be one of {', '.join(names) or '(nothing: no weights came along)'}, got {name!r}")
    with resources.as_file(folder / f"{name}.npz") as path:
        return load_npz(path)


def card(name):
    """The model card of ``name``, as Markdown."""
    return (resources.files(__name__) / f"{name}.md").read_text(encoding="utf-8")
