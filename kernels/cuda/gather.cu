// The batch that a step takes: its pixels from bytes, framed and normalised, its labels and its learning rate.
//
//     index = order[step · batch_size + n],  n < batch
//     x[0, i, j, n] = table[images[index, i - top, j - left]],  and table[0] (background) in the frame
//     labels[n] = all_labels[index],   settings[0] = rates[step]
//
//     images (M, H, W) uint8, all_labels (M,) uint8, order (M,), table (256,)  ->  x (1, size_h, size_w, batch)
//
// The step counter, the shuffled order and the rates lie in device memory: a captured graph does the same launches
// every time and yet takes another batch. `batch` is less than `batch_size` for an epoch's last, short batch.
//
// Threads:  one per element of x; row = i, column = (j, n). The first row also fetches labels, one thread the rate.
// Memory:   writes are contiguous. Reads are single bytes 784 apart for neighbouring samples, but for neighbouring
//           pixels they are neighbours, and a batch's images (50 kB at batch 64) stay in cache.
// Cost:     a look-up in a table an element; latency is the limit.

#include "common.cuh"

extern "C" __global__ void gather(
    const unsigned char* __restrict__ images, const unsigned char* __restrict__ all_labels,
    const int* __restrict__ order, const real* __restrict__ rates, const int* __restrict__ step,
    const real* __restrict__ table, real* __restrict__ x, int* __restrict__ labels, real* __restrict__ settings,
    int height, int width, int size_h, int size_w, int batch, int batch_size)
{
    int rows = size_h, columns = size_w * batch;
    int column = thread_column();
    if (column >= columns) return;
    int j = column / batch, n = column % batch;
    offset index = order[(offset)step[0] * batch_size + n];
    int left = (size_w - width) / 2, top = (size_h - height) / 2;

    for (int row = thread_row(); row < rows; row += row_step()) {
        int i = row - top, jj = j - left;
        bool inside = 0 <= i && i < height && 0 <= jj && jj < width;
        x[(offset)row * columns + column] = table[inside ? images[(index * height + i) * width + jj] : 0];
    }
    if (thread_row() == 0 && j == 0) {
        labels[n] = all_labels[index];
        if (n == 0) settings[0] = rates[step[0]];
    }
}
