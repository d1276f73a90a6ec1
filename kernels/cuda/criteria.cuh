// What the criteria say of one sample: its loss, whether it is wrong, and the errors that go back.
//
// A label below 0 (NOBODY) only fills the batch up: its loss and its errors are 0.

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

// From an RBF layer's distances y_i (see rbf.cu): equation 8, or 9 where `discriminative`; writes g_i = dE/dy_i.
template <typename Y, typename G>
__device__ inline Verdict rbf_errors(const Y& y, const G& g, int classes, int label, bool discriminative, real rubbish)
{
    bool counts = label >= 0;
    int nearest = 0;
    real distance = y[0];
    for (int i = 1; i < classes; i++)
        if (y[i] < distance) {
            distance = y[i];
            nearest = i;
        }
    if (!counts) {
        for (int i = 0; i < classes; i++) g[i] = 0;
        return Verdict{0, 0};
    }
    real loss = y[label];
    if (discriminative) {
        real smallest = distance;
        if (rubbish < smallest) smallest = rubbish;
        real total = exp(smallest - rubbish);
        for (int i = 0; i < classes; i++) total += exp(smallest - y[i]);
        loss += log(total) - smallest;
        for (int i = 0; i < classes; i++) g[i] = -exp(smallest - y[i]) / total;
        g[label] += 1;
    } else {
        for (int i = 0; i < classes; i++) g[i] = i == label;
    }
    return Verdict{loss, nearest != label};
}

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
