// One vector type whose width follows the machine.
//
// Every kernel is written once, with the compiler's vector extensions (GCC and Clang), in terms of
// `vec`: 16 floats with AVX-512, 8 with AVX, 4 with SSE or NEON. The compiler turns a * b + c into
// fused multiply-adds where the machine has them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#if defined(__AVX__)
#include <immintrin.h>
#endif
#if defined(__AVX512F__)
#define FACEKP_LANES 16
#elif defined(__AVX__)
#define FACEKP_LANES 8
#else
#define FACEKP_LANES 4
#endif

#define FACEKP_INLINE inline __attribute__((always_inline))

namespace facekp {

constexpr int LANES = FACEKP_LANES;

typedef float vec __attribute__((vector_size(4 * FACEKP_LANES)));
typedef int32_t ivec __attribute__((vector_size(4 * FACEKP_LANES)));
typedef uint32_t uvec __attribute__((vector_size(4 * FACEKP_LANES)));

// The same vector at any address that a float may have.
typedef float vec_unaligned
    __attribute__((vector_size(4 * FACEKP_LANES), aligned(4), may_alias));

static FACEKP_INLINE vec load(const float* p) { return *(const vec_unaligned*)p; }
static FACEKP_INLINE void store(float* p, vec v) { *(vec_unaligned*)p = v; }
static FACEKP_INLINE vec splat(float s) { return s - vec{}; }
static FACEKP_INLINE vec max(vec a, vec b) { return a > b ? a : b; }

// Whole numbers of 22 bits as floats and back: added to 1.5 * 2**23 they stand in the last bits.
// (GCC 12 takes __builtin_convertvector apart into scalars.)
constexpr float SHIFT = 12582912.0f;
constexpr int32_t SHIFT_BITS = 0x4b400000;
static FACEKP_INLINE vec to_float(ivec v) { return (vec)(v + SHIFT_BITS) - SHIFT; }

static FACEKP_INLINE float sum(vec v) {
  float total = 0;
  for (int i = 0; i < LANES; ++i) total += v[i];
  return total;
}

// v, loaded into a register here and now: for an operand of several instructions, each of which the
// compiler might otherwise give its own load from memory.
static FACEKP_INLINE vec in_register(vec v) {
#if defined(__x86_64__)
  asm("" : "+v"(v));
#endif
  return v;
}

static FACEKP_INLINE ivec lane_index() {
  ivec lanes = {};
  for (int i = 0; i < LANES; ++i) lanes[i] = i;
  return lanes;
}

// Whether a lane is not 0.
static FACEKP_INLINE bool any(ivec v) {
#if FACEKP_LANES == 16
  return _mm512_test_epi32_mask((__m512i)v, (__m512i)v) != 0;
#else
  int32_t found = 0;
  for (int i = 0; i < LANES; ++i) found |= v[i];
  return found != 0;
#endif
}

// The first `count` <= LANES numbers at p alone: memory may end there. Other lanes are loaded as 0.
static FACEKP_INLINE vec load_first(const float* p, int count) {
#if FACEKP_LANES == 16
  return (vec)_mm512_maskz_loadu_ps(__mmask16((1u << count) - 1), p);
#elif FACEKP_LANES == 8
  return (vec)_mm256_maskload_ps(p, (__m256i)(lane_index() < count));
#else
  vec v = {};
  for (int i = 0; i < count; ++i) v[i] = p[i];
  return v;
#endif
}
static FACEKP_INLINE void store_first(float* p, vec v, int count) {
#if FACEKP_LANES == 16
  _mm512_mask_storeu_ps(p, __mmask16((1u << count) - 1), (__m512)v);
#elif FACEKP_LANES == 8
  _mm256_maskstore_ps(p, (__m256i)(lane_index() < count), (__m256)v);
#else
  for (int i = 0; i < count; ++i) p[i] = v[i];
#endif
}

// LANES bytes as numbers, and back; the first `count` <= LANES of them, other lanes 0.
static FACEKP_INLINE ivec load_bytes(const uint8_t* p, int count) {
  uint8_t whole[LANES] = {};
  if (count < LANES) memcpy(whole, p, count), p = whole;
#if FACEKP_LANES == 16
  return (ivec)_mm512_maskz_cvtepu8_epi32(0xffff, _mm_loadu_si128((const __m128i*)p));
#else
  ivec v = {};
  for (int i = 0; i < LANES; ++i) v[i] = p[i];
  return v;
#endif
}
static FACEKP_INLINE void store_bytes(uint8_t* p, ivec v, int count) {
#if FACEKP_LANES == 16
  const __m128i narrow = _mm512_maskz_cvtepi32_epi8(0xffff, (__m512i)v);
  if (count == LANES) memcpy(p, &narrow, LANES);
  else memcpy(p, &narrow, count);
#else
  for (int i = 0; i < count; ++i) p[i] = uint8_t(v[i]);
#endif
}

// Lanes of the pair (a, b), numbered 0 .. 2 LANES - 1.
#if defined(__clang__)
#define FACEKP_SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define FACEKP_SHUFFLE(a, b, ...) __builtin_shuffle(a, b, ivec{__VA_ARGS__})
#endif

// The first (HALF = 0) or second halves of the blocks of BLOCK lanes that a and b consist of.
// With BLOCK = 2 these are the lanes of even and odd numbers.
template <int BLOCK, int HALF, int... I>
static FACEKP_INLINE vec half_blocks(vec a, vec b, std::integer_sequence<int, I...>) {
  constexpr int H = BLOCK / 2;
  return FACEKP_SHUFFLE(a, b, (I / H * BLOCK + I % H + HALF * H)...);
}
template <int BLOCK, int HALF>
static FACEKP_INLINE vec half_blocks(vec a, vec b) {
  return half_blocks<BLOCK, HALF>(a, b, std::make_integer_sequence<int, LANES>());
}

// a[0] b[0] a[1] b[1] ...: the first (HALF = 0) or second LANES of them.
template <int HALF, int... I>
static FACEKP_INLINE vec interleave(vec a, vec b, std::integer_sequence<int, I...>) {
  return FACEKP_SHUFFLE(a, b, (I % 2 * LANES + I / 2 + HALF * (LANES / 2))...);
}
template <int HALF>
static FACEKP_INLINE vec interleave(vec a, vec b) {
  return interleave<HALF>(a, b, std::make_integer_sequence<int, LANES>());
}

// Lane i of the result is sum(v[i]), for i < N <= LANES. Adding the halves of two vectors gives one
// vector for both: N - 1 such steps instead of N separate sums.
template <int N, int BLOCK = LANES>
struct Sums {
  static FACEKP_INLINE vec of(const vec* v) {
    vec folded[(N + 1) / 2];
    for (int i = 0; i < (N + 1) / 2; ++i) {
      const vec a = v[2 * i], b = v[N > 1 ? 2 * i + 1 : 0];
      folded[i] = half_blocks<BLOCK, 0>(a, b) + half_blocks<BLOCK, 1>(a, b);
    }
    return Sums<(N + 1) / 2, BLOCK / 2>::of(folded);
  }
};
template <int N>
struct Sums<N, 1> {
  static FACEKP_INLINE vec of(const vec* v) { return v[0]; }
};

}  // namespace facekp
