"""How much one visitor may ask for."""

import threading
import time


class RateLimit:
    """A bucket of ``burst`` tokens for each visitor, refilled with ``rate`` a second; a request takes one.

    Safe to use from several threads. Buckets that are full again are forgotten, so the memory it takes is bounded by
    the number of visitors in a few seconds.
    """

    def __init__(self, rate, burst, clock=time.monotonic):
        self.rate, self.burst, self.clock = rate, burst, clock
        self._lock = threading.Lock()
        self._buckets = {}  # visitor: (tokens, when counted)
        self._swept = clock()

    def allows(self, visitor):
        """Whether ``visitor`` may have another request answered; takes a token if so."""
        with self._lock:
            now = self.clock()
            if now - self._swept > self.burst / self.rate:
                self._buckets = {v: b for v, b in self._buckets.items() if self._tokens(b, now) < self.burst}
                self._swept = now
            tokens = self._tokens(self._buckets.get(visitor, (self.burst, now)), now)
            allowed = tokens >= 1
            self._buckets[visitor] = (tokens - allowed, now)
            return allowed

    def _tokens(self, bucket, now):
        tokens, counted = bucket
        return min(self.burst, tokens + (now - counted) * self.rate)
