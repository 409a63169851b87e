// The passes of RealFft, compiled once for each CPU level by fft.cpp. No includes but lanes.h and fft.h.
#include "audio/fft.h"
#include "audio/lanes.h"

namespace timbre::audio {

constexpr std::int64_t kL = RealFft::kLanes;

struct Pair {
  V8 re, im;
};

TIMBRE_INLINE void load_pair(Pair& p, const float* re, const float* im, std::int64_t at) {
  load(p.re, re + at * kL);
  load(p.im, im + at * kL);
}
TIMBRE_INLINE void store_pair(float* re, float* im, std::int64_t at, const Pair& p) {
  store(re + at * kL, p.re);
  store(im + at * kL, p.im);
}
/// p · (c − i s)
TIMBRE_INLINE void turn(Pair& p, float c, float s) {
  const V8 re = p.re * c + p.im * s;
  p.im = p.im * c - p.re * s;
  p.re = re;
}

TIMBRE_INLINE void pass2(const RealFft::Pass& pass, const float* w, const float* xr, const float* xi, float* yr, float* yi) {
  for (std::int64_t p = 0; p < pass.blocks; ++p, w += 2) {
    for (std::int64_t q = 0; q < pass.stride; ++q) {
      Pair a, b, sum, gap;
      load_pair(a, xr, xi, q + pass.stride * p);
      load_pair(b, xr, xi, q + pass.stride * (p + pass.blocks));
      sum.re = a.re + b.re, sum.im = a.im + b.im;
      gap.re = a.re - b.re, gap.im = a.im - b.im;
      turn(gap, w[0], w[1]);
      store_pair(yr, yi, q + pass.stride * 2 * p, sum);
      store_pair(yr, yi, q + pass.stride * (2 * p + 1), gap);
    }
  }
}

/// In place: (a, b, c, d) → their 4-point transform, outputs 0, 1, 2, 3.
TIMBRE_INLINE void butterfly4(Pair& a, Pair& b, Pair& c, Pair& d) {
  const V8 ac_re = a.re + c.re, ac_im = a.im + c.im, a_c_re = a.re - c.re, a_c_im = a.im - c.im;
  const V8 bd_re = b.re + d.re, bd_im = b.im + d.im, b_d_re = b.re - d.re, b_d_im = b.im - d.im;
  a.re = ac_re + bd_re, a.im = ac_im + bd_im;
  c.re = ac_re - bd_re, c.im = ac_im - bd_im;
  b.re = a_c_re + b_d_im, b.im = a_c_im - b_d_re;
  d.re = a_c_re - b_d_im, d.im = a_c_im + b_d_re;
}

TIMBRE_INLINE void pass4(const RealFft::Pass& pass, const float* w, const float* xr, const float* xi, float* yr, float* yi) {
  const std::int64_t s = pass.stride, m = pass.blocks;
  for (std::int64_t p = 0; p < m; ++p, w += 6) {
    for (std::int64_t q = 0; q < s; ++q) {
      Pair a, b, c, d;
      load_pair(a, xr, xi, q + s * p);
      load_pair(b, xr, xi, q + s * (p + m));
      load_pair(c, xr, xi, q + s * (p + 2 * m));
      load_pair(d, xr, xi, q + s * (p + 3 * m));
      butterfly4(a, b, c, d);
      turn(b, w[0], w[1]);
      turn(c, w[2], w[3]);
      turn(d, w[4], w[5]);
      store_pair(yr, yi, q + s * 4 * p, a);
      store_pair(yr, yi, q + s * (4 * p + 1), b);
      store_pair(yr, yi, q + s * (4 * p + 2), c);
      store_pair(yr, yi, q + s * (4 * p + 3), d);
    }
  }
}

TIMBRE_INLINE void pass8(const RealFft::Pass& pass, const float* w, const float* xr, const float* xi, float* yr, float* yi) {
  const std::int64_t s = pass.stride, m = pass.blocks;
  constexpr float kHalfRoot = 0.70710678118654752f;
  for (std::int64_t p = 0; p < m; ++p, w += 14) {
    for (std::int64_t q = 0; q < s; ++q) {
      Pair x[8];
#pragma GCC unroll 8
      for (int k = 0; k < 8; ++k) load_pair(x[k], xr, xi, q + s * (p + k * m));
      butterfly4(x[0], x[2], x[4], x[6]);  // even inputs
      butterfly4(x[1], x[3], x[5], x[7]);  // odd inputs, then turned by the eighth roots
      V8 t = x[3].re;
      x[3].re = (t + x[3].im) * kHalfRoot, x[3].im = (x[3].im - t) * kHalfRoot;
      t = x[5].re;
      x[5].re = x[5].im, x[5].im = -t;
      t = x[7].re;
      x[7].re = (x[7].im - t) * kHalfRoot, x[7].im = (x[7].im + t) * -kHalfRoot;
#pragma GCC unroll 4
      for (int k = 0; k < 4; ++k) {
        Pair high, low;
        low.re = x[2 * k].re + x[2 * k + 1].re, low.im = x[2 * k].im + x[2 * k + 1].im;
        high.re = x[2 * k].re - x[2 * k + 1].re, high.im = x[2 * k].im - x[2 * k + 1].im;
        if (k > 0) turn(low, w[2 * k - 2], w[2 * k - 1]);
        turn(high, w[2 * k + 6], w[2 * k + 7]);
        store_pair(yr, yi, q + s * (8 * p + k), low);
        store_pair(yr, yi, q + s * (8 * p + k + 4), high);
      }
    }
  }
}

/// Any radix, by the definition: only for odd factors.
TIMBRE_INLINE void pass_any(const RealFft::Pass& pass, const float* w, const float* roots, const float* xr, const float* xi, float* yr, float* yi) {
  const std::int64_t s = pass.stride, m = pass.blocks, r = pass.radix;
  for (std::int64_t p = 0; p < m; ++p, w += 2 * (r - 1)) {
    for (std::int64_t q = 0; q < s; ++q) {
      for (std::int64_t j = 0; j < r; ++j) {
        Pair sum, x;
        load_pair(sum, xr, xi, q + s * p);
        for (std::int64_t k = 1; k < r; ++k) {
          load_pair(x, xr, xi, q + s * (p + k * m));
          const std::int64_t t = j * k % r;
          turn(x, roots[2 * t], roots[2 * t + 1]);
          sum.re += x.re, sum.im += x.im;
        }
        if (j > 0) turn(sum, w[2 * j - 2], w[2 * j - 1]);
        store_pair(yr, yi, q + s * (r * p + j), sum);
      }
    }
  }
}

/// All passes from (ar, ai) with (br, bi) as the other buffer; returns true when the result lies in b.
TIMBRE_INLINE bool complex_transform(const RealFft::Plan& plan, float* ar, float* ai, float* br, float* bi) {
  bool in_b = false;
  const float* roots = plan.roots.data();
  for (const RealFft::Pass& pass : plan.passes) {
    const float* w = plan.twiddles.data() + pass.twiddles;
    if (pass.radix == 8) {
      pass8(pass, w, ar, ai, br, bi);
    } else if (pass.radix == 4) {
      pass4(pass, w, ar, ai, br, bi);
    } else if (pass.radix == 2) {
      pass2(pass, w, ar, ai, br, bi);
    } else {
      pass_any(pass, w, roots, ar, ai, br, bi);
      roots += 2 * pass.radix;
    }
    float* t = ar;
    ar = br, br = t;
    t = ai;
    ai = bi, bi = t;
    in_b = !in_b;
  }
  return in_b;
}

TIMBRE_INLINE void forward_body(const RealFft::Plan& plan, const float* x, float* re, float* im, float* scratch) {
  const std::int64_t h = plan.half;
  float *ar = scratch, *ai = ar + h * kL, *br = ai + h * kL, *bi = br + h * kL;
  for (std::int64_t k = 0; k < h; ++k) {
    V8 even, odd;
    load(even, x + 2 * k * kL);
    load(odd, x + (2 * k + 1) * kL);
    store(ar + k * kL, even);
    store(ai + k * kL, odd);
  }
  const bool in_b = complex_transform(plan, ar, ai, br, bi);
  const float *zr = in_b ? br : ar, *zi = in_b ? bi : ai;
  // X[k] = (Z[k] + Z*[h−k])/2 − i·e^{−2πik/n}·(Z[k] − Z*[h−k])/2, two bins at a time.
  for (std::int64_t k = 0; k <= h / 2; ++k) {
    const std::int64_t low = k, high = h - k, wrap = high == h ? 0 : high;
    Pair a, b;
    load_pair(a, zr, zi, low);
    load_pair(b, zr, zi, wrap);
    const V8 sum_re = (a.re + b.re) * 0.5f, sum_im = (a.im - b.im) * 0.5f;
    const V8 gap_re = (a.re - b.re) * 0.5f, gap_im = (a.im + b.im) * 0.5f;
    const float c = plan.split[static_cast<std::size_t>(2 * k)], s = plan.split[static_cast<std::size_t>(2 * k + 1)];
    const V8 turned_re = gap_im * c - gap_re * s, turned_im = gap_re * c + gap_im * s;
    store(re + low * kL, sum_re + turned_re);
    store(im + low * kL, sum_im - turned_im);
    store(re + high * kL, sum_re - turned_re);
    store(im + high * kL, -sum_im - turned_im);
  }
}

TIMBRE_INLINE void inverse_body(const RealFft::Plan& plan, const float* re, const float* im, float* x, float* scratch) {
  const std::int64_t h = plan.half;
  float *ar = scratch, *ai = ar + h * kL, *br = ai + h * kL, *bi = br + h * kL;
  const float scale = 0.5f / static_cast<float>(h);
  // Z[k] = (X[k] + X*[h−k]) + i·e^{2πik/n}·(X[k] − X*[h−k]); real and imaginary change places, so that the forward passes invert.
  for (std::int64_t k = 0; k < h; ++k) {
    Pair a, b;
    load_pair(a, re, im, k);
    load_pair(b, re, im, h - k);
    if (k == 0) a.im = b.im = a.im - a.im;
    const V8 sum_re = a.re + b.re, sum_im = a.im - b.im, gap_re = a.re - b.re, gap_im = a.im + b.im;
    const float c = plan.split[static_cast<std::size_t>(2 * k)], s = plan.split[static_cast<std::size_t>(2 * k + 1)];
    store(ai + k * kL, (sum_re - gap_re * s - gap_im * c) * scale);
    store(ar + k * kL, (sum_im + gap_re * c - gap_im * s) * scale);
  }
  const bool in_b = complex_transform(plan, ar, ai, br, bi);
  const float *zr = in_b ? br : ar, *zi = in_b ? bi : ai;
  for (std::int64_t k = 0; k < h; ++k) {
    Pair z;
    load_pair(z, zr, zi, k);
    store(x + 2 * k * kL, z.im);
    store(x + (2 * k + 1) * kL, z.re);
  }
}

}  // namespace timbre::audio
