// A part of a batch: its pixels from bytes, centred and normalised, and its labels.
//
//     index = order[start + n] for n < count,  (start, count) = position
//     x[0, top + i, left + j, n] = table[images[index, i, j]],   labels[n] = all_labels[index]
//
//     images (M, H, W) uint8, all_labels (M,) uint8, order (M,), table (256,)  ->  x (1, size_h, size_w, batch), labels
//
// The frame around the image holds the background already. Samples beyond `count` get the label NOBODY, -1, and their
// pixels stay what they were: so an epoch's last, short batch is a full one for all other kernels. The shuffled order
// and the position lie in device memory: a captured graph does the same launches every time and takes another batch.
//
// Threads:  one per pixel of the images and sample; row = i, column = (j, n). The first row also fetches the labels.
// Memory:   writes are contiguous. Reads are single bytes 784 apart for neighbouring samples, but for neighbouring
//           pixels they are neighbours, and a batch's images (50 kB at batch 64) stay in cache.
// Cost:     a look-up in a table an element; latency is the limit.

#include "common.cuh"

extern "C" __global__ void gather(
    const unsigned char* __restrict__ images, const unsigned char* __restrict__ all_labels,
    const offset* __restrict__ order, const offset* __restrict__ position, const real* __restrict__ table,
    real* __restrict__ x, int* __restrict__ labels,
    int height, int width, int size_h, int size_w, int batch)
{
    int column = thread_column();
    if (column >= width * batch) return;
    int j = column / batch, n = column % batch;
    bool counts = n < position[1];
    offset index = counts ? order[position[0] + n] : 0;
    int left = (size_w - width) / 2, top = (size_h - height) / 2;

    for (int i = thread_row(); i < height && counts; i += row_step())
        x[((offset)(top + i) * size_w + left + j) * batch + n] = table[images[(index * height + i) * width + j]];
    if (thread_row() == 0 && j == 0) labels[n] = counts ? all_labels[index] : -1;
}
