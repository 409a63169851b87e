#include "models/fastspeech2/request.h"

#include "base/error.h"
#include "base/strings.h"
#include "weights/safetensors.h"

namespace timbre::fastspeech2 {

VoiceParts::VoiceParts(const roles::VoiceFiles& voice) {
  const std::string where = (voice.dir / "voice.json").string();
  const auto field = [&](const nlohmann::json& in, const char* name) -> const nlohmann::json& {
    if (!in.contains(name)) throw DataError(fmt::format("{}: \"{}\" is missing", where, name));
    return in.at(name);
  };
  const auto& model = field(voice.about, "model");
  config::Fields fields = config.fields();
  config::from_json(fields, field(model, "config"), where);
  if (const auto problems = config.problems(); !problems.empty())
    throw DataError(fmt::format("{}: {}", where, problems.front()));
  vocabulary = {field(voice.about, "symbols"), field(voice.about, "speakers")};
  statistics = read_statistics(field(voice.about, "stats"), where);
  weights_file = voice.dir / model.value("weights", "model.safetensors");
  if (config.speaker.size == 0) return;
  const auto file = voice.dir / "speaker_vectors.safetensors";
  speaker_vectors = weights::read_safetensors(file);
  for (const std::string& speaker : vocabulary.speakers)
    if (const auto& vector = speaker_vectors.at(speaker); vector.numel() != config.speaker.size)
      throw DataError(fmt::format("{}: the vector of {} has {} numbers, this voice takes {}", file.string(), speaker,
                                  vector.numel(), config.speaker.size),
                      "the file belongs to another voice: copy the voice's folder as a whole");
}

Request VoiceParts::plan(std::span<const std::string> phones, const roles::Controls& controls,
                         std::vector<std::string>& unknown) const {
  for (const auto& [name, factor] :
       {std::pair{"speed", controls.speed}, {"pitch", controls.pitch}, {"energy", controls.energy}}) {
    if (!(factor > 0) || factor > 100)
      throw UsageError(fmt::format("--{} {} must be above 0 and at most 100; 1 is the voice as trained", name, factor));
  }
  Request request;
  for (std::size_t i = 0; i < phones.size(); ++i) {
    const std::int64_t row = vocabulary.nearest_row(phones[i]);
    if (row <= 0) {
      unknown.push_back(phones[i]);
      continue;
    }
    request.rows_P.push_back(row);
    request.place_P.push_back(i);
  }
  if (request.rows_P.empty())
    throw DataError("none of the phones is known to this voice",
                    fmt::format("it knows: {}", join(vocabulary.symbols, " ")));
  request.speaker = speaker_row(controls.speaker);
  request.speaker_vec_E = speaker_vector(controls);
  request.factors = {.pitch = controls.pitch, .energy = controls.energy, .duration = 1 / controls.speed};
  return request;
}

std::int64_t VoiceParts::speaker_row(const std::string& name) const {
  if (name.empty()) return 0;
  const std::int64_t row = vocabulary.speaker_row(name);
  if (row >= 0) return row;
  throw UsageError(fmt::format("this voice has no speaker '{}'; {}", name, did_you_mean(name, vocabulary.speakers)),
                   fmt::format("speakers: {}", join(vocabulary.speakers, ", ")));
}

/// The vector that was given, else the one of the speaker; empty for a voice with a table.
std::vector<float> VoiceParts::speaker_vector(const roles::Controls& controls) const {
  const auto size = static_cast<std::size_t>(config.speaker.size);
  const std::vector<float>& given = controls.speaker_vector;
  if (size == 0 && given.empty()) return {};
  if (size == 0)
    throw UsageError("this voice was trained without speaker vectors: it cannot take after a recording",
                     "train one with --speaker-encoder");
  if (!given.empty() && given.size() != size)
    throw UsageError(fmt::format("the speaker vector has {} numbers, this voice takes {}", given.size(), size),
                     "make it with the encoder in the voice's folder speaker_encoder");
  if (!given.empty()) return given;
  const auto row = static_cast<std::size_t>(speaker_row(controls.speaker));
  return speaker_vectors.at(vocabulary.speakers.at(row)).to_f32();
}

}  // namespace timbre::fastspeech2
