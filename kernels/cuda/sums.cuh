// Sums of numbers that many blocks have left, always in the same order: equal seeds give equal bits.

// Parameter p's partial sums: those of `partial` at first, first + step, ..., `count` of them. A block (32, 8) has 32
// neighbouring parameters; its 8 rows of threads each add every 8th partial sum, the first row adds the 8 results and
// has the whole sum. For all threads of the block.
__device__ inline real sum_of_parts(real (&sums)[8][32], const real* partial, offset first, offset step, int count)
{
    int slice = threadIdx.y;
    real sum = 0;
#pragma unroll 8
    for (int s = slice; s < count; s += 8) sum += partial[first + s * step];
    sums[slice][threadIdx.x] = sum;
    __syncthreads();
    if (slice == 0)
        for (int s = 1; s < 8; s++) sum += sums[s][threadIdx.x];
    return sum;
}

// result = (loss, errors), the sums over a criterion's blocks (B, 2). For all threads of a block (32, 8): they fetch 256
// of them at a time, and the first one adds them up in order.
__device__ inline void add_blocks(double (&memory)[256][2], const double* blocks, int count, double* result)
{
    int thread = threadIdx.y * 32 + threadIdx.x;
    double loss = 0, wrong = 0;
    for (int start = 0; start < count; start += 256) {
        int here = count - start < 256 ? count - start : 256;
        if (thread < here)
            for (int i = 0; i < 2; i++) memory[thread][i] = blocks[2 * (start + thread) + i];
        __syncthreads();
        if (thread == 0)
            for (int b = 0; b < here; b++) {
                loss += memory[b][0];
                wrong += memory[b][1];
            }
        __syncthreads();  // before the next 256 overwrite these
    }
    if (thread == 0) {
        result[0] = loss;
        result[1] = wrong;
    }
}
