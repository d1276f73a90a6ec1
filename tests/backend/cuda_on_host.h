// Just enough CUDA for g++ to compile a kernel whose threads do not talk to each other: the threads of a grid run
// one after the other. Shared memory and __syncthreads are left out, so a kernel that uses them does not compile.

#pragma once

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)

struct uint3 { unsigned x, y, z; };
typedef uint3 dim3;

static thread_local uint3 threadIdx, blockIdx;
static thread_local dim3 blockDim, gridDim;

template <typename Kernel>
void for_each_thread(const unsigned* grid, const unsigned* block, Kernel kernel) {
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {block[0], block[1], block[2]};
    for (blockIdx.z = 0; blockIdx.z < gridDim.z; blockIdx.z++)
        for (blockIdx.y = 0; blockIdx.y < gridDim.y; blockIdx.y++)
            for (blockIdx.x = 0; blockIdx.x < gridDim.x; blockIdx.x++)
                for (threadIdx.z = 0; threadIdx.z < blockDim.z; threadIdx.z++)
                    for (threadIdx.y = 0; threadIdx.y < blockDim.y; threadIdx.y++)
                        for (threadIdx.x = 0; threadIdx.x < blockDim.x; threadIdx.x++) kernel();
}
