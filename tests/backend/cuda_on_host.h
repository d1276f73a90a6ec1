// Just enough CUDA for g++ to compile kernels/*.cu and run them on the CPU: grid, blocks, shared memory, barriers.
//
// The blocks of a grid run one after the other, and so do the threads of a block; where a kernel has barriers, each
// thread is a fibre (a stack of its own) that stops at __syncthreads until all the others have come there. Threads
// that never reach a barrier the others wait at are an error, as they hang a GPU. Between two barriers the threads run
// in ascending order or, if told so, in descending order: a kernel that lacks a barrier gives different results.
// Shared memory is full of NaN when a block starts: it remembers nothing from the block before.

#pragma once

#include <ucontext.h>

#include <cmath>
#include <csetjmp>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <vector>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))

#if defined(__SANITIZE_ADDRESS__)  // which puts a fence around plain variables, but not into sections
#define __shared__ static
#else
#define __shared__ static __attribute__((section("shared_memory")))
extern "C" __attribute__((weak, visibility("hidden"))) char __start_shared_memory[], __stop_shared_memory[];
#endif
#define DYNAMIC_SHARED(type, name) type* name = (type*)cuda_on_host::dynamic_memory

using std::exp;
using std::log;
using std::tanh;

struct uint3 { unsigned x, y, z; };
typedef uint3 dim3;

static uint3 threadIdx, blockIdx;
static dim3 blockDim, gridDim;

namespace cuda_on_host {

typedef std::function<void()> Kernel;
const size_t STACK = 256 * 1024;
const char* const DIVERGED = "some threads of a block wait at __syncthreads and others have returned";

// Where a fibre, or the scheduler, stands. swapcontext asks the system for the signal mask at every switch; once a
// fibre lives, _setjmp and _longjmp do the same at a tenth of the time. AddressSanitizer only knows the former.
struct Place {
    ucontext_t context;
    jmp_buf jump;
    bool jumps = false;
};

static void swap(Place& from, Place& to) {
#if !defined(__SANITIZE_ADDRESS__)
    from.jumps = true;
    if (_setjmp(from.jump)) return;
    if (to.jumps) _longjmp(to.jump, 1);
#endif
    swapcontext(&from.context, &to.context);
}

struct Fibre {
    Place place;
    std::vector<char> stack = std::vector<char>(STACK);
    uint3 index;
    bool finished;
};

static std::vector<Fibre*> fibres;  // kept from block to block
static Fibre* running;
static Place scheduler;
static const Kernel* kernel;
static char* dynamic_memory;

static void live() {
    for (;;) {
        (*kernel)();
        running->finished = true;
        swap(running->place, scheduler);
    }
}

static void resume(Fibre* fibre) {
    running = fibre;
    threadIdx = fibre->index;
    swap(scheduler, fibre->place);
}

static const char* run_block(size_t threads, bool descending) {
    while (fibres.size() < threads) {
        Fibre* fibre = new Fibre;
        getcontext(&fibre->place.context);
        fibre->place.context.uc_stack.ss_sp = fibre->stack.data();
        fibre->place.context.uc_stack.ss_size = STACK;
        fibre->place.context.uc_link = nullptr;
        makecontext(&fibre->place.context, live, 0);
        fibres.push_back(fibre);
    }
    for (size_t i = 0; i < threads; i++) {
        unsigned t = i;
        fibres[i]->index = {t % blockDim.x, t / blockDim.x % blockDim.y, t / blockDim.x / blockDim.y};
        fibres[i]->finished = false;
    }
    for (size_t finished = 0; finished < threads;) {  // once for every stretch between two barriers
        for (size_t i = 0; i < threads; i++) {
            Fibre* fibre = fibres[descending ? threads - 1 - i : i];
            resume(fibre);
            finished += fibre->finished;
        }
        if (finished && finished < threads) return DIVERGED;  // fatal: these fibres are lost
    }
    return nullptr;
}

static void run_threads() {
    for (threadIdx.z = 0; threadIdx.z < blockDim.z; threadIdx.z++)
        for (threadIdx.y = 0; threadIdx.y < blockDim.y; threadIdx.y++)
            for (threadIdx.x = 0; threadIdx.x < blockDim.x; threadIdx.x++) (*kernel)();
}

// Returns null, or what went wrong.
static const char* launch(
    const unsigned* grid, const unsigned* block, unsigned shared, bool barriers, bool descending, const Kernel& body)
{
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {block[0], block[1], block[2]};
    kernel = &body;
    size_t blocks = (size_t)grid[0] * grid[1] * grid[2], threads = (size_t)block[0] * block[1] * block[2];
    const char* error = nullptr;
    for (size_t i = 0; i < blocks && !error; i++) {
        size_t b = descending ? blocks - 1 - i : i;
        blockIdx = {unsigned(b % grid[0]), unsigned(b / grid[0] % grid[1]), unsigned(b / grid[0] / grid[1])};
#if !defined(__SANITIZE_ADDRESS__)
        if (__start_shared_memory)
            memset(__start_shared_memory, 0xff, __stop_shared_memory - __start_shared_memory);
#endif
        dynamic_memory = (char*)malloc(shared);
        memset(dynamic_memory, 0xff, shared);
        if (barriers) error = run_block(threads, descending);
        else run_threads();
        free(dynamic_memory);
    }
    if (error) fibres.clear();  // they stand in the middle of a kernel; the next launch makes new ones
    return error;
}

}  // namespace cuda_on_host

static inline void __syncthreads() { cuda_on_host::swap(cuda_on_host::running->place, cuda_on_host::scheduler); }
