// Dropout bits from a counter: the mask is a function of (seed, step, element), never stored.
//
// A generator with a state would tie the mask to the order in which threads draw from it. Here the
// 32 random bits of an element are a hash of its flat index in the layer's output, keyed by the
// layer's seed and the training step, so that any thread, band or vector width finds the same bits,
// and the gradient finds them again instead of reading a mask from memory.
//
// The hash is Wellons' "lowbias32" (two multiply-xorshift rounds, https://nullprogram.com/blog/
// 2018/07/31/); one key shifts the counter, the other enters between the rounds, so that two steps
// are not shifted copies of one sequence. About 10 vector instructions for LANES elements.
// tests/dropout_reference.py is the same in numpy.
#pragma once
#include <cstdint>

#include "simd.h"

namespace facekp {

struct DropoutKey {
  uint32_t counter_key;  // added to the element's index
  uint32_t round_key;    // mixed in between the two rounds
  uint32_t threshold;    // an element is kept iff its bits are >= threshold
  float scale;           // 1 / (1 - p), the factor of kept elements
};

static inline uint64_t splitmix64(uint64_t z) {
  z += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// p is the probability of dropping, 0 <= p < 1.
static inline DropoutKey make_dropout_key(int64_t seed, int64_t step, float p) {
  const uint64_t mixed = splitmix64(splitmix64((uint64_t)seed) + (uint64_t)step);
  DropoutKey key;
  key.counter_key = (uint32_t)mixed;
  key.round_key = (uint32_t)(mixed >> 32);
  key.threshold = (uint32_t)((double)p * 4294967296.0);
  key.scale = (float)(1.0 / (1.0 - (double)p));
  return key;
}

// T is uint32_t (one element) or uvec (LANES elements).
template <typename T>
static FACEKP_INLINE T dropout_hash(const DropoutKey& key, T index) {
  T x = index + key.counter_key;
  x ^= x >> 16;
  x *= 0x7feb352du;
  x ^= x >> 15;
  x ^= key.round_key;
  x *= 0x846ca68bu;
  x ^= x >> 16;
  return x;
}

static FACEKP_INLINE uvec lane_numbers() {
  uvec lanes = {};
  for (int i = 0; i < LANES; ++i) lanes[i] = (uint32_t)i;
  return lanes;
}

// The bits of the LANES elements first_index, first_index + 1, ... (wrapping in 32 bits).
static FACEKP_INLINE uvec dropout_bits(const DropoutKey& key, uint32_t first_index) {
  return dropout_hash(key, lane_numbers() + first_index);
}

// The same as factors: key.scale where an element is kept, 0 where it is dropped.
static FACEKP_INLINE vec dropout_factors(const DropoutKey& key, uint32_t first_index) {
  const ivec keep = (ivec)(dropout_bits(key, first_index) >= (uvec{} + key.threshold));
  return (vec)((ivec)splat(key.scale) & keep);
}

// One element's factor, for the ends of rows.
static FACEKP_INLINE float dropout_factor(const DropoutKey& key, uint32_t index) {
  return dropout_hash(key, index) >= key.threshold ? key.scale : 0.0f;
}

// y = x * factors, for a layer that has no Op to join.
static inline void apply_dropout(const DropoutKey& key, const float* x, float* y, int64_t size) {
  const int64_t vectors = size / LANES;
#pragma omp parallel for schedule(static) if (size > 65536)
  for (int64_t v = 0; v < vectors; ++v)
    store(y + v * LANES, load(x + v * LANES) * dropout_factors(key, (uint32_t)(v * LANES)));
  for (int64_t i = vectors * LANES; i < size; ++i) y[i] = x[i] * dropout_factor(key, (uint32_t)i);
}

}  // namespace facekp
