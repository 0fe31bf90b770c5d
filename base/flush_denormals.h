// Arithmetic of the calling thread with subnormal numbers as zeros, in operands and results, for as
// long as this lives. Gradients that pass many layers fade below 1e-38; on x86 each operation on
// such a number takes some hundred cycles instead of a fraction of one, for values that no sum of
// normal numbers would feel.
#ifndef CARAVAN_BASE_FLUSH_DENORMALS_H_
#define CARAVAN_BASE_FLUSH_DENORMALS_H_

#include <immintrin.h>

#include <cstdint>

namespace caravan {

class FlushDenormals {
 public:
  FlushDenormals() : before_(_mm_getcsr()) {
    _mm_setcsr(before_ | kFlushToZero | kOperandsAreZero);
  }
  ~FlushDenormals() { _mm_setcsr(before_); }
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  static constexpr uint32_t kFlushToZero = 0x8000;      // MXCSR.FTZ
  static constexpr uint32_t kOperandsAreZero = 0x0040;  // MXCSR.DAZ

  uint32_t before_;
};

}  // namespace caravan

#endif  // CARAVAN_BASE_FLUSH_DENORMALS_H_
