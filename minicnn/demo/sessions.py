"""Every browser has a network of its own, which is forgotten when it has not been used for a while."""

import copy
import secrets
import threading
import time


class Session:
    """A copy of the shipped network and how many steps it has been trained since; use it under ``lock``."""

    def __init__(self, shipped):
        self.lock = threading.Lock()
        self.shipped = shipped
        self.net = copy.deepcopy(shipped)
        self.steps = 0

    def reset(self):
        """Bring the shipped weights back."""
        self.net.load_state_dict(self.shipped.state_dict())
        self.steps = 0


class Sessions:
    """Sessions by an unguessable name; safe to use from several threads.

    One that was idle for ``idle_seconds`` is dropped. When there are ``limit`` and another comes, the one that was idle
    longest goes, one with an untrained network first, so that a crowd of visitors costs nobody's training.
    """

    def __init__(self, shipped, *, limit=64, idle_seconds=1800, clock=time.monotonic):
        self.shipped, self.limit, self.idle_seconds, self.clock = shipped, limit, idle_seconds, clock
        self._lock = threading.Lock()
        self._sessions = {}  # name: [session, when last used]

    def __len__(self):
        return len(self._sessions)

    def find(self, name=None):
        """-> (name, session): that of ``name``, or a new one with a new name where there is none (any more)."""
        with self._lock:
            now = self.clock()
            for old in [n for n, (_, used) in self._sessions.items() if now - used > self.idle_seconds]:
                del self._sessions[old]
            if name not in self._sessions:
                if len(self._sessions) >= self.limit:
                    del self._sessions[min(self._sessions, key=self._worth)]
                name = secrets.token_urlsafe(18)
                self._sessions[name] = [Session(self.shipped), now]
            self._sessions[name][1] = now
            return name, self._sessions[name][0]

    def _worth(self, name):
        session, used = self._sessions[name]
        return session.steps > 0, used
