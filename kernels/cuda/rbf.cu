// LeNet-5's output layer and both of the paper's criteria, forward and backward, in one kernel.
//
//     y_i = sum_j (x_j - w_ij)²                                  (equation 7)
//     equation 8 (discriminative = 0):  E = y_D,                                      g_i = [i = D]
//     equation 9 (discriminative = 1):  E = y_D + log(exp(-rubbish) + sum_i exp(-y_i)),
//                                       g_i = [i = D] - exp(-y_i) / (exp(-rubbish) + sum_k exp(-y_k))
//     d_j = scale · f'(x_j) · 2 (x_j sum_i g_i - sum_i g_i w_ij)
//
//     x (J, N), w (K, J) fixed prototypes, labels (N,)  ->  d (J, N), the loss of each block of 32 samples and how many
//     of them have a nearest prototype other than their label's (see criterion.cuh)
//
// scale (1,) is 1/N for a mean over the whole batch's N samples, 1 for a sum. f' goes through the squashing function that x came from. The
// smallest of all exponents is taken out of the logarithm first, so that nothing overflows.
//
// Threads:  a block (32, 8): 32 samples, 8 threads each. Thread y adds up every 8th feature of a distance, and later
//           writes every 8th feature of d.
// Memory:   x is read K + 1 times, in runs of 32 samples, all but the first from cache. Sums of 8 · 32 elements lie in
//           dynamic shared memory; so do distances and g, K · 32 elements each, or, where K is too large for that, in
//           `outside` (blocks, 2, K, 32), which is null otherwise.
// Cost:     2·K·J multiply-adds a sample forward, K·J backward.

#include "common.cuh"
#include "squash.cuh"
#include "criteria.cuh"
#include "criterion.cuh"

extern "C" __global__ void __launch_bounds__(256, 2) rbf_criterion(
    const real* __restrict__ x, const real* __restrict__ prototypes, const int* __restrict__ labels,
    const real* __restrict__ scale, real* __restrict__ d, double* __restrict__ blocks, real* outside,
    int features, int classes, int batch, int discriminative, real rubbish,
    int squashed, real amplitude, real slope)
{
    DYNAMIC_SHARED(real, room);
    __shared__ CriterionMemory memory;
    real* sums = room;  // sums[helper · 32 + sample]
    real* y = outside ? outside + (offset)blockIdx.x * 2 * classes * SAMPLES : room + HELPERS * SAMPLES;
    real* g = y + classes * SAMPLES;  // y[i · 32 + sample], g[i · 32 + sample]
    int sample = threadIdx.x, helper = threadIdx.y;
    int n = blockIdx.x * SAMPLES + sample;
    bool inside = n < batch;

    for (int i = 0; i < classes; i++) {
        real sum = 0;
        if (inside)
            for (int j = helper; j < features; j += HELPERS) {
                real difference = x[(offset)j * batch + n] - prototypes[i * features + j];
                sum += difference * difference;
            }
        sums[helper * SAMPLES + sample] = sum;
        __syncthreads();
        if (helper == 0) {
            for (int h = 1; h < HELPERS; h++) sum += sums[h * SAMPLES + sample];
            y[i * SAMPLES + sample] = sum;
        }
        __syncthreads();
    }

    if (inside) {
        Strided<real> distances = {y + sample, SAMPLES};
        RBFErrors<Strided<real>> errors(distances, classes, labels[n], discriminative, rubbish);
        for (int i = helper; i < classes; i += HELPERS) g[i * SAMPLES + sample] = errors[i];
        if (helper == 0) memory.verdicts[sample] = errors.verdict();
    }
    __syncthreads();

    if (inside) {
        Squash squash = {squashed, amplitude, slope};
        real total = 0;
        for (int i = 0; i < classes; i++) total += g[i * SAMPLES + sample];
        for (int j = helper; j < features; j += HELPERS) {
            real value = x[(offset)j * batch + n], pulled = 0;
            for (int i = 0; i < classes; i++) pulled += g[i * SAMPLES + sample] * prototypes[i * features + j];
            d[(offset)j * batch + n] = scale[0] * squash.derivative(value) * 2 * (value * total - pulled);
        }
    }
    add_up(memory, batch, blocks);
}

// The distances alone, for prediction and other criteria: y[i, n], one thread each, row = i, column = n.
extern "C" __global__ void squared_distances(
    const real* __restrict__ x, const real* __restrict__ prototypes, real* __restrict__ y,
    int features, int classes, int batch)
{
    int n = thread_column();
    if (n >= batch) return;
    for (int i = thread_row(); i < classes; i += row_step()) {
        real sum = 0;
        for (int j = 0; j < features; j++) {
            real difference = x[(offset)j * batch + n] - prototypes[(offset)i * features + j];
            sum += difference * difference;
        }
        y[(offset)i * batch + n] = sum;
    }
}

// Their way back, dx_j = f'(x_j) · 2 (x_j sum_i d_i - sum_i d_i w_ij), one thread each, row = j, column = n.
extern "C" __global__ void squared_distances_backward(
    const real* __restrict__ d, const real* __restrict__ x, const real* __restrict__ prototypes,
    real* __restrict__ dx,
    int features, int classes, int batch, int squashed, real amplitude, real slope)
{
    Squash squash = {squashed, amplitude, slope};
    int n = thread_column();
    if (n >= batch) return;
    for (int j = thread_row(); j < features; j += row_step()) {
        real total = 0, pulled = 0;
        for (int i = 0; i < classes; i++) {
            real back = d[(offset)i * batch + n];
            total += back;
            pulled += back * prototypes[(offset)i * features + j];
        }
        real value = x[(offset)j * batch + n];
        dx[(offset)j * batch + n] = squash.derivative(value) * 2 * (value * total - pulled);
    }
}
