"""Exercise 6: the two parameters of a subsampling map, as in LeNet-5's S2 and S4.

Each map c adds up blocks of 2 x 2 pixels and has one coefficient and one bias, the same for all of its blocks:

    s[c, h, w, n] = x[c, 2h, 2w, n] + x[c, 2h, 2w+1, n] + x[c, 2h+1, 2w, n] + x[c, 2h+1, 2w+1, n]
    y[c, h, w, n] = coefficient[c] s[c, h, w, n] + bias[c]

    x (C, H, W, N), H and W even,  y (C, H/2, W/2, N),  coefficient (C,),  bias (C,)

Given x and dy = dL/dy, return dcoefficient and dbias, in this order.

Stuck? minicnn exercises --only 6 --hint 1     (then 2, then 3: the formulas)
"""


def subsampling_gradients(x, dy):
    # Your code goes here, in place of the next line.
    raise NotImplementedError("subsampling_gradients")
