#include "kernels/stream.h"

#include "base/cpu_levels.h"
#include "kernels/stream-inl.h"

namespace timbre::kernels {
namespace {

void stream_scalar(const Stream& s) { inl::stream<inl::V4>(s); }
void expand_scalar(const std::uint16_t* from, std::int64_t rows, float* to) { inl::expand<inl::V4>(from, rows, to); }
#if defined(__x86_64__)
#define TIMBRE_AVX2 __attribute__((target("avx2,fma")))
#define TIMBRE_AVX512 __attribute__((target("avx2,fma,avx512f,avx512vl,avx512dq,prefer-vector-width=512")))
TIMBRE_AVX2 void stream_avx2(const Stream& s) { inl::stream<inl::V8>(s); }
TIMBRE_AVX2 void expand_avx2(const std::uint16_t* from, std::int64_t rows, float* to) {
  inl::expand<inl::V8>(from, rows, to);
}
TIMBRE_AVX512 void stream_avx512(const Stream& s) { inl::stream<inl::V16>(s); }
TIMBRE_AVX512 void expand_avx512(const std::uint16_t* from, std::int64_t rows, float* to) {
  inl::expand<inl::V16>(from, rows, to);
}
#endif

struct Level {
  void (*stream)(const Stream&) = stream_scalar;
  void (*expand)(const std::uint16_t*, std::int64_t, float*) = expand_scalar;
};

Level choose() {
#if defined(__x86_64__)
  switch (cpu_level()) {
    case CpuLevel::avx512:
      return {stream_avx512, expand_avx512};
    case CpuLevel::avx2:
      return {stream_avx2, expand_avx2};
    case CpuLevel::scalar:
      break;
  }
#endif
  return {};
}
const Level& level() {
  static const Level chosen = choose();
  return chosen;
}

}  // namespace

void run_stream(const Stream& stream) { level().stream(stream); }
void expand_halves(const std::uint16_t* from, std::int64_t rows, float* to) { level().expand(from, rows, to); }

}  // namespace timbre::kernels
