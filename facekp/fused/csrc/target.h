// Arrays that a kernel writes and does not read, past the caches if they are large.
//
// A store that misses the caches first reads the line that it overwrites, and another line is
// written back to make room. Streaming stores do neither: on the processor of docs/speed.md a core
// writes 24 GB/s with them and 9 GB/s without to arrays that exceed the caches together. So they do
// where batch normalization comes between a convolution and its activation, and both are kept for
// the gradients: streaming saves 6 to 8 % of a step of ResNet and the U-Net. Where a ReLU or a pool
// follows at once, outputs are still in the caches for their reader: their epilogues do not stream.
//
// Streaming stores are ordered by nothing but drain(), which a thread calls when it is done.
#pragma once
#include "simd.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#ifndef FACEKP_STREAM_FLOATS
#define FACEKP_STREAM_FLOATS (1024 * 1024)  // 4 MB; the kernels' tests take 1
#endif

namespace facekp {

static FACEKP_INLINE void drain() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

class Target {
 public:
  // Memory that is read again at once: nothing streams.
  explicit Target(float* data) : data_(data), streams_(false) {}

  // `planes` runs of `plane` numbers. Only runs of whole vectors stream.
  Target(float* data, size_t planes, size_t plane)
      : data_(data), streams_(planes * plane >= FACEKP_STREAM_FLOATS && plane % LANES == 0) {}

  float* data() const { return data_; }

  FACEKP_INLINE void prefetch(size_t index) const {
    if (!streams_) __builtin_prefetch(data_ + index, 1, 2);
  }

  // The first `count` lanes, or all if it is larger.
  FACEKP_INLINE void put(size_t index, vec v, int count) const {
    float* to = data_ + index;
    if (count < LANES)
      store_first(to, v, count);
    else if (streams_ && uintptr_t(to) % sizeof(vec) == 0)
      stream(to, v);
    else
      store(to, v);
  }

 private:
  static FACEKP_INLINE void stream(float* to, vec v) {
#if FACEKP_LANES == 16
    _mm512_stream_ps(to, (__m512)v);
#elif FACEKP_LANES == 8
    _mm256_stream_ps(to, (__m256)v);
#elif defined(__SSE2__)
    _mm_stream_ps(to, (__m128)v);
#else
    store(to, v);
#endif
  }

  float* data_;
  bool streams_;
};

}  // namespace facekp
