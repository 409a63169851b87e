// The passes of RealFft, compiled once for each CPU level by fft.cpp. No includes but lanes.h and fft.h.
#include "audio/fft.h"
#include "audio/lanes.h"

namespace timbre::audio {

template <class T>
constexpr std::int64_t kLaneCount = RealFft<T>::kLanes;

template <class T>
struct Pair {
  Lanes<T> re, im;
};

template <class T>
TIMBRE_INLINE void load_pair(Pair<T>& p, const T* re, const T* im, std::int64_t at) {
  load<T>(p.re, re + at * kLaneCount<T>);
  load<T>(p.im, im + at * kLaneCount<T>);
}
template <class T>
TIMBRE_INLINE void store_pair(T* re, T* im, std::int64_t at, const Pair<T>& p) {
  store<T>(re + at * kLaneCount<T>, p.re);
  store<T>(im + at * kLaneCount<T>, p.im);
}
/// p · (c − i s)
template <class T>
TIMBRE_INLINE void turn(Pair<T>& p, T c, T s) {
  const Lanes<T> re = p.re * c + p.im * s;
  p.im = p.im * c - p.re * s;
  p.re = re;
}

template <class T>
TIMBRE_INLINE void pass2(const typename RealFft<T>::Pass& pass, const T* w, const T* xr, const T* xi, T* yr, T* yi) {
  for (std::int64_t p = 0; p < pass.blocks; ++p, w += 2) {
    for (std::int64_t q = 0; q < pass.stride; ++q) {
      Pair<T> a, b, sum, gap;
      load_pair<T>(a, xr, xi, q + pass.stride * p);
      load_pair<T>(b, xr, xi, q + pass.stride * (p + pass.blocks));
      sum.re = a.re + b.re, sum.im = a.im + b.im;
      gap.re = a.re - b.re, gap.im = a.im - b.im;
      turn<T>(gap, w[0], w[1]);
      store_pair<T>(yr, yi, q + pass.stride * 2 * p, sum);
      store_pair<T>(yr, yi, q + pass.stride * (2 * p + 1), gap);
    }
  }
}

/// In place: (a, b, c, d) → their 4-point transform, outputs 0, 1, 2, 3.
template <class T>
TIMBRE_INLINE void butterfly4(Pair<T>& a, Pair<T>& b, Pair<T>& c, Pair<T>& d) {
  const Lanes<T> ac_re = a.re + c.re, ac_im = a.im + c.im, a_c_re = a.re - c.re, a_c_im = a.im - c.im;
  const Lanes<T> bd_re = b.re + d.re, bd_im = b.im + d.im, b_d_re = b.re - d.re, b_d_im = b.im - d.im;
  a.re = ac_re + bd_re, a.im = ac_im + bd_im;
  c.re = ac_re - bd_re, c.im = ac_im - bd_im;
  b.re = a_c_re + b_d_im, b.im = a_c_im - b_d_re;
  d.re = a_c_re - b_d_im, d.im = a_c_im + b_d_re;
}

template <class T>
TIMBRE_INLINE void pass4(const typename RealFft<T>::Pass& pass, const T* w, const T* xr, const T* xi, T* yr, T* yi) {
  const std::int64_t s = pass.stride, m = pass.blocks;
  for (std::int64_t p = 0; p < m; ++p, w += 6) {
    for (std::int64_t q = 0; q < s; ++q) {
      Pair<T> a, b, c, d;
      load_pair<T>(a, xr, xi, q + s * p);
      load_pair<T>(b, xr, xi, q + s * (p + m));
      load_pair<T>(c, xr, xi, q + s * (p + 2 * m));
      load_pair<T>(d, xr, xi, q + s * (p + 3 * m));
      butterfly4<T>(a, b, c, d);
      turn<T>(b, w[0], w[1]);
      turn<T>(c, w[2], w[3]);
      turn<T>(d, w[4], w[5]);
      store_pair<T>(yr, yi, q + s * 4 * p, a);
      store_pair<T>(yr, yi, q + s * (4 * p + 1), b);
      store_pair<T>(yr, yi, q + s * (4 * p + 2), c);
      store_pair<T>(yr, yi, q + s * (4 * p + 3), d);
    }
  }
}

template <class T>
TIMBRE_INLINE void pass8(const typename RealFft<T>::Pass& pass, const T* w, const T* xr, const T* xi, T* yr, T* yi) {
  const std::int64_t s = pass.stride, m = pass.blocks;
  constexpr T kHalfRoot = T(0.70710678118654752440);
  for (std::int64_t p = 0; p < m; ++p, w += 14) {
    for (std::int64_t q = 0; q < s; ++q) {
      Pair<T> x[8];
#pragma GCC unroll 8
      for (int k = 0; k < 8; ++k) load_pair<T>(x[k], xr, xi, q + s * (p + k * m));
      butterfly4<T>(x[0], x[2], x[4], x[6]);  // even inputs
      butterfly4<T>(x[1], x[3], x[5], x[7]);  // odd inputs, then turned by the eighth roots
      Lanes<T> t = x[3].re;
      x[3].re = (t + x[3].im) * kHalfRoot, x[3].im = (x[3].im - t) * kHalfRoot;
      t = x[5].re;
      x[5].re = x[5].im, x[5].im = -t;
      t = x[7].re;
      x[7].re = (x[7].im - t) * kHalfRoot, x[7].im = (x[7].im + t) * -kHalfRoot;
#pragma GCC unroll 4
      for (int k = 0; k < 4; ++k) {
        Pair<T> high, low;
        low.re = x[2 * k].re + x[2 * k + 1].re, low.im = x[2 * k].im + x[2 * k + 1].im;
        high.re = x[2 * k].re - x[2 * k + 1].re, high.im = x[2 * k].im - x[2 * k + 1].im;
        if (k > 0) turn<T>(low, w[2 * k - 2], w[2 * k - 1]);
        turn<T>(high, w[2 * k + 6], w[2 * k + 7]);
        store_pair<T>(yr, yi, q + s * (8 * p + k), low);
        store_pair<T>(yr, yi, q + s * (8 * p + k + 4), high);
      }
    }
  }
}

/// Any radix, by the definition: only for odd factors.
template <class T>
TIMBRE_INLINE void pass_any(const typename RealFft<T>::Pass& pass, const T* w, const T* roots, const T* xr, const T* xi,
                            T* yr, T* yi) {
  const std::int64_t s = pass.stride, m = pass.blocks, r = pass.radix;
  for (std::int64_t p = 0; p < m; ++p, w += 2 * (r - 1)) {
    for (std::int64_t q = 0; q < s; ++q) {
      for (std::int64_t j = 0; j < r; ++j) {
        Pair<T> sum, x;
        load_pair<T>(sum, xr, xi, q + s * p);
        for (std::int64_t k = 1; k < r; ++k) {
          load_pair<T>(x, xr, xi, q + s * (p + k * m));
          const std::int64_t t = j * k % r;
          turn<T>(x, roots[2 * t], roots[2 * t + 1]);
          sum.re += x.re, sum.im += x.im;
        }
        if (j > 0) turn<T>(sum, w[2 * j - 2], w[2 * j - 1]);
        store_pair<T>(yr, yi, q + s * (r * p + j), sum);
      }
    }
  }
}

/// All passes from (ar, ai) with (br, bi) as the other buffer; returns true when the result lies in b.
template <class T>
TIMBRE_INLINE bool complex_transform(const typename RealFft<T>::Plan& plan, T* ar, T* ai, T* br, T* bi) {
  bool in_b = false;
  const T* roots = plan.roots.data();
  for (const typename RealFft<T>::Pass& pass : plan.passes) {
    const T* w = plan.twiddles.data() + pass.twiddles;
    if (pass.radix == 8) {
      pass8<T>(pass, w, ar, ai, br, bi);
    } else if (pass.radix == 4) {
      pass4<T>(pass, w, ar, ai, br, bi);
    } else if (pass.radix == 2) {
      pass2<T>(pass, w, ar, ai, br, bi);
    } else {
      pass_any<T>(pass, w, roots, ar, ai, br, bi);
      roots += 2 * pass.radix;
    }
    T* t = ar;
    ar = br, br = t;
    t = ai;
    ai = bi, bi = t;
    in_b = !in_b;
  }
  return in_b;
}

template <class T>
TIMBRE_INLINE void forward_any(const typename RealFft<T>::Plan& plan, const T* x, T* re, T* im, T* scratch) {
  const std::int64_t h = plan.half;
  T *ar = scratch, *ai = ar + h * kLaneCount<T>, *br = ai + h * kLaneCount<T>, *bi = br + h * kLaneCount<T>;
  for (std::int64_t k = 0; k < h; ++k) {
    Lanes<T> even, odd;
    load<T>(even, x + 2 * k * kLaneCount<T>);
    load<T>(odd, x + (2 * k + 1) * kLaneCount<T>);
    store<T>(ar + k * kLaneCount<T>, even);
    store<T>(ai + k * kLaneCount<T>, odd);
  }
  const bool in_b = complex_transform<T>(plan, ar, ai, br, bi);
  const T *zr = in_b ? br : ar, *zi = in_b ? bi : ai;
  // X[k] = (Z[k] + Z*[h−k])/2 − i·e^{−2πik/n}·(Z[k] − Z*[h−k])/2, two bins at a time.
  for (std::int64_t k = 0; k <= h / 2; ++k) {
    const std::int64_t low = k, high = h - k, wrap = high == h ? 0 : high;
    Pair<T> a, b;
    load_pair<T>(a, zr, zi, low);
    load_pair<T>(b, zr, zi, wrap);
    const Lanes<T> sum_re = (a.re + b.re) * T(0.5), sum_im = (a.im - b.im) * T(0.5);
    const Lanes<T> gap_re = (a.re - b.re) * T(0.5), gap_im = (a.im + b.im) * T(0.5);
    const T c = plan.split[static_cast<std::size_t>(2 * k)], s = plan.split[static_cast<std::size_t>(2 * k + 1)];
    const Lanes<T> turned_re = gap_im * c - gap_re * s, turned_im = gap_re * c + gap_im * s;
    store<T>(re + low * kLaneCount<T>, sum_re + turned_re);
    store<T>(im + low * kLaneCount<T>, sum_im - turned_im);
    store<T>(re + high * kLaneCount<T>, sum_re - turned_re);
    store<T>(im + high * kLaneCount<T>, -sum_im - turned_im);
  }
}

template <class T>
TIMBRE_INLINE void inverse_any(const typename RealFft<T>::Plan& plan, const T* re, const T* im, T* x, T* scratch) {
  const std::int64_t h = plan.half;
  T *ar = scratch, *ai = ar + h * kLaneCount<T>, *br = ai + h * kLaneCount<T>, *bi = br + h * kLaneCount<T>;
  const T scale = T(0.5) / static_cast<T>(h);
  // Z[k] = (X[k] + X*[h−k]) + i·e^{2πik/n}·(X[k] − X*[h−k]); real and imaginary change places, so that the forward
  // passes invert.
  for (std::int64_t k = 0; k < h; ++k) {
    Pair<T> a, b;
    load_pair<T>(a, re, im, k);
    load_pair<T>(b, re, im, h - k);
    if (k == 0) a.im = b.im = a.im - a.im;
    const Lanes<T> sum_re = a.re + b.re, sum_im = a.im - b.im, gap_re = a.re - b.re, gap_im = a.im + b.im;
    const T c = plan.split[static_cast<std::size_t>(2 * k)], s = plan.split[static_cast<std::size_t>(2 * k + 1)];
    store<T>(ai + k * kLaneCount<T>, (sum_re - gap_re * s - gap_im * c) * scale);
    store<T>(ar + k * kLaneCount<T>, (sum_im + gap_re * c - gap_im * s) * scale);
  }
  const bool in_b = complex_transform<T>(plan, ar, ai, br, bi);
  const T *zr = in_b ? br : ar, *zi = in_b ? bi : ai;
  for (std::int64_t k = 0; k < h; ++k) {
    Pair<T> z;
    load_pair<T>(z, zr, zi, k);
    store<T>(x + 2 * k * kLaneCount<T>, z.im);
    store<T>(x + (2 * k + 1) * kLaneCount<T>, z.re);
  }
}

#define TIMBRE_FFT_BODIES(name, T)                                                                                    \
  TIMBRE_INLINE void forward##name##_body(const RealFft<T>::Plan& plan, const T* x, T* re, T* im, T* scratch) {       \
    forward_any<T>(plan, x, re, im, scratch);                                                                         \
  }                                                                                                                   \
  TIMBRE_INLINE void inverse##name##_body(const RealFft<T>::Plan& plan, const T* re, const T* im, T* x, T* scratch) { \
    inverse_any<T>(plan, re, im, x, scratch);                                                                         \
  }
TIMBRE_FFT_BODIES(32, float)
TIMBRE_FFT_BODIES(64, double)
#undef TIMBRE_FFT_BODIES

}  // namespace timbre::audio
