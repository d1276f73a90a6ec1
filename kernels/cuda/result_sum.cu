// The loss and errors of a whole batch, from those of a criterion's blocks (criterion.cuh).
//
//     result = (loss, errors), the sums over all blocks
//
//     blocks (B, 2)  ->  result (2,), both float64
//
// Threads:  one block (32, 8), see add_blocks in sums.cuh.
// Cost:     one addition a block, one after the other, in a fixed order.

#include "common.cuh"
#include "sums.cuh"

extern "C" __global__ void result_sum(const double* __restrict__ blocks, int count, double* __restrict__ result)
{
    __shared__ double memory[256][2];
    add_blocks(memory, blocks, count, result);
}
