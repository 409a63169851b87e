#pragma once
#include "models/valle/model.h"
#include "models/valle/totals.h"
#include "roles/golden.h"

/// What the two sets of VALL-E have in common: a batch through a network, and everything that is asked of it.
namespace timbre::valle {

/// A batch of a set: `prefix`.text_tokens, .text_tokens_lens, .audio_features, .audio_features_lens.
struct GivenBatch {
  Tensor text_BX, audio_BYQ;
  std::vector<std::int64_t> text_lens, audio_lens;
};
GivenBatch read_batch(const roles::ParityRun& run, const std::string& file, const std::string& prefix);

/// The random choices of a case: [["nar_stage", 3], ["mode1_prefix", 2, 4, 3], ["mode2_start", 0, 11, 2] …].
NarDraws read_draws(const nlohmann::json& draws);
/// Throws DataError when a pass of `stage` in `prefix_mode` over `utterances` needs starts that are not there.
void expect_starts(const NarDraws& draws, Stage stage, std::int64_t prefix_mode, std::size_t utterances);

/// Collects what a set asks for of one pass, by the names "<case>.logits.<module>", ".inter.<module>",
/// ".grad.<parameter>",
/// ".after.<buffer>", ".loss".
class PassReport {
 public:
  PassReport(roles::ParityRun& run, std::string file, std::string name);
  /// Probe for the pass; keeps what is asked for.
  Probe probe();
  /// Backward from `loss`, then all tensors; norms and sums of gradients under `pointer` of `document` as `norms` says.
  enum class Norms : std::uint8_t { l2_and_sum, l2 };
  void finish(nn::Module& model, const Tensor& loss, const std::string& document, const std::string& pointer,
              Norms norms);
  /// info and printed.
  void put_totals(const Totals& totals, const std::string& document, const std::string& pointer);

 private:
  bool asked(const std::string& entry) const;
  void put(const std::string& entry, const Tensor& value);
  roles::ParityRun& run_;
  std::string file_, name_;
};

/// The sums of one pass as the trainer adds them up.
Totals totals_of(const Outputs& out, const std::vector<std::int64_t>& code_lens);

}  // namespace timbre::valle
