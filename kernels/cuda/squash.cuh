// The squashing function f(a) = A tanh(S a) and its slope, written in terms of y = f(a), as part of other kernels.
//
// `Squash{0, ...}` is the identity: then a layer without a squashing function takes the same path.
//
// In float32 tanh is x P(x²) / Q(x²) on [-8, 8] and constant outside, as in kernels/cpu/squash.py: no branch, and half of
// the library's instructions.

__device__ inline double tanh_of(double x) { return tanh(x); }

__device__ inline float tanh_of(float x)
{
    x = x > 8.f ? 8.f : x;  // NaN stays NaN
    x = x < -8.f ? -8.f : x;
    float u = x * x;
    float p = 2.35081132e-11f, q = 0.000237202324f;
    p = p * u - 1.47040348e-08f;
    p = p * u + 9.8785996e-06f;
    p = p * u + 0.00298585536f;
    p = p * u + 0.129792173f;
    p = p * u + 0.999999981f;
    q = q * u + 0.0240278977f;
    q = q * u + 0.463125333f;
    q = q * u + 1.f;
    return __fdividef(x * p, q);
}

struct Squash {
    int on;
    real amplitude, slope;  // A and S

    __device__ real operator()(real a) const { return on ? amplitude * tanh_of(slope * a) : a; }

    // f'(a) = S/A (A² - y²)
    __device__ real derivative(real y) const {
        return on ? slope / amplitude * (amplitude * amplitude - y * y) : real(1);
    }
    __device__ real back(real d, real y) const { return derivative(y) * d; }
};
