// Functions of one number: f(x), and back(d, y) = f'(x) · d in terms of y = f(x). Squash (squash.cuh) is tanh.

struct Sigmoid {  // 1 / (1 + exp(-x)), by tanh, which does not overflow
    __device__ real operator()(real x) const { return (1 + tanh(x / 2)) / 2; }
    __device__ real back(real d, real y) const { return y * (1 - y) * d; }
};

struct ReLU {  // NaN is not <= 0 and stays NaN, so that a broken network shows
    __device__ real operator()(real x) const { return x <= 0 ? real(0) : x; }
    __device__ real back(real d, real y) const { return y > 0 ? d : real(0); }
};

struct LeakyReLU {
    real slope;  // for x < 0

    __device__ real operator()(real x) const { return x > 0 ? x : slope * x; }
    __device__ real back(real d, real y) const { return y > 0 ? d : slope * d; }
};
