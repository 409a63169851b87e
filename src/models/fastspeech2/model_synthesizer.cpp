#include "models/fastspeech2/model_synthesizer.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "batch/collate.h"
#include "models/fastspeech2/names.h"
#include "weights/safetensors.h"

/// A voice that speaks: phones → mel.
namespace timbre::fastspeech2 {
namespace {

class VoiceSynthesizer final : public roles::Synthesizer {
 public:
  explicit VoiceSynthesizer(const roles::VoiceFiles& voice) {
    const std::string where = (voice.dir / "voice.json").string();
    const auto field = [&](const nlohmann::json& in, const char* name) -> const nlohmann::json& {
      if (!in.contains(name)) throw DataError(fmt::format("{}: \"{}\" is missing", where, name));
      return in.at(name);
    };
    const auto& model = field(voice.about, "model");
    config::Fields fields = config_.fields();
    config::from_json(fields, field(model, "config"), where);
    if (const auto problems = config_.problems(); !problems.empty())
      throw DataError(fmt::format("{}: {}", where, problems.front()));
    vocabulary_ = {field(voice.about, "symbols"), field(voice.about, "speakers")};
    const VarianceStatistics statistics = read_statistics(field(voice.about, "stats"), where);
    model_ = make_network(config_, static_cast<std::int64_t>(vocabulary_.symbols.size()),
                          static_cast<std::int64_t>(vocabulary_.speakers.size()), statistics.pitch, statistics.energy);
    const auto path = voice.dir / model.value("weights", "model.safetensors");
    model_->load_exactly(weights::read_safetensors(path), path.string());
    model_->eval();
    if (config_.speaker.size > 0) speakers_ = weights::read_safetensors(voice.dir / "speaker_vectors.safetensors");
  }

  roles::MelUtterance synthesize(std::span<const std::string> phones, const roles::Controls& controls) override {
    for (const auto& [name, factor] :
         {std::pair{"speed", controls.speed}, {"pitch", controls.pitch}, {"energy", controls.energy}}) {
      if (!(factor > 0) || factor > 100)
        throw UsageError(
            fmt::format("--{} {} must be above 0 and at most 100; 1 is the voice as trained", name, factor));
    }
    const at::NoGradGuard no_grad;
    roles::MelUtterance spoken;
    std::vector<std::int64_t> rows;
    std::vector<std::size_t> place;  // of each row among the phones
    for (std::size_t i = 0; i < phones.size(); ++i) {
      const std::int64_t row = vocabulary_.nearest_row(phones[i]);
      if (row <= 0) {
        spoken.unknown.push_back(phones[i]);
        continue;
      }
      rows.push_back(row);
      place.push_back(i);
    }
    if (rows.empty())
      throw DataError("none of the phones is known to this voice",
                      fmt::format("it knows: {}", join(vocabulary_.symbols, " ")));

    Inputs in;
    in.text_BP = batch::pad_ids({rows});
    in.text_lens_B = batch::to_lengths({static_cast<std::int64_t>(rows.size())});
    in.speaker_B = batch::to_lengths({speaker_row(controls.speaker)});
    in.speaker_vec_BE = speaker_vector(controls);
    in.factors = {.pitch = controls.pitch, .energy = controls.energy, .duration = 1 / controls.speed};
    const Outputs out = model_->forward(in);
    spoken.durations_P.assign(phones.size(), 0);
    const auto durations = nn::from_torch(out.duration_BP.to(at::kLong).contiguous()).to_i64();
    for (std::size_t i = 0; i < place.size(); ++i) spoken.durations_P[place[i]] = durations[i];
    spoken.frames = out.mel_postnet_BFM.size(1);
    spoken.bins = out.mel_postnet_BFM.size(2);
    spoken.mel_FM = nn::from_torch(out.mel_postnet_BFM.contiguous()).to_f32();
    return spoken;
  }

  const audio::MelOptions& mel() const override { return config_.mel; }
  const std::vector<std::string>& symbols() const override { return vocabulary_.symbols; }
  const std::vector<std::string>& speakers() const override { return vocabulary_.speakers; }

 private:
  std::int64_t speaker_row(const std::string& name) const {
    if (name.empty()) return 0;
    const std::int64_t row = vocabulary_.speaker_row(name);
    if (row >= 0) return row;
    throw UsageError(fmt::format("this voice has no speaker '{}'; {}", name, did_you_mean(name, vocabulary_.speakers)),
                     fmt::format("speakers: {}", join(vocabulary_.speakers, ", ")));
  }

  /// The vector that was given, else the one of the speaker; undefined for a voice with a table.
  Tensor speaker_vector(const roles::Controls& controls) const {
    const auto size = static_cast<std::size_t>(config_.speaker.size);
    const std::vector<float>& given = controls.speaker_vector;
    if (size == 0 && given.empty()) return {};
    if (size == 0)
      throw UsageError("this voice was trained without speaker vectors: it cannot take after a recording",
                       "train one with --speaker-encoder");
    if (!given.empty() && given.size() != size)
      throw UsageError(fmt::format("the speaker vector has {} numbers, this voice takes {}", given.size(), size),
                       "make it with the encoder in the voice's folder speaker_encoder");
    const std::string& name = vocabulary_.speakers.at(static_cast<std::size_t>(speaker_row(controls.speaker)));
    return batch::pad_floats({given.empty() ? speakers_.at(name).to_f32() : given});
  }

  Config config_;
  weights::TensorMap speakers_;  ///< vectors by name
  Vocabulary vocabulary_;
  std::unique_ptr<Network> model_;
};

}  // namespace

std::unique_ptr<roles::Synthesizer> open_synthesizer(const roles::VoiceFiles& voice) {
  return std::make_unique<VoiceSynthesizer>(voice);
}

}  // namespace timbre::fastspeech2
