// Dropout by masks that are drawn already: y = m · x, and dx = m · d · f'(x) for x = f(...), m = 1/share where kept, else 0.
//
//     x, y, d, dx (rows, columns), a sample in each column; kept (rows, width) 0 or 1, column position[0] - first[0] the
//     first sample's
//
// Threads:  one per element, the samples side by side.
// Memory:   every array is read or written once, in whole lines.

#include "common.cuh"
#include "squash.cuh"

extern "C" __global__ void dropout(
    const real* __restrict__ x, const unsigned char* __restrict__ kept, const offset* position, const offset* first,
    real* __restrict__ y, int rows, int columns, int width, real share)
{
    int n = thread_column();
    if (n >= columns) return;
    offset column = position[0] - first[0] + n;
    for (int row = thread_row(); row < rows; row += row_step()) {
        offset i = (offset)row * columns + n;
        y[i] = 1 / share * kept[(offset)row * width + column] * x[i];
    }
}

extern "C" __global__ void dropout_backward(
    const real* __restrict__ d, const unsigned char* __restrict__ kept, const offset* position, const offset* first,
    const real* __restrict__ x, real* __restrict__ dx, int rows, int columns, int width, real share,
    int squashed, real amplitude, real slope)
{
    int n = thread_column();
    if (n >= columns) return;
    Squash squash = {squashed, amplitude, slope};
    offset column = position[0] - first[0] + n;
    for (int row = thread_row(); row < rows; row += row_step()) {
        offset i = (offset)row * columns + n;
        dx[i] = 1 / share * kept[(offset)row * width + column] * d[i] * squash.derivative(x[i]);
    }
}
