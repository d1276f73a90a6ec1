"""Ranks that are threads of one process: they train together as processes of MPI do, without an MPI."""

import threading

from minicnn.ranks import Communicator


class Meeting:
    """Where ``size`` threads put what they have, and find what the others have."""

    def __init__(self, size):
        self.barrier, self.given = threading.Barrier(size), [None] * size

    def exchange(self, rank, thing):
        """What all ranks have given, in their order."""
        self.given[rank] = thing
        self.barrier.wait(60)
        everything = list(self.given)
        self.barrier.wait(60)
        return everything


class ThreadCommunicator(Communicator):
    words = "threads"

    def __init__(self, rank, meeting):
        self.rank, self.size, self.meeting = rank, len(meeting.given), meeting

    def broadcast(self, array, root=0):
        array[...] = self.meeting.exchange(self.rank, array.copy())[root]

    def sum(self, array):
        """Neighbours first, then the sums of two, and so on, as MPI does where the ranks are a power of two."""
        terms = self.meeting.exchange(self.rank, array.copy())
        while len(terms) > 1:
            terms = [sum(terms[i + 1 : i + 2], start=terms[i]) for i in range(0, len(terms), 2)]
        array[...] = terms[0]

    def abort(self):
        self.meeting.barrier.abort()


def on_ranks(size, work):
    """``work(communicator)`` on so many ranks -> what each returns, or the exception that it ended with."""
    meeting, results = Meeting(size), [None] * size

    def run(rank):
        try:
            results[rank] = work(ThreadCommunicator(rank, meeting))
        except BaseException as error:
            results[rank] = error

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
