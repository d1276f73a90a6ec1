// A tower: several primitives one after the other in one kernel, a block of threads for each sample.
//
// Between two small kernels a GPU waits, and what the first has computed makes a way through memory to the second. A
// sample's maps of a few layers fit into a block's shared memory: there a block does one layer after the other, with a
// barrier in between, for its own sample n = blockIdx.x. minicnn/compiled/towers.py decides which primitives stand in
// a tower and writes its kernel, a list of calls of the functions in tower_*.cuh. All sizes are constants.
//
// One sample's array is seen in one way wherever it lies, as a(c, h, w) or as a vector a[i]:
//
//     Near   in shared memory. FRAME_H rows and FRAME_W columns around each map are zeros; a row begins every PITCH
//            elements, an odd number: 32 threads on 32 rows read 32 different banks.
//     Far    in global memory. Arrays that only towers touch are (N, C, H, W), so that a block reads and writes
//            neighbours; those that other kernels read or write are (C, H, W, N).
//
// Threads:  THREADS a block, which the written kernel begins with. Each function says what one thread computes; where
//           there are more such things than threads, a thread goes on to every THREADS-th one.

template <int C, int H, int W, int FRAME_H, int FRAME_W, int PITCH>
struct Near {
    enum { channels = C, height = H, width = W, size = C * H * W };
    real* data;

    __device__ real& operator()(int c, int h, int w) const {
        return data[(c * (H + 2 * FRAME_H) + h + FRAME_H) * PITCH + w + FRAME_W];
    }
    __device__ real& operator[](int i) const { return (*this)(i / (H * W), i / W % H, i % W); }

    __device__ void clear_frame() const {  // and whatever else is no element
        for (int i = threadIdx.x; i < C * (H + 2 * FRAME_H) * PITCH; i += THREADS) {
            int h = i / PITCH % (H + 2 * FRAME_H) - FRAME_H, w = i % PITCH - FRAME_W;
            if (h < 0 || h >= H || w < 0 || w >= W) data[i] = 0;
        }
    }
};

template <typename Element, int C, int H, int W>
struct Far {
    enum { channels = C, height = H, width = W, size = C * H * W };
    Element* data;
    int step;  // from element to element

    __device__ Element& operator()(int c, int h, int w) const { return (*this)[(c * H + h) * W + w]; }
    __device__ Element& operator[](int i) const { return data[(offset)i * step]; }
};

// Sample n of an array (N, C, H, W), and of one (C, H, W, N).
template <int C, int H, int W, typename Element>
__device__ inline Far<Element, C, H, W> sample(Element* data, int n)
{
    return {data + (offset)n * (C * H * W), 1};
}

template <int C, int H, int W, typename Element>
__device__ inline Far<Element, C, H, W> column(Element* data, int n, int batch)
{
    return {data + n, batch};
}

// Into shared memory, or out of it.
template <typename From, typename To>
__device__ inline void copy(const From& from, const To& to)
{
#pragma unroll 4
    for (int i = threadIdx.x; i < From::size; i += THREADS) to[i] = from[i];
}

// sum over k < DEPTH of term(m, k) for every row m < ROWS; end(m, sum) takes it. LANES neighbouring threads share a row
// and read neighbouring k, a whole sector of memory; what each has added up waits in scratch, ROWS rows of LANES + 1.
const int LANES = 8;

template <int ROWS, int DEPTH, typename Term, typename End>
__device__ inline void sum_rows(real* scratch, const Term& term, const End& end)
{
    for (int i = threadIdx.x; i < ROWS * LANES; i += THREADS) {
        int m = i / LANES, lane = i % LANES;
        real sum = 0;
#pragma unroll 16  // of a number that the compiler knows, so that all loads of 16 are under way together
        for (int j = 0; j < DEPTH / LANES; j++) sum += term(m, j * LANES + lane);
        if (lane < DEPTH % LANES) sum += term(m, DEPTH / LANES * LANES + lane);
        scratch[m * (LANES + 1) + lane] = sum;
    }
    __syncthreads();
    for (int m = threadIdx.x; m < ROWS; m += THREADS) {
        real sum = 0;
#pragma unroll
        for (int lane = 0; lane < LANES; lane++) sum += scratch[m * (LANES + 1) + lane];
        end(m, sum);
    }
}
