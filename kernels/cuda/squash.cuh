// The squashing function f(a) = A tanh(S a) and its slope, written in terms of y = f(a), as part of other kernels.
//
// `Squash{0, ...}` is the identity: then a layer without a squashing function takes the same path.

struct Squash {
    int on;
    real amplitude, slope;  // A and S

    __device__ real operator()(real a) const { return on ? amplitude * tanh(slope * a) : a; }

    // f'(a) = S/A (A² - y²)
    __device__ real derivative(real y) const {
        return on ? slope / amplitude * (amplitude * amplitude - y * y) : real(1);
    }
    __device__ real back(real d, real y) const { return derivative(y) * d; }
};
