#pragma once

/// Functions so marked are compiled for several CPU levels, and the loader takes the best (GNU indirect functions, as
/// in nn/simd.cpp). Sums may be taken in any order, and numbers are finite.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define TIMBRE_FAST optimize("O3", "fast-math")
#define TIMBRE_LEVELS __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"), TIMBRE_FAST))
#else
#define TIMBRE_LEVELS
#endif
