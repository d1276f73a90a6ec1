// The largest element of each window, and where its gradient goes. Windows start every (sh, sw)
// pixels and are (size_h, size_w) large; there is no padding.
//
//     max_pool            y[c, h, w, n] = max over ky, kx of x[c, h·sh + ky, w·sw + kx, n]
//                         winner[c, h, w, n] = ky·size_w + kx of the first such element, row by row
//     max_pool_backward   dx[c, i, j, n] = sum of d[c, h, w, n] over the windows that pixel (i, j) has won
//
//     x, dx (C, H, W, N),  y, d, winner (C, H_out, W_out, N)
//
// NaN counts as the largest (largest.cuh), so that a broken network shows.
//
// Threads:  one per element of the result; row = (c, h) or (c, i), column = (w, n) or (j, n). The backward
//           kernel gathers: a pixel asks the windows that contain it who won, so overlaps need no atomics.
// Memory:   reads are runs of N contiguous elements; writes are contiguous.
// Cost:     size_h·size_w comparisons an element forward; one look-up backward where windows tile the image.

#include "common.cuh"
#include "largest.cuh"

extern "C" __global__ void max_pool(
    const real* __restrict__ x, real* __restrict__ y, int* __restrict__ winner,
    int channels, int height, int width, int batch, int h_out, int w_out,
    int size_h, int size_w, int sh, int sw)
{
    int rows = channels * h_out, columns = w_out * batch;
    int column = thread_column();
    if (column >= columns) return;
    int w = column / batch, n = column % batch;

    for (int row = thread_row(); row < rows; row += row_step()) {
        int c = row / h_out, h = row % h_out;
        Largest largest = {0, -1};
        for (int ky = 0; ky < size_h; ky++)
            for (int kx = 0; kx < size_w; kx++) {
                offset i = (((offset)c * height + h * sh + ky) * width + w * sw + kx) * batch + n;
                largest.meet(x[i], ky * size_w + kx);
            }
        y[(offset)row * columns + column] = largest.value;
        winner[(offset)row * columns + column] = largest.place;
    }
}

extern "C" __global__ void max_pool_backward(
    const real* __restrict__ d, const int* __restrict__ winner, real* __restrict__ dx,
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
        for (int h = h_last; h >= h_first; h--)  // the order in which the reference adds
            for (int w = w_last; w >= w_first; w--) {
                offset window = (((offset)c * h_out + h) * w_out + w) * batch + n;
                if (winner[window] == (i - h * sh) * size_w + (j - w * sw)) sum += d[window];
            }
        dx[(offset)row * columns + column] = sum;
    }
}
