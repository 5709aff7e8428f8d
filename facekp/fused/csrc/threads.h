// Static division of work over OpenMP's threads.
//
// Who computes what depends on the number of threads alone, never on timing, so that a result with
// the same seed and threads has the same bits. The number is read at run time: a compiled Op serves
// every setting of OMP_NUM_THREADS.
#pragma once
#include <cstdint>
#ifdef _OPENMP
#include <omp.h>
#endif

namespace facekp {

static inline int max_threads() {
#ifdef _OPENMP
  return omp_get_max_threads();
#else
  return 1;
#endif
}

// Calls work(first, last, thread) once in every thread, on equal runs of 0 .. items - 1.
template <class Work>
static void parallel_ranges(int items, int threads, Work work) {
  if (threads <= 1) return work(0, items, 0);
#pragma omp parallel for num_threads(threads) schedule(static, 1)
  for (int t = 0; t < threads; ++t)
    work(int(int64_t(items) * t / threads), int(int64_t(items) * (t + 1) / threads), t);
}

}  // namespace facekp
