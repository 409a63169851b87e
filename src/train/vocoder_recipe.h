#pragma once
#include <optional>

#include "audio/mel.h"
#include "batch/clip_segments.h"
#include "batch/given_mels.h"
#include "train/recipe.h"

namespace timbre::train {

/// What vocoders share in training: pieces of recordings with the mels of them, "wave_BN" and "mel_BFM"; validation on
/// an even share of the held-out pieces; copy synthesis to be heard; the folder that is made of the network.
class VocoderRecipe : public Recipe {
 public:
  const std::vector<batch::Item>& items(Split split) const override;
  std::string units() const override { return "samples"; }
  double units_per_s() const override { return static_cast<double>(mel_.rate_hz); }
  batch::Batch collate(Split split, std::span<const std::size_t> items) const override;
  batch::Batch collate_in_epoch(Split split, std::span<const std::size_t> items, std::int64_t epoch) const override;
  void samples(SampleSink& sink, const StepInfo& info) override;
  double later_bytes() const override;

 protected:
  explicit VocoderRecipe(const audio::MelOptions& mel) : mel_(mel) {}

  /// Where the options ask for mels that were made elsewhere (an acoustic model's), these go in place of the
  /// recordings' own. `vocoder` ("vocos") is for messages. Call it before open_clips(). Throws as batch::GivenMels.
  void take_given_mels(const DataContext& context, const batch::GivenMelOptions& options, const std::string& vocoder);
  bool has_given_mels() const { return given_.has_value(); }
  /// Which clips can be trained on: those that have a mel. Lives as long as this object.
  std::function<bool(const corpus::Utterance&)> usable() const;
  /// Takes over the recordings; validation looks at `valid_pieces` at most.
  void open_clips(batch::ClipCorpus clips, std::int64_t valid_pieces);
  const batch::ClipCorpus& clips() const { return *clips_; }

  /// Frames that go with a piece of so many samples: by default those of their mel.
  virtual std::int64_t frames_of_piece(std::int64_t samples) const { return audio::mel_frames(samples, mel_); }
  /// The mel [F, M] of a piece: by default that of its samples, or the given one. Runs on the loader's thread.
  virtual std::vector<float> mel_of_piece(const std::string& id, const batch::ClipSegments::Piece& piece,
                                          std::span<const float> wave_N) const;
  /// The mel [1, F, M] of a whole recording that copy synthesis begins with: by default `real`, that of its
  /// samples, or the given one.
  virtual Tensor mel_of_clip(const std::string& id, const audio::Mel& real) const;
  /// mel_BFM → wave_BN without noise or teacher, of any length.
  virtual Tensor speak(const Tensor& mel_BFM) = 0;

  /// The finished vocoder: `network` beside about() and where it came from.
  void write_network(const std::filesystem::path& folder, const weights::TensorMap& network,
                     const nlohmann::json& provenance) const;

 private:
  /// Throws DataError when the given mels are longer or shorter than their recordings: another hop.
  void expect_same_clock() const;
  batch::Batch collate_pieces(std::size_t side, std::span<const std::size_t> items,
                              std::optional<std::int64_t> epoch) const;

  audio::MelOptions mel_;
  std::optional<audio::MelMaker> mel_maker_;
  std::optional<batch::GivenMels> given_;
  std::optional<batch::ClipCorpus> clips_;
  std::vector<std::size_t> valid_pieces_;  ///< of the validation side
  std::vector<batch::Item> valid_items_;
};

}  // namespace timbre::train
