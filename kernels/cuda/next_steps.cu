// The end of a captured graph of several steps: now[0] += steps. See step_end.cuh.
//
// Threads:  one.

extern "C" __global__ void next_steps(int* __restrict__ now, int steps) { now[0] += steps; }
