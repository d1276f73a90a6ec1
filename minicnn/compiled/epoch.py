"""Batch after batch in compiled threads: the CPU's form of what a CUDA graph is on a GPU."""

import ctypes
import math
import time

import numpy as np

from minicnn.compiled import loops
from minicnn.compiled.cpu import CpuForm
from minicnn.compiled.lanes import first_lane, lane_count
from minicnn.compiled.late import LateForm, LateGradients
from minicnn.compiled.masks import Masks
from minicnn.compiled.program import Program
from minicnn.optim import StochasticDiagonalLM

SECONDS = 0.05
"""How long the threads are left alone: as long as Ctrl-C and a progress bar may wait."""


class Epoch:
    """``run(batches, rates)`` trains on one batch after the other, in ``threads`` threads of the team.

    Order, sizes and learning rates of a run of batches are put into arrays; the threads then go from batch to batch
    without a word of Python (kernels/cpu/epoch.py) and leave each batch's loss and errors in arrays, too. For a
    network, loss and optimizer that the compiler knows.

    Each rank of the communicator takes its lanes of every batch; between the gradient and the step compiled code calls
    back, and the ranks' gradients are added up.
    """

    def __init__(self, network, loss, optimizer, images, labels, samples, most, team, threads, communicator):
        self.network, self.loss, self.optimizer, self.team = network, loss, optimizer, team
        self.most, dtype, grads = most, network.dtype, network.vector.grads
        parts = math.ceil(most / samples)
        lanes = lane_count(parts, communicator.size)
        first = first_lane(communicator)
        own = np.arange(first, lanes, communicator.size)
        self.threads = min(threads, len(own))
        self.order = np.zeros(max(len(labels), most), np.int64)
        self.barrier = np.zeros(3, np.int64)
        self.communicator, self.failure, self.others = communicator, None, np.setdiff1d(np.arange(lanes), own)
        self.meeting = ctypes.CFUNCTYPE(ctypes.c_int64)(self._meet)  # kept: compiled code has only its address
        meet = ctypes.cast(self.meeting, ctypes.c_void_p).value if communicator.size > 1 else 0
        self.ranks = first, communicator.size, meet
        self.has_rates = type(optimizer) is StochasticDiagonalLM
        rates = np.zeros(grads.size if self.has_rates else 0, dtype)
        self.parameters = network.vector.values, grads, optimizer.velocity[0], rates
        self.own, self.addresses, self.masks = [], [], Masks(network.backend, most)
        self.calls = []  # kept: compiled code has only the addresses of their arrays
        late = LateGradients(grads, len(own), math.ceil(parts / lanes))
        for thread in range(self.threads):
            position, scale, result, mine = np.zeros(4, np.int64), np.ones(1, dtype), np.zeros(2), np.zeros_like(grads)
            form = LateForm(network.backend, dtype, late, position, mine)
            settings = np.array([0, optimizer.momentum, optimizer.weight_decay], dtype)
            how = images, labels, self.order, position, loss, mine, scale, result
            calls = Program(network, form, samples, *how, self.masks, bind=False).sections[0]
            ends, *stretches = late.share(form, thread, self.threads)
            self.own.append((position, scale, result, mine, settings, *stretches))
            self.calls += calls + ends
            self.addresses.append((loops.addresses(calls), loops.addresses(ends)))
        gradients, filled = np.zeros((len(own), grads.size), dtype), np.zeros(len(own), np.int64)
        self.lanes = samples, lanes, gradients, np.zeros((lanes, 2)), filled, late.others()
        how = rates if self.has_rates else None, settings, optimizer.nesterov
        (update,) = form.prepare("sgd", *self.parameters[:3], *how)
        function = loops.around("epoch", calls, ends, update)
        self.function = loops.compiled(function, self._arguments(0, 0, 0, self._tables([], [])))

    def run(self, batches, rates, stopped):
        """Yields (indices, lr, loss, errors) after each batch; arguments as of ``Steps.epoch``."""
        batches, rates = list(batches), list(rates)
        done, steps = 0, 1
        while done < len(batches):
            group = self._as_many_as_fit(batches[done:])
            tables = self._tables(group, rates[done : done + len(group)])
            first = 0
            while first < len(group):
                if stopped():
                    return
                last = self._until(first, first + steps, tables)
                last = first + self.masks.draw(tables[0][first], tables[1][first:last])
                started = time.perf_counter()
                end = self._run(first, last, tables)
                if end < last:
                    self.masks.take_back(last - end)
                steps = max(1, int(steps * min(4, SECONDS / (time.perf_counter() - started))))
                steps = int(self.communicator.every(steps)[0])  # all ranks ask the next time after as many
                for step in range(first, end):
                    self.optimizer.lr = rates[done + step]
                    yield group[step], rates[done + step], float(tables[3][step]), int(tables[4][step])
                first = end
                if self.failure is not None:
                    raise self.failure
            done += len(group)

    def _as_many_as_fit(self, batches):
        total, count = 0, 0
        for indices in batches:
            if len(indices) > self.most:
                raise ValueError(f"batches must have at most {self.most} indices, got one of {len(indices)}")
            total += len(indices)
            if total > len(self.order):
                break
            count += 1
        return batches[:count]

    def _tables(self, batches, rates):
        """(starts, sizes, rates, losses, errors) of batches, whose indices go into the order."""
        sizes = np.array([len(indices) for indices in batches], np.int64)
        starts = np.cumsum(sizes) - sizes
        for start, indices in zip(starts, batches):
            self.order[start : start + len(indices)] = indices
        rates = np.array(rates, self.network.dtype)
        return starts, sizes, rates, np.zeros(len(batches)), np.zeros(len(batches))

    def _until(self, first, last, tables):
        """Where a run from ``first`` on must end: the rates of single parameters belong to one learning rate."""
        rates = tables[2]
        last = min(last, len(rates))
        if self.has_rates:
            other = np.flatnonzero(rates[first:last] != rates[first])
            last = first + int(other[0]) if len(other) else last
        return last

    def _run(self, first, last, tables):
        """-> the batch before which the threads have stopped."""
        if self.has_rates:
            self.optimizer.lr = float(tables[2][first])
            self.parameters[3][...] = self.optimizer.rates()[0]
        ends = [None] * self.threads

        def job(thread):
            ends[thread] = self.function(*self._arguments(thread, first, last, tables))

        self.barrier[:] = 0
        self.team.run(job, self.threads, self._give_up)
        return ends[0]

    def _give_up(self):
        self.barrier[2] = 1

    def _meet(self):
        """Called by compiled code: gradient and results become all ranks' -> 1, or 0 to end the run after a failure."""
        gradient, results = self.parameters[1], self.lanes[3]
        try:
            self.communicator.sum(gradient)
            results[self.others] = 0
            self.communicator.sum(results)
        except BaseException as error:
            self.failure = error
        return int(self.failure is None)

    def _arguments(self, thread, first, last, tables):
        how = thread, self.threads, self.ranks, first, last, self.loss.reduction == "mean"
        return *how, tables, self.own[thread], self.lanes, self.parameters, self.barrier, *self.addresses[thread]


class Prediction:
    """``run()`` -> what the network says of all images, uint8 (N, H, W), as an array ``(outputs, N)``."""

    def __init__(self, network, images, samples, team, threads):
        count, labels = len(images), np.zeros(len(images), np.uint8)
        self.team, self.threads = team, min(threads, math.ceil(count / samples))
        order, jobs = np.arange(count), []
        self.calls = []  # kept, as in an Epoch
        for _ in range(self.threads):
            form, position = CpuForm(network.backend, network.dtype), np.zeros(2, np.int64)
            program = Program(network, form, samples, images, labels, order, position, bind=False)
            calls = program.sections[0]
            self.calls += calls
            jobs.append((position, program.output.reshape(-1, samples), loops.addresses(calls)))
        self.every = np.empty((*program.output.shape[:-1], count), network.dtype)
        flat = self.every.reshape(-1, count)
        self.arguments = [(thread, self.threads, samples, flat, *job) for thread, job in enumerate(jobs)]
        self.function = loops.compiled(loops.around("predict", calls), self.arguments[0])

    def run(self):
        self.team.run(lambda thread: self.function(*self.arguments[thread]), self.threads)
        return self.every
