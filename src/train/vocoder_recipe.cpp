#include "train/vocoder_recipe.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/log.h"
#include "batch/collate.h"
#include "plot/png.h"
#include "roles/network_folder.h"
#include "train/data_provenance.h"

namespace timbre::train {
namespace {

constexpr std::size_t kHeard = 3;  ///< clips of the samples

}  // namespace

void VocoderRecipe::take_given_mels(const DataContext& context, const batch::GivenMelOptions& options,
                                    const std::string& vocoder) {
  if (!options.active()) return;
  given_.emplace(context.corpus, options, mel_, vocoder);
  if (!given_->changes().empty()) context.events({"note", {{"text", "mels are brought over: " + given_->changes()}}});
}

std::function<bool(const corpus::Utterance&)> VocoderRecipe::usable() const {
  return [this](const corpus::Utterance& utterance) { return !given_ || given_->has(utterance.id); };
}

void VocoderRecipe::open_clips(batch::ClipCorpus clips, std::int64_t valid_pieces) {
  clips_.emplace(std::move(clips));
  if (const auto& out = clips_->left_out; !out.empty())
    log::warn(fmt::format("{} clip{} without a mel to be trained on, left out; the first is '{}'", out.size(),
                          out.size() == 1 ? "" : "s", out.front()));
  if (given_) expect_same_clock();
  const auto& valid = clips_->sides[1].items();
  const std::size_t count = std::min(valid.size(), static_cast<std::size_t>(valid_pieces));
  for (std::size_t i = 0; i < count; ++i) {
    valid_pieces_.push_back(i * valid.size() / count);
    valid_items_.push_back(valid[valid_pieces_.back()]);
  }
  mel_maker_.emplace(mel_);
}

void VocoderRecipe::expect_same_clock() const {
  constexpr std::size_t kLookedAt = 16;
  constexpr double kOff = 4;  // frames: ways of padding, and a manifest's rounded lengths
  const auto& list = clips_->sides[0].clips();
  for (std::size_t i = 0; i < std::min(kLookedAt, list.size()); ++i) {
    const batch::SourceClip& clip = list[i * list.size() / std::min(kLookedAt, list.size())];
    const double wanted = clip.duration_s * static_cast<double>(mel_.rate_hz) / static_cast<double>(mel_.hop_samples);
    const auto frames = static_cast<double>(given_->whole(clip.id).frames);
    if (std::abs(frames - wanted) > kOff + 0.01 * wanted)
      throw DataError(fmt::format("{}: its mel has {} frames, {:.2f} s of recording make {:.0f} of {} samples", clip.id,
                                  frames, clip.duration_s, wanted, mel_.hop_samples),
                      "make the mels from the recordings' own durations (teacher-forced), with the same hop");
  }
}

const std::vector<batch::Item>& VocoderRecipe::items(Split split) const {
  return split == Split::train ? clips_->sides[0].items() : valid_items_;
}

std::vector<float> VocoderRecipe::mel_of_piece(const std::string& id, const batch::ClipSegments::Piece& piece,
                                               std::span<const float> wave_N) const {
  if (given_) return given_->of_piece(id, piece, frames_of_piece(static_cast<std::int64_t>(wave_N.size())));
  return (*mel_maker_)(wave_N).values_FM;
}

batch::Batch VocoderRecipe::collate_pieces(std::size_t side, std::span<const std::size_t> items,
                                           std::optional<std::int64_t> epoch) const {
  batch::Batch batch;
  const batch::ClipSegments& segments = clips_->sides[side];
  const auto pieces = segments.collate(batch, items, epoch);
  const Tensor& wave_BN = batch["wave_BN"];
  const auto N = static_cast<std::size_t>(wave_BN.size(1));
  std::vector<std::vector<float>> mels;
  for (std::size_t b = 0; b < pieces.size(); ++b)
    mels.push_back(
        mel_of_piece(segments.clips()[pieces[b].clip].id, pieces[b], {wave_BN.const_data_ptr<float>() + b * N, N}));
  // Some paddings make a frame more than the network makes samples of.
  const auto most = static_cast<std::size_t>(frames_of_piece(static_cast<std::int64_t>(N)) * mel_.mels);
  for (auto& mel_FM : mels) mel_FM.resize(std::min(mel_FM.size(), most));
  const std::vector<std::span<const float>> rows(mels.begin(), mels.end());
  batch.put("mel_BFM", batch::pad_frames(rows, mel_.mels));
  return batch;
}

batch::Batch VocoderRecipe::collate(Split split, std::span<const std::size_t> items) const {
  if (split == Split::train) return collate_pieces(0, items, std::nullopt);
  std::vector<std::size_t> pieces;
  for (const std::size_t item : items) pieces.push_back(valid_pieces_[item]);
  return collate_pieces(1, pieces, std::nullopt);
}

batch::Batch VocoderRecipe::collate_in_epoch(Split split, std::span<const std::size_t> items,
                                             std::int64_t epoch) const {
  return split == Split::train ? collate_pieces(0, items, epoch) : collate(split, items);
}

Tensor VocoderRecipe::mel_of_clip(const std::string& id, const audio::Mel& real) const {
  if (given_) {
    const batch::GivenMels::Frames mel = given_->whole(id);
    return nn::to_torch(weights::Tensor::of<float>({1, mel.frames, real.bins}, mel.values_FM));
  }
  return nn::to_torch(weights::Tensor::of<float>({1, real.frames, real.bins}, real.values_FM));
}

double VocoderRecipe::later_bytes() const { return batch::full_bytes(clips_->sides); }

void VocoderRecipe::samples(SampleSink& sink, const StepInfo&) {
  const batch::ClipSegments& side = clips_->sides[clips_->sides[1].clips().empty() ? 0 : 1];
  const std::size_t clips = side.clips().size(), count = std::min(kHeard, clips);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t clip = i * clips / count;
    const std::vector<float> wave_N = side.whole(clip);
    const audio::Mel real = (*mel_maker_)(wave_N);
    const std::string name = side.clips()[clip].id;
    const Tensor mel_BFM = mel_of_clip(name, real).to(model().device());
    const std::vector<float> made_N = nn::from_torch(speak(mel_BFM)[0]).to_f32();
    sink.audio("real/" + name, wave_N, mel_.rate_hz);
    sink.audio("made/" + name, made_N, mel_.rate_hz);
    const audio::Mel heard = (*mel_maker_)(made_N);
    for (const auto& [what, mel] : {std::pair{"real", &real}, {"made", &heard}})
      sink.image(fmt::format("mel_{}/{}", what, name),
                 plot::draw_mel({.mel_FM = mel->values_FM,
                                 .frames = mel->frames,
                                 .bins = mel->bins,
                                 .frame_s = static_cast<double>(mel_.hop_samples) / static_cast<double>(mel_.rate_hz),
                                 .title = fmt::format("{} ({})", name, what)}));
  }
}

void VocoderRecipe::write_network(const std::filesystem::path& folder, const weights::TensorMap& network,
                                  const nlohmann::json& provenance) const {
  roles::write_network_folder(folder, with_provenance(about(), provenance, clips_->corpus, clips_->test_ids), network);
}

}  // namespace timbre::train
