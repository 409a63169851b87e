#pragma once
#include <cstdint>
#include <cstdlib>
#include <cstring>

/// Chooses among copies of one loop compiled for several CPUs.
///
///   TIMBRE_FOR_EACH_CPU(void, scale, (float* x, long n), (x, n))
/// defines scale(...) that calls scale_body(...) (always-inline, defined before) as compiled for the best level this
/// CPU has.
namespace timbre {

enum class CpuLevel { scalar, avx2, avx512 };

/// The best of this machine; TIMBRE_CPU=scalar|avx2|avx512 lowers it.
inline CpuLevel cpu_level() {
#if defined(__x86_64__)
  static const CpuLevel level = [] {
    __builtin_cpu_init();
    CpuLevel best = CpuLevel::scalar;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) best = CpuLevel::avx2;
    if (best == CpuLevel::avx2 && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
      best = CpuLevel::avx512;
    const char* wish = std::getenv("TIMBRE_CPU");
    if (wish && !std::strcmp(wish, "scalar")) return CpuLevel::scalar;
    if (wish && !std::strcmp(wish, "avx2") && best == CpuLevel::avx512) return CpuLevel::avx2;
    return best;
  }();
  return level;
#else
  return CpuLevel::scalar;
#endif
}

#if defined(__x86_64__)
#define TIMBRE_FOR_EACH_CPU(result, name, params, args)                                              \
  __attribute__((target("avx2,fma"))) static result name##_avx2 params { return name##_body args; }  \
  __attribute__((target("avx2,fma,avx512f,avx512vl,avx512dq"))) static result name##_avx512 params { \
    return name##_body args;                                                                         \
  }                                                                                                  \
  static result name##_scalar params { return name##_body args; }                                    \
  static result name params {                                                                        \
    static auto* const chosen = cpu_level() == CpuLevel::avx512 ? name##_avx512                      \
                                : cpu_level() == CpuLevel::avx2 ? name##_avx2                        \
                                                                : name##_scalar;                     \
    return chosen args;                                                                              \
  }
#else
#define TIMBRE_FOR_EACH_CPU(result, name, params, args) \
  static result name params { return name##_body args; }
#endif

}  // namespace timbre
