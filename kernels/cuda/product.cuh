// The matrix product C = A · B for a small network: few rows, short sums, many columns.
//
//     C[m, l] = sum over k < depth of A[m, k] · B[k, l],     m < rows, l < columns
//
// A and B are functions, not arrays: A(m, k) looks a weight up, and B gives an element of a matrix that need not
// exist in memory, such as im2col's (convolution.cu). What B needs of k alone, its `Key`, is worked out once a
// block instead of once an element.
//
// Threads:  a block is 8 warps of 32 threads. A warp has 32 neighbouring columns, one a thread, and computes 8
//           rows of them: 8 sums in registers. The warps of a block share its 8 rows. `slices` of them (1, 2, 4
//           or 8) also share their columns: each adds up every slices-th k, and in the end the partial sums are
//           added slice by slice, always in the same order. So a product with few columns still fills 8 warps.
//               grid  (ceil(columns / (32 · 8 / slices)), ceil(rows / 8)),  block (32, 8)
// Memory:   the 8 rows of A and the keys lie in shared memory, DEPTH of them at a time; all threads of a warp
//           read the same one, so that it is one access. An element of B is read once a block, straight from
//           global memory into a register, neighbouring threads neighbouring columns, and used 8 times.
// Cost:     rows · depth · columns multiply-adds; 8 of them for each load from global memory.

const int WARP = 32;    // threads in a warp: columns it computes
const int WARPS = 8;    // warps in a block
const int ROWS = 8;     // rows of C a thread computes; one warp fetches one row of A
const int DEPTH = 256;  // elements of a row of A in shared memory at a time

template <typename Key>
struct ProductMemory {
    __align__(16) real a[DEPTH][ROWS];  // so that 4 floats are one access
    real sums[WARPS][ROWS][WARP];
    Key keys[DEPTH];
};

// b.column(l) is called once a thread, then b(key) for every k; end(m, l, sum) takes each element of C.
template <typename Key, typename A, typename B, typename End>
__device__ inline void product(
    ProductMemory<Key>& memory, int rows, int depth, int columns, int slices, const A& a, B b, const End& end)
{
    int lane = threadIdx.x, warp = threadIdx.y;
    int slice = warp % slices, group = warp / slices, groups = WARPS / slices;
    int column = (blockIdx.x * groups + group) * WARP + lane;
    int first_row = blockIdx.y * ROWS;
    bool inside = column < columns;
    if (inside) b.column(column);

    real sum[ROWS];
    for (int r = 0; r < ROWS; r++) sum[r] = 0;

    for (int start = 0; start < depth; start += DEPTH) {
        int length = depth - start < DEPTH ? depth - start : DEPTH;
        for (int k = lane; k < length; k += WARP)
            memory.a[k][warp] = first_row + warp < rows ? a(first_row + warp, start + k) : real(0);
        for (int k = warp * WARP + lane; k < length; k += WARPS * WARP) memory.keys[k] = b.key(start + k);
        __syncthreads();
        if (inside) {
#pragma unroll 4
            for (int k = slice; k < length; k += slices) {
                real x = b(memory.keys[k]);
                for (int r = 0; r < ROWS; r++) sum[r] += memory.a[k][r] * x;
            }
        }
        __syncthreads();  // before the next part of A overwrites this one
    }

    for (int r = 0; r < ROWS; r++) memory.sums[warp][r][lane] = sum[r];
    __syncthreads();
    for (int r = slice; r < ROWS; r += slices) {
        real total = 0;
        for (int s = 0; s < slices; s++) total += memory.sums[group * slices + s][r][lane];
        if (inside && first_row + r < rows) end(first_row + r, column, total);
    }
}
