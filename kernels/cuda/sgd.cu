// Stochastic gradient descent with momentum on the whole parameter vector, and the count of steps.
//
//     g = gradient + weight_decay · w;   v <- momentum · v + g;   w <- w - rate · v      (Nesterov: g + momentum · v)
//
//     w, gradient, v (P,);  settings = (rate, momentum, weight_decay) in device memory, so that a captured graph
//     takes what they are when it runs, not what they were when it was captured
//
// Threads:  one per parameter. The first thread of all also moves the step counter on; no other kernel of the step is
//           running then, and this one does not read it.
// Memory:   three vectors read and two written, contiguously.
// Cost:     memory bandwidth; LeNet-5's 60,000 parameters fit in the second-level cache.

#include "common.cuh"

extern "C" __global__ void sgd(
    real* __restrict__ w, const real* __restrict__ gradient, real* __restrict__ v,
    const real* __restrict__ settings, int nesterov, int parameters, int* __restrict__ step)
{
    real rate = settings[0], momentum = settings[1], weight_decay = settings[2];
    for (offset p = first_element(); p < parameters; p += element_step()) {
        real g = gradient[p] + weight_decay * w[p];
        real velocity = momentum * v[p] + g;
        v[p] = velocity;
        w[p] -= rate * (nesterov ? g + momentum * velocity : velocity);
    }
    if (first_element() == 0) step[0] += 1;
}
