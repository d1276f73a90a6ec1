"""Exercise 9: a step of gradient descent with momentum.

The weights roll like a ball that is pushed by the gradient g = dL/dw: the velocity v remembers a share `momentum` of
what it was, the gradient is added to it, and the weights follow the new velocity, lr times as far, downhill.

w, v and g are arrays of one shape, lr and momentum are numbers. Return w_new and v_new, and leave w, v and g as
they are.

Stuck? minicnn exercises --only 9 --hint 1     (then 2, then 3: the formulas)
"""


def momentum_step(w, v, g, lr, momentum):
    # Your code goes here, in place of the next line.
    raise NotImplementedError("momentum_step")
