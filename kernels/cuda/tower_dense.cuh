// Fully connected layers, RBF units and criteria in a tower (tower.cuh): vectors of one sample.
//
//     dense                  y = f(W x + b)                       (product.cu)
//     dense_input_gradient   dx = (W^T d) f'(x)
//     squared_distances      y_i = sum over j of (x_j - w_ij)²    (rbf.cu)
//     rbf_criterion, cross_entropy: the loss of sample n and d = scale · dE/dx · f'(x), as in rbf.cu and cross_entropy.cu
//
// Threads:  `Rows` of tower.cuh gives a warp to some rows of W, which lies in global memory: neighbouring threads read
//           neighbouring weights. Those that a thread can keep in registers wait there for the way back.
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

const int COLUMNS_AT_ONCE = 1024;  // at least as many as there can be in registers

// A warp has the same rows as in sum_rows, and each of its threads the same columns. What the warps have added up waits in
// scratch, up to COLUMNS_AT_ONCE elements each.
template <typename D, typename Matrix, typename X, typename DX>
__device__ inline void dense_input_gradient(
    const D& d, Matrix rows, const X& x, const Squash& squash, const DX& dx, real* scratch)
{
    const int EACH = Matrix::EACH, WIDE = Matrix::wide, DEPTH = Matrix::depth, ROWS = Matrix::rows;
    const int SPAN = Matrix::SPAN, SPANS = Matrix::SPANS, COLUMNS = DEPTH < COLUMNS_AT_ONCE ? DEPTH : COLUMNS_AT_ONCE;
    for (int from = 0; from < DEPTH; from += COLUMNS) {
        real* sums = scratch + threadIdx.x / LANES * COLUMNS - from;
#pragma unroll 1
        for (int start = from; start < DEPTH && start < from + COLUMNS; start += SPANS * SPAN) {
            Neighbours<WIDE> sum[SPANS] = {};
            for (int first = 0; first < ROWS; first += WARPS * EACH) {
                if (first > 0 || start > 0) rows.load(first, start);
#pragma unroll
                for (int r = 0; r < EACH; r++) {
                    real value = Matrix::is_row(first, r) ? d[Matrix::row(first, r)] : real(0);
#pragma unroll
                    for (int s = 0; s < SPANS; s++) {
                        if (Matrix::element(start + s * SPAN) >= DEPTH) continue;
                        Neighbours<WIDE> row = rows.get(first, r, start + s * SPAN, s);
#pragma unroll
                        for (int i = 0; i < WIDE; i++) sum[s].element[i] += row.element[i] * value;
                    }
                }
            }
#pragma unroll
            for (int s = 0; s < SPANS; s++) {
                int k = Matrix::element(start + s * SPAN);
                if (k < DEPTH) *(Neighbours<WIDE>*)(sums + k) = sum[s];
            }
        }
        __syncthreads();
        for (int k = threadIdx.x; k < COLUMNS && from + k < DEPTH; k += THREADS) {
            real sum = sum_of<WARPS>([=](int warp) { return scratch[warp * COLUMNS + k]; });
            dx[from + k] = sum * squash.derivative(x[from + k]);
        }
        if (from + COLUMNS < DEPTH) __syncthreads();
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
