// Every parameter's gradient from its partial sums, added in a fixed order: equal seeds give equal bits.
//
//     gradient[p] = sum over s < count[p] of partial[first[p] + s · step[p]]       where count[p] > 0
//     gradient[p] += the same                                                      if `adds`
//
//     partial: what weight_gradient.cu and trainable_subsampling.cu left, one layer's or all layers' in one array
//     first, step, count (P,): where parameter p's partial sums lie; count 0 leaves gradient[p] as it is
//
// Threads:  a block (32, 8) has 32 neighbouring parameters, see sum_of_parts in sums.cuh.
// Memory:   neighbouring parameters' partial sums are neighbours.
// Cost:     one addition a partial sum; the tables are read once.

#include "common.cuh"
#include "sums.cuh"

extern "C" __global__ void __launch_bounds__(256, 2) gradient_sum(
    const real* __restrict__ partial, const int* __restrict__ first, const int* __restrict__ step,
    const int* __restrict__ count, real* __restrict__ gradient, int parameters, int adds)
{
    __shared__ real sums[8][32];
    int p = blockIdx.x * 32 + threadIdx.x;
    int terms = p < parameters ? count[p] : 0;
    real sum = sum_of_parts(sums, partial, terms ? first[p] : 0, terms ? step[p] : 0, terms);
    if (threadIdx.y == 0 && terms > 0) gradient[p] = adds ? gradient[p] + sum : sum;
}
