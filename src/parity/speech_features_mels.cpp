#include <fmt/format.h>

#include <array>
#include <limits>
#include <regex>

#include "audio/dio.h"
#include "audio/fbank.h"
#include "audio/levels.h"
#include "base/error.h"
#include "base/strings.h"
#include "parity/coqui_config.h"
#include "parity/speech_features.h"

namespace timbre::parity {
namespace {

using nlohmann::json;
using weights::Tensor;

Tensor columns_first(const audio::Mel& mel) { return parity::columns_first(mel.values_FM, mel.frames, mel.bins); }

/// What the set's table calls each front end.
std::string table_name(const std::string& front_end) {
  if (front_end == "taco") return "TacotronSTFT";
  return front_end == "hifigan" ? "jik876 HiFi-GAN" : "vocos";
}

std::int64_t integer(const std::ssub_match& match) { return parse_int(match.str()).value(); }

/// "8000", or "null" for half the rate (0 in MelOptions).
double top_hz(const std::string& text) { return text == "null" ? 0.0 : static_cast<double>(parse_int(text).value()); }

/// Sizes from "Slaney scale, Slaney area norm, 80, 0-8000".
void set_mels(audio::MelOptions& o, const std::string& text) {
  static const std::regex kSizes(R"((\d+), (\d+)-(\d+))");
  std::smatch m;
  if (!std::regex_search(text, m, kSizes))
    throw DataError(fmt::format("stft_parameters: \"{}\" names no '<mels>, <lowest>-<highest>'", text));
  o.mels = integer(m[1]);
  o.f_min_hz = static_cast<double>(integer(m[2]));
  o.f_max_hz = static_cast<double>(integer(m[3]));
}

/// lhotse's names for what FbankOptions holds; what it cannot express must have the value that means "off".
audio::FbankOptions fbank_options(const json& config) {
  audio::FbankOptions o;
  const std::map<std::string, json> fixed = {
      {"round_to_power_of_two", true}, {"dither", 0.0},   {"use_fft_mag", false},
      {"norm_filters", false},         {"device", "cpu"}, {"torchaudio_compatible_mel_scale", true}};
  for (const auto& [key, value] : config.items()) {
    if (const auto want = fixed.find(key); want != fixed.end()) {
      if (value != want->second)
        throw DataError(fmt::format("lhotse's {} = {} is not computed here", key, value.dump()));
    } else if (key == "sampling_rate") {
      o.rate_hz = value;
    } else if (key == "frame_length") {
      o.frame_s = value;
    } else if (key == "frame_shift") {
      o.shift_s = value;
    } else if (key == "remove_dc_offset") {
      o.remove_dc = value;
    } else if (key == "preemph_coeff") {
      o.preemphasis = value;
    } else if (key == "window_type") {
      o.window = value;
    } else if (key == "snip_edges") {
      o.snip_edges = value;
    } else if (key == "energy_floor") {
      o.energy_floor = value;
    } else if (key == "raw_energy") {
      o.raw_energy = value;
    } else if (key == "use_energy") {
      o.energy = value;
    } else if (key == "low_freq") {
      o.low_hz = value;
    } else if (key == "high_freq") {
      o.high_hz = value;
    } else if (key == "num_filters") {
      o.filters = value;
    } else {
      throw DataError(fmt::format("lhotse's option {} is not known here", key));
    }
  }
  return o;
}

void coqui_mel(roles::ParityRun& run, const SpeechClip& clip, const std::string& config, const std::string& entry) {
  const CoquiConfig coqui = read_coqui_config(run.input_json(kCases, "/coqui_configs/" + config));
  const auto& samples_N = clip.audio("22k").samples_N;
  auto wave_N = std::span<const float>(samples_N);
  if (coqui.trim) {
    const audio::Span kept = coqui_trim(wave_N, coqui);
    wave_N = wave_N.subspan(static_cast<std::size_t>(kept.first), static_cast<std::size_t>(kept.count));
  }
  run.put(kTensors, entry, columns_first(audio::mel_spectrogram(wave_N, coqui.mel)));
}

}  // namespace

audio::MelOptions front_end(const roles::ParityRun& run, const std::string& name) {
  for (const std::string& i : run.keys(kCases, "/stft_parameters")) {
    const json row = run.input_json(kCases, "/stft_parameters/" + i);
    if (!row.at("front end").get<std::string>().starts_with(table_name(name))) continue;
    audio::MelOptions o = audio::mel_preset(name == "taco" ? "tacotron" : name);
    o.rate_hz = row.at("sr");
    o.fft_samples = row.at("n_fft");
    o.window_samples = row.at("win");
    o.hop_samples = row.at("hop");
    set_mels(o, row.at("mel"));
    return o;
  }
  throw DataError(fmt::format("{}: stft_parameters has no row '{}'", (run.dir() / kCases).string(), table_name(name)));
}

bool mel_feature(roles::ParityRun& run, const SpeechClip& clip, const std::string& feature) {
  static const std::regex kTaco(R"(taco(?:_win(\d+))?(?:_fmax(\d+|null))?\.(mel|energy))");
  static const std::regex kHifigan(R"(hifigan\.mel_fmax(\d+|null))");
  static const std::regex kCoqui(R"(coqui\.(.+)\.mel)");
  static const std::regex kVocos(R"(vocos\.mel_(center|same))");
  static const std::regex kLhotse(R"(lhotse\.(.+))");
  const std::string entry = clip.prefix() + feature;
  std::smatch m;
  if (std::regex_match(feature, m, kTaco)) {
    audio::MelOptions o = front_end(run, "taco");
    if (m[1].matched) o.window_samples = integer(m[1]);
    if (m[2].matched) o.f_max_hz = top_hz(m[2]);
    const audio::Mel mel = audio::mel_spectrogram(clip.audio("22k").samples_N, o);
    run.put(kTensors, entry, m[3] == "mel" ? columns_first(mel) : Tensor::of<float>({mel.frames}, mel.energy_F));
  } else if (std::regex_match(feature, m, kHifigan)) {
    audio::MelOptions o = front_end(run, "hifigan");
    o.f_max_hz = top_hz(m[1]);
    run.put(kTensors, entry, columns_first(audio::mel_spectrogram(clip.audio("22k").samples_N, o)));
  } else if (std::regex_match(feature, m, kVocos)) {
    audio::MelOptions o = front_end(run, "vocos");
    o.padding = m[1];
    run.put(kTensors, entry, columns_first(audio::mel_spectrogram(clip.audio("24k").samples_N, o)));
  } else if (std::regex_match(feature, m, kLhotse)) {
    const auto o = fbank_options(run.input_json(kCases, "/lhotse_configs/" + m[1].str()));
    audio::Fbank bank = audio::fbank(clip.audio("16k").samples_N, o);
    run.put(kTensors, entry, Tensor::of<float>({bank.frames, bank.columns}, std::move(bank.values_FC)));
  } else if (std::regex_match(feature, m, kCoqui)) {
    coqui_mel(run, clip, m[1], entry);
  } else {
    return false;
  }
  return true;
}

void clip_counts(roles::ParityRun& run, const SpeechClip& clip) {
  const auto& samples_N = clip.audio("22k").samples_N;
  const auto samples = static_cast<std::int64_t>(samples_N.size());
  const audio::MelOptions taco = front_end(run, "taco");
  run.put_json(kCases, clip.at() + "/frames_taco", audio::mel_frames(samples, taco));
  run.put_json(kCases, clip.at() + "/frames_world",
               audio::dio_frames(samples, {.rate_hz = taco.rate_hz, .hop_samples = taco.hop_samples}));
  for (const std::string& config : run.keys(kCases, "/coqui_configs")) {
    const CoquiConfig coqui = read_coqui_config(run.input_json(kCases, "/coqui_configs/" + config));
    if (!coqui.trim) continue;
    const audio::Span kept = coqui_trim(samples_N, coqui);
    run.put_json(kCases, fmt::format("{}/coqui_{}_trim", clip.at(), config), json{kept.first, kept.count});
  }
}

namespace {

void filter(roles::ParityRun& run, const std::string& name) {
  static const std::regex kFilters(R"(filters\.(slaney|htk)(_nonorm)?_(\d+)_(\d+)_(\d+)(?:_(\d+)_(\d+|null))?)");
  static const std::regex kWindow(R"(window\.hann_periodic_(\d+)(?:_in_(\d+))?)");
  std::smatch m;
  if (std::regex_match(name, m, kFilters)) {
    const auto mels = integer(m[5]), bins = integer(m[4]) / 2 + 1;
    run.put(kTensors, name,
            Tensor::of<float>({mels, bins},
                              audio::mel_filters(integer(m[3]), integer(m[4]), mels, m[6].matched ? top_hz(m[6]) : 0.0,
                                                 m[7].matched ? top_hz(m[7]) : 0.0,
                                                 m[1] == "htk" ? audio::MelScale::htk : audio::MelScale::slaney,
                                                 m[2].matched ? audio::MelNorm::none : audio::MelNorm::slaney_area)));
  } else if (std::regex_match(name, m, kWindow)) {
    const auto window = integer(m[1]), in = m[2].matched ? integer(m[2]) : window;
    run.put(kTensors, name, Tensor::of<double>({in}, audio::hann_window(window, in)));
  }
}

/// The buffers of lhotse's Fbank: of its configuration without an energy column, if there is one.
void lhotse_parameters(roles::ParityRun& run) {
  const std::string at = "/lhotse_configs";
  const auto configs = run.keys(kCases, at);
  if (configs.empty()) return;
  std::string chosen = configs.front();
  for (const std::string& config : configs) {
    if (!run.input_json(kCases, at + "/" + config).value("use_energy", false)) chosen = config;
  }
  const auto o = fbank_options(run.input_json(kCases, at + "/" + chosen));
  const std::int64_t bins = audio::fbank_fft_samples(o) / 2 + 1;
  const auto window = audio::fbank_window(o);
  run.put(kTensors, "lhotse.param._fb", parity::columns_first(audio::fbank_filters(o), o.filters, bins));
  run.put(kTensors, "lhotse.param.wav2win._window",
          Tensor::of<float>({static_cast<std::int64_t>(window.size())}, window));
  run.put(kTensors, "lhotse.param._eps", Tensor::of<float>({}, {std::numeric_limits<float>::epsilon()}));
}

}  // namespace

void filters_and_windows(roles::ParityRun& run) {
  for (const std::string& name : run.names(kTensors)) attempt(run, "*:" + name, [&] { filter(run, name); });
  attempt(run, "*:lhotse.param.*", [&] { lhotse_parameters(run); });
  const audio::MelOptions taco = front_end(run, "taco");
  for (const std::string& i : run.keys(kCases, "/taco_short_input")) {
    const std::string at = "/taco_short_input/" + i;
    attempt(run, fmt::format("{}:{}/*", kCases, at), [&] {
      const std::vector<float> silence_N(run.input_json(kCases, at + "/samples").get<std::size_t>());
      run.put_json(kCases, at + "/frames", audio::mel_spectrogram(silence_N, taco).frames);
    });
  }
}

}  // namespace timbre::parity
