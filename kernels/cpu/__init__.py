"""Loops for the CPU, compiled by Numba; each file has the formula, the loops, and what makes them fast.

Every file has functions that make a kernel for given sizes: ``convolution(real, ...)`` returns a function of arrays.
Sizes are constants of the compiled code, so that the compiler unrolls the short loops and vectorises the long ones.
Without Numba the same functions are ordinary Python, slow, with the same results (``kernel.py_func`` with it).

Feature maps are ``(C, H, W, N)``, samples innermost, and are handed to the kernels as ``(C, H·W·N)``: a row of a map
is a run of W·N contiguous numbers, and the next row follows. ``real`` is np.float32 or np.float64.
"""
