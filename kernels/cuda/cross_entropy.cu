// Softmax cross-entropy, forward and backward, in one kernel.
//
//     E = log(sum_i exp(z_i)) - z_D,     d_i = scale · (exp(z_i) / sum_k exp(z_k) - [i = D])
//
//     z (K, N) logits, labels (N,)  ->  d (K, N), the loss of each block of 32 samples and how many of them have another
//     largest logit than their label's (see criterion.cuh)
//
// scale (1,) is 1/N for a mean over the whole batch's N samples, 1 for a sum. The largest logit is subtracted first, so
// that nothing overflows.
//
// Threads:  a block (32, 8): 32 samples. The first of a sample's 8 threads finds the largest logit and the sum, for K is
//           small; all 8 write d.
// Memory:   z is read four times, in runs of 32 samples, all but the first from cache; writes are contiguous.
// Cost:     two exponentials a logit.

#include "common.cuh"
#include "criteria.cuh"
#include "criterion.cuh"

extern "C" __global__ void __launch_bounds__(256, 2) cross_entropy(
    const real* __restrict__ z, const int* __restrict__ labels, const real* __restrict__ scale,
    real* __restrict__ d, double* __restrict__ blocks, int classes, int batch)
{
    __shared__ CriterionMemory memory;
    __shared__ real largest[SAMPLES], total[SAMPLES];
    int sample = threadIdx.x, helper = threadIdx.y;
    int n = blockIdx.x * SAMPLES + sample;
    bool inside = n < batch;
    int label = inside ? labels[n] : -1;

    if (helper == 0 && inside) {
        Strided<const real> logits = {z + n, batch};
        Softmax softmax(logits, classes);
        largest[sample] = softmax.largest;
        total[sample] = softmax.total;
        memory.verdicts[sample] = softmax.verdict(logits, label);
    }
    __syncthreads();
    if (inside)
        for (int i = helper; i < classes; i += HELPERS) {
            real p = exp(z[(offset)i * batch + n] - largest[sample]) / total[sample];
            d[(offset)i * batch + n] = label < 0 ? real(0) : scale[0] * (i == label ? p - 1 : p);
        }
    add_up(memory, batch, blocks);
}
