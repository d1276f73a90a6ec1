// The mean of each window, and its adjoint. Windows start every (sh, sw) pixels and are (size_h, size_w) large; there
// is no padding.
//
//     avg_pool            y[c, h, w, n] = mean over ky < size_h, kx < size_w of x[c, h·sh + ky, w·sw + kx, n]
//     avg_pool_backward   dx[c, i, j, n] = sum of d[c, h, w, n] / (size_h·size_w) over the windows that contain (i, j)
//
//     x, dx (C, H, W, N),  y, d (C, H_out, W_out, N)
//
// Threads:  one per element of the result; row = (c, h) or (c, i), column = (w, n) or (j, n). The backward kernel
//           gathers, so that overlapping windows need no atomics.
// Memory:   reads are runs of N contiguous elements; writes are contiguous.
// Cost:     size_h·size_w additions an element forward; one backward where windows tile the image.

#include "common.cuh"

extern "C" __global__ void avg_pool(
    const real* __restrict__ x, real* __restrict__ y,
    int channels, int height, int width, int batch, int h_out, int w_out,
    int size_h, int size_w, int sh, int sw)
{
    int rows = channels * h_out, columns = w_out * batch;
    int column = thread_column();
    if (column >= columns) return;
    int w = column / batch, n = column % batch;

    for (int row = thread_row(); row < rows; row += row_step()) {
        int c = row / h_out, h = row % h_out;
        real sum = 0;
        for (int ky = 0; ky < size_h; ky++)
            for (int kx = 0; kx < size_w; kx++)
                sum += x[(((offset)c * height + h * sh + ky) * width + w * sw + kx) * batch + n];
        y[(offset)row * columns + column] = sum / (size_h * size_w);
    }
}

extern "C" __global__ void avg_pool_backward(
    const real* __restrict__ d, real* __restrict__ dx,
    int channels, int height, int width, int batch, int h_out, int w_out,
    int size_h, int size_w, int sh, int sw)
{
    int rows = channels * height, columns = width * batch;
    int column = thread_column();
    if (column >= columns) return;
    int j = column / batch, n = column % batch;
    int w_first = first_window(j, size_w, sw), w_last = last_window(j, sw, w_out);

    for (int row = thread_row(); row < rows; row += row_step()) {
        int c = row / height, i = row % height;
        int h_first = first_window(i, size_h, sh), h_last = last_window(i, sh, h_out);
        real sum = 0;
        for (int h = h_last; h >= h_first; h--)  // backwards in h is forwards in ky, as the reference adds
            for (int w = w_last; w >= w_first; w--)
                sum += d[(((offset)c * h_out + h) * w_out + w) * batch + n];
        dx[(offset)row * columns + column] = sum / (size_h * size_w);
    }
}
