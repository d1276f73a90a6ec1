// One block's work of weight_gradient.cu: MAPS maps times WEIGHTS weights, of one part of the outputs.

const int TILE = 64, MAPS = 16, WEIGHTS = 32, LANES = 32, WARPS = 8;

struct WeightGradientMemory {
    real gradients[MAPS][TILE + 1];
    real pixels[WEIGHTS][TILE + 1];
};

__device__ inline void weight_gradient_tile(
    WeightGradientMemory& memory, const real* __restrict__ d, const real* __restrict__ x, real* __restrict__ partial,
    const Geometry& g, int maps, int length, int tile_k, int tile_o, int part)
{
    Receptive cols = {x, g, 0, 0, 0};
    int depth = g.channels * g.kh * g.kw, columns = g.h_out * g.w_out * g.batch;
    int lane = threadIdx.x, warp = threadIdx.y;
    int first_k = tile_k * WEIGHTS, first_o = tile_o * MAPS;
    int begin = part * length;
    int end = columns - begin < length ? columns : begin + length;

    Receptive::Key keys[WEIGHTS / WARPS];
    for (int i = 0; i < WEIGHTS / WARPS; i++) keys[i] = cols.key(first_k + warp + i * WARPS);

    real sum[MAPS / WARPS] = {0, 0};
    for (int start = begin; start < end; start += TILE) {
        for (int t = lane; t < TILE; t += LANES) {
            int l = start + t;
            bool inside = l < end;
            if (inside) cols.column(l);
            for (int i = 0; i < WEIGHTS / WARPS; i++) {
                int k = first_k + warp + i * WARPS;
                real pixel = k == depth ? real(1) : inside && k < depth ? cols(keys[i]) : real(0);
                memory.pixels[warp + i * WARPS][t] = pixel;
            }
            for (int i = 0; i < MAPS / WARPS; i++) {
                int o = first_o + warp + i * WARPS;
                memory.gradients[warp + i * WARPS][t] = inside && o < maps ? d[(offset)o * columns + l] : real(0);
            }
        }
        __syncthreads();
#pragma unroll 8
        for (int t = 0; t < TILE; t++)
            for (int i = 0; i < MAPS / WARPS; i++) sum[i] += memory.gradients[warp + i * WARPS][t] * memory.pixels[lane][t];
        __syncthreads();  // before the next tile overwrites this one
    }

    int k = first_k + lane;
    for (int i = 0; i < MAPS / WARPS; i++) {
        int o = first_o + warp + i * WARPS;
        if (o < maps && k <= depth) partial[((offset)part * maps + o) * (depth + 1) + k] = sum[i];
    }
}
