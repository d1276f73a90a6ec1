// What the criteria say of one sample: its loss, whether it is wrong, and the errors that go back.
//
// A label below 0 (NOBODY) only fills the batch up: its loss and its errors are 0.

// In float32 the GPU's own approximations, a few instructions each: what is summed here is at most 1, and its largest terms
// are exact to 2 units in the last place.
__device__ inline float exp_of(float x) { return __expf(x); }
__device__ inline float log_of(float x) { return __logf(x); }
__device__ inline float quotient(float a, float b) { return __fdividef(a, b); }
__device__ inline double exp_of(double x) { return exp(x); }
__device__ inline double log_of(double x) { return log(x); }
__device__ inline double quotient(double a, double b) { return a / b; }

struct Verdict {
    real loss;
    int wrong;
};

template <typename Element>
struct Strided {  // one sample's vector
    Element* data;
    int step;

    __device__ Element& operator[](int i) const { return data[(offset)i * step]; }
};

// From an RBF layer's distances y_i (see rbf.cu): equation 8, or 9 where `discriminative`, and g_i = dE/dy_i.
template <typename Y>
struct RBFErrors {
    const Y& y;
    int label, nearest;
    bool discriminative;
    real smallest, total;

    __device__ RBFErrors(const Y& y, int classes, int label, bool discriminative, real rubbish)
        : y(y), label(label), nearest(0), discriminative(discriminative)
    {
        smallest = y[0];
        for (int i = 1; i < classes; i++)
            if (y[i] < smallest) {
                smallest = y[i];
                nearest = i;
            }
        if (!discriminative) return;
        if (rubbish < smallest) smallest = rubbish;
        total = exp_of(smallest - rubbish);
        for (int i = 0; i < classes; i++) total += exp_of(smallest - y[i]);
    }
    __device__ real operator[](int i) const {  // g_i
        if (label < 0) return 0;
        return (i == label) - (discriminative ? quotient(exp_of(smallest - y[i]), total) : real(0));
    }
    __device__ Verdict verdict() const {
        if (label < 0) return Verdict{0, 0};
        return Verdict{y[label] + (discriminative ? log_of(total) - smallest : real(0)), nearest != label};
    }
};

// The largest of all logits z_i and the sum of exp(z_i - largest), for cross_entropy.cu.
struct Softmax {
    int best;
    real largest, total;

    template <typename Z>
    __device__ Softmax(const Z& z, int classes) : best(0), total(0) {
        for (int i = 1; i < classes; i++)
            if (z[i] > z[best]) best = i;
        largest = z[best];
        for (int i = 0; i < classes; i++) total += exp(z[i] - largest);
    }
    template <typename Z>
    __device__ Verdict verdict(const Z& z, int label) const {
        if (label < 0) return Verdict{0, 0};
        return Verdict{log(total) - (z[label] - largest), best != label};
    }
};
