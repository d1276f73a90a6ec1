// Stochastic gradient descent with momentum on the whole parameter vector.
//
//     g = gradient + weight_decay · w;   v <- momentum · v + g;   w <- w - rate · v      (Nesterov: g + momentum · v)
//
//     w, gradient, v (P,);  settings = (lr, momentum, weight_decay) in device memory, so that a captured graph
//     takes what they are when it runs, not what they were when it was captured
//     rate = lr, or rates[p] where each parameter has one of its own (null: none has). Without momentum v stays.
//
// Threads:  one per parameter, looping where a grid is not large enough.
// Memory:   three vectors read and two written, contiguously.
// Cost:     memory bandwidth; LeNet-5's 60,000 parameters fit in the second-level cache.

#include "common.cuh"
#include "sgd.cuh"

extern "C" __global__ void sgd(
    real* __restrict__ w, const real* __restrict__ gradient, real* __restrict__ v,
    const real* __restrict__ rates, const real* __restrict__ settings, int nesterov, int parameters)
{
    SGD descend = {settings[1], settings[2], nesterov};
    for (offset p = first_element(); p < parameters; p += element_step())
        descend(w[p], v[p], gradient[p], rates ? rates[p] : settings[0]);
}
