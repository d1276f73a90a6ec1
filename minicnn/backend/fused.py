"""What a training step asks of a GPU, a kernel each: whole layers, criteria and updates, here in plain array code.

A layer by itself is several operations and as many kernels, and at LeNet-5's size a kernel takes less time than its
start. ``minicnn.training.fused`` builds a step of these instead. CupyBackend overrides them with kernels/*.cu and is
tested against this class.

Conventions. ``squash`` is (A, S) of a squashing function f(a) = A tanh(S a), or None for the identity. ``d`` is a
gradient with respect to a layer's output *before* its f; so a gradient on its way back goes through the f that made
``x``, the layer's input: that is the ``squash`` of the backward primitives. ``geometry`` is (kernel_size, stride,
padding). Every result is written to an array that is given.
"""

import math

TILE = 64
"""Outputs that weight_gradient.cu has in shared memory at a time; parts are multiples of it."""

SAMPLES = 32
"""Samples in a block of the criteria's kernels, each block with a loss of its own."""


def part_length(columns, parts):
    """How many outputs each of ``parts`` nearly equal parts has: the last one may have fewer."""
    tiles = math.ceil(columns / TILE)
    return math.ceil(tiles / parts) * TILE


class FusedPrimitives:
    """The mixin of ``Backend`` with the primitives of a fused step."""

    # ---------------------------------------------------------------------------------------- the batch

    def gather_batch(self, images, all_labels, order, rates, step, table, batch_size, x, labels, settings):
        """The batch of step ``step[0]``: x = its pixels through ``table``, centred in a frame of table[0];
        labels = its labels; settings[0] = rates[step].

        images ``(M, H, W)`` and all_labels ``(M,)`` uint8; order ``(M,)``; x ``(1, size_h, size_w, n)``, n at most
        ``batch_size``.
        """
        step, (_, high, wide, count) = int(step[0]), x.shape
        indices = order[step * batch_size : step * batch_size + count]
        height, width = images.shape[1:]
        top, left = (high - height) // 2, (wide - width) // 2
        x[...] = table[0]
        x[0, top : top + height, left : left + width] = table[images[indices]].transpose(1, 2, 0)
        labels[...] = all_labels[indices]
        settings[0] = rates[step]

    # --------------------------------------------------------------------------------------- the layers

    def convolution(self, x, weights, places, bias, geometry, squash, out):
        """out = f(W * x + bias): a convolution with its squashing function.

        weights: a vector; places: int32 ``(C_out, KH·C·KW)``, where in it each element of W stands, -1 for a
        zero; None if it is W row by row. bias ``(C_out,)`` or None.
        """
        W = self._matrix(weights, places, len(out))
        rows = self.im2col(x, *geometry)
        y = self.xp.matmul(W, rows)  # (H_out, C_out, W_out·N)
        if bias is not None:
            y += bias[:, None]
        self._squash(y.swapaxes(0, 1).reshape(out.shape), squash, out)

    def convolution_input_gradient(self, d, weights, places, x, geometry, squash, out):
        """out = col2im(W^T d) · f'(x) for x = f(...)."""
        W = self._matrix(weights, places, len(d))
        rows = d.reshape(*d.shape[:2], -1).swapaxes(0, 1)
        out[...] = self.conv_input_gradient(W, rows, x.shape, *geometry)
        self._times_slope(out, x, squash)

    def dense(self, x, weights, bias, squash, out):
        """out ``(M, N)`` = f(W x + bias), W ``(M, K)`` row by row in the vector ``weights``."""
        y = self.xp.matmul(weights.reshape(len(out), -1), x)
        if bias is not None:
            y += bias[:, None]
        self._squash(y, squash, out)

    def dense_input_gradient(self, d, weights, x, squash, out):
        """out ``(K, N)`` = (W^T d) · f'(x) for x = f(...)."""
        out[...] = self.xp.matmul(weights.reshape(len(d), -1).T, d)
        self._times_slope(out, x, squash)

    def weight_gradient(self, d, x, geometry, out):
        """out ``(parts, C_out, K + 1)``: the gradients of W and, last, the bias, each over a part of the outputs.

        d ``(C_out, H_out, W_out, N)``; a part has ``part_length`` consecutive (h, w, n).
        """
        maps = len(d)
        cols = self.im2col(x, *geometry)
        cols = cols.swapaxes(0, 1).reshape(cols.shape[1], -1)
        d = d.reshape(maps, -1)
        length = part_length(d.shape[1], len(out))
        for part in range(len(out)):
            here = slice(part * length, (part + 1) * length)
            out[part, :, :-1] = self.xp.matmul(d[:, here], cols[:, here].T)
            out[part, :, -1] = d[:, here].sum(axis=1)

    def weight_gradient_parts(self, maps, depth, columns):
        """How many parts ``weight_gradient`` should be asked for."""
        return 1

    def subsampling(self, x, coefficient, bias, size, squash, out):
        """out = f(coefficient · (sum of each block of ``size``) + bias), one coefficient and bias a map."""
        y = self.window_sum(x, size, size) * coefficient[:, None, None, None]
        y += bias[:, None, None, None]
        self._squash(y, squash, out)

    def subsampling_backward(self, d, x, coefficient, size, squash, out, partial):
        """out = coefficient · d · f'(x) at every pixel of the block, for x = f(...).

        partial ``(parts, 2, C)``: the gradients of coefficient and bias, over a part of the outputs of each map.
        """
        maps = len(d)
        sums = self.window_sum(x, size, size).reshape(maps, -1)
        out[...] = self.window_spread(coefficient[:, None, None, None] * d, x.shape, size, size)
        self._times_slope(out, x, squash)
        d = d.reshape(maps, -1)
        length = part_length(d.shape[1], len(partial))
        for part in range(len(partial)):
            here = slice(part * length, (part + 1) * length)
            partial[part, 0] = (sums[:, here] * d[:, here]).sum(axis=1)
            partial[part, 1] = d[:, here].sum(axis=1)

    def subsampling_parts(self, maps, columns):
        """How many parts ``subsampling_backward`` should be asked for."""
        return 1

    # -------------------------------------------------------------------------------------- the criteria

    def rbf_criterion(self, x, prototypes, labels, step, j, scale, squash, out, losses, errors):
        """The RBF layer's distances and their criterion: equation 9 of LeCun et al. 1998 with a rubbish class at
        distance ``j``, or equation 8 where j is None.

        out = scale · dE/dx · f'(x) for x = f(...); losses[step] = each block of SAMPLES samples' summed loss
        (float64), errors[step] = how many of them have another nearest prototype than their label's.
        """
        xp = self.xp
        y = ((x[None] - prototypes[:, :, None]) ** 2).sum(axis=1)
        right = labels, xp.arange(y.shape[1])
        loss = y[right]
        if j is None:
            g = xp.zeros(y.shape, y.dtype)
        else:
            smallest = xp.minimum(y.min(axis=0), j)
            likelihood = xp.exp(smallest - y)
            total = xp.exp(smallest - j) + likelihood.sum(axis=0)
            loss = loss - smallest + xp.log(total)
            g = likelihood / -total
        g[right] += 1
        out[...] = 2 * scale * (x * g.sum(axis=0) - xp.matmul(prototypes.T, g))
        self._times_slope(out, x, squash)
        self._record(loss, y.argmin(axis=0) != labels, step, losses, errors)

    def cross_entropy(self, z, labels, step, scale, out, losses, errors):
        """Softmax cross-entropy of logits z ``(K, N)``: out = scale · dE/dz; losses and errors as above."""
        xp = self.xp
        right = labels, xp.arange(z.shape[1])
        shifted = z - z.max(axis=0)
        exponentials = xp.exp(shifted)
        total = exponentials.sum(axis=0)
        out[...] = exponentials / total
        out[right] -= 1
        out *= scale
        self._record(xp.log(total) - shifted[right], z.argmax(axis=0) != labels, step, losses, errors)

    def _record(self, loss, wrong, step, losses, errors):
        step = int(step[0])
        for block in range(math.ceil(len(loss) / SAMPLES)):
            here = slice(block * SAMPLES, (block + 1) * SAMPLES)
            losses[step, block] = loss[here].sum()
            errors[step, block] = wrong[here].sum()

    # ---------------------------------------------------------------------------------------- the update

    def gradient_sums(self, partial, first, step, count, out):
        """out[p] = sum over s < count[p] of partial[first[p] + s · step[p]]; where count[p] is 0, out[p] stays."""
        for s in range(int(count.max())):
            here = count > s
            terms = partial[first[here] + s * step[here]]
            out[here] = terms if s == 0 else out[here] + terms

    def sgd_update(self, values, gradients, velocities, settings, nesterov, step):
        """One step of ``minicnn.optim.SGD`` with settings = (rate, momentum, weight_decay); step[0] counts it."""
        rate, momentum, weight_decay = settings[0], settings[1], settings[2]
        g = gradients + weight_decay * values
        velocities *= momentum
        velocities += g
        values -= rate * (g + momentum * velocities if nesterov else velocities)
        step += 1

    # ----------------------------------------------------------------------------------------- in common

    def _matrix(self, weights, places, maps):
        """W ``(C_out, KH·C·KW)`` from the vector of its connected elements."""
        if places is None:
            return weights.reshape(maps, -1)
        return self.xp.where(places < 0, 0, weights[self.xp.maximum(places, 0)]).astype(weights.dtype)

    def _squash(self, a, squash, out):
        out[...] = a if squash is None else squash[0] * self.xp.tanh(squash[1] * a)

    def _times_slope(self, d, y, squash):
        """d *= f', the slope in terms of y = f(a): S/A (A² - y²)."""
        if squash is not None:
            amplitude, slope = squash
            d *= slope / amplitude * (amplitude**2 - y * y)
