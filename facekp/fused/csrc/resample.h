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

// LANES pixels and what lies on the right of each.
struct Pairs {
  vec left, right;
};

// p[index[i]] and the float after it, for i < LANES.
static FACEKP_INLINE Pairs gather_pairs(const float* p, ivec index) {
#if FACEKP_LANES == 16
  const __m512i halves = (__m512i)index, none = {};
  const vec first = (vec)_mm512_mask_i32gather_epi64(
      none, 0xff, _mm512_maskz_extracti64x4_epi64(0xf, halves, 0), p, 4);
  const vec second = (vec)_mm512_mask_i32gather_epi64(
      none, 0xff, _mm512_maskz_extracti64x4_epi64(0xf, halves, 1), p, 4);
#elif defined(__AVX2__)
  const __m256i halves = (__m256i)index;
  const vec first = (vec)_mm256_i32gather_epi64(
      (const long long*)p, _mm256_castsi256_si128(halves), 4);
  const vec second = (vec)_mm256_i32gather_epi64(
      (const long long*)p, _mm256_extracti128_si256(halves, 1), 4);
#else
  float pairs[2 * LANES];
  for (int i = 0; i < LANES; ++i) memcpy(pairs + 2 * i, p + index[i], 2 * sizeof(float));
  const vec first = load(pairs), second = load(pairs + LANES);
#endif
  return {half_blocks<2, 0>(first, second), half_blocks<2, 1>(first, second)};
}

static FACEKP_INLINE vec between(Pairs pixels, vec to_right) {
  return pixels.left * (1 - to_right) + pixels.right * to_right;
}

static FACEKP_INLINE ivec at_most(ivec v, int32_t limit) { return v < limit ? v : limit - ivec{}; }
static FACEKP_INLINE ivec clamped(ivec v, int32_t last) { return at_most(v > 0 ? v : ivec{}, last); }

// One row of the new image.
static inline void interpolate_row(const Resampling& r, const float* old, const int32_t* w, int y,
                                   float* out) {
  const int width = r.width, height = r.height;
  const int32_t last_x = (width - 1) * UNIT, last_y = (height - 1) * UNIT;
  // Unsigned, since lanes behind the end of the row may pass 32 bits.
  const uvec lane = (uvec)lane_index() - uint32_t(MIDDLE);
  uvec place_x = lane * uint32_t(w[0]) + uint32_t(w[1] * (y - MIDDLE) + w[2]);
  uvec place_y = lane * uint32_t(w[3]) + uint32_t(w[4] * (y - MIDDLE) + w[5]);
  for (int x = 0; x < width; x += LANES) {
    const ivec old_x = clamped((ivec)place_x, last_x), old_y = clamped((ivec)place_y, last_y);
    const ivec left = at_most(old_x >> POSITION_BITS, width - 2);
    const ivec top = at_most(old_y >> POSITION_BITS, height - 2), index = top * width + left;
    const vec to_right = to_float(old_x - (left << POSITION_BITS)) * (1.0f / UNIT);
    const vec down = to_float(old_y - (top << POSITION_BITS)) * (1.0f / UNIT);
    const vec above = between(gather_pairs(old, index), to_right);
    const vec below = between(gather_pairs(old + width, index), to_right);
    store_first(out + x, above * (1 - down) + below * down, std::min(LANES, width - x));
    place_x += uint32_t(w[0]) * uint32_t(LANES);
    place_y += uint32_t(w[3]) * uint32_t(LANES);
  }
}

// Blurs a row: pixel x from x of `centre` and of the rows or columns before(k) and after(k). The sums
// of several vectors stay in registers, since a weight's loop is short.
template <class Before, class After>
static FACEKP_INLINE void blur_row(int width, int radius, const float* weights, const float* centre,
                                   Before before, After after, float* out) {
  const auto blur = [&](int x, auto vectors) {
    constexpr int N = decltype(vectors)::value;
    vec total[N];
    for (int i = 0; i < N; ++i) total[i] = weights[0] * load(centre + x + i * LANES);
    for (int k = 1; k <= radius; ++k) {
      const float *one = before(k) + x, *other = after(k) + x;
      for (int i = 0; i < N; ++i)
        total[i] += weights[k] * (load(one + i * LANES) + load(other + i * LANES));
    }
    for (int i = 0; i < N; ++i)
      store_first(out + x + i * LANES, total[i], std::min(LANES, width - x - i * LANES));
  };
  constexpr int MANY = 6;
  int x = 0;
  for (; x + MANY * LANES <= width; x += MANY * LANES)
    blur(x, std::integral_constant<int, MANY>());
  for (; x < width; x += LANES) blur(x, std::integral_constant<int, 1>());
}

// Four random bytes of a hash of the pixel's number (lowbias32 by Chris Wellons), less their mean.
static FACEKP_INLINE vec noise_bytes(uint32_t key, uvec pixel) {
  uvec h = pixel * 0x9E3779B9u + key;
  h = (h ^ (h >> 16)) * 0x7FEB352Du;
  h = (h ^ (h >> 15)) * 0x846CA68Bu;
  h = h ^ (h >> 16);
  const uvec pairs = (h & 0x00FF00FFu) + ((h >> 8) & 0x00FF00FFu);
  return to_float((ivec)((pairs & 0xFFFFu) + (pairs >> 16)) - 510);
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

// Contrast, brightness and noise of `count` pixels, of which the first has the number `first`.
static inline void change_tone(const float* tone, uint32_t key, float mean, int first, int count,
                               float* pixels) {
  const float gain = tone[0], base = mean * (1 - gain) + tone[1], amplitude = tone[2];
  for (int i = 0; i < count; i += LANES) {
    const int fitting = std::min(LANES, count - i);
    vec level = gain * load_first(pixels + i, fitting) + base;
    if (amplitude != 0)
      level += amplitude * noise_bytes(key, (uvec)lane_index() + uint32_t(first + i));
    level = max(vec{}, level);  // in this order NaN stays NaN
    store_first(pixels + i, level > 1 ? splat(1) : level, fitting);
  }
}

// What a thread needs besides: rows that are `wide` enough for a blur, and an image between both
// directions of it; all with room for a vector more.
struct Scratchpad {
  std::vector<float> wide, between;

  explicit Scratchpad(const Resampling& r)
      : wide(r.width + 2 * r.radius + LANES),
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
    interpolate_row(r, old, w, y, centre);
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
      interpolate_row(r, old, w, y, out);
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
