// Between NCHW images and the transforms' form, in which a pixel is a vec of LANES channels.
//
// Both directions go through a transpose of LANES x LANES floats in registers: with it, images of
// any width and tiles at any place cost the same, and no gather instruction is needed.
#pragma once
#include <algorithm>
#include <utility>

#include "winograd_transforms.h"

namespace facekp {
namespace winograd {

// Lanes of a then b picked by constants; the compiler finds the machine's cheapest shuffle.
template <int HALF, bool HIGH, int... I>
static FACEKP_INLINE vec exchange(vec a, vec b, std::integer_sequence<int, I...>) {
#if defined(__clang__) || __GNUC__ >= 12
  return __builtin_shufflevector(
      a, b, (HIGH ? (I & HALF ? LANES + I : I + HALF) : (I & HALF ? LANES + I - HALF : I))...);
#else
  return __builtin_shuffle(
      a, b,
      ivec{(HIGH ? (I & HALF ? LANES + I : I + HALF) : (I & HALF ? LANES + I - HALF : I))...});
#endif
}

// Swaps the off-diagonal HALF x HALF blocks of every 2 HALF x 2 HALF block, then goes finer.
template <int HALF>
static FACEKP_INLINE void transpose_blocks(vec* v) {
  const std::make_integer_sequence<int, LANES> lanes{};
#pragma GCC unroll 16
  for (int i = 0; i < LANES; ++i)
    if (!(i & HALF)) {
      const vec a = v[i], b = v[i + HALF];
      v[i] = exchange<HALF, false>(a, b, lanes);
      v[i + HALF] = exchange<HALF, true>(a, b, lanes);
    }
  transpose_blocks<HALF / 2>(v);
}
template <>
FACEKP_INLINE void transpose_blocks<0>(vec*) {}

static FACEKP_INLINE void transpose(vec* v) { transpose_blocks<LANES / 2>(v); }

// The first `count` lanes; whole vectors, which are nearly all, without the detour on any machine.
static FACEKP_INLINE vec load_some(const float* p, int count) {
  return count == LANES ? load(p) : load_first(p, count);
}
static FACEKP_INLINE void store_some(float* p, vec v, int count) {
  if (count == LANES)
    store(p, v);
  else
    store_first(p, v, count);
}

// Writes n pixels as vectors `step` floats apart, in rows of `width` that start `pitch` floats
// apart. The lanes below `lanes` come from read(lane, first pixel, pixels); the others are zero.
template <class Read>
static FACEKP_INLINE void to_lanes(int n, int lanes, const Read& read, float* pixels, int width,
                                   ptrdiff_t pitch, ptrdiff_t step = LANES) {
  for (int p = 0; p < n; p += LANES) {
    const int count = std::min(LANES, n - p);
    vec v[LANES];
    for (int i = 0; i < LANES; ++i) v[i] = i < lanes ? read(i, p, count) : vec{};
    transpose(v);
    int column = p % width;
    float* to = pixels + p / width * pitch + column * step;
    if (count == LANES && column + LANES <= width) {
      for (int i = 0; i < LANES; ++i) store(to + i * step, v[i]);
      continue;
    }
    for (int i = 0; i < count; ++i) {
      store(to, v[i]);
      to += step;
      if (++column == width) {
        column = 0;
        to += pitch - width * step;
      }
    }
  }
}

// The way back: n vectors, in rows like those, go to write(lane, first pixel, values, pixels).
template <class Write>
static FACEKP_INLINE void from_lanes(const float* pixels, int width, ptrdiff_t pitch, int n,
                                     int lanes, const Write& write, ptrdiff_t step = LANES) {
  int column = 0;
  for (int p = 0; p < n; p += LANES) {
    const int count = std::min(LANES, n - p);
    vec v[LANES];
    for (int i = 0; i < LANES; ++i) {
      v[i] = i < count ? load(pixels + column * step) : vec{};
      if (++column == width) {
        column = 0;
        pixels += pitch;
      }
    }
    transpose(v);
    for (int i = 0; i < LANES; ++i)
      if (i < lanes) write(i, p, v[i], count);
  }
}

// The sizes of a stack of images.
struct Images {
  int images, channels, height, width;
  Images with_channels(int n) const { return {images, n, height, width}; }
  Images halved() const { return {images, channels, height / 2, width / 2}; }
  // The flat index of the first pixel of a row.
  size_t at(int image, int channel, int row) const {
    return ((size_t(image) * channels + channel) * height + row) * width;
  }
  size_t plane() const { return size_t(height) * width; }
};

// The tiles that cover the outputs of a convolution. A strip is one row of tiles.
struct Grid {
  int images, rows, columns;
  int strips() const { return images * rows; }
  int tiles() const { return strips() * columns; }
};
template <class S>
static Grid grid_of(const Images& out) {
  return {out.images, (out.height + S::TILE - 1) / S::TILE, (out.width + S::TILE - 1) / S::TILE};
}

// From a stretch of rows to the next one of the same channel, in floats: the next rows, or the
// first of the next image. Pooled rows are short runs in LANES planes, which the hardware does not
// foresee: they are prefetched while the stretch before is at work.
static inline size_t next_stretch(const Images& shape, int top, int bottom) {
  return bottom < shape.height ? size_t(bottom - top) * shape.width
                               : shape.channels * shape.plane() - size_t(top) * shape.width;
}

// Sources: read(image, channel, top, bottom, pixels, pitch) writes the rows from top to bottom of
// LANES channels as vectors.

// The values of an array (n, channels, height, width).
struct Values {
  const float* x;
  Images shape;

  void read(int image, int channel, int top, int bottom, float* pixels, size_t pitch) const {
    const float* from = x + shape.at(image, channel, top);
    const size_t plane = shape.plane();
    to_lanes((bottom - top) * shape.width, std::min(LANES, shape.channels - channel),
             [&](int lane, int p, int count) { return load_some(from + lane * plane + p, count); },
             pixels, shape.width, pitch);
  }
};

}  // namespace winograd
}  // namespace facekp
