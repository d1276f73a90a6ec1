// The end of a step: gradients complete, parameters moved, loss and errors noted, and the next batch set.
//
// One kernel does it, which minicnn/compiled/step_end.py writes: each block has one of these things to do, and none
// waits for another.
//
//     weight_gradient_tile  with Layer as its end: a tile of a fully connected layer's gradient is computed, and the
//                           thread that has a parameter's gradient moves the parameter
//     move_by_sums          gradient[p] = the sum of p's partial sums, which other kernels have left; then p is moved
//     move_by_gradient      p is moved by a gradient that is there already
//     add_blocks            (sums.cuh) results[step] = (loss, errors), over all blocks of the criterion
//
// A parameter is moved by the step of sgd.cuh with rate = lr, or lr / curvature[p] where that is not null. One more block
// sets the next batch: nothing here reads what it writes.
//
// Threads:  blocks (32, 8).
// Memory:   what a parameter has is read and written once, neighbours by neighbours.
// Cost:     memory bandwidth, and the time to start a kernel.

struct Before {  // what is loaded of a parameter while its gradient is added up
    real weight, velocity, curvature;
};

struct Move {
    real *w, *v, *gradient;
    const real* curvature;
    real lr;
    SGD descend;

    __device__ Before before(int p) const { return {w[p], v[p], curvature ? curvature[p] : real(1)}; }

    __device__ void operator()(int p, real sum, Before it) const {
        descend(it.weight, it.velocity, sum, lr / it.curvature);
        gradient[p] = sum;
        w[p] = it.weight;
        v[p] = it.velocity;
    }
};

// Of a fully connected layer: weights (maps, depth) from parameter `weights` on, biases from `biases` on, -1 for none.
struct Layer {
    Move move;
    int weights, biases, depth;

    __device__ int parameter(int o, int k) const {  // -1: there is none
        return k < depth ? weights + o * depth + k : biases < 0 ? -1 : biases + o;
    }

    __device__ Before before(int o, int k) const {
        int p = parameter(o, k);
        return p < 0 ? Before() : move.before(p);
    }
    __device__ void operator()(int part, int o, int k, real sum, const Before& it) const {
        int p = parameter(o, k);
        if (p >= 0) move(p, sum, it);
    }
};

// 32 rows of a table for a block: parameter[i] has `count[i]` partial sums, see sum_of_parts in sums.cuh.
__device__ inline void move_by_sums(
    real (&sums)[8][32], const Move& move, const real* partial,
    const int* parameter, const int* first, const int* step, const int* count, int rows, int block)
{
    int i = block * 32 + threadIdx.x;
    bool inside = i < rows;
    int p = inside ? parameter[i] : 0;
    Before it = move.before(p);
    real sum = sum_of_parts(sums, partial, inside ? first[i] : 0, inside ? step[i] : 0, inside ? count[i] : 0);
    if (threadIdx.y == 0 && inside) move(p, sum, it);
}

// 256 rows of a table for a block.
__device__ inline void move_by_gradient(const Move& move, const int* parameter, int rows, int block)
{
    int i = block * 256 + threadIdx.y * 32 + threadIdx.x;
    if (i >= rows) return;
    int p = parameter[i];
    move(p, move.gradient[p], move.before(p));
}

// positions (steps, 2) = (start, count) of every batch, scales (steps,)  ->  position (2,) for gather.cu and scale (1,) for
// the criterion, of batch `next`. All of it lies in device memory: a captured graph is launched without a word from the
// host. Which step it is, now[0] + ahead, too: `ahead` is the launch's place in its graph, and next_steps.cu, the graph's
// last kernel, moves `now`.
struct Batches {
    const offset* positions;
    const real* scales;
    int steps;
    offset* position;
    real* scale;

    __device__ void set(int next) const {
        if (next >= steps || threadIdx.x || threadIdx.y) return;
        position[0] = positions[2 * (offset)next];
        position[1] = positions[2 * (offset)next + 1];
        scale[0] = scales[next];
    }
};
