// What a convolution passes back to its input: W^T d and col2im in one kernel, without a matrix in memory.
//
//     dx[c, i, j, n] = f'(x) · sum of W[o, (c, ky, kx)] · d[o, h, w, n]
//                      over all o, ky, kx with h·sh + ky - ph = i and w·sw + kx - pw = j for an output (h, w)
//
//     d (C_out, H_out, W_out, N)  ->  dx (C, H, W, N);  W as in convolution.cu
//
// d is the gradient before this layer's squashing function. Where x itself was squashed, f' goes through that
// function, so that dx again is a gradient before it; else f' = 1.
//
// Threads:  as in product.cuh, with rows c, columns (i, j, n) and depth (o, ky, kx). A pixel gathers what is its own, so
//           no two threads write to the same place.
// Memory:   reads are runs of N contiguous elements, mostly from cache; writes are contiguous.
// Cost:     C_out·KH·KW·C multiply-adds a pixel and sample with stride 1, zeros at the border included.

#include "common.cuh"
#include "squash.cuh"
#include "product.cuh"
#include "receptive.cuh"

struct Outputs {  // B((o, ky, kx), (i, j, n)): what the output that pixel (i, j) reached through (ky, kx) sends back
    struct __align__(16) Key {  // one access
        int ky, kx;
        offset start;  // of d[o, 0, 0, 0]
    };
    const real* d;
    Geometry g;
    int i, j, n;  // in the padded image

    __device__ Key key(int k) const {
        int kx = k % g.kw, ky = k / g.kw % g.kh, o = k / (g.kw * g.kh);
        return Key{ky, kx, (offset)o * g.h_out * g.w_out * g.batch};
    }
    __device__ void column(int l) {
        n = l % g.batch;
        j = l / g.batch % g.width + g.pw;
        i = l / g.batch / g.width + g.ph;
    }
    __device__ real operator()(const Key& key) const {
        int h = i - key.ky, w = j - key.kx;
        if (h < 0 || w < 0) return 0;
        if (g.sh > 1 || g.sw > 1) {
            if (h % g.sh || w % g.sw) return 0;
            h /= g.sh;
            w /= g.sw;
        }
        return h < g.h_out && w < g.w_out ? d[key.start + ((offset)h * g.w_out + w) * g.batch + n] : real(0);
    }
};

extern "C" __global__ void __launch_bounds__(256, 2) convolution_input_gradient(
    const real* __restrict__ d, const real* __restrict__ weights, const int* kernels, const real* __restrict__ x,
    real* __restrict__ dx,
    int channels, int height, int width, int batch, int h_out, int w_out,
    int kh, int kw, int sh, int sw, int ph, int pw,
    int maps, int slices, int squashed, real amplitude, real slope)
{
    __shared__ ProductMemory<Outputs::Key> memory;
    Geometry g = {channels, height, width, batch, h_out, w_out, kh, kw, sh, sw, ph, pw};
    Squash squash = {squashed, amplitude, slope};
    int area = kh * kw;
    Weights W = {weights, kernels, channels, area};
    int columns = height * width * batch;
    product(
        memory, channels, maps * area, columns, slices,
        [=](int c, int k) { return W(k / area, c, k % area); },
        Outputs{d, g, 0, 0, 0},
        [=](int c, int l, real sum) {
            offset i = (offset)c * columns + l;
            dx[i] = sum * squash.derivative(x[i]);
        });
}
