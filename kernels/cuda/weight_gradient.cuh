// One block's work of weight_gradient.cu: MAPS maps times WEIGHTS weights, of one part of the outputs.
// end(part, o, k, sum, before) takes each sum; k = K is the bias, and before = end.before(o, k) is asked for at first.

const int TILE = 64, MAPS = 16, WEIGHTS = 32, LANES = 32, WARPS = 8;

struct WeightGradientMemory {
    real gradients[MAPS][TILE + 1];
    real pixels[WEIGHTS][TILE + 1];
};

// Sums of parts that gradient_sum.cu or step_end.cuh will add: (splits, C_out, K + 1).
struct Partial {
    real* sums;
    int maps, depth;

    __device__ int before(int o, int k) const { return 0; }
    __device__ void operator()(int part, int o, int k, real sum, int before) const {
        sums[((offset)part * maps + o) * (depth + 1) + k] = sum;
    }
};

template <typename End>
__device__ inline void weight_gradient_tile(
    WeightGradientMemory& memory, const real* __restrict__ d, const real* __restrict__ x,
    const Geometry& g, int maps, int length, int tile_k, int tile_o, int part, const End& end)
{
    Receptive cols = {x, g, 0, 0, 0};
    int depth = g.channels * g.kh * g.kw, columns = g.h_out * g.w_out * g.batch;
    int lane = threadIdx.x, warp = threadIdx.y;
    int first_k = tile_k * WEIGHTS, first_o = tile_o * MAPS;
    int begin = part * length;
    int stop = columns - begin < length ? columns : begin + length;

    Receptive::Key keys[WEIGHTS / WARPS];
    for (int i = 0; i < WEIGHTS / WARPS; i++) keys[i] = cols.key(first_k + warp + i * WARPS);

    int own = first_k + lane;  // of the sums that this thread will have
    decltype(end.before(0, 0)) before[MAPS / WARPS] = {};
#pragma unroll
    for (int i = 0; i < MAPS / WARPS; i++) {
        int o = first_o + warp + i * WARPS;
        if (o < maps && own <= depth) before[i] = end.before(o, own);
    }
    real sum[MAPS / WARPS] = {0, 0};
    for (int start = begin; start < stop; start += TILE) {
        real pixels[TILE / LANES][WEIGHTS / WARPS], gradients[TILE / LANES][MAPS / WARPS];
#pragma unroll
        for (int j = 0; j < TILE / LANES; j++) {  // without a branch: all loads are under way together
            int l = start + lane + j * LANES;
            bool inside = l < stop;
            cols.column(l);
            for (int i = 0; i < WEIGHTS / WARPS; i++) {
                int k = first_k + warp + i * WARPS;
                pixels[j][i] = cols(keys[i], inside & (k < depth));
                if (k == depth) pixels[j][i] = 1;
            }
            for (int i = 0; i < MAPS / WARPS; i++) {
                int o = first_o + warp + i * WARPS;
                gradients[j][i] = inside & (o < maps) ? d[(offset)o * columns + l] : real(0);
            }
        }
#pragma unroll
        for (int j = 0; j < TILE / LANES; j++) {
            int t = lane + j * LANES;
            for (int i = 0; i < WEIGHTS / WARPS; i++) memory.pixels[warp + i * WARPS][t] = pixels[j][i];
            for (int i = 0; i < MAPS / WARPS; i++) memory.gradients[warp + i * WARPS][t] = gradients[j][i];
        }
        __syncthreads();
#pragma unroll 8
        for (int t = 0; t < TILE; t++)
            for (int i = 0; i < MAPS / WARPS; i++) sum[i] += memory.gradients[warp + i * WARPS][t] * memory.pixels[lane][t];
        __syncthreads();  // before the next tile overwrites this one
    }

#pragma unroll
    for (int i = 0; i < MAPS / WARPS; i++) {
        int o = first_o + warp + i * WARPS;
        if (o < maps && own <= depth) end(part, o, own, sum[i], before[i]);
    }
}
