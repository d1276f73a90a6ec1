"""Files appear whole or not at all."""

import contextlib
import os
import tempfile
from pathlib import Path


@contextlib.contextmanager
def atomic_write(path, mode="wb"):
    """Open a temporary file beside ``path`` and rename it to ``path`` when the block ends without error.

    A reader sees the old file or the new one, never half of either: the data are flushed to the disk before
    the rename, which replaces the target in one step. After an error the temporary file is removed and the
    target is as it was. Missing parent directories are created.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with open(descriptor, mode, encoding=None if "b" in mode else "utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _umask():
    """The process's file mode mask, which mkstemp ignores; POSIX only reads it by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
