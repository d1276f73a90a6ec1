// Element (k, l) of im2col's matrix, without the matrix: the pixel that weight k meets in output l.
//
//     cols[(c, ky, kx), (h, w, n)] = x[c, h·sh + ky - ph, w·sw + kx - pw, n],  and 0 outside the image

struct Geometry {  // of a convolution; x is (channels, height, width, batch)
    int channels, height, width, batch, h_out, w_out, kh, kw, sh, sw, ph, pw;
};

struct Receptive {
    struct __align__(16) Key {  // one access
        int ky, kx;
        offset start;  // of x[c, ky, kx, 0]
    };
    const real* x;
    Geometry g;
    int i, j;      // the pixel under the kernel's first element
    offset pixel;  // of x[0, i, j, n], which may lie outside

    __device__ Key key(int k) const {
        int kx = k % g.kw, ky = k / g.kw % g.kh, c = k / (g.kw * g.kh);
        return Key{ky, kx, (((offset)c * g.height + ky) * g.width + kx) * g.batch};
    }
    __device__ void column(int l) {
        int n = l % g.batch, w = l / g.batch % g.w_out, h = l / g.batch / g.w_out;
        i = h * g.sh - g.ph;
        j = w * g.sw - g.pw;
        pixel = ((offset)i * g.width + j) * g.batch + n;
    }
    __device__ real operator()(const Key& key, bool counts = true) const {  // 0 where it does not count
        int row = i + key.ky, column = j + key.kx;
        bool inside = counts & (0 <= row) & (row < g.height) & (0 <= column) & (column < g.width);
        return inside ? x[pixel + key.start] : real(0);
    }
};

// The weights of a convolution, a vector of kernels (pairs, KH, KW). `kernels` (C_out, C) says which of them connects
// output map o with input map c, -1 for none: then the weights between them are 0. Where all maps are connected it is
// null, and kernel o·C + c does.
struct Weights {
    const real* weights;
    const int* kernels;
    int channels, area;  // input maps; elements of a kernel

    __device__ real operator()(int o, int c, int place) const {
        int pair = o * channels + c;
        if (kernels) pair = kernels[pair];
        return pair < 0 ? real(0) : weights[(offset)pair * area + place];
    }
};
