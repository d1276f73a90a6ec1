// Convolution, bias and squashing function in one kernel, without im2col's matrix in memory.
//
//     y[o, h, w, n] = f(bias[o] + sum over c, ky, kx of W[o, (c, ky, kx)] · x[c, h·sh + ky - ph, w·sw + kx - pw, n])
//
//     x (C, H, W, N)  ->  y (C_out, H_out, W_out, N),  f the squashing function or the identity
//     W: a kernel (KH, KW) for each pair of connected maps, else 0 (see `Weights` in receptive.cuh)
//
// It is the product W · cols of product.cuh with `Receptive` for the elements of cols: rows o, columns (h, w, n).
//
// Threads:  as in product.cuh: 8 output maps of one output pixel and sample each.
// Memory:   neighbouring threads read neighbouring samples. Each pixel is read KH·KW·C_out/8 times, nearly always
//           from cache; im2col would write it KH·KW times to memory and read it again.
// Cost:     C_out·KH·KW·C multiply-adds an output pixel and sample.

#include "common.cuh"
#include "squash.cuh"
#include "product.cuh"
#include "receptive.cuh"

extern "C" __global__ void __launch_bounds__(256, 2) convolution(
    const real* __restrict__ x, const real* __restrict__ weights, const int* kernels, const real* bias,
    real* __restrict__ y,
    int channels, int height, int width, int batch, int h_out, int w_out,
    int kh, int kw, int sh, int sw, int ph, int pw,
    int maps, int slices, int squashed, real amplitude, real slope)
{
    __shared__ ProductMemory<Receptive::Key> memory;
    Geometry g = {channels, height, width, batch, h_out, w_out, kh, kw, sh, sw, ph, pw};
    Squash squash = {squashed, amplitude, slope};
    int area = kh * kw;
    Weights W = {weights, kernels, channels, area};
    int depth = channels * area, columns = h_out * w_out * batch;
    product(
        memory, maps, depth, columns, slices,
        [=](int o, int k) { return W(o, k / area, k % area); },
        Receptive{x, g, 0, 0, 0},
        [=](int o, int l, real sum) { y[(offset)o * columns + l] = squash(bias ? sum + bias[o] : sum); });
}
