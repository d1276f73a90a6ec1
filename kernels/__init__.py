"""The kernels: cpu/*.py, plain loops that Numba compiles, and cuda/*.cu, the same in CUDA C++."""
