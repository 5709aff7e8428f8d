// The tests' arrays begin with a line of the cache, as the Ops' outputs do (csrc/arrays.h), and
// stream whatever their size (csrc/target.h). run.sh includes this before each test.
#define FACEKP_STREAM_FLOATS 1
#include <cstdlib>
#include <new>

inline void* on_line(std::size_t bytes) {
  void* memory;
  if (posix_memalign(&memory, 64, bytes)) throw std::bad_alloc();
  return memory;
}
void* operator new(std::size_t bytes) { return on_line(bytes); }
void* operator new[](std::size_t bytes) { return on_line(bytes); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
