// Functions of one number, element by element, and their slopes in terms of y = f(x); activations.cuh has the functions, squash.cu tanh.
//
//     sigmoid   y = 1 / (1 + exp(-x)) = (1 + tanh(x/2)) / 2      sigmoid_backward   dx = y (1 - y) d
//     relu      y = max(x, 0)                                    relu_backward      dx = d where y > 0, else 0
//     leaky_relu   y = x where x > 0, else slope·x               leaky_relu_backward   dx = d where y > 0, else slope·d
//
//     all arrays of the same size, any shape
//
// Threads:  one per element, looping where a grid is not large enough.
// Memory:   every array is read or written once, contiguously.
// Cost:     memory bandwidth is the limit. tanh does not overflow where exp(-x) would.

#include "common.cuh"
#include "activations.cuh"

template <typename Function>
__device__ inline void forward(const Function& f, const real* __restrict__ x, real* __restrict__ y, offset size)
{
    for (offset i = first_element(); i < size; i += element_step()) y[i] = f(x[i]);
}

template <typename Function>
__device__ inline void backward(
    const Function& f, const real* __restrict__ d, const real* __restrict__ y, real* __restrict__ dx, offset size)
{
    for (offset i = first_element(); i < size; i += element_step()) dx[i] = f.back(d[i], y[i]);
}

extern "C" __global__ void sigmoid(const real* __restrict__ x, real* __restrict__ y, offset size)
{
    forward(Sigmoid(), x, y, size);
}

extern "C" __global__ void sigmoid_backward(
    const real* __restrict__ d, const real* __restrict__ y, real* __restrict__ dx, offset size)
{
    backward(Sigmoid(), d, y, dx, size);
}

extern "C" __global__ void relu(const real* __restrict__ x, real* __restrict__ y, offset size)
{
    forward(ReLU(), x, y, size);
}

extern "C" __global__ void relu_backward(
    const real* __restrict__ d, const real* __restrict__ y, real* __restrict__ dx, offset size)
{
    backward(ReLU(), d, y, dx, size);
}

extern "C" __global__ void leaky_relu(const real* __restrict__ x, real* __restrict__ y, offset size, real slope)
{
    forward(LeakyReLU{slope}, x, y, size);
}

extern "C" __global__ void leaky_relu_backward(
    const real* __restrict__ d, const real* __restrict__ y, real* __restrict__ dx, offset size, real slope)
{
    backward(LeakyReLU{slope}, d, y, dx, size);
}
