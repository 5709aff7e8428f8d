// Working memory of the Winograd kernels: a part for all threads and a part for each.
#pragma once
#include <omp.h>

#include <cstdint>
#include <cstdlib>
#include <new>

namespace facekp {
namespace winograd {

// Views one block that grows to the largest size asked for and lives as long as the process: fresh
// pages for tens of megabytes at every call would cost as much as a transform.
class Scratch {
 public:
  Scratch(size_t shared, size_t own, int threads)
      : shared_(round(shared)), own_(round(own)), base_(block(shared_ + own_ * threads)) {}
  float* shared() const { return base_; }
  float* own() const { return base_ + shared_ + own_ * omp_get_thread_num(); }

 private:
  static size_t round(size_t floats) { return (floats + 1023) / 1024 * 1024; }
  static float* block(size_t floats) {
    static void* memory = nullptr;
    static size_t size = 0;
    const size_t bytes = floats * sizeof(float) + 64;
    if (bytes > size) {
      std::free(memory);
      memory = std::malloc(bytes);
      size = memory ? bytes : 0;
      if (!memory) throw std::bad_alloc();
    }
    return (float*)(((uintptr_t)memory + 63) / 64 * 64);
  }

  size_t shared_, own_;
  float* base_;
};

}  // namespace winograd
}  // namespace facekp
