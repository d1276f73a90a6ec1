// The primitives of a tower (tower.cuh) that meet every element once: gather, subsampling, max pooling, dropout and functions.
//
// The formulas are those of gather.cu, trainable_subsampling.cu, max_pooling.cu, dropout.cu and activations.cu, for one
// sample.
//
// Threads:  one per element of the result. Backward subsampling has LANES threads a map, whose sums are added up behind a
//           barrier.

// x(0, top + i, left + j) = table[image[i, j]], the background table[0] around it; where the batch has no sample n, x is
// background and the label NOBODY, -1. Where the image lies is known after two loads, one after the other: they begin
// with the tower, while small parameters are on their way, too, and without a branch, which would wait.
template <int H, int W, typename X>
struct Picture {
    enum { ROUNDS = (X::size + THREADS - 1) / THREADS };
    unsigned char bytes[ROUNDS];

    __device__ Picture(
        const unsigned char* images, const unsigned char* all_labels, const offset* order, const offset* position,
        int* labels, int n)
    {
        bool counts = n < position[1];
        offset index = order[counts ? position[0] + n : 0];
#pragma unroll
        for (int round = 0; round < ROUNDS; round++) {
            int l = round * THREADS + threadIdx.x;
            int i = l / X::width - (X::height - H) / 2, j = l % X::width - (X::width - W) / 2;
            bool inside = counts & (0 <= i) & (i < H) & (0 <= j) & (j < W);
            unsigned char byte = images[inside ? (index * H + i) * W + j : 0];
            bytes[round] = inside ? byte : 0;
        }
        int label = all_labels[index];
        if (threadIdx.x == 0) labels[n] = counts ? label : -1;
    }

    __device__ void through(const real* table, const X& x) const {
#pragma unroll
        for (int round = 0; round < ROUNDS; round++) {
            int l = round * THREADS + threadIdx.x;
            if (l < X::size) x[l] = table[bytes[round]];
        }
    }
};

// y(c, h, w) = f(coefficient[c] · (sum of the block) + bias[c])
template <int SIZE_H, int SIZE_W, typename X, typename Y>
__device__ inline void subsampling(
    const X& x, const real* coefficient, const real* bias, const Squash& squash, const Y& y)
{
    fill(y, [&](int l) {
        int w = l % Y::width, h = l / Y::width % Y::height, c = l / (Y::width * Y::height);
        real sum = 0;
        for (int ky = 0; ky < SIZE_H; ky++)
            for (int kx = 0; kx < SIZE_W; kx++) sum += x(c, h * SIZE_H + ky, w * SIZE_W + kx);
        return squash(coefficient[c] * sum + bias[c]);
    });
}

// dx = coefficient[c] · d · f'(x) at every pixel of the block. What is left to be added up, LANES numbers each, PITCH apart:
// the sum of (sum of the block) · d over map c, then that of d
template <int SIZE_H, int SIZE_W, int LANES, typename D, typename X, typename DX>
__device__ inline void subsampling_backward(
    const D& d, const X& x, const real* coefficient, const Squash& squash, const DX& dx, real* sums)
{
    const int C = D::channels, PITCH = LANES + 1;
    for (int item = threadIdx.x; item < C * LANES; item += THREADS) {
        int c = item / LANES, lane = item % LANES;
        real product = 0, sum = 0;
        for (int l = lane; l < D::height * D::width; l += LANES) {
            int w = l % D::width, h = l / D::width;
            real gradient = d(c, h, w), back = coefficient[c] * gradient, s = 0, pixels[SIZE_H * SIZE_W];
#pragma unroll
            for (int p = 0; p < SIZE_H * SIZE_W; p++) {
                pixels[p] = x(c, h * SIZE_H + p / SIZE_W, w * SIZE_W + p % SIZE_W);
                s += pixels[p];
            }
#pragma unroll
            for (int p = 0; p < SIZE_H * SIZE_W; p++)
                dx(c, h * SIZE_H + p / SIZE_W, w * SIZE_W + p % SIZE_W) = back * squash.derivative(pixels[p]);
            product += s * gradient;
            sum += gradient;
        }
        sums[c * PITCH + lane] = product;
        sums[(C + c) * PITCH + lane] = sum;
    }
}

// y = the largest element of each window, winner = its place there, the first of equals; NaN is larger than anything.
template <int SIZE_H, int SIZE_W, int SH, int SW, typename X, typename Y, typename Winner>
__device__ inline void max_pool(const X& x, const Y& y, const Winner& winner)
{
    for (int l = threadIdx.x; l < Y::size; l += THREADS) {
        int w = l % Y::width, h = l / Y::width % Y::height, c = l / (Y::width * Y::height);
        Largest largest = {x(c, h * SH, w * SW), 0};
        for (int place = 1; place < SIZE_H * SIZE_W; place++)
            largest.meet(x(c, h * SH + place / SIZE_W, w * SW + place % SIZE_W), place);
        y(c, h, w) = largest.value;
        winner(c, h, w) = largest.place;
    }
}

// Every pixel gathers what the windows that contain it send back to it.
template <int SIZE_H, int SIZE_W, int SH, int SW, typename D, typename Winner, typename DX>
__device__ inline void max_pool_backward(const D& d, const Winner& winner, const DX& dx)
{
    for (int l = threadIdx.x; l < DX::size; l += THREADS) {
        int j = l % DX::width, i = l / DX::width % DX::height, c = l / (DX::width * DX::height);
        int w_first = first_window(j, SIZE_W, SW), w_last = last_window(j, SW, D::width);
        int h_first = first_window(i, SIZE_H, SH), h_last = last_window(i, SH, D::height);
        real sum = 0;
        for (int h = h_last; h >= h_first; h--)  // the order in which the reference adds
            for (int w = w_last; w >= w_first; w--)
                if (winner(c, h, w) == (i - h * SH) * SIZE_W + j - w * SW) sum += d(c, h, w);
        dx(c, i, j) = sum;
    }
}

// y = m · x and dx = m · d · f'(x) for x = f(...), m = 1/share where kept; kept points to this sample's column of a mask.
template <typename X, typename Y>
__device__ inline void dropout(const X& x, const unsigned char* kept, int width, real share, const Y& y)
{
    fill(y, [&](int l) { return 1 / share * kept[(offset)l * width] * x[l]; });
}

template <typename D, typename X, typename DX>
__device__ inline void dropout_backward(
    const D& d, const unsigned char* kept, int width, real share, const X& x, const Squash& squash, const DX& dx)
{
    fill(dx, [&](int l) { return 1 / share * kept[(offset)l * width] * d[l] * squash.derivative(x[l]); });
}

// y = f(x) and dx = f'(x) · d in terms of y, f one of activations.cuh.
template <typename Function, typename X, typename Y>
__device__ inline void activation(const X& x, const Function& f, const Y& y)
{
    fill(y, [&](int l) { return f(x[l]); });
}

template <typename Function, typename D, typename Y, typename DX>
__device__ inline void activation_backward(const D& d, const Y& y, const Function& f, const DX& dx)
{
    fill(dx, [&](int l) { return f.back(d[l], y[l]); });
}
