#include "corpus/clip_facts.h"

#include <algorithm>
#include <cmath>
#include <system_error>

#include "audio/levels.h"
#include "base/error.h"
#include "base/hash.h"

namespace timbre::corpus {

namespace {

/// Longest silence between the first and the last sound: 20 ms frames 40 dB below the loudest one.
double longest_inner_silence_s(std::span<const float> wave_N, std::int64_t rate_hz) {
  auto frame = static_cast<std::size_t>(std::max<std::int64_t>(1, rate_hz / 50));
  std::vector<double> power;
  for (std::size_t from = 0; from + frame <= wave_N.size(); from += frame) {
    double sum = 0;
    for (float x : wave_N.subspan(from, frame)) sum += double(x) * x;
    power.push_back(sum);
  }
  if (power.empty()) return 0;
  double threshold = *std::max_element(power.begin(), power.end()) * 1e-4;
  if (threshold <= 0) return 0;
  std::size_t longest = 0, run = 0;
  bool begun = false;
  for (double p : power) {
    if (p > threshold) {
      if (begun) longest = std::max(longest, run);
      begun = true;
      run = 0;
    } else {
      ++run;
    }
  }
  return static_cast<double>(longest * frame) / static_cast<double>(rate_hz);
}

std::uint64_t hash_samples(std::span<const float> wave_N) {
  std::string hex = hash_hex({reinterpret_cast<const char*>(wave_N.data()), wave_N.size_bytes()});
  return std::stoull(hex.substr(0, 16), nullptr, 16);
}

}  // namespace

ClipFacts measure_samples(std::span<const float> wave_N, std::int64_t rate_hz) {
  ClipFacts facts;
  facts.readable = !wave_N.empty();
  facts.samples = static_cast<std::int64_t>(wave_N.size());
  facts.rate_hz = rate_hz;
  facts.channels = 1;
  if (wave_N.empty()) return facts;
  facts.audio_hash = hash_samples(wave_N);
  facts.bad_samples = std::count_if(wave_N.begin(), wave_N.end(), [](float x) { return !std::isfinite(x); });
  if (facts.bad_samples) return facts;
  audio::Levels levels = audio::measure_levels(wave_N, rate_hz);
  facts.clipped_samples = levels.clipped_samples;
  facts.peak = levels.peak;
  facts.rms_db = levels.rms_db;
  facts.speech_db = levels.speech_db;
  facts.dc_offset = levels.dc_offset;
  audio::EdgeSilence edges = audio::edge_silence(wave_N, rate_hz);
  facts.leading_silence_s = edges.leading_s;
  facts.trailing_silence_s = edges.trailing_s;
  facts.inner_silence_s = longest_inner_silence_s(wave_N, rate_hz);
  return facts;
}

ClipFacts measure_clip(const std::filesystem::path& path) {
  audio::AudioCheck check = audio::check_audio(path);
  ClipFacts facts;
  std::vector<audio::Damage> damage = std::move(check.damage);
  auto is_hopeless = [](const audio::Damage& d) {
    return d.kind == audio::DamageKind::missing || d.kind == audio::DamageKind::undecodable ||
           d.kind == audio::DamageKind::empty;
  };
  if (std::none_of(damage.begin(), damage.end(), is_hopeless)) {
    try {
      audio::Clip clip =
          audio::decode_audio(path, audio::DecodeOptions{.resample_to_hz = std::nullopt, .keep_truncated = true});
      facts = measure_samples(clip.samples_N, clip.rate_hz);
      facts.channels = clip.source_channels;
      bool known = std::any_of(damage.begin(), damage.end(),
                               [](const audio::Damage& d) { return d.kind == audio::DamageKind::truncated; });
      if (!known && !check.info.estimated && facts.samples < check.info.samples)
        damage.push_back(
            {audio::DamageKind::truncated, fmt::format("{} samples could be decoded of {} that the header promises",
                                                       facts.samples, check.info.samples)});
      if (facts.samples == 0) damage.push_back({audio::DamageKind::empty, "no sample in it"});
    } catch (const DataError& error) {
      damage.push_back({audio::DamageKind::undecodable, error.what()});
    }
  }
  facts.damage = std::move(damage);
  std::error_code missing;
  auto bytes = std::filesystem::file_size(path, missing);
  facts.file_bytes = missing ? -1 : static_cast<std::int64_t>(bytes);
  return facts;
}

}  // namespace timbre::corpus
