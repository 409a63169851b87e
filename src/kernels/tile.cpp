#include "kernels/tile.h"

#include "base/cpu_levels.h"
#include "kernels/tile-inl.h"

namespace timbre::kernels {
namespace {

void tile_scalar(const Tile& t) { inl::tile_narrow<inl::V4>(t); }
void matvec_scalar(const MatVec& m) { inl::matvec<inl::V4>(m); }
#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) void tile_avx2(const Tile& t) { inl::tile_narrow<inl::V8>(t); }
__attribute__((target("avx2,fma"))) void matvec_avx2(const MatVec& m) { inl::matvec<inl::V8>(m); }
#define TIMBRE_AVX512 __attribute__((target("avx2,fma,avx512f,avx512vl,avx512dq,prefer-vector-width=512")))
TIMBRE_AVX512 void tile_avx512(const Tile& t) { inl::tile_16(t); }
TIMBRE_AVX512 void matvec_avx512(const MatVec& m) { inl::matvec<inl::V16>(m); }
#endif

struct Level {
  void (*tile)(const Tile&) = tile_scalar;
  void (*matvec)(const MatVec&) = matvec_scalar;
};

Level choose() {
#if defined(__x86_64__)
  switch (cpu_level()) {
    case CpuLevel::avx512:
      return {tile_avx512, matvec_avx512};
    case CpuLevel::avx2:
      return {tile_avx2, matvec_avx2};
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

void run_tile(const Tile& tile) { level().tile(tile); }
void run_matvec(const MatVec& product) { level().matvec(product); }

}  // namespace timbre::kernels
