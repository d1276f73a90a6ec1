// The fully connected layer: two products of its weights W (M, K) with samples as columns (see product.cuh).
//
//     dense                  y = f(W x + bias)           x (K, N)  ->  y (M, N)
//     dense_input_gradient   dx = (W^T d) f'(x)          d (M, N)  ->  dx (K, N)
//
// f is the squashing function or the identity. d is the gradient with respect to W x + bias, before f; where x
// itself was squashed, the second kernel goes through that function too, so that dx again is one before f.
//
// Threads:  as in product.cuh; dense has rows m, dense_input_gradient has rows k.
// Memory:   reads of x and d are runs of N contiguous elements, writes are contiguous; the bias is one element a row.
// Cost:     M·K·N multiply-adds each. At these sizes the time to start a kernel is the limit.

#include "common.cuh"
#include "squash.cuh"
#include "product.cuh"

struct Matrix {  // B(k, l) of an array (K, columns)
    typedef offset Key;
    const real* data;
    int columns;
    int l;

    __device__ Key key(int k) const { return (offset)k * columns; }
    __device__ void column(int which) { l = which; }
    __device__ real operator()(Key key) const { return data[key + l]; }
};

extern "C" __global__ void __launch_bounds__(256, 2) dense(
    const real* __restrict__ x, const real* __restrict__ weights, const real* bias, real* __restrict__ y,
    int rows, int depth, int columns, int slices, int squashed, real amplitude, real slope)
{
    __shared__ ProductMemory<Matrix::Key> memory;
    Squash squash = {squashed, amplitude, slope};
    product(
        memory, rows, depth, columns, slices,
        [=](int m, int k) { return weights[(offset)m * depth + k]; },
        Matrix{x, columns, 0},
        [=](int m, int l, real sum) { y[(offset)m * columns + l] = squash(bias ? sum + bias[m] : sum); });
}

extern "C" __global__ void __launch_bounds__(256, 2) dense_input_gradient(
    const real* __restrict__ d, const real* __restrict__ weights, const real* __restrict__ x, real* __restrict__ dx,
    int rows, int depth, int columns, int slices, int squashed, real amplitude, real slope)
{
    __shared__ ProductMemory<Matrix::Key> memory;
    Squash squash = {squashed, amplitude, slope};
    product(
        memory, rows, depth, columns, slices,
        [=](int m, int k) { return weights[(offset)k * rows + m]; },  // W^T
        Matrix{d, columns, 0},
        [=](int m, int l, real sum) {
            offset i = (offset)m * columns + l;
            dx[i] = sum * squash.derivative(x[i]);
        });
}
