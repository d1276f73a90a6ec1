"""Check again whenever a file is saved."""

import time

POLL = 0.5
"""Seconds between two looks at the files."""


def stamp(path):
    """Changes whenever the file is saved, however the editor does it; None where there is no file."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_mtime_ns, facts.st_size, facts.st_ino


def watch(exercises, folder, verdicts, check, show, wait=time.sleep):
    """Go on until Ctrl-C: check the exercises whose file has changed since ``verdicts``, and show all of them.

    verdicts: {exercise: (stamp of the file that was checked, Verdict)}.
    """
    while True:
        wait(POLL)
        changed = [e for e in exercises if stamp(folder / e.file) != verdicts[e][0]]
        if changed:
            wait(POLL / 5)  # an editor may still be writing
            verdicts.update(check_all(changed, folder, check))
            show([verdict for _, verdict in verdicts.values()])


def check_all(exercises, folder, check):
    """{exercise: (stamp of its file, Verdict)}; the stamp is taken first, so that no change is missed."""
    return {e: (stamp(folder / e.file), check(e)) for e in exercises}
