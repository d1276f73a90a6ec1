// A tower: several primitives one after the other in one kernel, a block of threads for each sample.
//
// Between two small kernels a GPU waits, and what the first has computed makes a way through memory to the second. A
// sample's maps of a few layers fit into a block's shared memory: there a block does one layer after the other, with a
// barrier in between, for its own sample n = blockIdx.x. minicnn/compiled/towers.py decides which primitives stand in
// a tower, tower_text.py writes its kernel, a list of calls of the functions in tower_*.cuh. All sizes are constants.
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
    enum { channels = C, height = H, width = W, size = C * H * W, contiguous = PITCH == W && FRAME_H + FRAME_W == 0 };
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

// y[i] = value(i) for all of y. A thread works out two or three values before it stores the first of them: no load waits for
// a store that it might depend on.
template <typename Y, typename Value>
__device__ inline void fill(const Y& y, const Value& value)
{
    const int ROUNDS = Y::size / THREADS, FEW = ROUNDS % 3 ? 2 : 3;
    int i = threadIdx.x;
    for (int round = 0; round + FEW <= ROUNDS; round += FEW, i += FEW * THREADS) {
        real values[FEW];
#pragma unroll
        for (int j = 0; j < FEW; j++) values[j] = value(i + j * THREADS);
#pragma unroll
        for (int j = 0; j < FEW; j++) y[i + j * THREADS] = values[j];
    }
    for (; i < Y::size; i += THREADS) y[i] = value(i);
}

// The sum of term(i) for i < COUNT, always in the same order: four sums side by side, which do not wait for each other.
template <int COUNT, typename Term>
__device__ inline real sum_of(const Term& term)
{
    real sums[4] = {};
#pragma unroll 8
    for (int i = 0; i + 3 < COUNT; i += 4)
#pragma unroll
        for (int j = 0; j < 4; j++) sums[j] += term(i + j);
#pragma unroll
    for (int j = 0; j < COUNT % 4; j++) sums[j] += term(COUNT / 4 * 4 + j);
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

// gradients[i] = sum over j < COUNT of sums[i · NEXT + j · STEP], for i < SIZE
template <int SIZE, int COUNT, int NEXT, int STEP>
__device__ inline void add_up(const real* sums, real* gradients)
{
    fill(Far<real, SIZE, 1, 1>{gradients, 1},
         [=](int i) { return sum_of<COUNT>([=](int j) { return sums[i * NEXT + j * STEP]; }); });
}

// This thread's number where they are counted from thread `first` on, the last one being followed by thread 0.
__device__ inline int nth_thread(int first) { return (threadIdx.x + THREADS - first % THREADS) % THREADS; }

// A small array on its way into shared memory: its loads begin with `fetch`, and other work may go on until `keep`.
template <int SIZE, typename Element>
struct Fetched {
    Element values[(SIZE + THREADS - 1) / THREADS];

    __device__ void keep(Element* to) const {
#pragma unroll
        for (int j = 0; j < (SIZE + THREADS - 1) / THREADS; j++) {
            int i = j * THREADS + threadIdx.x;
            if (i < SIZE) to[i] = values[j];
        }
    }
};

template <int SIZE, typename Element>
__device__ inline Fetched<SIZE, Element> fetch(const Element* from)
{
    Fetched<SIZE, Element> fetched;
#pragma unroll
    for (int j = 0; j < (SIZE + THREADS - 1) / THREADS; j++) {
        int i = j * THREADS + threadIdx.x;
        fetched.values[j] = i < SIZE ? from[i] : Element(0);
    }
    return fetched;
}

// WIDE elements that are loaded at once: 16 bytes, where they begin at a multiple of that.
template <int WIDE>
struct __align__(WIDE * sizeof(real)) Neighbours {
    real element[WIDE];
};

template <int WIDE>
__device__ inline Neighbours<WIDE> neighbours(const real* first) { return *(const Neighbours<WIDE>*)first; }

// SIZE elements on their way into shared memory while the threads go on; from and to begin at multiples of 16 bytes. On
// Hopper a copy engine moves them, which thread 0 asks for: `send` costs the others nothing. A counter in shared memory, which
// serves no other purpose after, is told of the bytes that have come. At least one barrier after `send` every thread waits
// for it, in `arrived`.
typedef unsigned long long Counter;

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
template <int SIZE>
__device__ inline void send(const real* from, real* to, Counter* counter)
{
    if (threadIdx.x > 0) return;
    unsigned near = (unsigned)__cvta_generic_to_shared(to), word = (unsigned)__cvta_generic_to_shared(counter);
    asm volatile(
        "mbarrier.init.shared.b64 [%0], 1;\n"
        "fence.proxy.async.shared::cta;\n"
        "mbarrier.arrive.expect_tx.shared.b64 _, [%0], %3;\n"
        "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%1], [%2], %3, [%0];\n"
        ::"r"(word), "r"(near), "l"(__cvta_generic_to_global(from)), "r"((unsigned)(SIZE * sizeof(real))) : "memory");
}

__device__ inline void arrived(Counter* counter)
{
    unsigned word = (unsigned)__cvta_generic_to_shared(counter), done = 0;
    while (!done)
        asm volatile(
            "{\n"
            ".reg .pred all;\n"
            "mbarrier.try_wait.parity.shared.b64 all, [%1], 0;\n"
            "selp.u32 %0, 1, 0, all;\n"
            " }\n"
            : "=r"(done) : "r"(word) : "memory");
}
#elif defined(__CUDA_ARCH__)
template <int SIZE>
__device__ inline void send(const real* from, real* to, Counter*)
{
    const int WIDE = 16 / sizeof(real);
    for (int i = threadIdx.x * WIDE; i < SIZE; i += THREADS * WIDE)
        *(Neighbours<WIDE>*)(to + i) = neighbours<WIDE>(from + i);
}

__device__ inline void arrived(Counter*) {}
#endif

// 0, which the compiler does not know: what is loaded from `a + unknown_zero()` is loaded here, and not kept since another
// place where the same was loaded, where it would take registers all the way.
__device__ inline int unknown_zero()
{
    int zero = 0;
    asm volatile("" : "+r"(zero));
    return zero;
}

const int LANES = 32, WARPS = THREADS / LANES, ROWS_A_WARP = 8, AHEAD = 128, IN_FLIGHT = 256;

// Rows of a matrix (ROWS, DEPTH) as the threads of a block share them: a warp has up to ROWS_A_WARP rows at a time, and its
// threads WIDE neighbouring elements each of a SPAN, so that they read whole lines of memory. The first NEAR rows, a
// multiple of WARPS, lie in shared memory. The others are on their way into registers as soon as this is made, if they are at
// most AHEAD bytes a thread. If not, their first span is; the next ones where `load` asks for them, so many at a time that a
// thread waits for no more than IN_FLIGHT bytes.
template <int ROWS, int DEPTH, int WIDE, int NEAR>
struct Rows {
    enum {
        rows = ROWS, depth = DEPTH, wide = WIDE, SPAN = LANES * WIDE,
        EACH = ROWS < WARPS * ROWS_A_WARP ? (ROWS + WARPS - 1) / WARPS : ROWS_A_WARP,
        FAR = NEAR < EACH * WARPS ? EACH - NEAR / WARPS : 1, BYTES = FAR * WIDE * sizeof(real),
        SPANS = BYTES * ((DEPTH + SPAN - 1) / SPAN) <= AHEAD ? (DEPTH + SPAN - 1) / SPAN : 1,
        AT_ONCE = IN_FLIGHT / (SPANS * BYTES) < 4 ? IN_FLIGHT / (SPANS * BYTES) : 4
    };
    const real *matrix, *near;
    Neighbours<WIDE> loaded[SPANS][EACH];

    __device__ Rows(const real* matrix, const real* near) : matrix(matrix + unknown_zero()), near(near) { load(0, 0); }

    __device__ static int row(int first, int r) { return first + r * WARPS + threadIdx.x / LANES; }
    __device__ static int element(int start) { return start + threadIdx.x % LANES * WIDE; }
    __device__ static bool is_row(int first, int r) { return first + (r + 1) * WARPS <= ROWS || row(first, r) < ROWS; }
    __device__ static bool is_near(int first, int r) { return first + (r + 1) * WARPS <= NEAR; }

    __device__ void load(int first, int start) {
        const real* here = matrix + row(first, 0) * DEPTH + element(start);  // all others are constants away
#pragma unroll
        for (int s = 0; s < SPANS; s++)
#pragma unroll
            for (int r = 0; r < EACH; r++) {  // all loads are under way together
                bool inside = element(start + s * SPAN) < DEPTH && is_row(first, r);
                loaded[s][r] = Neighbours<WIDE>();
                if (inside && !is_near(first, r)) loaded[s][r] = neighbours<WIDE>(here + r * WARPS * DEPTH + s * SPAN);
            }
    }

    // Of the r-th row, the elements from `start` on, the s-th span since `load`.
    __device__ Neighbours<WIDE> get(int first, int r, int start, int s) const {
        return is_near(first, r) ? neighbours<WIDE>(near + row(first, r) * DEPTH + element(start)) : loaded[s][r];
    }
};

// sum over k of term(matrix[m, k], x[k]) for every row m; end(m, sum) takes it. What each thread has added up of a row
// waits in scratch, LANES + 1 elements a row.
template <typename Matrix, typename X, typename Term, typename End>
__device__ inline void sum_rows(real* scratch, Matrix rows, const X& x, const Term& term, const End& end)
{
    const int EACH = Matrix::EACH, WIDE = Matrix::wide, DEPTH = Matrix::depth, ROWS = Matrix::rows;
    const int SPAN = Matrix::SPAN, SPANS = Matrix::SPANS;
    int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES;
    for (int first = 0; first < ROWS; first += WARPS * EACH) {
        if (first > 0) rows.load(first, 0);
        real sums[EACH];
#pragma unroll
        for (int r = 0; r < EACH; r++) sums[r] = 0;
#pragma unroll(Matrix::AT_ONCE)
        for (int start = 0; start < DEPTH; start += SPANS * SPAN) {
            if (start > 0) rows.load(first, start);
#pragma unroll
            for (int s = 0; s < SPANS; s++) {
                int begin = start + s * SPAN, k = Matrix::element(begin);
                if (k >= DEPTH) continue;
                Neighbours<WIDE> value;
                if (X::contiguous) value = neighbours<WIDE>(&x[k]);
#pragma unroll
                for (int i = 0; i < WIDE; i++)
                    if (!X::contiguous) value.element[i] = x[k + i];
#pragma unroll
                for (int r = 0; r < EACH; r++) {
                    Neighbours<WIDE> row = rows.get(first, r, begin, s);
#pragma unroll
                    for (int i = 0; i < WIDE; i++) sums[r] += term(row.element[i], value.element[i]);
                }
            }
        }
#pragma unroll
        for (int r = 0; r < EACH; r++) scratch[(r * WARPS + warp) * (LANES + 1) + lane] = sums[r];
        __syncthreads();
        for (int i = threadIdx.x; i < WARPS * EACH && first + i < ROWS; i += THREADS)
            end(first + i, sum_of<LANES>([=](int l) { return scratch[i * (LANES + 1) + l]; }));
        if (first + WARPS * EACH < ROWS) __syncthreads();  // before the next rows overwrite these
    }
}
