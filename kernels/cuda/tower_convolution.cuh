// A convolution with stride 1 in a tower (tower.cuh): y = f(W x + b) and both of its gradients, for one sample.
//
//     convolution                  y(o, h, w) = f(b[o] + sum over c, ky, kx of k[o, c][ky, kx] · x(c, h + ky - ph, w + kx - pw))
//     convolution_input_gradient   dx(c, i, j) = f'(x) · sum over o, ky, kx of k[o, c][ky, kx] · d(o, i + ph - ky, j + pw - kx)
//     convolution_weight_gradient  dk[o, c][ky, kx] = sum over h, w of d(o, h, w) · x(c, h + ky - ph, w + kx - pw)
//                                  db[o] = sum over h, w of d(o, h, w)
//
// The same formulas as in convolution.cu, convolution_input_gradient.cu and weight_gradient.cu. As on the CPU
// (kernels/cpu/convolution.py) only connected pairs of maps are met, and what is outside an image is a frame of zeros;
// on the way back, where half of all pixels would lie there, it is left out.
//
// Threads:  a thread has a run of RUN neighbours of a row, all in registers: a kernel's row costs RUN + 2·KW - 1 reads
//           for RUN·KW multiply-adds. Neighbouring threads have neighbouring rows, on the way back the same row of
//           several maps. Where that gives few threads work, SLICES of them share a run, each with every SLICES-th pair
//           of maps, and their sums are added in order. A weight gradient's thread has one row of one kernel, KW sums,
//           and every SLICES-th row of the maps; what the slices have is added up behind a barrier. Weight gradients of
//           several layers are computed side by side: each begins with thread FIRST.
// Memory:   x, d and the kernels lie in shared memory.

// Which kernel connects which maps: of map m (an output on the way forward, an input on the way back) those from
// first[m] to first[m + 1] - 1. Entry e is kernel `kernel[e]`, with map `other[e]` at its other end.
struct Pairs {
    const int *first, *kernel, *other;
};

// sum[p] += sum over kx of kernel[kx] · row[LEFT + p + kx]; kernel[KW - 1 - kx] on the way back. What lies before
// row[FIRST] or from row[LAST] on is 0, and is not even read.
template <int KW, bool BACK, int LEFT, int FIRST, int LAST, int RUN>
__device__ inline void correlate(const real* kernel, const real* row, real (&sum)[RUN])
{
    real pixels[RUN + KW - 1];
#pragma unroll
    for (int i = FIRST; i < LAST; i++) pixels[i - LEFT] = row[i];
#pragma unroll
    for (int kx = 0; kx < KW; kx++) {
        real weight = kernel[BACK ? KW - 1 - kx : kx];
#pragma unroll
        for (int p = 0; p < RUN; p++)
            if (FIRST <= LEFT + p + kx && LEFT + p + kx < LAST) sum[p] += weight * pixels[p + kx];
    }
}

// out(m, h, w) = f(m, h, w, the sum over all kernels of map m). A thread works out all of a run before it stores the first
// of it, as in `fill`.
template <int KH, int KW, int PH, int PW, bool BACK, int RUN, int SLICES, typename In, typename Out, typename F>
__device__ inline void sums_of_kernels(
    const In& in, const real* kernels, const Pairs& pairs, const Out& out, real* scratch, const F& f)
{
    const int M = Out::channels, H = Out::height, W = Out::width, RUNS = (W + RUN - 1) / RUN, PITCH = (W + 1) / 2 * 2 + 1;
    const int LEFT = BACK ? PW - KW + 1 : -PW;  // what a run reads begins there
    const bool WHOLE = BACK && RUNS == 1;       // then it is known what lies outside
    const int FIRST = WHOLE ? 0 : LEFT, LAST = WHOLE ? In::width : LEFT + RUN + KW - 1;
    int begin = BACK ? THREADS - 1 - threadIdx.x : threadIdx.x;  // the first may still add up sums of the layer before
    for (int item = begin; item < M * H * RUNS * SLICES; item += THREADS) {
        int h = item % H, start = item / H % RUNS * RUN, m = item / (H * RUNS) % M, slice = item / (H * RUNS * M);
        if (BACK) {  // a warp has few rows, whose kernels have the same rows inside the image
            h = item / (M * RUNS * SLICES);
            start = item / M % RUNS * RUN;
            m = item % M;
            slice = item / (M * RUNS) % SLICES;
        }
        real sum[RUN];
#pragma unroll
        for (int p = 0; p < RUN; p++) sum[p] = 0;
        for (int e = pairs.first[m] + slice; e < pairs.first[m + 1]; e += SLICES) {
            const real* kernel = kernels + pairs.kernel[e] * (KH * KW);
            int other = pairs.other[e];
            for (int ky = 0; ky < KH; ky++) {
                int row = BACK ? h + PH - ky : h + ky - PH;
                if (BACK && (row < 0 || row >= In::height)) continue;
                correlate<KW, BACK, LEFT, FIRST, LAST>(kernel + ky * KW, &in(other, row, start), sum);
            }
        }
        auto inside = [=](int p) { return W % RUN == 0 || start + p < W; };  // the last run of a row may be shorter
#pragma unroll
        for (int p = 0; p < RUN; p++)
            if (SLICES == 1 && inside(p)) sum[p] = f(m, h, start + p, sum[p]);
        real* part = scratch + ((slice * M + m) * H + h) * PITCH + start;
#pragma unroll
        for (int p = 0; p < RUN; p++)
            if (inside(p)) (SLICES == 1 ? out(m, h, start + p) : part[p]) = sum[p];
    }
    if (SLICES == 1) return;
    __syncthreads();
    fill(out, [&](int i) {
        int w = i % W, h = i / W % H, m = i / (W * H);
        return f(m, h, w, sum_of<SLICES>([&](int slice) { return scratch[((slice * M + m) * H + h) * PITCH + w]; }));
    });
}

template <int KH, int KW, int PH, int PW, int RUN, int SLICES, typename X, typename Y>
__device__ inline void convolution(
    const X& x, const real* kernels, const Pairs& pairs, const real* bias, const Squash& squash, const Y& y, real* scratch)
{
    sums_of_kernels<KH, KW, PH, PW, false, RUN, SLICES>(x, kernels, pairs, y, scratch,
        [=](int o, int h, int w, real sum) { return squash(bias ? sum + bias[o] : sum); });
}

template <int KH, int KW, int PH, int PW, int RUN, int SLICES, typename D, typename X, typename DX>
__device__ inline void convolution_input_gradient(
    const D& d, const real* kernels, const Pairs& pairs, const X& x, const Squash& squash, const DX& dx, real* scratch)
{
    sums_of_kernels<KH, KW, PH, PW, true, RUN, SLICES>(d, kernels, pairs, dx, scratch,
        [=](int c, int i, int j, real sum) { return sum * squash.derivative(x(c, i, j)); });
}

// sums: SLICES times those of the PAIRS kernels, then those of the biases; pairs as on the way forward, one after the other.
template <int KH, int KW, int PH, int PW, int PAIRS, int SLICES, int FIRST, typename D, typename X>
__device__ inline void convolution_weight_gradient(
    const D& d, const X& x, const int* outputs, const int* inputs, real* sums)
{
    const int ROWS = PAIRS * KH, SUMS = ROWS * KW + D::channels;
    for (int item = nth_thread(FIRST); item < ROWS * SLICES; item += THREADS) {
        int pair = item % PAIRS, slice = item / PAIRS % SLICES, ky = item / (PAIRS * SLICES);  // maps of different banks
        int o = outputs[pair], c = inputs[pair];
        real sum[KW] = {}, total = 0;
        for (int h = slice; h < D::height; h += SLICES) {
            const real *row = &x(c, h + ky - PH, -PW), *back = &d(o, h, 0);
            real pixels[KW];  // row[w] ... row[w + KW - 1]
#pragma unroll
            for (int kx = 1; kx < KW; kx++) pixels[kx] = row[kx - 1];
#pragma unroll
            for (int w = 0; w < D::width; w++) {
#pragma unroll
                for (int kx = 1; kx < KW; kx++) pixels[kx - 1] = pixels[kx];
                pixels[KW - 1] = row[w + KW - 1];
#pragma unroll
                for (int kx = 0; kx < KW; kx++) sum[kx] += back[w] * pixels[kx];
                total += back[w];
            }
        }
#pragma unroll
        for (int kx = 0; kx < KW; kx++) sums[slice * SUMS + (pair * KH + ky) * KW + kx] = sum[kx];
        bool first_of_its_map = ky == 0 && (pair == 0 || outputs[pair - 1] != o);
        if (first_of_its_map) sums[slice * SUMS + ROWS * KW + o] = total;
    }
}
