#include <fmt/format.h>

#include "base/error.h"
#include "parity/sets.h"
#include "parity/speech_features.h"

namespace timbre::parity {

SpeechClip::SpeechClip(const roles::ParityRun& run, std::string at)
    : run_(run), at_(std::move(at)), id_(run.input_json(kCases, at_ + "/id").get<std::string>()) {}

std::string SpeechClip::recording() const { return id_.substr(id_.find('_') + 1); }

std::string SpeechClip::prefix() const {
  std::string dotted = id_ + ".";
  if (const auto bar = dotted.find('_'); bar != std::string::npos) dotted[bar] = '.';
  return dotted;
}

const audio::Clip& SpeechClip::audio(const std::string& rate) const {
  const auto known = audio_.find(rate);
  if (known != audio_.end()) return known->second;
  const auto path = run_.input_path(fmt::format("clips/{}_{}.wav", id_, rate));
  return audio_.emplace(rate, audio::decode_audio(path)).first->second;
}

weights::Tensor columns_first(std::span<const float> values_FC, std::int64_t frames, std::int64_t columns) {
  std::vector<float> turned(values_FC.size());
  for (std::int64_t f = 0; f < frames; ++f) {
    for (std::int64_t c = 0; c < columns; ++c)
      turned[static_cast<std::size_t>(c * frames + f)] = values_FC[static_cast<std::size_t>(f * columns + c)];
  }
  return weights::Tensor::of<float>({columns, frames}, std::move(turned));
}

namespace {

void run_speech_features(roles::ParityRun& run) {
  std::vector<SpeechClip> clips;
  for (const std::string& i : run.keys(kCases, "/clips")) clips.emplace_back(run, "/clips/" + i);
  const auto names = run.names(kTensors);
  for (const SpeechClip& clip : clips) {
    const std::string prefix = clip.prefix();
    for (const std::string& name : names) {
      if (!name.starts_with(prefix)) continue;
      const std::string feature = name.substr(prefix.size());
      attempt(run, fmt::format("*:{}", name),
              [&] { mel_feature(run, clip, feature) || pitch_feature(run, clip, feature); });
    }
    attempt(run, fmt::format("{}:{}/[fc]*", kCases, clip.at()), [&] { clip_counts(run, clip); });
  }
  attempt(run, "*:[flw]*", [&] { filters_and_windows(run); });
  attempt(run, "*.utt.*", [&] { utterances(run, clips); });
  average_cases(run);
  attempt(run, "*:/textgrid/*", [&] { grid_cases(run); });
}

}  // namespace

void register_set_speech_features(roles::Registry& registry) {
  registry.add_parity("speech_features", run_speech_features);
}

}  // namespace timbre::parity
