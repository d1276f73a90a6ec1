// Receptive fields as columns, so that a convolution is a matrix product.
//
//     cols[(c, ky, kx), (h, w, n)] = x[c, h·sh + ky·dh - ph, w·sw + kx·dw - pw, n],  and 0 outside the image
//
//     x (C, H, W, N)  ->  cols (C·KH·KW, H_out·W_out·N)
//
// Threads:  one per element of cols; row = (c, ky, kx, h), column = (w, n).
// Memory:   writes are contiguous. Reads are runs of N contiguous elements, and of W_out·N with stride 1. Each
//           pixel is read up to KH·KW times, mostly from cache.
// Cost:     no arithmetic; KH·KW times the image is written, so memory bandwidth is the limit.

#include "common.cuh"

extern "C" __global__ void im2col(
    const real* __restrict__ x, real* __restrict__ cols,
    int channels, int height, int width, int batch, int h_out, int w_out,
    int kh, int kw, int sh, int sw, int ph, int pw, int dh, int dw)
{
    int rows = channels * kh * kw * h_out, columns = w_out * batch;
    int column = thread_column();
    if (column >= columns) return;
    int w = column / batch, n = column % batch;

    for (int row = thread_row(); row < rows; row += row_step()) {
        int h = row % h_out;
        int kx = row / h_out % kw;
        int ky = row / (h_out * kw) % kh;
        int c = row / (h_out * kw * kh);

        int i = h * sh + ky * dh - ph, j = w * sw + kx * dw - pw;
        bool inside = 0 <= i && i < height && 0 <= j && j < width;
        cols[(offset)row * columns + column] =
            inside ? x[(((offset)c * height + i) * width + j) * batch + n] : real(0);
    }
}
