// LeNet-5's subsampling layer with its squashing function, and all its gradients.
//
//     subsampling            y[c, h, w, n] = f(coefficient[c] · s + bias[c]),  s = sum of the size_h x size_w block of x
//     subsampling_backward   dx = coefficient[c] · d · f'(x) at every pixel of the block;
//                            partial[t, c] = sum of s · d,  partial[t, C + c] = sum of d,  over part t of map c
//
//     x, dx (C, H, W, N),  y, d (C, H/size_h, W/size_w, N)
//
// d is the gradient before this layer's squashing function; where x itself was squashed, f' goes through that one, so
// that dx again is a gradient before it. s is added up again instead of being kept: the block is read for f' anyway.
// gradient_sum.cu adds the parts.
//
// Threads:  forward one per output, row = (c, h), column = (w, n). Backward a block of 256 threads has `length`
//           consecutive outputs of one map, grid (parts, C), and adds its threads' sums pairwise in shared memory.
// Memory:   reads and writes are runs of N contiguous elements; blocks do not overlap, each pixel is met once.
// Cost:     size_h·size_w additions an output; memory bandwidth is the limit.

#include "common.cuh"
#include "squash.cuh"

extern "C" __global__ void subsampling(
    const real* __restrict__ x, const real* __restrict__ coefficient, const real* __restrict__ bias,
    real* __restrict__ y,
    int channels, int height, int width, int batch, int size_h, int size_w,
    int squashed, real amplitude, real slope)
{
    Squash squash = {squashed, amplitude, slope};
    int h_out = height / size_h, w_out = width / size_w;
    int rows = channels * h_out, columns = w_out * batch;
    int column = thread_column();
    if (column >= columns) return;
    int w = column / batch, n = column % batch;

    for (int row = thread_row(); row < rows; row += row_step()) {
        int c = row / h_out, h = row % h_out;
        real sum = 0;
        for (int ky = 0; ky < size_h; ky++)
            for (int kx = 0; kx < size_w; kx++)
                sum += x[(((offset)c * height + h * size_h + ky) * width + w * size_w + kx) * batch + n];
        y[(offset)row * columns + column] = squash(coefficient[c] * sum + bias[c]);
    }
}

extern "C" __global__ void __launch_bounds__(256, 2) subsampling_backward(
    const real* __restrict__ d, const real* __restrict__ x, const real* __restrict__ coefficient,
    real* __restrict__ dx, real* __restrict__ partial,
    int channels, int height, int width, int batch, int size_h, int size_w, int length,
    int squashed, real amplitude, real slope)
{
    __shared__ real products[256], sums[256];
    Squash squash = {squashed, amplitude, slope};
    int h_out = height / size_h, w_out = width / size_w, outputs = h_out * w_out * batch;
    int c = blockIdx.y, thread = threadIdx.x;
    int begin = blockIdx.x * length;
    int end = outputs - begin < length ? outputs : begin + length;

    real product = 0, sum = 0;
    for (int l = begin + thread; l < end; l += 256) {
        int n = l % batch, w = l / batch % w_out, h = l / batch / w_out;
        real gradient = d[(offset)c * outputs + l];
        real back = coefficient[c] * gradient, s = 0;
        for (int ky = 0; ky < size_h; ky++)
            for (int kx = 0; kx < size_w; kx++) {
                offset i = (((offset)c * height + h * size_h + ky) * width + w * size_w + kx) * batch + n;
                s += x[i];
                dx[i] = back * squash.derivative(x[i]);
            }
        product += s * gradient;
        sum += gradient;
    }

    products[thread] = product;
    sums[thread] = sum;
    for (int half = 128; half > 0; half /= 2) {
        __syncthreads();
        if (thread < half) {
            products[thread] += products[thread + half];
            sums[thread] += sums[thread + half];
        }
    }
    if (thread == 0) {
        partial[(offset)blockIdx.x * 2 * channels + c] = products[0];
        partial[(offset)blockIdx.x * 2 * channels + channels + c] = sums[0];
    }
}
