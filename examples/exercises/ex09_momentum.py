"""Exercise 9: a step of gradient descent with momentum.

The weights roll like a ball that is pushed by the gradient g = dL/dw: the velocity v remembers a share of what it
was, and the weights follow the velocity.

    v_new = momentum · v + g
    w_new = w - lr · v_new

w, v and g are arrays of one shape, lr and momentum are numbers. Return w_new and v_new, and leave w, v and g as
they are.
"""


def momentum_step(w, v, g, lr, momentum):
    # Your code goes here, in place of the next line.
    raise NotImplementedError("momentum_step")
