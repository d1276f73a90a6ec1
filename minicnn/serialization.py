"""Named arrays and a few facts about them in one .npz file, without pickle."""

import json
import zipfile
import zlib

import numpy as np

from minicnn.errors import CheckpointError
from minicnn.files import atomic_write

FORMAT = "minicnn-1"
FACTS = "__facts__"


def save_npz(path, arrays, facts):
    """Write a mapping of NumPy arrays and a JSON-able mapping ``facts`` to ``path``, whole or not at all."""
    document = json.dumps({"format": FORMAT, **facts})
    with atomic_write(path) as file:
        np.savez(file, **{FACTS: np.array(document)}, **arrays)


def load_npz(path):
    """-> (arrays, facts) of a file that ``save_npz`` wrote; CheckpointError says what is wrong with any other."""
    try:
        with open(path, "rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not hasattr(archive, "files"):
                raise CheckpointError(f"{path} is a single array, no .npz file")
            arrays = {name: archive[name] for name in archive.files}
        facts = json.loads(str(arrays.pop(FACTS)))
        if facts.pop("format") != FORMAT:
            raise CheckpointError(f"{path} is of another format than {FORMAT}")
    except CheckpointError:
        raise
    except FileNotFoundError:
        raise CheckpointError(f"{path}: there is no such file") from None
    except KeyError:
        raise CheckpointError(f"{path} is an .npz file, but not one that minicnn wrote") from None
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        raise CheckpointError(f"{path} cannot be read as a checkpoint: {error}") from error
    return arrays, facts


def network_part(arrays):
    """Of a training checkpoint's arrays, the network's, by parameter name."""
    return {name.removeprefix("network/"): a for name, a in arrays.items() if name.startswith("network/")}
