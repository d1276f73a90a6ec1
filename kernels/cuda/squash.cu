// The squashing function of LeCun et al. 1998 (appendix A) by itself, where no product could apply it on the way.
//
//     scaled_tanh            y = A tanh(S x)
//     scaled_tanh_backward   dx = S/A (A² - y²) d
//
//     all arrays of the same size, any shape
//
// Threads:  one per element, looping where a grid is not large enough.
// Memory:   every array is read or written once, contiguously.
// Cost:     a tanh or a few products an element; memory bandwidth is the limit.

#include "common.cuh"
#include "squash.cuh"

extern "C" __global__ void scaled_tanh(
    const real* __restrict__ x, real* __restrict__ y, offset size, real amplitude, real slope)
{
    Squash squash = {1, amplitude, slope};
    for (offset i = first_element(); i < size; i += element_step()) y[i] = squash(x[i]);
}

extern "C" __global__ void scaled_tanh_backward(
    const real* __restrict__ d, const real* __restrict__ y, real* __restrict__ dx, offset size,
    real amplitude, real slope)
{
    Squash squash = {1, amplitude, slope};
    for (offset i = first_element(); i < size; i += element_step()) dx[i] = squash.back(d[i], y[i]);
}
