#include "models/fastspeech2/engine.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "kernels/elementwise.h"
#include "weights/safetensors.h"

namespace timbre::fastspeech2 {
namespace {

std::size_t numbers(std::int64_t rows, std::int64_t channels) { return static_cast<std::size_t>(rows * channels); }

std::vector<float> rows_of(weights::ShapedReader& reader, const std::string& name, std::int64_t rows,
                           std::int64_t width) {
  const auto table = reader.take(name + ".weight", {rows, width});
  return {table.begin(), table.end()};
}

void copy_row(const std::vector<float>& table, std::int64_t row, std::int64_t width, float* to) {
  std::copy_n(table.data() + row * width, width, to);
}

class EngineSynthesizer final : public roles::Synthesizer {
 public:
  explicit EngineSynthesizer(const roles::VoiceFiles& voice)
      : parts_(voice),
        engine_(parts_.config, static_cast<std::int64_t>(parts_.vocabulary.symbols.size()),
                static_cast<std::int64_t>(parts_.vocabulary.speakers.size()), parts_.statistics,
                weights::read_safetensors(parts_.weights_file), parts_.weights_file.string()) {}

  roles::MelUtterance synthesize(std::span<const std::string> phones, const roles::Controls& controls) override {
    roles::MelUtterance spoken;
    const Request request = parts_.plan(phones, controls, spoken.unknown);
    Engine::Spoken made = engine_.run(request);
    spoken.durations_P.assign(phones.size(), 0);
    for (std::size_t i = 0; i < request.place_P.size(); ++i)
      spoken.durations_P[request.place_P[i]] = made.durations_P[i];
    spoken.frames = made.frames;
    spoken.bins = parts_.config.mel.mels;
    spoken.mel_FM = std::move(made.mel_FM);
    return spoken;
  }

  const audio::MelOptions& mel() const override { return parts_.config.mel; }
  const std::vector<std::string>& symbols() const override { return parts_.vocabulary.symbols; }
  const std::vector<std::string>& speakers() const override { return parts_.vocabulary.speakers; }

 private:
  VoiceParts parts_;
  Engine engine_;
};

}  // namespace

std::string engine_lacks(const Config& config) {
  if (is_torphix(config)) return fmt::format("compat={} has no engine", config.compat);
  if (config.variance.kernel != 3)
    return fmt::format("variance.kernel {} has no engine, 3 alone has", config.variance.kernel);
  return "";
}

Engine::Variance::Variance(weights::ShapedReader& reader, const std::string& kind, const Config& config,
                           const Statistics& of)
    : predictor(reader, "variance_adaptor." + kind + "_predictor", config),
      statistics(of),
      width(config.encoder.width) {
  const std::string name = "variance_adaptor." + kind;
  if (config.variance.embedding == "bins") {
    const auto edges = reader.take(name + "_bins", {config.variance.bins - 1});
    bins.assign(edges.begin(), edges.end());
    table = rows_of(reader, name + "_embedding", config.variance.bins, width);
  } else {
    conv.read(reader, name + "_conv", 1, width, config.variance.embedding_kernel);
  }
}

void Engine::Variance::add_to(float* x_TD, std::int64_t rows, double factor, std::vector<float>& values,
                              Scratch& scratch) const {
  values.resize(static_cast<std::size_t>(rows));
  predictor.run(x_TD, rows, values.data(), scratch);
  const auto times = static_cast<float>(factor);
  if (table.empty()) {
    // in the unit of the recording: (v·dev + mean)·factor, normalised again
    const auto shift = static_cast<float>(statistics.mean * (factor - 1) / statistics.deviation);
    if (factor != 1)
      for (float& value : values) value = value * times + shift;
    conv.run(values.data(), rows, x_TD, {.accumulate = true});
    return;
  }
  for (std::size_t t = 0; t < values.size(); ++t) {
    values[t] *= times;  // on the normalised value, as ming024 does
    const auto bin = std::lower_bound(bins.begin(), bins.end(), values[t]) - bins.begin();
    kernels::add(table.data() + bin * width, x_TD + static_cast<std::int64_t>(t) * width, width);
  }
}

Engine::Engine(const Config& config, std::int64_t symbols, std::int64_t speakers, const VarianceStatistics& statistics,
               const weights::TensorMap& weights, const std::string& where)
    : Engine(config, symbols, speakers, statistics, weights::ShapedReader(weights, where)) {}

Engine::Engine(const Config& config, std::int64_t symbols, std::int64_t speakers, const VarianceStatistics& statistics,
               weights::ShapedReader&& reader)
    : config_(config),
      symbols_SD_(rows_of(reader, "encoder.src_word_emb", symbols, config.encoder.width)),
      encoder_(reader, "encoder", config.encoder, config),
      duration_(reader, "variance_adaptor.duration_predictor", config),
      pitch_(reader, "pitch", config, statistics.pitch),
      energy_(reader, "energy", config, statistics.energy),
      decoder_(reader, "decoder", config.decoder, config) {
  const std::int64_t width = config.encoder.width;
  if (const std::string lacking = engine_lacks(config); !lacking.empty()) throw UsageError(lacking);
  if (config.phase) phase_.read_linear(reader, "variance_adaptor.phase_linear", 4, width);
  mel_linear_.read_linear(reader, "mel_linear", config.decoder.width, config.mel.mels);
  if (config.postnet_layers > 0) postnet_.emplace(reader, config);
  if (config.speaker.size > 0) speaker_vec_.read_linear(reader, "speaker_vec", config.speaker.size, width);
  if ((speakers > 1 && config.speaker.size == 0) || config.speaker_table)
    speakers_SD_ = rows_of(reader, "speaker_emb", speakers, width);
  reader.finish();
}

void Engine::add_speaker(const Request& request, float* x_PD, std::int64_t rows, Scratch& scratch) const {
  const std::int64_t width = config_.encoder.width;
  if (!speakers_SD_.empty())
    for (std::int64_t p = 0; p < rows; ++p)
      kernels::add(speakers_SD_.data() + request.speaker * width, x_PD + p * width, width);
  if (config_.speaker.size == 0) return;
  float* who_D = scratch.take(numbers(1, width));
  speaker_vec_.run(request.speaker_vec_E.data(), 1, who_D);
  for (std::int64_t p = 0; p < rows; ++p) kernels::add(who_D, x_PD + p * width, width);
}

/// Frames of one phone that no speech has: 20 minutes of the shortest hop.
constexpr float kMostFrames = 1 << 18;

std::vector<std::int64_t> Engine::frames_of(const float* log_duration_P, std::int64_t rows, double factor) const {
  std::vector<std::int64_t> frames_P;
  frames_P.reserve(static_cast<std::size_t>(rows));
  const auto times = static_cast<float>(factor);
  double end = 0;  // LibTorch's cumsum adds up in double
  float last = 0;
  for (std::int64_t p = 0; p < rows; ++p) {
    const float frames = std::exp(log_duration_P[p]) - 1;
    if (!(frames * times < kMostFrames))
      throw DataError(fmt::format("the voice gives phone {} of {} a length of {:g} frames: its weights are broken",
                                  p + 1, rows, frames * times),
                      "timbre info VOICE; train again, or take an earlier checkpoint");
    if (config_.variance.rounding == "each") {
      frames_P.push_back(static_cast<std::int64_t>(std::max(std::nearbyint(frames) * times, 0.0f)));
      continue;
    }
    end += std::max(frames * times, 1.0f);
    const float rounded = std::nearbyint(static_cast<float>(end));
    frames_P.push_back(static_cast<std::int64_t>(rounded - last));
    last = rounded;
  }
  return frames_P;
}

/// Where in its phoneme each frame lies, as 4 numbers.
void Engine::add_phase(const std::vector<std::int64_t>& durations_P, float* x_FD, std::int64_t frames) {
  float* where_F4 = scratch_.take(numbers(frames, 4));
  float* at = where_F4;
  for (const std::int64_t length : durations_P)
    for (std::int64_t i = 0; i < length; ++i, at += 4) {
      const auto before = static_cast<float>(i), after = static_cast<float>(length - 1 - i);
      at[0] = (before + 0.5f) / (before + after + 1) * 2 - 1;
      at[1] = std::log1p(before);
      at[2] = std::log1p(after);
      at[3] = std::log1p(static_cast<float>(length));
    }
  phase_.run(where_F4, frames, x_FD, {.accumulate = true});
}

Engine::Spoken Engine::run(const Request& request) {
  scratch_.clear();
  Spoken spoken;
  const std::int64_t width = config_.encoder.width, phones = static_cast<std::int64_t>(request.rows_P.size());
  const double energy_factor =
      config_.variance.energy_obeys_pitch_control ? request.factors.pitch : request.factors.energy;
  float* x_PD = scratch_.take(numbers(phones, width));
  for (std::int64_t p = 0; p < phones; ++p)
    copy_row(symbols_SD_, request.rows_P[static_cast<std::size_t>(p)], width, x_PD + p * width);
  encoder_.run(x_PD, phones, scratch_);
  add_speaker(request, x_PD, phones, scratch_);

  float* log_duration_P = scratch_.take(numbers(phones, 1));
  duration_.run(x_PD, phones, log_duration_P, scratch_);
  if (config_.variance.pitch_level == "phoneme")
    pitch_.add_to(x_PD, phones, request.factors.pitch, spoken.pitch, scratch_);
  if (config_.variance.energy_level == "phoneme") energy_.add_to(x_PD, phones, energy_factor, spoken.energy, scratch_);

  spoken.durations_P = frames_of(log_duration_P, phones, request.factors.duration);
  for (const std::int64_t frames : spoken.durations_P) spoken.frames += frames;
  if (spoken.frames == 0) return spoken;
  float* x_FD = scratch_.take(numbers(spoken.frames, width));
  float* frame = x_FD;
  for (std::int64_t p = 0; p < phones; ++p)
    for (std::int64_t i = 0; i < spoken.durations_P[static_cast<std::size_t>(p)]; ++i, frame += width)
      std::copy_n(x_PD + p * width, width, frame);
  if (config_.phase) add_phase(spoken.durations_P, x_FD, spoken.frames);
  if (config_.variance.pitch_level == "frame")
    pitch_.add_to(x_FD, spoken.frames, request.factors.pitch, spoken.pitch, scratch_);
  if (config_.variance.energy_level == "frame")
    energy_.add_to(x_FD, spoken.frames, energy_factor, spoken.energy, scratch_);

  decoder_.run(x_FD, spoken.frames, scratch_);
  spoken.mel_FM.resize(numbers(spoken.frames, config_.mel.mels));
  mel_linear_.run(x_FD, spoken.frames, spoken.mel_FM.data());
  if (postnet_) postnet_->run(spoken.mel_FM.data(), spoken.frames, scratch_);
  return spoken;
}

std::string voice_lacks(const roles::VoiceFiles& voice) {
  Config config;
  config::Fields fields = config.fields();
  config::from_json(fields, voice.about.at("model").at("config"), (voice.dir / "voice.json").string());
  return engine_lacks(config);
}

std::unique_ptr<roles::Synthesizer> open_engine(const roles::VoiceFiles& voice) {
  return std::make_unique<EngineSynthesizer>(voice);
}

}  // namespace timbre::fastspeech2
