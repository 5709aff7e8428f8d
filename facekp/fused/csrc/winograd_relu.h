// What stands at the ends of a convolution: bias, ReLU and 2x2 max pool on the way out of the
// forward, their gradients on the way into the backward, all on tiles that are in registers or L1.
#pragma once
#include "winograd_multiply.h"
#include "winograd_pixels.h"

namespace facekp {
namespace winograd {

// Sinks: write(image, channel, tile row, end tile row, products, pixels) takes LANES channels of a
// stretch of tiles from the products of their first tile on; `pixels` is room for the stretch.

// The output tile of the products at `m`, row by row.
static FACEKP_INLINE void output_tile(const float* m, size_t point, vec* tile) {
  float* out = (float*)tile;
  transform<OutputValues>(m, SPAN * point, point, out, TILE * LANES, LANES);
}

// y (n, channels, height, width), with finish(tile of vectors) applied before.
template <class Finish>
static FACEKP_INLINE void write_pixels(float* y, const Images& shape, int image, int channel,
                                       int top, int end, const float* m, const Panel& products,
                                       float* pixels, const Finish& finish) {
  const int height = std::min(end * TILE, shape.height) - top * TILE;
  for (int r = 0; r < end - top; ++r)
    for (int t = 0; t < shape.tile_columns(); ++t, m += products.width) {
      vec tile[TILE * TILE];
      output_tile(m, products.point, tile);
      finish(tile);
      const int rows = std::min(TILE, height - r * TILE);
      const int columns = std::min(TILE, shape.width - t * TILE);
      float* to = pixels + (size_t(r) * TILE * shape.width + size_t(t) * TILE) * LANES;
      for (int i = 0; i < rows; ++i)
        for (int j = 0; j < columns; ++j)
          store(to + (size_t(i) * shape.width + j) * LANES, tile[i * TILE + j]);
    }
  float* to = y + shape.at(image, channel, top * TILE);
  const size_t plane = shape.plane();
  from_lanes(pixels, height * shape.width, std::min(LANES, shape.channels - channel),
             [&](int lane, int p, vec v, int count) {
               store_some(to + lane * plane + p, v, count);
             });
}

struct Plain {
  float* y;
  Images shape;
  void write(int image, int channel, int top, int end, const float* m, const Panel& products,
             float* pixels) const {
    write_pixels(y, shape, image, channel, top, end, m, products, pixels, [](vec*) {});
  }
};

// ReLU keeps what its gradient needs in the sign of its zeros: +0 for a negative pre-activation,
// -0 for one of exactly zero, at which Theano's 0.5 * (x + abs(x)) passes half of the gradient.
// The sign is set and read as an integer, so that no compiler option can lose it.
static FACEKP_INLINE vec rectified(vec x) {
  const ivec zero = (x == vec{}) & INT32_MIN;  // max below keeps NaN: 0 > NaN is false
  return (vec)((ivec)max(vec{}, x) | zero);
}
static FACEKP_INLINE vec rectified_gradient(vec gy, vec y) {
  const ivec positive = y > vec{}, half = (ivec)y == INT32_MIN;
  return (vec)((positive & (ivec)gy) | (half & (ivec)(0.5f * gy)));
}

struct BiasRectify {
  const float* bias;
  float* y;
  Images shape;
  void write(int image, int channel, int top, int end, const float* m, const Panel& products,
             float* pixels) const {
    const vec b = load_some(bias + channel, std::min(LANES, shape.channels - channel));
    write_pixels(y, shape, image, channel, top, end, m, products, pixels, [&](vec* tile) {
      for (int i = 0; i < TILE * TILE; ++i) tile[i] = rectified(tile[i] + b);
    });
  }
};

// The gradient before a ReLU from the one behind it and the ReLU's output.
struct Rectified {
  const float *gy, *y;
  Images shape;

  void read(int image, int channel, int top, int bottom, float* pixels, size_t pitch) const {
    const size_t from = shape.at(image, channel, top), plane = shape.plane();
    to_lanes((bottom - top) * shape.width, std::min(LANES, shape.channels - channel),
             [&](int lane, int p, int count) {
               const size_t at = from + lane * plane + p;
               return rectified_gradient(load_some(gy + at, count), load_some(y + at, count));
             },
             pixels, shape.width, pitch);
  }
};

// The byte of a pooled value: bits 0 to 3 say which elements of its 2x2 window receive its
// gradient, bit 4 that they receive half of it (the largest pre-activation is exactly zero).
// They are laid out as the transforms meet them: (image, tile row, tile column, 4, channels).
constexpr int POOL_HALF = 16;

static FACEKP_INLINE size_t pool_mask_index(const Images& shape, int image, int row, int column) {
  const size_t tile =
      (size_t(image) * shape.tile_rows() + row / 2) * shape.tile_columns() + column / 2;
  return (tile * 4 + row % 2 * 2 + column % 2) * shape.channels;
}

static FACEKP_INLINE ivec pool_bits(const vec* z, vec largest) {
  ivec bits = (largest == vec{}) & POOL_HALF;
  for (int i = 0; i < 4; ++i) bits |= (z[i] == largest) & (1 << i);
  return bits & (largest >= vec{});
}

// y (n, channels, height / 2, width / 2), and the bytes for the gradient (see Unpooled).
struct BiasRectifyPool {
  const float* bias;
  float* y;
  uint8_t* mask;
  Images shape;  // before the pool

  void write(int image, int channel, int top, int end, const float* m, const Panel& products,
             float* pixels) const {
    const int lanes = std::min(LANES, shape.channels - channel);
    const vec b = load_some(bias + channel, lanes);
    const Images half = shape.halved();
    const int height = std::min(end * 2, half.height) - top * 2;
    for (int r = 0; r < end - top; ++r)
      for (int t = 0; t < shape.tile_columns(); ++t, m += products.width) {
        vec tile[TILE * TILE];
        output_tile(m, products.point, tile);
        for (int i = 0; i < 2; ++i)
          for (int j = 0; j < 2; ++j) {
            const vec* w = tile + i * 2 * TILE + j * 2;
            const vec z[] = {w[0] + b, w[1] + b, w[TILE] + b, w[TILE + 1] + b};
            const vec largest = max(max(z[0], z[1]), max(z[2], z[3]));
            const int row = (top + r) * 2 + i, column = t * 2 + j;
            store_bytes(mask + pool_mask_index(shape, image, row, column) + channel,
                        pool_bits(z, largest), lanes);
            if (row - top * 2 < height && column < half.width)
              store(pixels + (size_t(row - top * 2) * half.width + column) * LANES,
                    max(vec{}, largest));
          }
      }
    if (height <= 0) return;
    float* to = y + half.at(image, channel, top * 2);
    const size_t plane = half.plane();
    from_lanes(pixels, height * half.width, lanes, [&](int lane, int p, vec v, int count) {
      store_some(to + lane * plane + p, v, count);
    });
  }
};

// The gradient before ReLU and 2x2 max pool from the one behind them and the forward's bytes.
struct Unpooled {
  const float* gy;  // (n, channels, height / 2, width / 2)
  const uint8_t* mask;
  Images shape;  // before the pool

  void read(int image, int channel, int top, int bottom, float* pixels, size_t pitch) const {
    if (shape.height % 2 || shape.width % 2)  // the pool dropped the odd row or column
      for (int row = 0; row < bottom - top; ++row)
        std::fill_n(pixels + row * pitch, size_t(shape.width) * LANES, 0.0f);
    const Images half = shape.halved();
    const int first = top / 2, last = std::min((bottom + 1) / 2, half.height);
    const int n = (last - first) * half.width, lanes = std::min(LANES, shape.channels - channel);
    const float* from = gy + half.at(image, channel, first);
    constexpr int BLOCK = 4 * LANES;
    float block[BLOCK * LANES];
    for (int start = 0; start < n; start += BLOCK) {
      const int count = std::min(BLOCK, n - start);
      to_lanes(count, lanes,
               [&](int lane, int p, int some) {
                 return load_some(from + start + lane * half.plane() + p, some);
               },
               block, count, 0);
      for (int p = 0; p < count; ++p) {
        const int row = first + (start + p) / half.width, column = (start + p) % half.width;
        const uint8_t* bytes = mask + pool_mask_index(shape, image, row, column) + channel;
        spread(load(block + p * LANES), load_bytes(bytes, lanes), 2 * row - top, bottom - top,
               pixels + size_t(column) * 2 * LANES, pitch);
      }
    }
  }

  static FACEKP_INLINE void spread(vec g, ivec bits, int row, int rows, float* pixels,
                                   size_t pitch) {
    g = (bits & POOL_HALF) != 0 ? 0.5f * g : g;
    for (int i = 0; i < 4; ++i)
      if (row + i / 2 >= 0 && row + i / 2 < rows)
        store(pixels + (row + i / 2) * pitch + (i % 2) * LANES,
              (bits & (1 << i)) != 0 ? g : vec{});
  }
};

}  // namespace winograd
}  // namespace facekp
