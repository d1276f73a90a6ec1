// The adjoint of im2col: every element of cols is added to the pixel it was copied from.
//
//     dx[c, i, j, n] = sum of cols[(c, ky, kx), (h, w, n)]
//                      over all h, ky with h·sh + ky - ph = i  and  w, kx with w·sw + kx - pw = j
//
//     cols (C·KH·KW, H_out·W_out·N)  ->  dx (C, H, W, N)
//
// Threads:  one per pixel; row = (c, i), column = (j, n). A thread gathers what belongs to its pixel, so no two
//           threads write to the same place: no atomics, and the same bits in every run.
// Memory:   reads are runs of N contiguous elements, each element of cols once; writes are contiguous.
// Cost:     up to ceil(KH/sh)·ceil(KW/sw) additions a pixel; memory bandwidth is the limit.

#include "common.cuh"

extern "C" __global__ void col2im(
    const real* __restrict__ cols, real* __restrict__ dx,
    int channels, int height, int width, int batch, int h_out, int w_out,
    int kh, int kw, int sh, int sw, int ph, int pw)
{
    int rows = channels * height, columns = width * batch;
    int column = thread_column();
    if (column >= columns) return;
    int j = column / batch + pw, n = column % batch;  // in the padded image
    int w_first = first_window(j, kw, sw), w_last = last_window(j, sw, w_out);

    for (int row = thread_row(); row < rows; row += row_step()) {
        int c = row / height, i = row % height + ph;
        int h_first = first_window(i, kh, sh), h_last = last_window(i, sh, h_out);

        real sum = 0;
        for (int h = h_last; h >= h_first; h--) {  // backwards in h is forwards in ky, as the reference adds
            int ky = i - h * sh;
            for (int w = w_last; w >= w_first; w--) {
                int kx = j - w * sw;
                offset r = ((offset)c * kh + ky) * kw + kx;
                sum += cols[((r * h_out + h) * w_out + w) * batch + n];
            }
        }
        dx[(offset)row * columns + column] = sum;
    }
}
