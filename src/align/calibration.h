#pragma once
#include <span>

/// From a fit score to a probability that means what it says.
namespace timbre::align {

/// The score of a clip under its text: (ln p(best path through the text) − ln p(best path through any sequence of
/// phones)) per frame of speech, in nats. 0 = nothing fits better than the text. Measured on prompts in five languages,
/// the score of right texts is 0 ± 0.3 whatever their length, that of other texts of like length −10 to −25.
///
/// Both groups are Student's t with `kFreedom` degrees: recordings have oddities (noise, a slip of the tongue) that
/// a normal distribution would call impossible. Where the t of one group has died away, the nearer end is taken, so
/// that the probability rises with the score everywhere.
struct Calibration {
  double right_score = 0, right_scale = 0.3;  ///< clips whose text is what is said
  double wrong_score = -15, wrong_scale = 5;  ///< clips under the text of another clip
  double wrong_share = 0.02;                  ///< of all clips of the corpus, as estimated

  /// Probability that the text is what is said; rises with `score`, strictly between 0 and 1.
  double probability(double score) const;
};

/// Location and scale of `own` (the clips under their own texts, some of which may be wrong) and of `wrong` (clips
/// under texts of other clips) by median and median deviation; the share of wrong ones among `own` by expectation and
/// maximisation. With fewer than 8 scores in a group its defaults stay.
Calibration calibrate(std::span<const double> own, std::span<const double> wrong);

}  // namespace timbre::align
