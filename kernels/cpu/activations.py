"""Functions of one number, element by element, and their slopes in terms of y = f(x); ``squash.py`` has tanh.

    sigmoid    y = 1 / (1 + exp(-x)) = (1 + tanh(x/2)) / 2,      f' = y (1 - y)
    relu       y = max(x, 0),                                    f' = 1 where y > 0, else 0
    leaky_relu y = x where x > 0, else slope · x,                f' = 1 where y > 0, else slope
"""

import functools

import numpy as np
from minicnn.kernels.cpu.jit import compiled, full_speed
from minicnn.kernels.cpu.squash import squash


@functools.cache
def sigmoid(real):
    """kernel(x, y)"""
    half, exact = real(0.5), real is np.float64

    @compiled
    def kernel(x, y):
        full_speed()
        for i in range(len(x)):
            y[i] = half + squash(x[i], half, half, exact)

    return kernel


@functools.cache
def sigmoid_backward(real):
    """kernel(d, y, dx)"""
    one = real(1)

    @compiled
    def kernel(d, y, dx):
        full_speed()
        for i in range(len(y)):
            dx[i] = y[i] * (one - y[i]) * d[i]

    return kernel


@functools.cache
def relu(real):
    """kernel(x, y)"""
    zero = real(0)

    @compiled
    def kernel(x, y):
        full_speed()
        for i in range(len(x)):
            y[i] = zero if x[i] < zero else x[i]  # NaN stays NaN

    return kernel


@functools.cache
def relu_backward(real):
    """kernel(d, y, dx)"""
    zero = real(0)

    @compiled
    def kernel(d, y, dx):
        full_speed()
        for i in range(len(y)):
            dx[i] = d[i] if y[i] > zero else zero

    return kernel


@functools.cache
def leaky_relu(real, slope):
    """kernel(x, y)"""
    zero, slope = real(0), real(slope)

    @compiled
    def kernel(x, y):
        full_speed()
        for i in range(len(x)):
            y[i] = x[i] if x[i] > zero else slope * x[i]

    return kernel


@functools.cache
def leaky_relu_backward(real, slope):
    """kernel(d, y, dx)"""
    zero, slope = real(0), real(slope)

    @compiled
    def kernel(d, y, dx):
        full_speed()
        for i in range(len(y)):
            dx[i] = d[i] if y[i] > zero else slope * d[i]

    return kernel
