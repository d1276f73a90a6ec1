// Element (k, l) of im2col's matrix, without the matrix: the pixel that weight k meets in output l.
//
//     cols[(ky, c, kx), (h, w, n)] = x[c, h·sh + ky - ph, w·sw + kx - pw, n],  and 0 outside the image

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
        int kx = k % g.kw, c = k / g.kw % g.channels, ky = k / (g.kw * g.channels);
        return Key{ky, kx, (((offset)c * g.height + ky) * g.width + kx) * g.batch};
    }
    __device__ void column(int l) {
        int n = l % g.batch, w = l / g.batch % g.w_out, h = l / g.batch / g.w_out;
        i = h * g.sh - g.ph;
        j = w * g.sw - g.pw;
        pixel = ((offset)i * g.width + j) * g.batch + n;
    }
    __device__ real operator()(const Key& key) const {
        int row = i + key.ky, column = j + key.kx;
        bool inside = 0 <= row && row < g.height && 0 <= column && column < g.width;
        return inside ? x[pixel + key.start] : real(0);
    }
};

// A weight (m, k) of the matrix (M, K), or 0 where the connection table has none. `places` (M, K) says where each
// lies in the parameter vector, -1 for nowhere; without a table it is null and the weights are the matrix.
struct ConnectedWeights {
    const real* weights;
    const int* places;

    __device__ real operator[](offset i) const {
        if (!places) return weights[i];
        int place = places[i];
        return place < 0 ? real(0) : weights[place];
    }
};
