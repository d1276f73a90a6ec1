// The end of a step: its loss and errors noted, and whatever differs from step to step set for the next one.
//
//     result_sum   result = (loss, errors), the sums over all blocks of a criterion (criterion.cuh)
//     next_step    results[step] = the same sums;  step <- step + 1;
//                  position, lr and scale <- row `step` of positions, rates and scales, if there is one
//
//     blocks (B, 2), result (2,), results (steps, 2) float64; positions (steps, 2) = (start, count) of every batch,
//     rates, scales (steps,)  ->  position (2,) for gather.cu, settings[0] for sgd.cu, scale (1,) for the criterion
//
// All of it lies in device memory: a captured graph is launched for every step without a word from the host, and an
// epoch's results are read together at its end.
//
// Threads:  one. It adds in order, so that the sums have the same bits in every run.
// Memory:   a few numbers.
// Cost:     the time to start a kernel.

#include "common.cuh"

__device__ inline void add_blocks(const double* blocks, int count, double* result)
{
    double loss = 0, wrong = 0;
#pragma unroll 8
    for (int b = 0; b < count; b++) {
        loss += blocks[2 * b];
        wrong += blocks[2 * b + 1];
    }
    result[0] = loss;
    result[1] = wrong;
}

extern "C" __global__ void result_sum(const double* __restrict__ blocks, int count, double* __restrict__ result)
{
    add_blocks(blocks, count, result);
}

extern "C" __global__ void next_step(
    const double* __restrict__ blocks, int count, double* __restrict__ results, int* __restrict__ step, int steps,
    const offset* __restrict__ positions, const real* __restrict__ rates, const real* __restrict__ scales,
    offset* __restrict__ position, real* __restrict__ settings, real* __restrict__ scale)
{
    int now = step[0], next = now + 1;
    add_blocks(blocks, count, results + 2 * (offset)now);
    step[0] = next;
    if (next >= steps) return;
    position[0] = positions[2 * (offset)next];
    position[1] = positions[2 * (offset)next + 1];
    settings[0] = rates[next];
    scale[0] = scales[next];
}
