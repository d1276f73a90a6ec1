// A parameter's step (sgd.cu, step_end.cuh):
//
//     g = gradient + weight_decay · w;   v <- momentum · v + g;   w <- w - rate · v      (Nesterov: g + momentum · v)

struct SGD {
    real momentum, weight_decay;
    int nesterov;

    __device__ void operator()(real& w, real& v, real gradient, real rate) const {
        real g = gradient + weight_decay * w;
        if (momentum != 0) {
            real velocity = momentum * v + g;
            v = velocity;
            g = nesterov ? g + momentum * velocity : velocity;
        }
        w -= rate * g;
    }
};
