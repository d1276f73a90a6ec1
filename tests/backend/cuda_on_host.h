// Just enough CUDA for g++ to compile kernels/*.cu and run them on the CPU: grid, blocks, shared memory, barriers.
//
// The blocks of a grid run one after the other, and so do the threads of a block; where a kernel has barriers, each
// thread is a fibre (a stack of its own) that stops at __syncthreads until all the others have come there. Threads
// that never reach a barrier the others wait at are an error, as they hang a GPU. Between two barriers the threads run
// in ascending, descending or random order: a kernel that lacks a barrier gives different results.
// Shared memory is full of NaN when a block starts: it remembers nothing from the block before. What is sent there
// (send) comes when a thread waits for it, and no sooner.
//
// Two threads that touch one word of shared memory between two barriers, one of them writing, race, and that is an
// error whatever comes out. To see it, the kernel is compiled with -fsanitize=thread, which has every access to memory
// announced by a call of __tsan_read4(address) or the like; those functions are at the end of this file, in place of
// the sanitizer's own library, which knows threads of the system only.

#pragma once

#include <ucontext.h>

#include <algorithm>
#include <cmath>
#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
#define __expf std::exp  // functions of these names are the C library's own
#define __logf std::log

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
    std::unique_ptr<char[]> stack{new char[STACK]};  // never filled: memory that is not touched costs nothing
    bool finished;
};

static std::vector<Fibre*> fibres;  // kept from block to block
static Fibre* running;
static Place scheduler;
static const Kernel* kernel;
static char* dynamic_memory;

// ------------------------------------------------------------------------------------------------- races

#define UNWATCHED __attribute__((no_sanitize("thread")))

const size_t WORD = 4;  // bytes

struct Touched {  // who touched a word of shared memory, and in which stretch between barriers
    uint64_t written, read;
    int writer, reader;
};

const int SEVERAL = -1;
static uint64_t stretch;  // counts on from launch to launch
static int thread;        // that runs now
static char race[128];    // the first one, in words

struct Watched {  // a piece of shared memory
    char* begin = nullptr;
    size_t size = 0;
    std::vector<Touched> words;
    Touched* first;

    void watch(char* where, size_t how_many) {
        begin = where;
        size = how_many;
        words.assign(size / WORD + 1, Touched());
        first = words.data();
    }
};
static Watched watched[2];  // what the kernel always has, and what its launch asked for

UNWATCHED static void touch_shared(Touched& word, bool writes) {
    int other = thread;
    if (word.written == stretch && word.writer != thread) other = word.writer;
    if (writes && word.read == stretch && word.reader != thread) other = word.reader;
    if (other != thread && !race[0])
        snprintf(race, sizeof race, other == SEVERAL ?
            "a race: thread %d writes a word of shared memory that several others read" :
            "a race: threads %d and %d meet at a word of shared memory, one writing", thread, other);
    if (writes) {
        word.written = stretch;
        word.writer = thread;
    } else {
        word.reader = word.read == stretch && word.reader != thread ? SEVERAL : thread;
        word.read = stretch;
    }
}

UNWATCHED __attribute__((always_inline)) static inline void touch(char* address, size_t size, bool writes) {
    for (int i = 0; i < 2; i++) {
        size_t at = address - watched[i].begin;
        if (__builtin_expect(at < watched[i].size, 0))
            for (size_t word = at / WORD; word * WORD < at + size; word++) touch_shared(watched[i].first[word], writes);
    }
}

// --------------------------------------------------------------------------------------- threads and blocks

struct Copy {
    void* to;
    const void* from;
    size_t size;
    unsigned long long* counter;
};
static std::vector<Copy> sent;  // by a block, into shared memory, and not there yet

const unsigned ASCENDING = 0, DESCENDING = 1;  // other numbers are seeds of random orders

static void arrange(std::vector<unsigned>& order, unsigned which, std::mt19937& random) {
    if (which > DESCENDING) std::shuffle(order.begin(), order.end(), random);
}

static std::vector<unsigned> numbers(size_t count, unsigned which) {
    std::vector<unsigned> order(count);
    if (which == DESCENDING) std::iota(order.rbegin(), order.rend(), 0);
    else std::iota(order.begin(), order.end(), 0);
    return order;
}

static uint3 index_of(unsigned number, const dim3& sizes) {
    return {number % sizes.x, number / sizes.x % sizes.y, number / sizes.x / sizes.y};
}

static void live() {
    for (;;) {
        (*kernel)();
        running->finished = true;
        swap(running->place, scheduler);
    }
}

static const char* run_block(size_t threads, unsigned which, std::mt19937& random) {
    while (fibres.size() < threads) {
        Fibre* fibre = new Fibre;
        getcontext(&fibre->place.context);
        fibre->place.context.uc_stack.ss_sp = fibre->stack.get();
        fibre->place.context.uc_stack.ss_size = STACK;
        fibre->place.context.uc_link = nullptr;
        makecontext(&fibre->place.context, live, 0);
        fibres.push_back(fibre);
    }
    for (size_t i = 0; i < threads; i++) fibres[i]->finished = false;
    std::vector<unsigned> order = numbers(threads, which);
    for (size_t finished = 0; finished < threads; stretch++) {  // once for every stretch between two barriers
        arrange(order, which, random);
        for (unsigned i : order) {
            running = fibres[i];
            thread = i;
            threadIdx = index_of(i, blockDim);
            swap(scheduler, running->place);
            finished += running->finished;
        }
        if (finished && finished < threads) return DIVERGED;  // fatal: these fibres are lost
    }
    return nullptr;
}

static void run_threads(size_t threads, unsigned which, std::mt19937& random) {
    std::vector<unsigned> order = numbers(threads, which);
    arrange(order, which, random);
    for (unsigned i : order) {
        thread = i;
        threadIdx = index_of(i, blockDim);
        (*kernel)();
    }
    stretch++;
}

// Returns null, or what went wrong.
static const char* launch(
    const unsigned* grid, const unsigned* block, unsigned shared, bool barriers, unsigned which, const Kernel& body)
{
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {block[0], block[1], block[2]};
    kernel = &body;
    size_t threads = (size_t)block[0] * block[1] * block[2];
    std::mt19937 random(which);
    std::vector<unsigned> order = numbers((size_t)grid[0] * grid[1] * grid[2], which);
    arrange(order, which, random);
    const char* error = nullptr;
    race[0] = 0;
    stretch++;
    dynamic_memory = (char*)malloc(shared);
#if !defined(__SANITIZE_ADDRESS__)
    size_t always = __start_shared_memory ? __stop_shared_memory - __start_shared_memory : 0;
    if (always != watched[0].size) watched[0].watch(__start_shared_memory, always);
#endif
    watched[1].watch(dynamic_memory, shared);
    for (unsigned i : order) {
        blockIdx = index_of(i, gridDim);
        for (Watched& memory : watched)
            if (memory.size) memset(memory.begin, 0xff, memory.size);
        if (barriers) error = run_block(threads, which, random);
        else run_threads(threads, which, random);
        sent.clear();
        if (error) break;
    }
    free(dynamic_memory);
    if (error) fibres.clear();  // they stand in the middle of a kernel; the next launch makes new ones
    return error ? error : race[0] ? race : nullptr;
}

}  // namespace cuda_on_host

// Copies on their way into shared memory: until a thread waits for them, NaN lies there.
template <int SIZE, typename Element>
UNWATCHED static void send(const Element* from, Element* to, unsigned long long* counter) {
    if (cuda_on_host::thread) return;
    cuda_on_host::touch((char*)to, SIZE * sizeof(Element), true);
    cuda_on_host::touch((char*)counter, sizeof *counter, true);
    memset(to, 0xff, SIZE * sizeof(Element));
    cuda_on_host::sent.push_back({to, from, SIZE * sizeof(Element), counter});
}

UNWATCHED static void arrived(unsigned long long* counter) {
    cuda_on_host::touch((char*)counter, sizeof *counter, false);
    for (auto copy = cuda_on_host::sent.begin(); copy != cuda_on_host::sent.end(); copy++)
        if (copy->counter == counter) {
            memcpy(copy->to, copy->from, copy->size);
            cuda_on_host::sent.erase(copy);
            return;
        }
}

static inline float __fdividef(float a, float b) { return a / b; }

static inline void __syncthreads() { cuda_on_host::swap(cuda_on_host::running->place, cuda_on_host::scheduler); }

#if defined(__SANITIZE_THREAD__)
#define ANNOUNCED(size)                                                                                 \
    UNWATCHED void __tsan_read##size(char* a) { cuda_on_host::touch(a, size, false); }                 \
    UNWATCHED void __tsan_write##size(char* a) { cuda_on_host::touch(a, size, true); }                 \
    UNWATCHED void __tsan_unaligned_read##size(char* a) { cuda_on_host::touch(a, size, false); }       \
    UNWATCHED void __tsan_unaligned_write##size(char* a) { cuda_on_host::touch(a, size, true); }
#pragma GCC visibility push(hidden)
extern "C" {
ANNOUNCED(1) ANNOUNCED(2) ANNOUNCED(4) ANNOUNCED(8) ANNOUNCED(16)
UNWATCHED void __tsan_read_range(char* address, size_t size) { cuda_on_host::touch(address, size, false); }
UNWATCHED void __tsan_write_range(char* address, size_t size) { cuda_on_host::touch(address, size, true); }
void __tsan_vptr_update(void*, void*) {}
void __tsan_vptr_read(void*) {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_init() {}
}
#pragma GCC visibility pop
#endif
