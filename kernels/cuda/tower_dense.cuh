// Fully connected layers, RBF units and criteria in a tower (tower.cuh): vectors of one sample.
//
//     dense                  y = f(W x + b)                       (product.cu)
//     dense_input_gradient   dx = (W^T d) f'(x)
//     squared_distances      y_i = sum over j of (x_j - w_ij)²    (rbf.cu)
//     rbf_criterion, cross_entropy: the loss of sample n and d = scale · dE/dx · f'(x), as in rbf.cu and cross_entropy.cu
//
// Threads:  sum_rows of tower.cuh gives a warp to some rows of W, which lies in global memory: neighbouring threads read
//           neighbouring weights. On the way back a thread has a few elements of dx and every SLICES-th
//           row of W.
// Memory:   x and d lie in shared memory. Each block reads all weights by itself, from the second-level cache: for many
//           samples a layer with many weights is better off in a kernel of its own.

template <typename X, typename Weights, typename Y>
__device__ inline void dense(
    const X& x, const Weights& weights, const real* bias, const Squash& squash, const Y& y, real* scratch)
{
    sum_rows(
        scratch, weights, x,
        [](real weight, real value) { return weight * value; },
        [=](int m, real sum) { y[m] = squash(bias ? sum + bias[m] : sum); });
}

// The first NEAR rows of W lie in shared memory; of the others so many are on their way while these are added.
const int ROWS_AHEAD = 8;

template <int SLICES, int WIDE, int NEAR, typename D, typename X, typename DX>
__device__ inline void dense_input_gradient(
    const D& d, const real* __restrict__ weights, const real* near, const X& x, const Squash& squash, const DX& dx,
    real* scratch)
{
    const int K = DX::size, GROUPS = K / WIDE, EACH = D::size / SLICES, HERE = NEAR / SLICES;
    const int AHEAD = NEAR == 0 ? 0 : EACH - HERE < ROWS_AHEAD ? EACH - HERE : ROWS_AHEAD;
    for (int item = threadIdx.x; item < GROUPS * SLICES; item += THREADS) {
        int k = item % GROUPS * WIDE, slice = item / GROUPS;
        real sum[WIDE] = {};
        auto add = [&](const Neighbours<WIDE>& row, int m) {
#pragma unroll
            for (int i = 0; i < WIDE; i++) sum[i] += row.element[i] * d[m];
        };
        auto far = [&](int m) { return neighbours<WIDE>(weights + m * K + k); };
        Neighbours<WIDE> ahead[AHEAD + 1];
#pragma unroll
        for (int j = 0; j < AHEAD; j++) ahead[j] = far((HERE + j) * SLICES + slice);
#pragma unroll 4
        for (int j = 0; j < HERE; j++) add(neighbours<WIDE>(near + (j * SLICES + slice) * K + k), j * SLICES + slice);
#pragma unroll
        for (int j = 0; j < AHEAD; j++) add(ahead[j], (HERE + j) * SLICES + slice);
#pragma unroll 12
        for (int j = HERE + AHEAD; j < EACH; j++) add(far(j * SLICES + slice), j * SLICES + slice);
        if (slice < D::size % SLICES) add(far(EACH * SLICES + slice), EACH * SLICES + slice);
#pragma unroll
        for (int i = 0; i < WIDE; i++) scratch[slice * K + k + i] = sum[i];
    }
    __syncthreads();
    for (int k = threadIdx.x; k < K; k += THREADS) {
        real sum = 0;
        for (int slice = 0; slice < SLICES; slice++) sum += scratch[slice * K + k];
        dx[k] = sum * squash.derivative(x[k]);
    }
}

template <typename X, typename Y>
__device__ inline void squared_distances(const X& x, const real* __restrict__ prototypes, const Y& y, real* scratch)
{
    sum_rows(
        scratch, Rows<Y::size, X::size, 1, 0>(prototypes, nullptr), x,
        [](real prototype, real value) { return (value - prototype) * (value - prototype); },
        [=](int i, real sum) { y[i] = sum; });
}

// blocks[n] = (loss, errors), for each sample is a block here.
template <int CLASSES, typename X, typename D>
__device__ inline void rbf_criterion(
    const X& x, const real* __restrict__ prototypes, const int* labels, const real* scale, const D& d, double* blocks,
    int n, bool discriminative, real rubbish, const Squash& squash, real* scratch)
{
    int label = labels[n];  // on its way while distances are added up
    real *y = scratch, *g = y + CLASSES;
    squared_distances(x, prototypes, Near<CLASSES, 1, 1, 0, 0, 1>{y}, g + CLASSES);
    __syncthreads();
    for (int i = threadIdx.x; i < CLASSES; i += THREADS) {  // each thread works out the sum of all by itself
        RBFErrors<real*> errors(y, CLASSES, label, discriminative, rubbish);
        g[i] = errors[i];
        if (i > 0) continue;
        Verdict verdict = errors.verdict();
        blocks[2 * n] = verdict.loss;
        blocks[2 * n + 1] = verdict.wrong;
    }
    __syncthreads();
    real total = 0;
    for (int i = 0; i < CLASSES; i++) total += g[i];
    for (int j = threadIdx.x; j < X::size; j += THREADS) {
        real value = x[j], pulled = 0;
        for (int i = 0; i < CLASSES; i++) pulled += g[i] * prototypes[i * X::size + j];
        d[j] = scale[0] * squash.derivative(value) * 2 * (value * total - pulled);
    }
}

template <typename Z, typename D>
__device__ inline void cross_entropy(
    const Z& z, const int* labels, const real* scale, const D& d, double* blocks, int n, real* scratch)
{
    int label = labels[n];
    if (threadIdx.x == 0) {
        Softmax softmax(z, Z::size);
        scratch[0] = softmax.largest;
        scratch[1] = softmax.total;
        Verdict verdict = softmax.verdict(z, label);
        blocks[2 * n] = verdict.loss;
        blocks[2 * n + 1] = verdict.wrong;
    }
    __syncthreads();
    for (int i = threadIdx.x; i < Z::size; i += THREADS) {
        real p = exp(z[i] - scratch[0]) / scratch[1];
        d[i] = label < 0 ? real(0) : scale[0] * (i == label ? p - 1 : p);
    }
}
