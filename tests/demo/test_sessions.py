"""Networks are kept apart, and forgotten; visitors are held to a rate."""

import threading

import numpy as np
import pytest

from minicnn.demo.limits import RateLimit
from minicnn.demo.sessions import Session, Sessions


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_a_session_trains_its_own_copy(shipped):
    one, two = Session(shipped), Session(shipped)
    before = shipped.vector.values.copy()
    one.net.vector.values[...] = 0
    one.steps = 3
    assert np.array_equal(two.net.vector.values, before) and np.array_equal(shipped.vector.values, before)
    one.reset()
    assert np.array_equal(one.net.vector.values, before) and one.steps == 0


def test_a_name_finds_its_session_until_it_was_idle_too_long(shipped, clock):
    sessions = Sessions(shipped, idle_seconds=60, clock=clock)
    name, session = sessions.find()
    assert len(name) >= 20 and sessions.find()[0] != name
    clock.now += 59
    assert sessions.find(name) == (name, session)  # and that counts as use
    clock.now += 59
    assert sessions.find(name) == (name, session) and len(sessions) == 1
    clock.now += 61
    new_name, new = sessions.find(name)
    assert new is not session and new_name != name and len(sessions) == 1


def test_a_name_that_was_never_given_out_gets_a_new_one(shipped):
    assert Sessions(shipped).find("made-up")[0] != "made-up"


def test_a_crowd_costs_no_one_their_training(shipped, clock):
    sessions = Sessions(shipped, limit=3, clock=clock)
    trained, session = sessions.find()
    session.steps = 1
    for _ in range(10):
        clock.now += 1
        last, _ = sessions.find()
    assert len(sessions) == 3
    assert sessions.find(trained)[1] is session and sessions.find(last)[0] == last


def test_a_bucket_empties_and_fills(clock):
    limit = RateLimit(rate=2, burst=5, clock=clock)
    assert [limit.allows("a") for _ in range(7)] == [True] * 5 + [False] * 2
    assert limit.allows("b")
    clock.now += 1
    assert [limit.allows("a") for _ in range(3)] == [True, True, False]
    clock.now += 100
    assert [limit.allows("a") for _ in range(6)] == [True] * 5 + [False]


def test_visitors_who_left_are_forgotten(clock):
    limit = RateLimit(rate=2, burst=5, clock=clock)
    for number in range(1000):
        limit.allows(number)
    clock.now += 10
    assert limit.allows("new") and len(limit._buckets) == 1


def test_threads_share_one_bucket():
    limit, allowed = RateLimit(rate=1e-9, burst=50), []

    def visit():
        allowed.extend(limit.allows("a") for _ in range(20))

    threads = [threading.Thread(target=visit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(allowed) == 50 and len(allowed) == 160
