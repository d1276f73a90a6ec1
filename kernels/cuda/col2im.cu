// The adjoint of im2col: every element of cols is added to the pixel it was copied from.
//
//     dx[c, i, j, n] = sum of cols[(c, ky, kx), (h, w, n)]
//                      over all h, ky with h·sh + ky·dh - ph = i  and  w, kx with w·sw + kx·dw - pw = j
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
    int kh, int kw, int sh, int sw, int ph, int pw, int dh, int dw)
{
    int rows = channels * height, columns = width * batch;
    int column = thread_column();
    if (column >= columns) return;
    int j = column / batch + pw, n = column % batch;  // in the padded image
    int extent_h = dh * (kh - 1) + 1, extent_w = dw * (kw - 1) + 1;  // from a window's first pixel to its last
    int w_first = first_window(j, extent_w, sw), w_last = last_window(j, sw, w_out);

    for (int row = thread_row(); row < rows; row += row_step()) {
        int c = row / height, i = row % height + ph;
        int h_first = first_window(i, extent_h, sh), h_last = last_window(i, sh, h_out);

        real sum = 0;
        for (int h = h_last; h >= h_first; h--) {  // backwards in h is forwards in ky, as the reference adds
            int ky = (i - h * sh) / dh;
            if (ky * dh != i - h * sh) continue;  // between two pixels of a dilated window
            for (int w = w_last; w >= w_first; w--) {
                int kx = (j - w * sw) / dw;
                if (kx * dw != j - w * sw) continue;
                offset r = ((offset)c * kh + ky) * kw + kx;
                sum += cols[((r * h_out + h) * w_out + w) * batch + n];
            }
        }
        dx[(offset)row * columns + column] = sum;
    }
}
