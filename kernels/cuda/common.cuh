// What all kernels share: the number type, and which output elements a thread computes.
//
// REAL is float or double; each file is compiled once for either (-DREAL=double).
//
// Thread mapping. Feature maps are (C, H, W, N), samples last, so every output array is a stack of rows of
// W·N contiguous elements:
//
//     column (w, n)   one thread each: threadIdx.x is innermost, so neighbouring threads take neighbouring
//                     samples, and a warp reads and writes whole cache lines
//     row             threadIdx.y and blockIdx.y; a thread goes on to row + row_step() until none is left,
//                     for a grid has at most 65,535 blocks that way
//
// What depends on the row alone (channel, kernel row, ...) is the same for a whole warp or a few rows of it,
// so the branches on it hardly diverge.
//
// Kernels with many registers say __launch_bounds__(256, 2): two blocks of 256 threads have to fit on a multiprocessor.
// Told of the 256 threads alone, the compiler wants room for more blocks and keeps some registers in memory instead.

#ifndef REAL
#define REAL float
#endif

typedef REAL real;
typedef long long offset;  // an array may hold more than 2^31 elements; no number of rows or columns may

__device__ inline int thread_column() { return blockIdx.x * blockDim.x + threadIdx.x; }
__device__ inline int thread_row() { return blockIdx.y * blockDim.y + threadIdx.y; }
__device__ inline int row_step() { return gridDim.y * blockDim.y; }

// Where an array's shape does not matter: element first_element(), then every element_step()-th.
__device__ inline offset first_element() { return (offset)blockIdx.x * blockDim.x + threadIdx.x; }
__device__ inline offset element_step() { return (offset)gridDim.x * blockDim.x; }

// Shared memory whose size the launch decides.
#ifndef DYNAMIC_SHARED
#define DYNAMIC_SHARED(type, name) extern __shared__ type name[]
#endif

// The windows of `size` pixels, one every `stride`, that contain pixel p: first_window ... last_window
// (empty if first > last). Window i holds the pixels i·stride ... i·stride + size - 1.
__device__ inline int first_window(int p, int size, int stride) {
    return p < size ? 0 : (p - size) / stride + 1;
}
__device__ inline int last_window(int p, int stride, int windows) {
    int last = p / stride;
    return last < windows ? last : windows - 1;
}
