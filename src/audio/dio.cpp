#include "audio/dio.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <memory>
#include <mutex>
#include <numbers>

#include "audio/dio_track.h"
#include "audio/fft.h"
#include "audio/lanes.h"
#include "base/cpu_levels.h"

namespace timbre::audio {
namespace {

constexpr std::int64_t kL = RealFft<double>::kLanes;
constexpr double kLowCutHz = 50;  ///< below this a voice has nothing
constexpr double kBandsPerOctave = 2;
constexpr int kEvents = 4;       ///< falling and rising zeros, peaks, dips
constexpr double kUnsure = 1e5;  ///< score of no candidate

std::int64_t nearest(double x) { return static_cast<std::int64_t>(x + 0.5); }

/// The band-pass filters of one rate and range: a low cut and Nuttall windows, one a band, as spectra.
struct Bank {
  std::int64_t rate_hz;
  double floor_hz, ceil_hz;
  std::vector<double> top_hz_S;     ///< upper edge of each band
  std::int64_t groups, taps, lead;  ///< groups of kL bands; length of the longest filter, samples it looks ahead
  RealFft<double> fft;
  std::vector<Aligned<double>> re_BS, im_BS;  ///< a group: bins × bands

  Bank(std::int64_t rate, double floor, double ceil);
  /// Outputs of one block: two more samples are looked at than are consumed.
  std::int64_t step() const { return fft.size() - taps - 1; }
};

std::vector<double> upper_edges(double floor_hz, double ceil_hz) {
  const auto bands = 1 + static_cast<std::int64_t>(std::log(ceil_hz / floor_hz) / std::numbers::ln2 * kBandsPerOctave);
  std::vector<double> edges;
  for (std::int64_t i = 0; i < bands; ++i)
    edges.push_back(floor_hz * std::pow(2.0, static_cast<double>(i + 1) / kBandsPerOctave));
  return edges;
}

/// A quarter of a band's Nuttall window.
std::int64_t quarter(std::int64_t rate_hz, double top_hz) { return nearest(static_cast<double>(rate_hz) / top_hz / 2); }

std::int64_t low_cut_reach(std::int64_t rate_hz) { return nearest(static_cast<double>(rate_hz) / kLowCutHz); }

std::int64_t longest(std::int64_t rate_hz, double floor_hz, double ceil_hz) {
  return 4 * quarter(rate_hz, upper_edges(floor_hz, ceil_hz).front()) + 2 * low_cut_reach(rate_hz);
}

Bank::Bank(std::int64_t rate, double floor, double ceil)
    : rate_hz(rate),
      floor_hz(floor),
      ceil_hz(ceil),
      top_hz_S(upper_edges(floor, ceil)),
      groups((static_cast<std::int64_t>(top_hz_S.size()) + kL - 1) / kL),
      taps(longest(rate, floor, ceil)),
      lead(2 * quarter(rate, top_hz_S.front()) + low_cut_reach(rate)),
      fft(static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(3 * taps)))) {
  using std::numbers::pi;
  const auto bins = static_cast<std::size_t>(fft.bins() * kL);
  Aligned<double> x(static_cast<std::size_t>(fft.size() * kL)), scratch(fft.scratch_size()), cut_re(bins), cut_im(bins);
  // One minus a Hann window of unit sum, centred at `reach`.
  const std::int64_t reach = low_cut_reach(rate), width = 2 * reach + 1;
  double sum = 0;
  const auto hann = [&](std::int64_t i) {
    return 0.5 - 0.5 * std::cos(2 * pi * static_cast<double>(i + 1) / static_cast<double>(width + 1));
  };
  for (std::int64_t i = 0; i < width; ++i) sum += hann(i);
  for (std::int64_t i = 0; i < width; ++i) {
    for (std::int64_t l = 0; l < kL; ++l)
      x[static_cast<std::size_t>(i * kL + l)] = (i == reach ? 1.0 : 0.0) - hann(i) / sum;
  }
  fft.forward(x.data(), cut_re.data(), cut_im.data(), scratch.data());
  const std::int64_t half = 2 * quarter(rate, top_hz_S.front());
  for (std::int64_t g = 0; g < groups; ++g) {
    std::fill(x.begin(), x.end(), 0);
    for (std::int64_t l = 0; l < kL && g * kL + l < static_cast<std::int64_t>(top_hz_S.size()); ++l) {
      const std::int64_t length = 4 * quarter(rate, top_hz_S[static_cast<std::size_t>(g * kL + l)]);
      for (std::int64_t i = 0; i < length; ++i) {
        const double t = 2 * pi * static_cast<double>(i) / static_cast<double>(length - 1);
        // Every band's window is centred where the longest one is.
        x[static_cast<std::size_t>((half - length / 2 + i) * kL + l)] =
            0.355768 - 0.487396 * std::cos(t) + 0.144232 * std::cos(2 * t) - 0.012604 * std::cos(3 * t);
      }
    }
    Aligned<double>&re = re_BS.emplace_back(bins), &im = im_BS.emplace_back(bins);
    fft.forward(x.data(), re.data(), im.data(), scratch.data());
    for (std::size_t i = 0; i < bins; ++i) {
      const double r = re[i] * cut_re[i] - im[i] * cut_im[i];
      im[i] = re[i] * cut_im[i] + im[i] * cut_re[i];
      re[i] = r;
    }
  }
}

/// The bank of the last rate and range; a corpus has one.
std::shared_ptr<const Bank> bank_of(const DioOptions& o) {
  static std::mutex mutex;
  static std::shared_ptr<const Bank> last;
  const std::lock_guard lock(mutex);
  if (!last || last->rate_hz != o.rate_hz || last->floor_hz != o.floor_hz || last->ceil_hz != o.ceil_hz)
    last = std::make_shared<const Bank>(o.rate_hz, o.floor_hz, o.ceil_hz);
  return last;
}

/// One block's spectrum (lane `lane` of four) times the spectra of kL bands.
TIMBRE_INLINE void multiply_body(const double* x_re, const double* x_im, std::int64_t lane, const double* h_re,
                                 const double* h_im, std::int64_t bins, double* re, double* im) {
  for (std::int64_t b = 0; b < bins; ++b) {
    const double xr = x_re[b * kL + lane], xi = x_im[b * kL + lane];
    D4 hr, hi;
    load<double>(hr, h_re + b * kL);
    load<double>(hi, h_im + b * kL);
    store<double>(re + b * kL, hr * xr - hi * xi);
    store<double>(im + b * kL, hr * xi + hi * xr);
  }
}
TIMBRE_FOR_EACH_CPU(void, multiply,
                    (const double* x_re, const double* x_im, std::int64_t lane, const double* h_re, const double* h_im,
                     std::int64_t bins, double* re, double* im),
                    (x_re, x_im, lane, h_re, h_im, bins, re, im))

typedef std::int64_t I4 __attribute__((vector_size(32)));

/// Rows (of `count`) with an event in any of the kL bands, and which: bit 0 falling through zero to the next row, 1
/// rising, 2 a peak at the next row, 3 a dip. Row `count + 1` is read. Returns how many.
TIMBRE_INLINE std::int64_t find_events_body(const double* x_NS, std::int64_t count, std::int32_t* rows,
                                            std::uint8_t* kinds_RS) {
  const D4 zero{};
  D4 here, next;
  load<double>(here, x_NS);
  load<double>(next, x_NS + kL);
  D4 slope = next - here;
  I4 above = here > zero, below = here<zero, up = slope> zero, down = slope < zero;
  std::int64_t found = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    D4 after;
    load<double>(after, x_NS + (i + 2) * kL);
    const D4 next_slope = after - next;
    const I4 next_above = next > zero, next_below = next<zero, next_up = next_slope> zero,
             next_down = next_slope < zero;
    const I4 kinds =
        (above & ~next_above & 1) | (below & ~next_below & 2) | (up & ~next_up & 4) | (down & ~next_down & 8);
    if (kinds[0] | kinds[1] | kinds[2] | kinds[3]) {
      rows[found] = static_cast<std::int32_t>(i);
      for (int l = 0; l < kL; ++l) kinds_RS[found * kL + l] = static_cast<std::uint8_t>(kinds[l]);
      ++found;
    }
    next = after;
    above = next_above, below = next_below, up = next_up, down = next_down;
  }
  return found;
}
TIMBRE_FOR_EACH_CPU(std::int64_t, find_events,
                    (const double* x_NS, std::int64_t count, std::int32_t* rows, std::uint8_t* kinds_RS),
                    (x_NS, count, rows, kinds_RS))

/// Times of the events of one band, in samples.
using Events = std::array<std::vector<double>, kEvents>;

/// Filters the recording block by block and collects every band's events.
class BandPass {
 public:
  explicit BandPass(const Bank& bank)
      : bank_(bank),
        x_(static_cast<std::size_t>((bank.fft.size() + 2) * kL)),
        x_re_(static_cast<std::size_t>(bank.fft.bins() * kL)),
        x_im_(x_re_.size()),
        re_(x_re_.size()),
        im_(x_re_.size()),
        scratch_(bank.fft.scratch_size()),
        rows_(static_cast<std::size_t>(bank.fft.size())),
        kinds_(static_cast<std::size_t>(bank.fft.size() * kL)),
        events_(static_cast<std::size_t>(bank.groups * kL)) {}

  /// y_N: without its mean.
  std::vector<Events> operator()(std::span<const double> y_N) {
    const auto n = static_cast<std::int64_t>(y_N.size());
    for (std::int64_t first = 0; first < n; first += kL * bank_.step()) {
      transform(y_N, first);
      for (std::int64_t l = 0; l < kL && first + l * bank_.step() < n; ++l) {
        for (std::int64_t g = 0; g < bank_.groups; ++g) collect(g, l, first + l * bank_.step(), n);
      }
    }
    return std::move(events_);
  }

 private:
  /// Spectra of kL blocks.
  void transform(std::span<const double> y_N, std::int64_t first) {
    const auto n = static_cast<std::int64_t>(y_N.size());
    for (std::int64_t l = 0; l < kL; ++l) {
      const std::int64_t start = first + l * bank_.step() + bank_.lead - bank_.taps + 1;
      const std::int64_t begin = std::clamp<std::int64_t>(-start, 0, bank_.fft.size()),
                         end = std::clamp<std::int64_t>(n - start, begin, bank_.fft.size());
      double* lane = x_.data() + l;
      for (std::int64_t i = 0; i < begin; ++i) lane[i * kL] = 0;
      for (std::int64_t i = begin; i < end; ++i) lane[i * kL] = y_N[static_cast<std::size_t>(start + i)];
      for (std::int64_t i = end; i < bank_.fft.size(); ++i) lane[i * kL] = 0;
    }
    bank_.fft.forward(x_.data(), x_re_.data(), x_im_.data(), scratch_.data());
  }

  /// The events of one group of bands in the block in that lane, whose outputs start at sample `first` of n.
  void collect(std::int64_t group, std::int64_t lane, std::int64_t first, std::int64_t n) {
    const auto g = static_cast<std::size_t>(group);
    multiply(x_re_.data(), x_im_.data(), lane, bank_.re_BS[g].data(), bank_.im_BS[g].data(), bank_.fft.bins(),
             re_.data(), im_.data());
    bank_.fft.inverse(re_.data(), im_.data(), x_.data(), scratch_.data());
    const double* x_NS = x_.data() + (bank_.taps - 1) * kL;
    // An event at row i needs rows i and i + 1 (zeros), a peak or dip i + 2 as well.
    const std::int64_t count = std::min(bank_.step(), n - 1 - first);
    const std::int64_t found = find_events(x_NS, count, rows_.data(), kinds_.data());
    for (std::int64_t r = 0; r < found; ++r) {
      const std::int64_t i = rows_[static_cast<std::size_t>(r)];
      for (std::int64_t l = 0; l < kL; ++l) {
        const unsigned kinds = kinds_[static_cast<std::size_t>(r * kL + l)];
        if (kinds == 0) continue;
        Events& events = events_[static_cast<std::size_t>(group * kL + l)];
        const double a = x_NS[i * kL + l], b = x_NS[(i + 1) * kL + l];
        const double edge = static_cast<double>(first + i + 1);
        if (kinds & 3U) events[kinds & 1U ? 0 : 1].push_back(edge - a / (b - a));
        if ((kinds & 12U) != 0 && first + i + 2 < n) {
          const double rise = b - a, fall = x_NS[(i + 2) * kL + l] - b;
          events[kinds & 4U ? 2 : 3].push_back(edge - rise / (fall - rise));
        }
      }
    }
  }

  const Bank& bank_;
  Aligned<double> x_, x_re_, x_im_, re_, im_, scratch_;
  std::vector<std::int32_t> rows_;
  std::vector<std::uint8_t> kinds_;
  std::vector<Events> events_;
};

/// Adds the rate of the events around each frame: linear between the middles of their intervals, and beyond the outer
/// ones.
void interpolate(std::span<const double> edges, double rate_hz, std::span<const double> times_F,
                 std::span<double> hz_F) {
  const std::size_t intervals = edges.size() - 1;
  const auto place = [&](std::size_t k) { return (edges[k] + edges[k + 1]) / 2.0 / rate_hz; };
  const auto hz = [&](std::size_t k) { return rate_hz / (edges[k + 1] - edges[k]); };
  std::size_t k = 1;  // the interval to the right of the frame
  double left = place(0), right = place(1), left_hz = hz(0), right_hz = hz(1);
  for (std::size_t f = 0; f < times_F.size(); ++f) {
    while (k + 1 < intervals && times_F[f] >= right) {
      ++k;
      left = right, left_hz = right_hz;
      right = place(k), right_hz = hz(k);
    }
    hz_F[f] = left_hz + (times_F[f] - left) / (right - left) * (right_hz - left_hz);
  }
}

double period_ms_of(const DioOptions& o) {
  return static_cast<double>(o.hop_samples) / static_cast<double>(o.rate_hz) * 1000.0;
}

/// One band's pitch in every frame, and how much its four kinds of events disagree.
void judge_band(const Events& events, double top_hz, const DioOptions& o, std::span<const double> times_F,
                std::span<double> candidate_F, std::span<double> score_F) {
  std::fill(candidate_F.begin(), candidate_F.end(), 0);
  std::fill(score_F.begin(), score_F.end(), kUnsure);
  if (std::any_of(events.begin(), events.end(), [](const auto& edges) { return edges.size() < 4; })) return;
  std::array<std::vector<double>, kEvents> hz;
  for (std::size_t e = 0; e < kEvents; ++e) {
    hz[e].resize(times_F.size());
    interpolate(events[e], static_cast<double>(o.rate_hz), times_F, hz[e]);
  }
  for (std::size_t f = 0; f < times_F.size(); ++f) {
    const double mean = (hz[0][f] + hz[1][f] + hz[2][f] + hz[3][f]) / 4.0;
    if (mean > top_hz || mean < top_hz / 2.0 || mean > o.ceil_hz || mean < o.floor_hz) continue;
    double squares = 0;
    for (const auto& of_event : hz) squares += (of_event[f] - mean) * (of_event[f] - mean);
    candidate_F[f] = mean;
    score_F[f] = std::sqrt(squares / 3.0);
  }
}

}  // namespace

std::int64_t dio_frames(std::int64_t samples, const DioOptions& o) {
  return 1 + static_cast<std::int64_t>(1000.0 * static_cast<double>(samples) / static_cast<double>(o.rate_hz) /
                                       period_ms_of(o));
}

std::vector<double> dio(std::span<const double> wave_N, const DioOptions& o) {
  const double period_ms = period_ms_of(o);
  // The reference appends one sample of silence, and the mean is over that as well.
  std::vector<double> y_N(wave_N.begin(), wave_N.end());
  y_N.push_back(0);
  double mean = 0;
  for (const double y : y_N) mean += y;
  mean /= static_cast<double>(y_N.size());
  for (double& y : y_N) y -= mean;

  const auto frames = static_cast<std::size_t>(dio_frames(static_cast<std::int64_t>(wave_N.size()), o));
  std::vector<double> times_F(frames), score_F(frames), best_score_F(frames), best_F(frames);
  for (std::size_t f = 0; f < frames; ++f) times_F[f] = static_cast<double>(f) * period_ms / 1000.0;

  const auto bank = bank_of(o);
  const std::vector<Events> events = BandPass(*bank)(y_N);
  std::vector<std::vector<double>> candidates_SF;
  for (std::size_t s = 0; s < bank->top_hz_S.size(); ++s) {
    auto& candidate_F = candidates_SF.emplace_back(frames);
    judge_band(events[s], bank->top_hz_S[s], o, times_F, candidate_F, score_F);
    for (std::size_t f = 0; f < frames; ++f) {
      const double score = score_F[f] / (candidate_F[f] + kNearlyZero);
      if (s == 0 || score < best_score_F[f]) {
        best_score_F[f] = score;
        best_F[f] = candidate_F[f];
      }
    }
  }
  return dio_track(best_F, candidates_SF, period_ms, o.floor_hz);
}

}  // namespace timbre::audio
