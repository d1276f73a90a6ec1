// What the criteria's kernels share: a block (32, 8) has 32 samples, one a column of threads.
//
// The 8 threads of a sample share the work on its features or classes. The first of them works out the sample's loss;
// the first thread of all then adds up the block's 32, in order and in double precision, and writes them to a place of
// their own, blocks[b] = (loss, errors): no two blocks share one, so nothing is left to chance. step_end.cuh and
// result_sum.cu add the blocks up. A label below 0 (NOBODY) only fills the batch up: its loss, its errors and its
// gradient are 0.

const int SAMPLES = 32, HELPERS = 8;

struct CriterionMemory {
    Verdict verdicts[SAMPLES];
};

// After a barrier behind what the samples' threads have written.
__device__ inline void add_up(const CriterionMemory& memory, int batch, double* blocks)
{
    if (threadIdx.x || threadIdx.y) return;
    int first = blockIdx.x * SAMPLES;
    double loss = 0;
    int wrong = 0;
    for (int s = 0; s < SAMPLES && first + s < batch; s++) {
        loss += memory.verdicts[s].loss;
        wrong += memory.verdicts[s].wrong;
    }
    blocks[2 * blockIdx.x] = loss;
    blocks[2 * blockIdx.x + 1] = wrong;
}
