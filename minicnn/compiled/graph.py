"""An epoch on a GPU: a captured CUDA graph, launched for a few batches at a time; nothing is read until the end."""

import contextlib
import itertools
import warnings

import numpy as np

from minicnn import losses
from minicnn.backend import kernels
from minicnn.compiled.cuda import Launches
from minicnn.compiled.cuda_towers import TowerForm
from minicnn.compiled.masks import Masks
from minicnn.compiled.program import Program, plan
from minicnn.compiled.stages import Unknown
from minicnn.compiled.steps import update_obstacle
from minicnn.data import Dataset
from minicnn.data.transforms import Pixels
from minicnn.errors import DeviceError
from minicnn.layers import RBF
from minicnn.optim import StochasticDiagonalLM

STEPS = 1, 8, 32, 128
"""In a graph. 128 steps of LeNet-5 take far longer than what lies between two launches, on the host and on the device;
few are left over at the end of an epoch, which the smaller graphs do."""


def graph_obstacle(network, loss, optimizer):
    """Why training cannot go through GraphSteps, in words; None if it can."""
    if network.backend.name != "cupy":
        return f"the {network.backend.name} backend has no graphs"
    if (reason := update_obstacle(network, optimizer)) is not None:
        return reason
    if type(network.preprocess) is not Pixels:
        return "the network's preprocess is not one of minicnn.data.transforms"
    layers, criterion = plan(network, loss, drops=True)
    for kind, layer, *_ in layers:
        if kind is Unknown:
            return f"{layer.label} has no kernels"
    if criterion is None:
        after = " after an RBF layer" if type(network.layers[-1]) is RBF else ""
        return f"{type(loss).__name__}{after} has no kernel"
    return None


class DeviceData:
    """What a captured step reads and writes besides the network, all of it in device memory.

    Of the epoch: images, labels; order (samples,); settings = (momentum, weight_decay); a row a batch of positions =
    (start, count), rates, scales and results = (summed loss, wrong labels). Of the step: position (2,) and scale (1,),
    which the kernel that ends the step before takes from the rows. step (1,) is the batch at which a graph begins.
    """

    def __init__(self, backend, dataset, batch_size, dtype):
        samples, batches = len(dataset.labels), -(-len(dataset.labels) // batch_size)
        self.images, self.labels = backend.asarray(dataset.images), backend.asarray(dataset.labels)
        self.results = backend.xp.zeros((batches, 2), np.float64)
        layout = np.dtype([
            ("order", np.int64, samples), ("positions", np.int64, (batches, 2)), ("position", np.int64, 2),
            ("rates", dtype, batches), ("scales", dtype, batches), ("scale", dtype, 1), ("settings", dtype, 2),
            ("step", np.int32, 1),
        ])  # fmt: skip
        self._host, self._device = np.zeros((), layout), backend.xp.zeros(layout.itemsize, np.uint8)
        for name, (part, start) in layout.fields.items():
            bytes_ = self._device[start : start + part.itemsize]
            setattr(self, name, bytes_.view(part.base).reshape(part.shape))

    def load(self, **values):
        """Set what changes from epoch to epoch, the first elements of each of these arrays, all in one copy."""
        for name, array in values.items():
            self._host[name][: len(array)] = array
        self._device.set(self._host.reshape(1).view(np.uint8))


class GraphSteps:
    """``epoch(batches, rates)`` trains on every batch and then says each one's loss and errors.

    A step of LeNet-5 is two kernels of a few microseconds each; starting them one by one from Python would take far
    longer than running them. A CUDA graph starts them all at once. It does the same launches with the same arguments
    every time, so all that changes lies in device memory (``DeviceData``): a step's last kernel sets the next batch,
    and a graph's last one says at which step the next graph begins. The largest of ``graphs`` goes first, smaller ones
    do what is left over. The host only says "again", without waiting. An epoch's last, short batch is filled up with
    samples that do not count.

    Where the capture fails, every step is launched kernel by kernel, with a RuntimeWarning that says why.
    ``capture=False`` asks for it.

    A context manager; inside the block the steps have a stream and a memory pool of their own: memory that the graph
    writes to must not be handed to anybody else. Raises ValueError for labels that the network has no output for,
    DeviceMemoryError where the data set or the batch do not fit, and DeviceError where the GPU fails.
    """

    def __init__(self, network, loss, optimizer, dataset, batch_size, *, capture=True):
        reason = graph_obstacle(network, loss, optimizer)
        if reason is not None:
            raise ValueError(f"this training cannot be captured in a graph: {reason}")
        self.loss = losses.on(loss, network.backend)
        self.network, self.optimizer, self.dataset = network, optimizer, dataset
        self.batch_size, self.capture = min(batch_size, len(dataset.labels)), capture
        self.backend = network.backend
        self.data = self.masks = self.step = self.launches = self.next = self.curvature = None
        self.graphs, self.starts = {}, ()

    def __enter__(self):
        cuda = self.backend.xp.cuda
        self.stream, self.pool = cuda.Stream(non_blocking=True), cuda.MemoryPool()
        try:
            with self.on_device():
                self._prepare()
                if self.capture:
                    self._capture()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(self, *error):
        self.data = self.masks = self.step = self.launches = self.next = self.curvature = None
        self.graphs = {}
        try:
            with self.backend.device_errors():
                self.backend.synchronize()
                self.pool.free_all_blocks()
        except DeviceError:
            if not any(error):  # else it is known already
                raise

    def epoch(self, batches, rates, stopped=lambda: False):
        """Train on the batches; yields (indices, lr, loss, errors) of each, in order, the loss summed over the batch.

        batches: index arrays, all of batch_size but the last; rates: a learning rate for each of them. All are done
        when the first is yielded; ``stopped`` is asked before every launch. Where a loss is not finite, neither are the
        weights.
        """
        batches, rates, done, drawn = list(batches), list(rates), 0, 0
        if not batches:
            return
        sizes = [len(indices) for indices in batches]
        with self.on_device():
            self.start(batches, rates)
            while done < len(batches) and not stopped():
                if done == drawn:
                    drawn += self.masks.draw(self.starts[done], sizes[done:])
                done += self.queue(drawn - done)
            if done < drawn:
                self.masks.take_back(drawn - done)
            results = self.results(done)
        for indices, lr, (loss, errors) in zip(batches, rates, results.tolist()):
            self.optimizer.lr = lr
            yield indices, lr, loss, int(errors)

    def results(self, done):
        """What the device has noted of so many batches: float64 ``(done, 2)``, loss and errors."""
        return self.backend.to_numpy(self.data.results)[:done]

    def use_images(self, images):
        """Train on these instead of the data set's images, with the same labels."""
        if images.shape != self.dataset.images.shape or images.dtype != np.uint8:
            expected = tuple(self.dataset.images.shape)
            raise ValueError(f"images must be uint8 {expected}, got {images.dtype} {tuple(images.shape)}")
        self.dataset = Dataset(images, self.dataset.labels)
        with self.on_device():
            self.data.images[...] = self.backend.asarray(images)

    @contextlib.contextmanager
    def on_device(self):
        """Within this block work goes to the steps' own stream and memory comes from their own pool.

        Other streams do not wait for this one by themselves, nor it for them: the device is idle on either side.
        """
        with self.backend.device_errors():
            self.backend.synchronize()
            try:
                with self.stream, self.backend.xp.cuda.using_allocator(self.pool.malloc), self.backend.memory_errors():
                    yield
            finally:
                self.backend.synchronize()

    # ------------------------------------------------------------------------------------------ the steps

    def start(self, batches, rates):
        """Put the epoch's order and settings where the steps read them, and stand at the first batch."""
        order, sizes, samples = np.concatenate(batches), [len(indices) for indices in batches], len(self.dataset.labels)
        if order.min() < 0 or order.max() >= samples or len(order) > samples:
            raise ValueError(f"batches must hold at most {samples} indices from 0 to {samples - 1}")
        if {*sizes[:-1]} - {self.batch_size} or not 0 < sizes[-1] <= self.batch_size:
            raise ValueError(f"batches must have {self.batch_size} indices, the last one at most as many")
        if self.curvature is not None:
            self.optimizer.rates()  # says so if there is no estimate yet
            self.curvature[...] = self.optimizer.mu + self.optimizer.curvature
        self._load(order, np.array(sizes), np.asarray(rates, self.network.dtype))

    def _load(self, order, sizes, rates, over=None):
        """over: what a mean loss is a mean of, by default the batch's own size."""
        data, optimizer, dtype = self.data, self.optimizer, self.network.dtype
        self.starts = np.cumsum(sizes) - sizes
        positions = np.stack([self.starts, sizes], axis=1)
        counts = sizes if over is None else over
        scales = (1 / counts if self.loss.reduction == "mean" else np.ones(len(sizes))).astype(dtype)
        settings = np.array([optimizer.momentum, optimizer.weight_decay], dtype)
        data.load(order=order, positions=positions, position=positions[0], rates=rates, scales=scales,
                  scale=scales[:1], settings=settings, step=[0])  # fmt: skip

    def _share(self, batch):
        """What is done here of what belongs to the samples of a batch."""
        return batch

    def queue(self, left):
        """Ask the device for the next of ``left`` steps -> for how many; returns before they are done."""
        steps = max((steps for steps in self.graphs if steps <= left), default=1)
        if self.graphs:
            self.graphs[steps].launch(self.stream)
        else:
            self.launches()
            self.next()
        return steps

    # ---------------------------------------------------------------------------------------- once at first

    def _prepare(self):
        """Data and arrays on the device, and every kernel run once, since a capture is no time to load one; the
        network and its velocities are as before."""
        network, dtype = self.network, self.network.dtype
        vector, velocity = network.vector, self.optimizer.velocity[0]
        self.data = DeviceData(self.backend, self.dataset, self.batch_size, dtype)
        self.masks = Masks(self.backend, self.batch_size, self._share)
        self.step = self._step()
        self.launches, self.next = self.step(0), self.advance(1)
        self._load(np.arange(self.batch_size), np.array([self.batch_size]), np.zeros(1, dtype))
        kept = [a.copy() for a in (vector.values, vector.grads, velocity)]
        self.launches()
        self.next()
        for a, before in zip((vector.values, vector.grads, velocity), kept):
            a[...] = before

    def _step(self):
        """A function that makes the launches of a step, for its place in its graph: the program's, and the one that
        moves the parameters and sets the next batch."""
        xp, data, optimizer, dtype = self.backend.xp, self.data, self.optimizer, self.network.dtype
        vector = self.network.vector
        form = TowerForm(self.backend, dtype, vector.grads)
        batch = data.images, data.labels, data.order, data.position
        how = *batch, self.loss, vector.grads, data.scale, None, self.masks
        program = Program(self.network, form, self.batch_size, *how)
        if type(optimizer) is StochasticDiagonalLM:
            self.curvature = xp.ones(vector.values.shape, dtype)
        end = form.step_end(vector.values, optimizer.velocity[0], self.curvature, optimizer.nesterov, data)
        return lambda ahead: Launches([*program.sections[0], *end(ahead)])

    def advance(self, steps):
        """The launch that ends a graph of so many steps."""
        how = self.backend.xp, "next_steps.cu", "next_steps", self.network.dtype.name, (1,), (1,)
        return kernels.bind(*how, (self.data.step, steps))

    def _capture(self):
        for steps in STEPS:
            launches = itertools.chain.from_iterable(self.step(ahead) for ahead in range(steps))
            graph = self._captured(Launches([*launches, self.advance(steps)]))
            if graph is None:
                return
            self.graphs[steps] = graph

    def _captured(self, launches):
        """These launches as a graph; None, with a warning, where they cannot be captured."""
        self.stream.synchronize()
        self.stream.begin_capture()
        try:
            launches()
            return self.stream.end_capture()
        except (NotImplementedError, RuntimeError) as error:
            with contextlib.suppress(RuntimeError):  # leave the stream as it was; what broke the capture is known
                self.stream.end_capture()
            warnings.warn(
                "the training step could not be captured in a CUDA graph, its kernels are launched one by one: "
                f"{error}",
                RuntimeWarning,
                stacklevel=4,
            )
            return None
