#include "doctor/clip_facts.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <system_error>

#include "base/error.h"
#include "base/hash.h"
#include "doctor/hum.h"

namespace timbre::doctor {

namespace {

constexpr double kCeiling = 0.98;        // a recording that never comes this near to full scale was not clipped by it
constexpr float kStep = 1.5f / 32768;    // 16-bit recordings clip at 32767 above and −32768 below: one step of slack
constexpr std::int64_t kClippedRun = 3;  // one or two samples at the top also happen to a clean, normalised recording
constexpr std::int64_t kTicksOfFrame = 10;  // a frame is 5 ms
constexpr double kSilentShare = 1e-4;       // 40 dB below the loudest

double in_db(double power) { return power > 1e-20 ? 10 * std::log10(power) : -200; }

/// Counts samples in runs at the clip's own ceiling, which is known at the end only: samples near full scale are kept
/// (a 0 between those that are not neighbours) and thinned out when they become many.
class ClippedCounter {
 public:
  void take(float x) {
    if (std::abs(x) < static_cast<float>(kCeiling)) return gap();
    top_.push_back(x);
    peak_ = std::max(peak_, std::abs(x));
    if (top_.size() >= kMost) settle();
  }
  void gap() {
    if (!top_.empty() && top_.back() != 0) top_.push_back(0);
  }
  std::int64_t count() {
    settle();
    return counted_;
  }

 private:
  static constexpr std::size_t kMost = 1 << 18;

  void settle() {
    if (peak_ - counted_peak_ > kStep) counted_ = 0;  // what was counted lies below the ceiling that is known now
    counted_peak_ = peak_;
    std::int64_t run = 0;
    float before = 0;
    top_.push_back(0);
    for (float x : top_) {
      const bool at_top = std::abs(x) >= peak_ - kStep && x != 0;
      if (run > 0 && (!at_top || (x > 0) != (before > 0))) {
        if (run >= kClippedRun) counted_ += run;
        run = 0;
      }
      run += at_top;
      before = x;
    }
    top_.clear();
  }

  std::vector<float> top_;
  float peak_ = 0, counted_peak_ = 0;
  std::int64_t counted_ = 0;
};

/// Sums over a stretch of samples.
struct Sums {
  double sum = 0, power = 0;
  std::int64_t count = 0;
  void add(const Sums& other) {
    sum += other.sum;
    power += other.power;
    count += other.count;
  }
};

}  // namespace

/// Samples are added up in ticks of about half a millisecond (for hum), ten ticks make a frame (for levels and
/// silences).
struct ClipMeter::State {
  State(std::int64_t rate, std::int64_t channels)
      : tick_samples(std::max<std::int64_t>(1, std::llround(static_cast<double>(rate) / HumFinder::kTickRate_hz))),
        hum(static_cast<double>(rate) / static_cast<double>(tick_samples)) {
    facts.rate_hz = rate;
    facts.channels = channels;
  }

  void take_tick(const float* from, std::int64_t count);
  void take_odd_tick(const float* from, std::int64_t count, Sums& tick);
  void end_frame();
  void measure_levels();
  void measure_silences();

  ClipFacts facts;
  std::int64_t tick_samples;
  HumFinder hum;
  RunningHash hash;
  ClippedCounter clipped;
  std::vector<float> part;  ///< of a tick, from the last piece
  Sums all, frame;
  std::int64_t ticks = 0;
  float peak = 0;
  std::vector<float> frame_sums_F, frame_powers_F;  ///< the last frame may be short
  std::int64_t last_frame_samples = 0;
};

void ClipMeter::State::take_tick(const float* from, std::int64_t count) {
  float sum = 0, power = 0, top = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const float x = from[i];
    sum += x;
    power += x * x;
    top = std::max(top, std::abs(x));
  }
  Sums tick{sum, power, count};
  if (!(power < 1e9f)) take_odd_tick(from, count, tick);
  if (top >= static_cast<float>(kCeiling))
    for (std::int64_t i = 0; i < count; ++i) clipped.take(from[i]);
  else
    clipped.gap();
  peak = std::max(peak, top);
  all.add(tick);
  frame.add(tick);
  hum.take(static_cast<float>(tick.sum / static_cast<double>(count)));
  if (++ticks % kTicksOfFrame == 0) end_frame();
}

/// Samples that are no numbers, or so large that their squares leave single precision.
void ClipMeter::State::take_odd_tick(const float* from, std::int64_t count, Sums& tick) {
  tick = {0, 0, count};
  for (std::int64_t i = 0; i < count; ++i) {
    const double x = from[i];
    if (!std::isfinite(x)) {
      ++facts.bad_samples;
      continue;
    }
    tick.sum += x;
    tick.power += x * x;
  }
}

void ClipMeter::State::end_frame() {
  if (frame.count == 0) return;
  frame_sums_F.push_back(static_cast<float>(frame.sum));
  frame_powers_F.push_back(static_cast<float>(frame.power));
  last_frame_samples = frame.count;
  frame = {};
}

/// Turns the frames' powers into mean squares about the mean of the whole, then the levels from groups of four.
void ClipMeter::State::measure_levels() {
  const auto whole = static_cast<double>(tick_samples * kTicksOfFrame);
  const double mean = facts.dc_offset;
  const std::size_t count = frame_powers_F.size();
  for (std::size_t f = 0; f < count; ++f) {
    const double n = f + 1 == count ? static_cast<double>(last_frame_samples) : whole;
    const double power = frame_powers_F[f] - 2 * mean * frame_sums_F[f] + n * mean * mean;
    frame_powers_F[f] = static_cast<float>(std::max(0.0, power / n));
  }
  constexpr std::size_t kGroup = 4;
  std::vector<float> groups;
  for (std::size_t f = 0; f + kGroup <= count || (f < count && groups.empty()); f += kGroup) {
    double sum = 0;
    std::size_t n = 0;
    for (; n < kGroup && f + n < count; ++n) sum += frame_powers_F[f + n];
    groups.push_back(static_cast<float>(sum / static_cast<double>(n)));
  }
  const double threshold = *std::max_element(groups.begin(), groups.end()) * kSilentShare;
  double speech = 0;
  std::int64_t loud = 0;
  std::size_t longest = 0, run = 0;
  for (float power : groups) {
    if (power > threshold) {
      if (loud > 0) longest = std::max(longest, run);
      run = 0;
      speech += power;
      ++loud;
    } else {
      ++run;
    }
  }
  if (loud > 0) facts.speech_db = in_db(speech / static_cast<double>(loud));
  facts.inner_silence_s = static_cast<double>(longest * kGroup) * whole / static_cast<double>(facts.rate_hz);
}

/// Silence before the first and after the last sound: means over 25 ms (five frames) around each frame's middle.
void ClipMeter::State::measure_silences() {
  const std::size_t count = frame_powers_F.size();
  std::vector<float> around_F(count);
  for (std::size_t f = 0; f < count; ++f) {
    double sum = 0;
    for (std::size_t k = f >= 2 ? f - 2 : 0; k <= f + 2 && k < count; ++k) sum += frame_powers_F[k];
    around_F[f] = static_cast<float>(sum / 5);
  }
  const double threshold = *std::max_element(around_F.begin(), around_F.end()) * kSilentShare;
  const auto loud = [&](float power) { return power > threshold; };
  const double frame_s = static_cast<double>(tick_samples * kTicksOfFrame) / static_cast<double>(facts.rate_hz);
  const auto first = std::find_if(around_F.begin(), around_F.end(), loud) - around_F.begin();
  if (first == static_cast<std::ptrdiff_t>(count)) {
    facts.leading_silence_s = facts.duration_s();
    return;
  }
  const auto after = std::find_if(around_F.rbegin(), around_F.rend(), loud) - around_F.rbegin();
  // The sound begins or ends within two frames of the window that first holds it.
  facts.leading_silence_s = std::max(0.0, static_cast<double>(first) * frame_s);
  facts.trailing_silence_s = std::max(0.0, static_cast<double>(after) * frame_s);
}

ClipMeter::ClipMeter(std::int64_t rate_hz, std::int64_t channels)
    : state_(std::make_unique<State>(rate_hz, channels)) {}
ClipMeter::~ClipMeter() = default;

void ClipMeter::take(std::span<const float> wave_N) {
  State& s = *state_;
  s.hash.add({reinterpret_cast<const char*>(wave_N.data()), wave_N.size_bytes()});
  s.facts.samples += static_cast<std::int64_t>(wave_N.size());
  const auto whole = static_cast<std::size_t>(s.tick_samples);
  if (!s.part.empty()) {
    const std::size_t wanted = std::min(whole - s.part.size(), wave_N.size());
    s.part.insert(s.part.end(), wave_N.begin(), wave_N.begin() + static_cast<std::ptrdiff_t>(wanted));
    wave_N = wave_N.subspan(wanted);
    if (s.part.size() < whole) return;
    s.take_tick(s.part.data(), s.tick_samples);
    s.part.clear();
  }
  std::size_t at = 0;
  for (; at + whole <= wave_N.size(); at += whole) s.take_tick(wave_N.data() + at, s.tick_samples);
  s.part.assign(wave_N.begin() + static_cast<std::ptrdiff_t>(at), wave_N.end());
}

ClipFacts ClipMeter::finish() {
  State& s = *state_;
  ClipFacts& facts = s.facts;
  if (!s.part.empty()) s.take_tick(s.part.data(), static_cast<std::int64_t>(s.part.size()));
  s.end_frame();
  facts.readable = facts.samples > 0;
  if (!facts.readable) return facts;
  facts.audio_hash = s.hash.value();
  if (facts.bad_samples > 0) return facts;
  const auto n = static_cast<double>(facts.samples);
  facts.peak = static_cast<double>(s.peak);
  facts.clipped_samples = s.clipped.count();
  facts.dc_offset = s.all.sum / n;
  facts.rms_db = in_db(std::max(0.0, s.all.power / n - facts.dc_offset * facts.dc_offset));
  s.measure_levels();
  s.measure_silences();
  const Hum hum = s.hum.result();
  facts.hum_hz = hum.mains_hz;
  facts.hum_db = hum.level_db;
  return facts;
}

ClipFacts measure_samples(std::span<const float> wave_N, std::int64_t rate_hz) {
  ClipMeter meter(rate_hz, 1);
  meter.take(wave_N);
  return meter.finish();
}

ClipFacts measure_clip(const std::filesystem::path& path) {
  struct Sink : audio::BlockSink {
    void begin(const audio::AudioInfo& info) override { meter.emplace(info.rate_hz, info.channels); }
    void take(std::span<const float> samples_N) override { meter->take(samples_N); }
    std::optional<ClipMeter> meter;
  };
  Sink sink;
  audio::AudioCheck check = audio::scan_audio(path, sink);
  ClipFacts facts;
  if (sink.meter) facts = sink.meter->finish();
  if (facts.rate_hz == 0) facts.rate_hz = check.info.rate_hz, facts.channels = check.info.channels;
  facts.damage = std::move(check.damage);
  std::error_code missing;
  auto bytes = std::filesystem::file_size(path, missing);
  facts.file_bytes = missing ? -1 : static_cast<std::int64_t>(bytes);
  return facts;
}

}  // namespace timbre::doctor
