"""One thread for BLAS while batches are shared among threads of our own."""

import contextlib
import threading

from threadpoolctl import threadpool_limits

_lock, _users, _limit = threading.Lock(), 0, None


@contextlib.contextmanager
def one_thread():
    """BLAS has one thread within the block, and what it had before after the last of all blocks that overlap.

    The limit is the whole process's. Two trainings at once would otherwise take each other's for their own: the first
    to end would give the second more threads, and with them other bits, and the last would leave one thread for ever.
    """
    global _users, _limit
    with _lock:
        if _users == 0:
            _limit = threadpool_limits(1, user_api="blas")
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                _limit.restore_original_limits()
                _limit = None
