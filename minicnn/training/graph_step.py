"""An epoch on a GPU: one captured CUDA graph, replayed for every batch, and nothing read back until the end."""

import contextlib
import warnings

import numpy as np

from minicnn.optim import SGD
from minicnn.training.fused import FusedStep, obstacle


def graph_obstacle(network, loss, optimizer):
    """Why training cannot go through a GraphStep, in words; None if it can."""
    if network.backend.name != "cupy":
        return f"the {network.backend.name} backend has no graphs"
    if type(optimizer) is not SGD:
        return f"{type(optimizer).__name__} has no kernel"
    if network.vector is None or optimizer.stretches[0][0] is not network.vector.values:
        return "the optimizer does not train the whole network"
    return obstacle(network, loss)


class DeviceData:
    """What a captured step reads and writes besides the network, all of it in device memory.

    images, labels: the data set; order (samples,) and rates (batches,): the epoch's shuffle and learning rates;
    step (1,): the batch it stands at, which the step itself moves on; settings: learning rate, momentum, weight decay;
    losses, errors (batches, blocks): summed loss and wrong labels of each block of samples.
    """

    def __init__(self, backend, dataset, batch_size, blocks, dtype):
        xp, samples = backend.xp, len(dataset.labels)
        batches = -(-samples // batch_size)
        self.batch_size = batch_size
        self.images, self.labels = backend.asarray(dataset.images), backend.asarray(dataset.labels)
        self.order, self.rates = xp.zeros(samples, np.int32), xp.zeros(batches, dtype)
        self.step, self.settings = xp.zeros(1, np.int32), xp.zeros(3, dtype)
        self.losses, self.errors = xp.zeros((batches, blocks), np.float64), xp.zeros((batches, blocks), np.int32)


class GraphStep:
    """``epoch(batches, rates)`` trains on every batch and then says each one's loss and errors.

    A step of LeNet-5 is some twenty kernels of a few microseconds each; starting them one by one from Python takes far
    longer than running them. A CUDA graph starts them all at once. It replays the same launches with the same
    arguments, so all that changes from step to step lies in device memory (``DeviceData``), and the step moves its own
    counter. The host only says "again", without waiting. An epoch's last, short batch is launched kernel by kernel.

    Where the capture fails, every step is launched that way, with a RuntimeWarning that says why. ``capture=False``
    asks for it.

    A context manager; inside the block the step has a stream and a memory pool of its own: memory that the graph
    writes to must not be handed to anybody else. Raises ValueError for labels that the network has no output for,
    DeviceMemoryError where the data set or the batch do not fit.
    """

    def __init__(self, network, loss, optimizer, dataset, batch_size, *, capture=True):
        reason = graph_obstacle(network, loss, optimizer)
        if reason is not None:
            raise ValueError(f"this training cannot be captured in a graph: {reason}")
        self.network, self.loss, self.optimizer, self.dataset = network, loss.to(network.backend), optimizer, dataset
        self.batch_size = min(batch_size, len(dataset.labels))
        self.capture, self.graph = capture, None
        self.backend = network.backend
        self.full = self.short = self.data = None

    def __enter__(self):
        cuda = self.backend.xp.cuda
        self.stream, self.pool = cuda.Stream(non_blocking=True), cuda.MemoryPool()
        try:
            with contextlib.ExitStack() as stack:
                self.workspace = stack.enter_context(self.backend.reuse_buffers())
                self._cleanup = stack.pop_all()
            with self.on_device():
                self._prepare()
                if self.capture:
                    self.graph = self._captured()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error):
        self.graph = self.full = self.short = self.data = None
        self._cleanup.close()
        self.backend.synchronize()
        self.pool.free_all_blocks()

    def epoch(self, batches, rates, stopped=lambda: False):
        """Train on the batches -> (loss, errors) of each, in order; loss is summed over the batch.

        batches: index arrays, all of batch_size but the last; rates: a learning rate for each of them. ``stopped`` is
        asked before every batch, so that the result may be shorter. Where a loss is not finite, neither are the
        weights.
        """
        done = 0
        with self.on_device():
            self.start(batches, rates)
            for indices in batches:
                if stopped():
                    break
                self.queue(len(indices))
                done += 1
            losses, errors = (self.backend.to_numpy(a)[:done] for a in (self.data.losses, self.data.errors))
        return [(float(loss.sum()), int(wrong.sum())) for loss, wrong in zip(losses, errors)]

    def use_images(self, images):
        """Train on these instead of the data set's images, with the same labels."""
        if images.shape != self.dataset.images.shape or images.dtype != np.uint8:
            expected = tuple(self.dataset.images.shape)
            raise ValueError(f"images must be uint8 {expected}, got {images.dtype} {tuple(images.shape)}")
        with self.on_device():
            self.data.images[...] = self.backend.asarray(images)

    @contextlib.contextmanager
    def on_device(self):
        """Within this block work goes to the step's own stream and memory comes from its own pool.

        Other streams do not wait for this one by themselves, nor it for them: the device is idle on either side.
        """
        self.backend.synchronize()
        try:
            with self.stream, self.backend.xp.cuda.using_allocator(self.pool.malloc):
                yield
        except self.backend.out_of_memory as error:
            raise self.backend.memory_error(error) from error
        finally:
            self.backend.synchronize()

    # ------------------------------------------------------------------------------------------ the steps

    def queue(self, count):
        """Ask the device for the next step, on a batch of ``count``; returns before it is done."""
        if count == self.batch_size and self.graph is not None:
            self.graph.launch(self.stream)
        else:
            self._launch(self.full if count == self.batch_size else self.short)

    def _launch(self, fused):
        """One step, kernel by kernel."""
        self.workspace.rewind()
        fused.gather(self.data)
        fused.forward_backward(self.data)
        vector, velocity, optimizer = self.network.vector, self.optimizer.velocities[0], self.optimizer
        self.backend.sgd_update(
            vector.values, vector.grads, velocity, self.data.settings, optimizer.nesterov, self.data.step
        )

    def start(self, batches, rates):
        """Put the epoch's order and settings where the steps read them."""
        order = np.concatenate(batches)
        samples, sizes = len(self.dataset.labels), [len(indices) for indices in batches]
        if order.min() < 0 or order.max() >= samples or len(order) > samples:
            raise ValueError(f"batches must hold at most {samples} indices from 0 to {samples - 1}")
        short = len(self.dataset.labels) % self.batch_size
        if {*sizes[:-1]} - {self.batch_size} or sizes[-1] not in (self.batch_size, short):
            raise ValueError(f"batches must have {self.batch_size} indices, the last one {short or self.batch_size}")
        data, optimizer, dtype = self.data, self.optimizer, self.network.dtype
        data.order[: len(order)] = self.backend.asarray(order.astype(np.int32))
        data.rates[: len(rates)] = self.backend.asarray(np.asarray(rates, dtype))
        data.settings[...] = self.backend.asarray(np.array([0, optimizer.momentum, optimizer.weight_decay], dtype))
        for a in (data.step, data.losses, data.errors):
            a[...] = 0

    # ---------------------------------------------------------------------------------------- once at first

    def _prepare(self):
        """Data and buffers on the device, and every kernel compiled and run once; the weights are as before."""
        network, dataset = self.network, self.dataset
        fused = [
            FusedStep(network, self.loss, count, dataset.images.shape[1:])
            for count in (self.batch_size, len(dataset.labels) % self.batch_size)
            if count
        ]
        self.full, self.short = fused[0], fused[-1]
        self._check_labels(self.full)
        self.data = DeviceData(self.backend, dataset, self.batch_size, -(-self.batch_size // 32), network.dtype)
        vector, velocity = network.vector, self.optimizer.velocities[0]
        kept = [a.copy() for a in (vector.values, vector.grads, velocity)]
        for step in fused:
            self._launch(step)
        for a, before in zip((vector.values, vector.grads, velocity), kept):
            a[...] = before

    def _check_labels(self, fused):
        criterion = fused.criterion
        classes = len(criterion.d if criterion.prototypes is None else criterion.prototypes)
        if self.dataset.labels.max() >= classes:
            raise ValueError(f"labels must lie in 0..{classes - 1}, got {self.dataset.labels.max()}")

    def _captured(self):
        """The step of a full batch as a graph; None, with a warning, where it cannot be captured."""
        self.stream.synchronize()
        self.stream.begin_capture()
        try:
            self._launch(self.full)
            return self.stream.end_capture()
        except (NotImplementedError, RuntimeError) as error:
            self._abandon_capture()
            warnings.warn(
                "the training step could not be captured in a CUDA graph, its kernels are launched one by one: "
                f"{error}",
                RuntimeWarning,
                stacklevel=3,
            )
            return None

    def _abandon_capture(self):
        """Leave the stream as it was; what broke the capture is known already."""
        with contextlib.suppress(RuntimeError):
            self.stream.end_capture()
