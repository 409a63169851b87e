#include <ATen/ops/log.h>

#include "models/fastspeech2/recipe.h"
#include "nn/sequence.h"

namespace timbre::fastspeech2 {

Inputs inputs_of(const batch::Batch& batch, std::int64_t frames) {
  Inputs in;
  in.text_BP = batch["text_BP"];
  in.text_lens_B = batch["text_lens_B"];
  in.speaker_B = batch["speaker_B"];
  if (batch.has("speaker_vec_BE")) in.speaker_vec_BE = batch["speaker_vec_BE"];
  in.durations_BP = batch["durations_BP"];
  in.mel_lens_B = batch["mel_lens_B"];
  in.frames_max = frames;
  in.pitch = batch["pitch"];
  in.energy = batch["energy"];
  in.whole_durations = true;
  return in;
}

std::vector<train::Term> loss_terms(const Config& config, const Outputs& out, const batch::Batch& batch) {
  const Tensor& mel_pad_BF = out.mel_pad_BF;
  Tensor mel_BFM = batch["mel_BFM"].narrow(1, 0, mel_pad_BF.size(1));  // cut_long shortens both
  // torphix takes a target of as many frames as mel bins for one that lies on its side and turns it: a wrong loss.
  if (is_torphix(config) && mel_BFM.size(1) == mel_BFM.size(2)) mel_BFM = mel_BFM.transpose(1, 2);
  const bool pitch_by_frame = config.variance.pitch_level == "frame",
             energy_by_frame = config.variance.energy_level == "frame";
  const Tensor log_duration_BP = at::log(batch["durations_BP"].to(at::kFloat) + 1);
  const auto squared = [&](const Tensor& got, const Tensor& want, bool by_frame) {
    return nn::masked_l2_sum(got, want, by_frame ? mel_pad_BF : out.text_pad_BP);
  };
  std::vector<train::Term> terms = {
      {"mel", nn::masked_l1_sum(out.mel_BFM, mel_BFM, mel_pad_BF), "mel_values", config.loss.mel}};
  if (config.postnet_layers > 0) {
    terms.push_back({"mel_postnet", nn::masked_l1_sum(out.mel_postnet_BFM, mel_BFM, mel_pad_BF), "mel_values",
                     config.loss.postnet});
  }
  terms.push_back({"pitch", squared(out.pitch, batch["pitch"], pitch_by_frame), pitch_by_frame ? "frames" : "phones",
                   config.loss.pitch});
  terms.push_back({"energy", squared(out.energy, batch["energy"], energy_by_frame),
                   energy_by_frame ? "frames" : "phones", config.loss.energy});
  terms.push_back({"duration", squared(out.log_duration_BP, log_duration_BP, false), "phones", config.loss.duration});
  return terms;
}

std::map<std::string, double> Recipe::memorised_at() const {
  // Mel: natural logarithms, 0.35 is 3 dB a bin. Duration: of log(1 + frames), 0.02 is 15 %. Pitch and energy in
  // deviations of the corpus: 0.1 leaves a tenth of the variance. Values in hertz have no such scale.
  std::map<std::string, double> targets = {{"mel", 0.35}, {"duration", 0.02}};
  if (config_.postnet_layers > 0) targets["mel_postnet"] = 0.35;
  if (config_.variance.normalise) targets["pitch"] = targets["energy"] = 0.1;
  return targets;
}

}  // namespace timbre::fastspeech2
