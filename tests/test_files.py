"""Files appear whole or not at all, whatever the disk, the file system or the user does."""

import errno
import os
import signal
import subprocess
import sys
import threading

import pytest

from minicnn import files
from minicnn.files import atomic_write, check_writable, locked, open_file

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and locks")


def write(path, contents=b"new"):
    with atomic_write(path) as file:
        file.write(contents)


def failing(number):
    def fail(*arguments):
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("call", ["fsync", "chmod"])
@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS, errno.ENOTSUP])
def test_a_file_system_without_fsync_or_chmod_is_written_to_all_the_same(tmp_path, monkeypatch, call, number):
    monkeypatch.setattr(os, call, failing(number))
    write(tmp_path / "a")
    assert [path.name for path in tmp_path.iterdir()] == ["a"] and (tmp_path / "a").read_bytes() == b"new"


def test_a_full_disk_is_named_and_leaves_the_old_file(tmp_path, monkeypatch):
    write(tmp_path / "a", b"old")
    monkeypatch.setattr(os, "fsync", failing(errno.ENOSPC))
    with pytest.raises(OSError, match=r"No space left on device: '.*a'$"):
        write(tmp_path / "a")
    assert [path.name for path in tmp_path.iterdir()] == ["a"] and (tmp_path / "a").read_bytes() == b"old"


@POSIX
def test_what_a_killed_process_left_is_removed_by_the_next_that_writes_there(tmp_path):
    code = "import os, signal, sys\nfrom minicnn.files import atomic_write\nwith atomic_write(sys.argv[1]) as file:\n"
    code += "    file.write(b'half')\n    file.flush()\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "a"], check=False)
    assert done.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".a.") and left.name.endswith(".part")
    (tmp_path / ".b.1234.part").touch()  # another file's
    write(tmp_path / "a")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".b.1234.part", "a"]


@POSIX
def test_two_that_write_the_same_file_at_once_do_not_take_each_other_for_left_over(tmp_path):
    with atomic_write(tmp_path / "a") as slow:
        write(tmp_path / "a", b"the first to end")
        slow.write(b"the last to end")
    assert (tmp_path / "a").read_bytes() == b"the last to end" and len(list(tmp_path.iterdir())) == 1

    def many(number):
        for _ in range(50):
            write(tmp_path / "a", bytes([number]) * 1000)

    threads = [threading.Thread(target=many, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    contents = (tmp_path / "a").read_bytes()
    assert len(contents) == 1000 and len(set(contents)) == 1 and len(list(tmp_path.iterdir())) == 1


def test_places_that_cannot_be_written_are_named_before_anything_is(tmp_path):
    check_writable(tmp_path / "new" / "a")
    assert list((tmp_path / "new").iterdir()) == []
    with pytest.raises(IsADirectoryError, match="new"):
        check_writable(tmp_path / "new")
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        check_writable(tmp_path / "file" / "a")
    with pytest.raises(IsADirectoryError, match="new"):
        write(tmp_path / "new")


@pytest.mark.parametrize("path", [True, 1, None, b"a"])
def test_what_is_no_path_is_not_opened(path):
    """A number would be a file that is open already: 1 is standard output."""
    for use in (check_writable, write, open_file):
        with pytest.raises(TypeError, match=f"path must be a path, got {path!r}"):
            use(path)
    os.fstat(1)


@POSIX
def test_a_directory_is_held_by_one_process_and_free_after_it(tmp_path):
    code = "import sys\nfrom minicnn.files import locked\nwith locked(sys.argv[1]):\n    pass\n"
    with locked(tmp_path):
        with pytest.raises(BlockingIOError, match="another run writes there"), locked(tmp_path):
            pass
        done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=False)
        assert "BlockingIOError" in done.stderr
    assert subprocess.run([sys.executable, "-c", code, tmp_path], check=False).returncode == 0
    assert not list(tmp_path.iterdir())


@POSIX
def test_where_there_are_no_locks_everything_works_without(tmp_path, monkeypatch):
    monkeypatch.setattr(files.fcntl, "flock", failing(errno.ENOLCK))
    with locked(tmp_path), locked(tmp_path):
        write(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"new"
