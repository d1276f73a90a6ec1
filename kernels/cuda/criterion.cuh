// What the criteria's kernels share: a block (32, 8) has 32 samples, one a column of threads.
//
// The 8 threads of a sample share the work on its features or classes. The first of them works out the sample's loss;
// the first thread of all then adds up the block's 32, in order and in double precision, and writes them to a place of
// their own, losses[step, block]: no two blocks share one, so nothing is left to chance, and an epoch's losses and
// errors can be read together at its end. `blocks` is the length of a row of losses: those of a full batch.

const int SAMPLES = 32, HELPERS = 8;

struct CriterionMemory {
    real loss[SAMPLES];
    int wrong[SAMPLES];
};

// After a barrier behind what the samples' threads have written.
__device__ inline void add_up(
    CriterionMemory& memory, int batch, const int* step, double* losses, int* errors, int blocks)
{
    if (threadIdx.x || threadIdx.y) return;
    int first = blockIdx.x * SAMPLES;
    double loss = 0;
    int wrong = 0;
    for (int s = 0; s < SAMPLES && first + s < batch; s++) {
        loss += memory.loss[s];
        wrong += memory.wrong[s];
    }
    offset place = (offset)step[0] * blocks + blockIdx.x;
    losses[place] = loss;
    errors[place] = wrong;
}
