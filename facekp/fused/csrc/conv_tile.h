// The register tiles of the direct convolution: sums over taps (forward and input gradient) and
// sums over pixels (weight gradient).
//
// Forward: a tile is FILTERS filters x 4 vectors of pixels. A tap costs 4 vector loads (most of
// them across a cache line's end, which counts twice), FILTERS broadcasts and S offsets, for
// 4 FILTERS multiply-adds. With 6 filters and AVX-512: 8 + 6 + 2 = 16 load slots, 8 cycles at two a
// cycle, for 24 multiply-adds, 12 cycles: bound by arithmetic. 24 sums, 6 weights and an operand
// are 31 of the 32 registers. Tiles of 4 filters (14 slots, 7 of 8 cycles) make up what 6 does not
// divide. With 16 registers the tiles are 3 x 4 (12 sums, 3 weights, an operand: all 16) and 2 x 4.
//
// Weight gradient: a tile is GRAD_FILTERS filters x GRAD_TAPS taps, each sum a vector over pixels:
// 8 aligned loads of output gradients + 3 of x, 14 load slots, for 24 multiply-adds. The vectors
// are folded to numbers once a tile, 3 instructions a sum: so a tile runs over as many pixels as L1
// holds.
#pragma once
#include "conv_shape.h"

namespace facekp {

constexpr bool MANY_REGISTERS = LANES == 16;
constexpr int WIDE_TILE = MANY_REGISTERS ? 6 : 3;    // filters
constexpr int NARROW_TILE = MANY_REGISTERS ? 4 : 2;
constexpr int GRAD_FILTERS = MANY_REGISTERS ? 8 : 4;
constexpr int GRAD_TAPS = 3;

// ------------------------------------------------------------------------------ sums over taps

// Filters [0, f) as `wide` wide tiles and then narrow ones, with the least padding.
struct FilterTiles {
  int wide, narrow;
  explicit FilterTiles(int f) : wide(0), narrow(0) {
    int best = 1 << 30;
    for (int n = 0; n <= 2; ++n) {
      const int w = std::max(0, f - n * NARROW_TILE + WIDE_TILE - 1) / WIDE_TILE;
      const int filters = w * WIDE_TILE + n * NARROW_TILE;
      if (filters >= f && filters < best) best = filters, wide = w, narrow = n;
    }
  }
  int count() const { return wide + narrow; }
  int first_filter(int tile) const {
    return std::min(tile, wide) * WIDE_TILE + std::max(0, tile - wide) * NARROW_TILE;
  }
  int padded_filters() const { return first_filter(count()); }
};

// Weights in the order in which tiles read them: [tile][tap][filter in tile], rest zero.
// weight(filter, tap) yields the number.
template <class Weight>
static void pack_weights(int f, int taps, Weight weight, float* packed) {
  const FilterTiles tiles(f);
  for (int tile = 0; tile < tiles.count(); ++tile) {
    const int first = tiles.first_filter(tile), last = tiles.first_filter(tile + 1);
    for (int k = 0; k < taps; ++k)
      for (int i = first; i < last; ++i) *packed++ = i < f ? weight(i, k) : 0.0f;
  }
}

// sums[i][v] += sum over taps k of w[k][i] * x[offset[k] ...]. The vectors v are the S * S phases
// of LANES pooled pixels, or for S = 1 VECS runs of LANES pixels.
template <int FILTERS, int VECS, int S>
static FACEKP_INLINE void sum_taps(const float* x, const float* w, const int* offset, int taps,
                                   ptrdiff_t shift_stride, vec (&sums)[FILTERS][VECS]) {
  constexpr int RUN = VECS / S;
  const ptrdiff_t step = S == 1 ? LANES : shift_stride;
  for (int k = 0; k < taps; ++k, w += FILTERS, offset += S) {
    vec weights[FILTERS];
#pragma GCC unroll 8
    for (int i = 0; i < FILTERS; ++i) weights[i] = in_register(splat(w[i]));
#pragma GCC unroll 4
    for (int v = 0; v < VECS; ++v) {
      const vec operand = in_register(load(x + offset[v / RUN] + v % RUN * step));
#pragma GCC unroll 8
      for (int i = 0; i < FILTERS; ++i) sums[i][v] += weights[i] * operand;
    }
  }
}

// One tile: emit(filter in tile, vector of pixels) receives the sums while they are in registers.
// `bias` is padded to whole tiles, or null. Not inlined, so that the sums have all registers: a
// single one in memory would cost more than the call.
template <int FILTERS, int VECS, int S, class Emit>
static __attribute__((noinline)) void tap_tile(const float* x, const float* w, const int* offset,
                                               int taps, ptrdiff_t shift_stride,
                                               const float* bias, Emit emit) {
  vec sums[FILTERS][VECS];
#pragma GCC unroll 8
  for (int i = 0; i < FILTERS; ++i)
#pragma GCC unroll 4
    for (int v = 0; v < VECS; ++v) sums[i][v] = bias ? splat(bias[i]) : vec{};
  sum_taps<FILTERS, VECS, S>(x, w, offset, taps, shift_stride, sums);
#pragma GCC unroll 8
  for (int i = 0; i < FILTERS; ++i) emit(i, sums[i]);
}

// ---------------------------------------------------------------------------- sums over pixels

// The output gradients of GRAD_FILTERS filters at `vectors` vectors of pooled pixels:
// [vector][phase][filter][lane], which a tile reads from the first number to the last.
constexpr int gradient_block(int S) { return S * S * GRAD_FILTERS * LANES; }

// sums[k][i] += sum over pixels of gradient[i] * x[offset[k] ...], for `images` images whose
// columns lie image_stride apart.
template <int S>
static void sum_pixels(const float* x, size_t image_stride, int images, const int* offset,
                       ptrdiff_t shift_stride, const float* gradient, int vectors,
                       vec (&sums)[GRAD_TAPS][GRAD_FILTERS]) {
  for (int image = 0; image < images; ++image, x += image_stride) {
    const float* operand[S * S][GRAD_TAPS];
    for (int phase = 0; phase < S * S; ++phase)
      for (int k = 0; k < GRAD_TAPS; ++k)
        operand[phase][k] = x + offset[k * S + phase / S] + phase % S * shift_stride;
    for (ptrdiff_t q = 0; q < vectors * LANES; q += LANES)
#pragma GCC unroll 1  // unrolled, GCC 12 runs out of registers
      for (int phase = 0; phase < S * S; ++phase, gradient += GRAD_FILTERS * LANES) {
        vec pixels[GRAD_TAPS];
#pragma GCC unroll 4
        for (int k = 0; k < GRAD_TAPS; ++k) pixels[k] = load(operand[phase][k] + q);
#pragma GCC unroll 8
        for (int i = 0; i < GRAD_FILTERS; ++i) {
          const vec g = in_register(load(gradient + i * LANES));
#pragma GCC unroll 4
          for (int k = 0; k < GRAD_TAPS; ++k) sums[k][i] += g * pixels[k];
        }
      }
  }
}

}  // namespace facekp
