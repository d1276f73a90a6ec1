"""CUDA C++ kernels as source text; ``minicnn.backend.kernels`` compiles them when they are first needed."""
