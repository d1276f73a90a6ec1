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

// 16 bytes into shared memory through no register, while the thread goes on; `arrived` waits for all that it has sent.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
__device__ inline void send_16_bytes(real* to, const real* from)
{
    unsigned near = (unsigned)__cvta_generic_to_shared(to);
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(near), "l"(__cvta_generic_to_global(from)));
}
__device__ inline void arrived() { asm volatile("cp.async.wait_all;" ::: "memory"); }
#elif defined(__CUDA_ARCH__)
__device__ inline void send_16_bytes(real* to, const real* from)
{
    *(Neighbours<16 / sizeof(real)>*)to = neighbours<16 / sizeof(real)>(from);
}
__device__ inline void arrived() {}
#endif

// SIZE elements that way. A barrier behind `arrived`, and all threads have them.
template <int SIZE>
__device__ inline void send(const real* from, real* to)
{
    const int WIDE = 16 / sizeof(real);
    for (int i = threadIdx.x * WIDE; i < SIZE; i += THREADS * WIDE) send_16_bytes(to + i, from + i);
}

const int LANES = 32, WARPS = THREADS / LANES, ROWS_A_WARP = 8, IN_FLIGHT = 256;

// Rows of a matrix (ROWS, DEPTH) as the threads of a block share them: a warp has up to ROWS_A_WARP rows at a time, and its
// threads WIDE neighbouring elements each of a SPAN, so that they read whole lines of memory. The first NEAR rows, a
// multiple of WARPS, lie in shared memory. Of the others the first span is on its way as soon as this is made; later ones
// where `load` asks for them, so many at a time that a thread waits for no more than IN_FLIGHT bytes.
template <int ROWS, int DEPTH, int WIDE, int NEAR>
struct Rows {
    enum {
        rows = ROWS, depth = DEPTH, wide = WIDE, SPAN = LANES * WIDE,
        EACH = ROWS < WARPS * ROWS_A_WARP ? (ROWS + WARPS - 1) / WARPS : ROWS_A_WARP,
        FAR = NEAR < EACH * WARPS ? EACH - NEAR / WARPS : 1, SPANS = IN_FLIGHT / (FAR * WIDE * sizeof(real)),
        AT_ONCE = SPANS < 4 ? SPANS : 4
    };
    const real *matrix, *near;
    Neighbours<WIDE> loaded[EACH];

    __device__ Rows(const real* matrix, const real* near) : matrix(matrix), near(near) { load(0, 0); }

    __device__ static int row(int first, int r) { return first + r * WARPS + threadIdx.x / LANES; }
    __device__ static int element(int start) { return start + threadIdx.x % LANES * WIDE; }
    __device__ static bool is_near(int first, int r) { return first + (r + 1) * WARPS <= NEAR; }

    __device__ void load(int first, int start) {
        const real* here = matrix + row(first, 0) * DEPTH + element(start);  // the other rows are constants away
#pragma unroll
        for (int r = 0; r < EACH; r++) {  // all loads are under way together
            bool inside = (element(start) < DEPTH) & (first + (r + 1) * WARPS <= ROWS || row(first, r) < ROWS);
            loaded[r] = Neighbours<WIDE>();
            if (inside && !is_near(first, r)) loaded[r] = neighbours<WIDE>(here + r * WARPS * DEPTH);
        }
    }

    __device__ Neighbours<WIDE> get(int first, int r, int start) const {
        return is_near(first, r) ? neighbours<WIDE>(near + row(first, r) * DEPTH + element(start)) : loaded[r];
    }
};

// sum over k of term(matrix[m, k], x[k]) for every row m; end(m, sum) takes it. What each thread has added up of a row
// waits in scratch, LANES + 1 elements a row.
template <typename Matrix, typename X, typename Term, typename End>
__device__ inline void sum_rows(real* scratch, Matrix rows, const X& x, const Term& term, const End& end)
{
    const int EACH = Matrix::EACH, WIDE = Matrix::wide, DEPTH = Matrix::depth, ROWS = Matrix::rows;
    int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES;
    for (int first = 0; first < ROWS; first += WARPS * EACH) {
        if (first > 0) rows.load(first, 0);
        real sums[EACH];
#pragma unroll
        for (int r = 0; r < EACH; r++) sums[r] = 0;
#pragma unroll(Matrix::AT_ONCE)
        for (int start = 0; start < DEPTH; start += Matrix::SPAN) {
            int k = Matrix::element(start);
            if (start > 0) rows.load(first, start);
            if (k >= DEPTH) continue;
            Neighbours<WIDE> value;
            if (X::contiguous) value = neighbours<WIDE>(&x[k]);
#pragma unroll
            for (int i = 0; i < WIDE; i++)
                if (!X::contiguous) value.element[i] = x[k + i];
#pragma unroll
            for (int r = 0; r < EACH; r++) {
                Neighbours<WIDE> row = rows.get(first, r, start);
#pragma unroll
                for (int i = 0; i < WIDE; i++) sums[r] += term(row.element[i], value.element[i]);
            }
        }
#pragma unroll
        for (int r = 0; r < EACH; r++) scratch[(r * WARPS + warp) * (LANES + 1) + lane] = sums[r];
        __syncthreads();
        for (int i = threadIdx.x; i < WARPS * EACH && first + i < ROWS; i += THREADS) {
            real sum = 0;
#pragma unroll
            for (int l = 0; l < LANES; l++) sum += scratch[i * (LANES + 1) + l];
            end(first + i, sum);
        }
        if (first + WARPS * EACH < ROWS) __syncthreads();  // before the next rows overwrite these
    }
}
