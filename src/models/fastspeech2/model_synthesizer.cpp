#include "models/fastspeech2/model_synthesizer.h"

#include <ATen/Parallel.h>

#include <numeric>

#include "base/error.h"
#include "base/strings.h"
#include "batch/collate.h"
#include "models/fastspeech2/request.h"
#include "weights/safetensors.h"

/// A voice that speaks: phones → mel, and one that follows recordings.
namespace timbre::fastspeech2 {
namespace {

class VoiceSynthesizer final : public roles::Synthesizer {
 public:
  explicit VoiceSynthesizer(const roles::VoiceFiles& voice) : parts_(voice) {
    model_ = make_network(parts_.config, static_cast<std::int64_t>(parts_.vocabulary.symbols.size()),
                          static_cast<std::int64_t>(parts_.vocabulary.speakers.size()), parts_.statistics.pitch,
                          parts_.statistics.energy);
    model_->load_exactly(weights::read_safetensors(parts_.weights_file), parts_.weights_file.string());
    model_->eval();
  }

  roles::MelUtterance synthesize(std::span<const std::string> phones, const roles::Controls& controls) override {
    const at::NoGradGuard no_grad;
    roles::MelUtterance spoken;
    const Request request = parts_.plan(phones, controls, spoken.unknown);
    Inputs in;
    in.text_BP = batch::pad_ids({request.rows_P});
    in.text_lens_B = batch::to_lengths({static_cast<std::int64_t>(request.rows_P.size())});
    in.speaker_B = batch::to_lengths({request.speaker});
    if (!request.speaker_vec_E.empty()) in.speaker_vec_BE = batch::pad_floats({request.speaker_vec_E});
    in.factors = request.factors;
    const Outputs out = model_->forward(in);
    spoken.durations_P.assign(phones.size(), 0);
    const auto durations = nn::from_torch(out.duration_BP.to(at::kLong).contiguous()).to_i64();
    for (std::size_t i = 0; i < request.place_P.size(); ++i) spoken.durations_P[request.place_P[i]] = durations[i];
    spoken.frames = out.mel_postnet_BFM.size(1);
    spoken.bins = out.mel_postnet_BFM.size(2);
    spoken.mel_FM = nn::from_torch(out.mel_postnet_BFM.contiguous()).to_f32();
    return spoken;
  }

  roles::MelUtterance follow(const roles::Recorded& clip) const override {
    const at::NoGradGuard no_grad;
    at::set_num_threads(1);  // clips are followed side by side
    roles::MelUtterance made;
    const bool several = parts_.vocabulary.speakers.size() > 1;
    const Request request = parts_.plan(clip.phones, {.speaker = several ? clip.speaker : ""}, made.unknown);
    if (!made.unknown.empty())
      throw DataError("the voice has no symbol for: " + join(made.unknown, " "),
                      "give a voice that was trained on these phones");
    const std::int64_t frames = std::accumulate(clip.durations_P.begin(), clip.durations_P.end(), std::int64_t{0});
    const auto& variance = parts_.config.variance;
    const auto expect_count = [&](const char* what, std::size_t count, bool by_frame) {
      const std::size_t want = by_frame ? static_cast<std::size_t>(frames) : clip.phones.size();
      if (count != want)
        throw DataError(fmt::format("{} values of {} for {} {}", count, what, want, by_frame ? "frames" : "phones"));
    };
    expect_count("duration", clip.durations_P.size(), false);
    expect_count("pitch", clip.pitch.size(), variance.pitch_level == "frame");
    expect_count("energy", clip.energy.size(), variance.energy_level == "frame");
    Inputs in;
    in.text_BP = batch::pad_ids({request.rows_P});
    in.text_lens_B = batch::to_lengths({static_cast<std::int64_t>(request.rows_P.size())});
    in.speaker_B = batch::to_lengths({request.speaker});
    if (!request.speaker_vec_E.empty()) in.speaker_vec_BE = batch::pad_floats({request.speaker_vec_E});
    in.durations_BP = batch::pad_ids({clip.durations_P});
    in.mel_lens_B = batch::to_lengths({frames});
    in.frames_max = frames;
    in.pitch = batch::pad_floats({scaled(clip.pitch, parts_.statistics.pitch, variance.normalise)});
    in.energy = batch::pad_floats({scaled(clip.energy, parts_.statistics.energy, variance.normalise)});
    in.whole_durations = true;
    const Outputs out = model_->forward(in);
    made.durations_P = clip.durations_P;
    made.frames = out.mel_postnet_BFM.size(1);
    made.bins = out.mel_postnet_BFM.size(2);
    made.mel_FM = nn::from_torch(out.mel_postnet_BFM.contiguous()).to_f32();
    return made;
  }

  const audio::MelOptions& mel() const override { return parts_.config.mel; }
  const std::vector<std::string>& symbols() const override { return parts_.vocabulary.symbols; }
  const std::vector<std::string>& speakers() const override { return parts_.vocabulary.speakers; }

 private:
  VoiceParts parts_;
  std::unique_ptr<Network> model_;
};

}  // namespace

std::unique_ptr<roles::Synthesizer> open_synthesizer(const roles::VoiceFiles& voice) {
  return std::make_unique<VoiceSynthesizer>(voice);
}

}  // namespace timbre::fastspeech2
