// The gradient of a layer's weights and bias, as sums over parts of the outputs ("split-K"), each part by itself.
//
//     partial[s, o, k] = sum over l in part s of d[o, l] · cols[k, l]     for k < K,  l = (h, w, n)
//     partial[s, o, K] = sum over l in part s of d[o, l]                  (the bias, as if cols had a row of ones)
//
//     d (C_out, H_out, W_out, N), x (C, H, W, N)  ->  partial (splits, C_out, K + 1),  K = C·KH·KW, in the order of im2col
//
// The sum over outputs is long (50,176 terms in LeNet-5's C1, for 156 numbers): one block would do it slowly. Part s
// has `length` outputs from s·length on. gradient_sum.cu adds the parts in a fixed order, so that the result has the
// same bits in every run; atomics would not. A fully connected layer is a convolution on 1x1 images.
//
// Threads:  a block (32, 8) computes 16 maps o (threadIdx.y and + 8) times 32 weights k (threadIdx.x) of one part.
//               grid (ceil((K + 1) / 32), ceil(C_out / 16), splits)
// Memory:   TILE outputs at a time lie in shared memory, loaded in runs of contiguous samples; a row is TILE + 1 long,
//           so that the 32 threads of a warp, each on a row of its own, read 32 different banks.
// Cost:     2 multiply-adds for 3 reads of shared memory.

#include "common.cuh"
#include "receptive.cuh"
#include "weight_gradient.cuh"

extern "C" __global__ void __launch_bounds__(256, 2) weight_gradient(
    const real* __restrict__ d, const real* __restrict__ x, real* __restrict__ partial,
    int channels, int height, int width, int batch, int h_out, int w_out,
    int kh, int kw, int sh, int sw, int ph, int pw,
    int maps, int length)
{
    __shared__ WeightGradientMemory memory;
    Geometry g = {channels, height, width, batch, h_out, w_out, kh, kw, sh, sw, ph, pw};
    Partial end = {partial, maps, channels * kh * kw};
    weight_gradient_tile(memory, d, x, g, maps, length, blockIdx.x, blockIdx.y, blockIdx.z, end);
}
