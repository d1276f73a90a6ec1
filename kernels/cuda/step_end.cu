// The end of a step: gradients added up, parameters moved, loss and errors noted, and the next batch set.
//
//     step_end     gradient[p] = its partial sums (gradient_sum.cu);  the step of sgd.cu with it, rate = lr, or
//                  lr / curvature[p] where that is not null;  then, when no block needs lr any more,
//                  results[step] = (loss, errors);  step <- step + 1;
//                  position, lr and scale <- row `step` of positions, rates and scales, if there is one
//     result_sum   result = (loss, errors), the sums over all blocks of a criterion
//
//     w, v, gradient, curvature (P,);  partial, first, step, count: see gradient_sum.cu;  blocks (B, 2), result (2,),
//     results (steps, 2) float64;  positions (steps, 2) = (start, count) of every batch, rates, scales (steps,)
//     ->  position (2,) for gather.cu, settings[0] for this kernel, scale (1,) for the criterion
//
// All of it lies in device memory: a captured graph is launched for every step without a word from the host, and an
// epoch's results are read together at its end.
//
// Threads:  as in gradient_sum.cu; the first row of a block moves its 32 parameters. Blocks count themselves as they
//           end, and the last one sets the next batch: which one that is differs, what it does never.
// Memory:   partial sums are read once, and everything a parameter has; see gradient_sum.cu and sgd.cu.
// Cost:     memory bandwidth, and the time to start a kernel.

#include "common.cuh"
#include "sums.cuh"
#include "sgd.cuh"

extern "C" __global__ void result_sum(const double* __restrict__ blocks, int count, double* __restrict__ result)
{
    __shared__ double memory[256][2];
    add_blocks(memory, blocks, count, result);
}

extern "C" __global__ void __launch_bounds__(256, 2) step_end(
    real* __restrict__ w, real* __restrict__ v, real* __restrict__ gradient, const real* __restrict__ curvature,
    const real* __restrict__ partial, const int* __restrict__ first, const int* __restrict__ step,
    const int* __restrict__ count, int nesterov, int parameters,
    const double* __restrict__ blocks, int criterion_blocks, double* __restrict__ results, int steps,
    const offset* __restrict__ positions, const real* __restrict__ rates, const real* __restrict__ scales,
    int* __restrict__ now, unsigned* __restrict__ ended,
    offset* __restrict__ position, real* __restrict__ settings, real* __restrict__ scale)
{
    __shared__ real sums[8][32];
    __shared__ double memory[256][2];
    __shared__ bool last;
    SGD descend = {settings[1], settings[2], nesterov};
    real lr = settings[0];
    int p = blockIdx.x * 32 + threadIdx.x;
    int terms = p < parameters ? count[p] : 0;
    real sum = sum_of_parts(sums, partial, terms ? first[p] : 0, terms ? step[p] : 0, terms);
    if (threadIdx.y == 0 && p < parameters) {
        if (terms > 0) gradient[p] = sum;
        descend(w[p], v[p], gradient[p], curvature ? lr / curvature[p] : lr);
    }
    __syncthreads();  // the block has read lr
    bool first_thread = threadIdx.x == 0 && threadIdx.y == 0;
    if (first_thread) {
        __threadfence();
        last = atomicAdd(ended, 1) + 1 == gridDim.x;
    }
    __syncthreads();
    if (!last) return;
    add_blocks(memory, blocks, criterion_blocks, results + 2 * (offset)now[0]);
    if (!first_thread) return;
    int next = now[0] + 1;
    now[0] = next;
    ended[0] = 0;
    if (next >= steps) return;
    position[0] = positions[2 * (offset)next];
    position[1] = positions[2 * (offset)next + 1];
    settings[0] = rates[next];
    scale[0] = scales[next];
}
