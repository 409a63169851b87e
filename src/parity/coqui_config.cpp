#include "parity/coqui_config.h"

#include <fmt/format.h>

#include <functional>
#include <map>

#include "base/error.h"

namespace timbre::parity {
namespace {

using nlohmann::json;

/// "np.log10" and "np.log", as the configs write them.
std::string logarithm(const std::string& name) {
  if (name == "np.log10" || name == "log10") return "log10";
  if (name == "np.log" || name == "log") return "ln";
  throw DataError(fmt::format("Coqui's log_func '{}' is neither np.log nor np.log10", name));
}

std::string padding(const std::string& name) {
  if (name == "reflect") return "center";
  if (name == "constant") return "center_zero";
  throw DataError(fmt::format("Coqui's stft_pad_mode '{}' is neither reflect nor constant", name));
}

}  // namespace

CoquiConfig read_coqui_config(const json& config) {
  CoquiConfig c;
  c.mel = audio::mel_preset("coqui");
  audio::MelOptions& mel = c.mel;
  const std::map<std::string, std::function<void(const json&)>> known = {
      {"sample_rate", [&](const json& v) { mel.rate_hz = v; }},
      {"fft_size", [&](const json& v) { mel.fft_samples = v; }},
      {"hop_length", [&](const json& v) { mel.hop_samples = v; }},
      {"win_length", [&](const json& v) { mel.window_samples = v; }},
      {"num_mels", [&](const json& v) { mel.mels = v; }},
      {"mel_fmin", [&](const json& v) { mel.f_min_hz = v; }},
      {"mel_fmax", [&](const json& v) { mel.f_max_hz = v.is_null() ? 0.0 : v.get<double>(); }},
      {"preemphasis", [&](const json& v) { mel.preemphasis = v; }},
      {"spec_gain", [&](const json& v) { mel.gain = v; }},
      {"log_func", [&](const json& v) { mel.log = logarithm(v); }},
      {"stft_pad_mode", [&](const json& v) { mel.padding = padding(v); }},
      {"signal_norm", [&](const json& v) { mel.range.enabled = v; }},
      {"symmetric_norm", [&](const json& v) { mel.range.symmetric = v; }},
      {"max_norm", [&](const json& v) { mel.range.max_norm = v; }},
      {"clip_norm", [&](const json& v) { mel.range.clip = v; }},
      {"ref_level_db", [&](const json& v) { mel.range.ref_level_db = v; }},
      {"min_level_db", [&](const json& v) { mel.range.min_level_db = v; }},
      {"do_trim_silence", [&](const json& v) { c.trim = v; }},
      {"trim_db", [&](const json& v) { c.trim_db = v; }},
      {"pitch_fmin", [&](const json& v) { c.pitch_min_hz = v; }},
      {"pitch_fmax", [&](const json& v) { c.pitch_max_hz = v; }}};
  for (const auto& [key, value] : config.items()) {
    const auto setting = known.find(key);
    if (setting == known.end()) throw DataError(fmt::format("Coqui's audio option {} is not known here", key));
    setting->second(value);
  }
  return c;
}

audio::Span coqui_trim(std::span<const float> wave_N, const CoquiConfig& config) {
  return audio::trim_silence(wave_N, config.mel.rate_hz,
                             {.top_db = config.trim_db,
                              .frame_samples = config.mel.window_samples,
                              .hop_samples = config.mel.hop_samples,
                              .edge_s = 0.01});
}

}  // namespace timbre::parity
