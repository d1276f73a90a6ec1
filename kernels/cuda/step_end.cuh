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
// A parameter is moved by the step of sgd.cuh with rate = lr, or lr / curvature[p] where that is not null. Every block
// then counts itself in Batches, and the last one to end sets the next batch.
//
// Threads:  blocks (32, 8). Which block ends last differs from run to run, what it does never.
// Memory:   what a parameter has is read and written once, neighbours by neighbours.
// Cost:     memory bandwidth, and the time to start a kernel.

struct Move {
    real *w, *v, *gradient;
    const real* curvature;
    real lr;
    SGD descend;

    __device__ void operator()(int p, real sum) const {
        real weight = w[p], velocity = v[p];  // both loads are under way together
        descend(weight, velocity, sum, curvature ? lr / curvature[p] : lr);
        gradient[p] = sum;
        w[p] = weight;
        v[p] = velocity;
    }
};

// Of a fully connected layer: weights (maps, depth) from parameter `weights` on, biases from `biases` on, -1 for none.
struct Layer {
    Move move;
    int weights, biases, depth;

    __device__ void operator()(int part, int o, int k, real sum) const {
        if (k < depth) move(weights + o * depth + k, sum);
        else if (biases >= 0) move(biases + o, sum);
    }
};

// 32 rows of a table for a block: parameter[i] has `count[i]` partial sums, see sum_of_parts in sums.cuh.
__device__ inline void move_by_sums(
    real (&sums)[8][32], const Move& move, const real* partial,
    const int* parameter, const int* first, const int* step, const int* count, int rows, int block)
{
    int i = block * 32 + threadIdx.x;
    bool inside = i < rows;
    real sum = sum_of_parts(sums, partial, inside ? first[i] : 0, inside ? step[i] : 0, inside ? count[i] : 0);
    if (threadIdx.y == 0 && inside) move(parameter[i], sum);
}

// 256 rows of a table for a block.
__device__ inline void move_by_gradient(const Move& move, const int* parameter, int rows, int block)
{
    int i = block * 256 + threadIdx.y * 32 + threadIdx.x;
    if (i < rows) move(parameter[i], move.gradient[parameter[i]]);
}

// positions (steps, 2) = (start, count) of every batch, rates, scales (steps,)  ->  position (2,) for gather.cu,
// settings[0] = lr for Move, scale (1,) for the criterion; now (1,) the step, ended (1,) how many blocks have ended. All
// of it lies in device memory: a captured graph is launched for every step without a word from the host.
struct Batches {
    const offset* positions;
    const real *rates, *scales;
    int steps;
    int* now;
    unsigned* ended;
    offset* position;
    real *settings, *scale;

    // For all threads of a block, when none of them needs the settings any more.
    __device__ void end_of_block() const {
        __syncthreads();
        if (threadIdx.x || threadIdx.y) return;
        __threadfence();
        if (atomicAdd(ended, 1) + 1 < gridDim.x) return;
        int next = now[0] + 1;
        now[0] = next;
        ended[0] = 0;
        if (next >= steps) return;
        position[0] = positions[2 * (offset)next];
        position[1] = positions[2 * (offset)next + 1];
        settings[0] = rates[next];
        scale[0] = scales[next];
    }
};
