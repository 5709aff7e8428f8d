// Transformed images: one linear interpolation through an affine map, a blur, another contrast and
// brightness, noise. facekp/data/transforms/resample.py is the same, statement by statement.
//
// Positions in the old image are whole numbers of 1 / UNIT px, so that no rounding and no fused
// multiply-add makes one machine look elsewhere than another.
// An image's pixels depend on nothing but its own inputs: threads share out whole images.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "simd.h"
#include "threads.h"

namespace facekp {

constexpr int POSITION_BITS = 21, UNIT = 1 << POSITION_BITS;  // 2^31 of them are 1024 px
constexpr int MIDDLE = 48;  // positions are counted from this column and row

// Images of at least 2 x 2 pixels. The arrays are those of KernelInput in kernel_input.py.
struct Resampling {
  int height, width, radius;
  const float* old;      // (any number, height, width)
  const int64_t* rows;   // (n,), which of them are wanted
  const int64_t* whole;  // (n, 7)
  const float* tone;     // (n, 3)
  const float* weights;  // (n, radius + 1)
  float* out;            // (n, height, width)
};

// Whether all positions that the map asks for fit into 32 bits.
static inline bool fits(const Resampling& r, const int64_t* whole) {
  for (int axis = 0; axis < 2; ++axis)
    for (int corner = 0; corner < 4; ++corner) {
      const int64_t x = (corner & 1 ? r.width : 0) - MIDDLE;
      const int64_t y = (corner & 2 ? r.height : 0) - MIDDLE;
      const int64_t* w = whole + 3 * axis;
      for (int64_t part : {w[0] * x, w[1] * y, w[1] * y + w[2], w[0] * x + w[1] * y + w[2]})
        if (part != int32_t(part)) return false;
    }
  return true;
}

// Where the pixels of a row come from, and the pixels there; room for whole vectors.
struct Row {
  std::vector<int32_t> upper_left;         // index of the first of four neighbours
  std::vector<float> to_right, to_lower;   // 0 .. 1, how far from it
  std::vector<float> upper, lower;         // left and right neighbour of each pixel in turn

  explicit Row(int width) {
    const int size = (width + LANES - 1) / LANES * LANES;
    upper_left.resize(size);
    for (auto* part : {&to_right, &to_lower}) part->resize(size);
    for (auto* part : {&upper, &lower}) part->resize(2 * size);
  }
};

// pairs[2 i] and pairs[2 i + 1] are p[index[i]] and the float after it, for i < LANES.
static FACEKP_INLINE void gather_pairs(const float* p, const int32_t* index, float* pairs) {
#if FACEKP_LANES == 16
  for (int i = 0; i < LANES; i += 8)
    _mm512_storeu_si512(pairs + 2 * i, _mm512_i32gather_epi64(
                                           _mm256_loadu_si256((const __m256i*)(index + i)), p, 4));
#else
  for (int i = 0; i < LANES; ++i) memcpy(pairs + 2 * i, p + index[i], 2 * sizeof(float));
#endif
}

// LANES pairs of a left and a right pixel, interpolated.
static FACEKP_INLINE vec between_pairs(const float* pairs, vec to_right) {
  const vec first = load(pairs), second = load(pairs + LANES);
  return half_blocks<2, 0>(first, second) * (1 - to_right) +
         half_blocks<2, 1>(first, second) * to_right;
}

// One row of the new image. Three loops: positions and interpolation are work for vectors, loading
// from anywhere is not on every machine. So it is done by itself, two neighbours at a time.
static inline void interpolate_row(const Resampling& r, const float* old, const int32_t* w, int y,
                                   Row& row, float* out) {
  const int width = r.width, height = r.height;
  const int32_t last_x = (width - 1) * UNIT, last_y = (height - 1) * UNIT;
  const int32_t row_x = w[1] * (y - MIDDLE) + w[2], row_y = w[4] * (y - MIDDLE) + w[5];
  const int32_t slope_x = w[0], slope_y = w[3];
  int32_t* __restrict upper_left = row.upper_left.data();
  float *__restrict to_right = row.to_right.data(), *__restrict to_lower = row.to_lower.data();
  float *__restrict upper = row.upper.data(), *__restrict lower = row.lower.data();
  for (int x = 0; x < width; ++x) {
    const int32_t old_x = std::min(std::max(slope_x * (x - MIDDLE) + row_x, 0), last_x);
    const int32_t old_y = std::min(std::max(slope_y * (x - MIDDLE) + row_y, 0), last_y);
    const int32_t left = std::min(old_x >> POSITION_BITS, width - 2);
    const int32_t top = std::min(old_y >> POSITION_BITS, height - 2);
    upper_left[x] = top * width + left;
    to_right[x] = float(old_x - left * UNIT) * (1.0f / UNIT);
    to_lower[x] = float(old_y - top * UNIT) * (1.0f / UNIT);
  }
  for (int x = 0; x < width; x += LANES) {
    gather_pairs(old, upper_left + x, upper + 2 * x);
    gather_pairs(old + width, upper_left + x, lower + 2 * x);
  }
  for (int x = 0; x < width; x += LANES) {
    const vec down = load(to_lower + x);
    const vec above = between_pairs(upper + 2 * x, load(to_right + x));
    const vec below = between_pairs(lower + 2 * x, load(to_right + x));
    store_first(out + x, above * (1 - down) + below * down, std::min(LANES, width - x));
  }
}

// Blurs a row: pixel x from x of `centre` and of the rows or columns before(k) and after(k).
template <class Before, class After>
static FACEKP_INLINE void blur_row(int width, int radius, const float* weights, const float* centre,
                                   Before before, After after, float* out) {
  for (int x = 0; x < width; x += LANES) {
    vec total = weights[0] * load(centre + x);
    for (int k = 1; k <= radius; ++k)
      total += weights[k] * (load(before(k) + x) + load(after(k) + x));
    store_first(out + x, total, std::min(LANES, width - x));
  }
}

// Four random bytes of a hash of the pixel's number (lowbias32 by Chris Wellons), less their mean.
static inline float noise_bytes(uint32_t key, uint32_t pixel) {
  uint32_t h = pixel * 0x9E3779B9u + key;
  h = (h ^ (h >> 16)) * 0x7FEB352Du;
  h = (h ^ (h >> 15)) * 0x846CA68Bu;
  h = h ^ (h >> 16);
  const uint32_t pairs = (h & 0x00FF00FFu) + ((h >> 8) & 0x00FF00FFu);
  return float(int32_t((pairs & 0xFFFFu) + (pairs >> 16)) - 510);
}

// An image's mean, added up in 16 lanes: a plain sum of floats would not become vectors.
static inline float mean(const float* image, int count) {
  float lanes[16] = {}, total = 0;
  const int whole = count / 16 * 16;
  for (int i = 0; i < whole; i += 16)
    for (int lane = 0; lane < 16; ++lane) lanes[lane] += image[i + lane];
  for (int i = whole; i < count; ++i) total += image[i];
  for (float lane : lanes) total += lane;
  return total / count;
}

static inline float gray(float level) { return std::min(std::max(level, 0.0f), 1.0f); }

// Contrast, brightness and noise of `count` pixels, of which the first has the number `first`.
static inline void change_tone(const float* tone, uint32_t key, float mean, int first, int count,
                               float* __restrict pixels) {
  const float gain = tone[0], base = mean * (1 - gain) + tone[1], amplitude = tone[2];
  if (amplitude == 0)
    for (int i = 0; i < count; ++i) pixels[i] = gray(gain * pixels[i] + base);
  else
    for (int i = 0; i < count; ++i)
      pixels[i] = gray(gain * pixels[i] + base + amplitude * noise_bytes(key, first + i));
}

// What a thread needs besides: rows that are `wide` enough for a blur, and an image between both
// directions of it; all with room for a vector more.
struct Scratchpad {
  Row row;
  std::vector<float> wide, between;

  explicit Scratchpad(const Resampling& r)
      : row(r.width), wide(r.width + 2 * r.radius + LANES),
        between(r.radius ? r.height * r.width + LANES : 0) {}
};

static inline void resample_image(const Resampling& r, int64_t i, Scratchpad& pad) {
  const int width = r.width, last = r.height - 1, count = r.height * width;
  const float* old = r.old + r.rows[i] * count;
  const float* weights = r.weights + i * (r.radius + 1);
  float* out = r.out + i * count;
  int radius = r.radius;
  while (radius && weights[radius] == 0) --radius;
  int32_t w[6];
  std::copy(r.whole + 7 * i, r.whole + 7 * i + 6, w);
  const uint32_t key = uint32_t(r.whole[7 * i + 6]);
  float *const between = pad.between.data(), *const centre = pad.wide.data() + radius;
  for (int y = 0; y <= last && radius; ++y) {
    interpolate_row(r, old, w, y, pad.row, centre);
    std::fill(pad.wide.data(), centre, centre[0]);
    std::fill(centre + width, centre + width + radius, centre[width - 1]);
    blur_row(width, radius, weights, centre, [&](int k) { return centre - k; },
             [&](int k) { return centre + k; }, between + y * width);
  }
  const auto row = [&](int y) { return between + std::min(std::max(y, 0), last) * width; };
  const float level = mean(old, count);
  for (int y = 0; y <= last; ++y, out += width) {
    if (radius)
      blur_row(width, radius, weights, row(y), [&](int k) { return row(y - k); },
               [&](int k) { return row(y + k); }, out);
    else
      interpolate_row(r, old, w, y, pad.row, out);
    change_tone(r.tone + 3 * i, key, level, y * width, width, out);
  }
}

static inline void resample(const Resampling& r, int images, int threads) {
  parallel_ranges(images, std::min(threads, images), [&](int first, int last, int) {
    Scratchpad pad(r);
    for (int i = first; i < last; ++i) resample_image(r, i, pad);
  });
}

}  // namespace facekp
