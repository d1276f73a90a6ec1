// Receptive fields as columns, so that a convolution is a matrix product.
//
//     cols[h, (ky, c, kx), (w, n)] = x[c, h·sh + ky - ph, w·sw + kx - pw, n],  and 0 outside the image
//
//     x (C, H, W, N)  ->  cols (H_out, KH·C·KW, W_out·N)
//
// Threads:  one per element of cols; row = (h, ky, c, kx), column = (w, n).
// Memory:   writes are contiguous. Reads are runs of N contiguous elements, and of W_out·N with stride 1. Each
//           pixel is read up to KH·KW times, mostly from cache.
// Cost:     no arithmetic; KH·KW times the image is written, so memory bandwidth is the limit.

#include "common.cuh"

extern "C" __global__ void im2col(
    const real* __restrict__ x, real* __restrict__ cols,
    int channels, int height, int width, int batch, int h_out, int w_out,
    int kh, int kw, int sh, int sw, int ph, int pw)
{
    int rows = h_out * kh * channels * kw, columns = w_out * batch;
    int column = thread_column();
    if (column >= columns) return;
    int w = column / batch, n = column % batch;

    for (int row = thread_row(); row < rows; row += row_step()) {
        int kx = row % kw;
        int c = row / kw % channels;
        int ky = row / (kw * channels) % kh;
        int h = row / (kw * channels * kh);

        int i = h * sh + ky - ph, j = w * sw + kx - pw;
        bool inside = 0 <= i && i < height && 0 <= j && j < width;
        cols[(offset)row * columns + column] =
            inside ? x[(((offset)c * height + i) * width + j) * batch + n] : real(0);
    }
}
