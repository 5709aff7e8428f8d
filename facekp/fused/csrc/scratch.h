// Memory that a thread keeps from call to call: no malloc, and no page faults, in a training step.
#pragma once
#include <cstddef>
#include <cstdlib>
#include <new>

namespace facekp {

// A buffer of floats on a 64-byte boundary that only grows; its content survives no call.
class Scratch {
 public:
  Scratch() : memory_(nullptr), size_(0) {}
  ~Scratch() { std::free(memory_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  float* floats(size_t count) {
    if (count > size_) {
      std::free(memory_);
      size_ = 0;
      if (posix_memalign(&memory_, 64, count * sizeof(float))) {
        memory_ = nullptr;
        throw std::bad_alloc();
      }
      size_ = count;
    }
    return static_cast<float*>(memory_);
  }

 private:
  void* memory_;
  size_t size_;
};

}  // namespace facekp
