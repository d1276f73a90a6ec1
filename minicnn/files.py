"""Files appear whole or not at all, and only files are opened."""

import contextlib
import errno
import os
import stat
import tempfile
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, which does not let anyone remove a file that another process has open
    fcntl = None  # type: ignore[assignment]

CANNOT = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EBADF}
"""What a file system answers that has no such thing: some network file systems have no fsync, some no locks."""


@contextlib.contextmanager
def atomic_write(path, mode="wb"):
    """Open a temporary file beside ``path`` and rename it to ``path`` when the block ends without error.

    A reader sees the old file or the new one, never half of either: the data are flushed to the disk before
    the rename, which replaces the target in one step. After an error the temporary file is removed and the
    target is as it was; what a killed process has left of ``path`` is removed by the next one that writes there.
    Missing parent directories are created. An OSError names ``path``.
    """
    path = checked_path("path", path)
    with _naming(path):
        descriptor, temporary = _temporary(path)
        try:
            with open(descriptor, mode, encoding=None if "b" in mode else "utf-8") as file:
                yield file
                file.flush()
                with _where_there_is_such_a_thing():
                    os.fsync(file.fileno())
                with contextlib.suppress(OSError):  # the contents matter, not who else may read them
                    os.chmod(temporary, 0o666 & ~_umask())
                if fcntl:  # still locked: nobody takes it for one that was left over
                    os.replace(temporary, path)
            if not fcntl:  # Windows renames closed files only
                os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            raise


def check_writable(path):
    """OSError, naming ``path``, unless ``atomic_write`` can make a file there; nothing is left behind."""
    path = checked_path("path", path)
    with _naming(path):
        descriptor, temporary = _temporary(path)
        os.close(descriptor)
        os.unlink(temporary)


def open_file(path):
    """``path``, open to read its bytes. OSError for a pipe, a device or a directory: they would block or never end."""
    path = checked_path("path", path)
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "is no regular file", str(path))
    return open(descriptor, "rb")


def checked_path(name, path):
    """``path`` as a Path; TypeError unless it is one or a string: a number would be a file that is open already."""
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"{name} must be a path, got {path!r}")
    if "\0" in os.fspath(path):
        raise ValueError(f"{name} must not hold a null character, got {path!r}")
    return Path(path)


@contextlib.contextmanager
def locked(directory):
    """Hold the directory for this process: another one that asks for it gets a BlockingIOError.

    The lock is the operating system's, on the directory itself: it ends with the process, however that ends, and leaves
    no file behind. Where the system or the file system has no such locks nothing is held.
    """
    if not fcntl:
        yield
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        with _where_there_is_such_a_thing():
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BlockingIOError(errno.EAGAIN, "another run writes there", str(directory)) from None
        yield
    finally:
        os.close(descriptor)


def _temporary(path):
    """(descriptor, name) of a new file beside ``path``, locked where locks exist, so that nobody else removes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a directory", str(path))
    _remove_left_over(path)
    while True:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        if _lock(descriptor) is not False and os.path.exists(temporary):
            return descriptor, temporary
        os.close(descriptor)  # another process took it for one that was left over, in the moment before the lock


def _remove_left_over(path):
    """Remove the temporary files of processes that were killed while they wrote ``path``: nobody holds their locks."""
    for name in os.listdir(path.parent):
        if name.startswith(f".{path.name}.") and name.endswith(".part"):
            with contextlib.suppress(OSError):
                if fcntl is None:
                    os.unlink(path.parent / name)
                    continue
                descriptor = os.open(path.parent / name, os.O_RDWR)
                try:
                    if _lock(descriptor):
                        os.unlink(path.parent / name)
                finally:
                    os.close(descriptor)


def _lock(descriptor):
    """True: locked; False: another process has it; None: there are no locks here."""
    if not fcntl:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


@contextlib.contextmanager
def _where_there_is_such_a_thing():
    try:
        yield
    except OSError as error:
        if error.errno not in CANNOT:
            raise


@contextlib.contextmanager
def _naming(path):
    """An OSError in the block names ``path``, not a temporary file's name or, as of a full disk, nothing."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and (error.filename is None or str(error.filename).endswith(".part")):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def _umask():
    """The process's file mode mask, which mkstemp ignores; POSIX only reads it by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
