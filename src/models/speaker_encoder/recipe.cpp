#include "models/speaker_encoder/recipe.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/norm.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "base/error.h"
#include "base/files.h"
#include "base/rng.h"
#include "models/speaker_encoder/files.h"
#include "models/speaker_encoder/verification.h"
#include "prepare/plan.h"
#include "roles/network_folder.h"
#include "train/data_provenance.h"

namespace timbre::speaker_encoder {
namespace {

using nlohmann::json;

constexpr std::size_t kValidClips = 500;  ///< all pairs of them are compared
constexpr std::int64_t kTogether = 256;   ///< pieces that validation embeds at once

std::size_t side(train::Split split) { return split == train::Split::train ? 0 : 1; }

/// Appends `frames` rows from `first` on; a clip that is too short begins anew.
void append_stretch(const weights::Tensor& mel, std::int64_t first, std::int64_t frames, std::vector<float>& values) {
  const auto all = mel.as<float>();
  const std::int64_t count = mel.shape.at(0), bins = mel.shape.at(1);
  for (std::int64_t f = 0; f < frames; ++f) {
    const auto row = all.subspan(static_cast<std::size_t>((first + f) % count * bins), static_cast<std::size_t>(bins));
    values.insert(values.end(), row.begin(), row.end());
  }
}

Tensor tensor_of(std::vector<float> values, std::vector<std::int64_t> shape) {
  return nn::to_torch(weights::Tensor::of<float>(std::move(shape), std::move(values)));
}

Tensor rows_of(const std::vector<std::int64_t>& rows) {
  return nn::to_torch(weights::Tensor::of<std::int64_t>({static_cast<std::int64_t>(rows.size())}, rows));
}

/// Cosines of all pairs, [clips, clips].
std::vector<double> cosines(const Tensor& vectors_NE) {
  const Tensor unit_NE = (vectors_NE / at::norm(vectors_NE, 2, {1}, true)).to(at::kDouble).cpu();
  return nn::from_torch(at::matmul(unit_NE, unit_NE.t()).contiguous()).to_f64();
}

}  // namespace

Learner::Learner(const Config& config, std::int64_t speakers)
    : encoder(config), loss(config.loss, config.embedding, speakers) {
  child("encoder", encoder);
  child("loss", loss);
}

void Recipe::open(const train::DataContext& context) {
  corpus_.emplace(corpus::Corpus::open(context.corpus));
  std::vector<prepare::ColumnRequest> wanted;
  for (auto& need : columns_of(config_)) wanted.push_back({need.column, need.settings});
  prepare::require_columns(*corpus_, wanted, "speaker_encoder");
  mels_.emplace(corpus::Column::open(context.corpus, "speaker_mel"));
  seed_ = context.seed;
  list_clips(context);
  if (context.continued.is_object() && context.continued.at("speakers") != speakers_)
    throw DataError("the run was started with other speakers", "restore the corpus, or start a new run with --base");
  const std::int64_t frames = speakers_a_batch() * config_.batches.clips * config_.batches.slice_frames;
  for (std::int64_t i = 0; i < config_.batches.per_epoch; ++i)
    items_[0].push_back({fmt::format("{}/{}", corpus_->hash(), i), frames});
  model_ = std::make_unique<Learner>(config_, static_cast<std::int64_t>(speakers_.size()));
}

void Recipe::list_clips(const train::DataContext& context) {
  const auto& all = corpus_->utterances();
  const corpus::Split split = corpus::make_split(all, config_.split);
  std::map<std::string, std::vector<std::string>> by_speaker[2];
  for (std::size_t i = 0; i < all.size(); ++i) {
    const corpus::Side of = split.side_of[i];
    if (of == corpus::Side::test) test_ids_.push_back(all[i].id);
    if ((of != corpus::Side::train && of != corpus::Side::valid) || !mels_->has(all[i].id)) continue;
    by_speaker[of == corpus::Side::train ? 0 : 1][all[i].speaker].push_back(all[i].id);
  }
  for (auto& [speaker, ids] : by_speaker[0]) {
    if (ids.size() < 2) {
      context.events({"warning", {{"text", fmt::format("speaker '{}' has one clip and is left out", speaker)}}});
      continue;
    }
    speakers_.push_back(speaker);
    clips_.push_back(std::move(ids));
  }
  if (speakers_.size() < 2)
    throw DataError(fmt::format("{}: {} speaker with two clips or more; an encoder learns from at least two speakers",
                                context.corpus.string(), speakers_.size()),
                    "join corpora of several speakers (timbre import), or look at the speakers: timbre stats");
  // Speaker by speaker in turn, so that a cut leaves all of them.
  std::size_t most = 0;
  for (const auto& [speaker, ids] : by_speaker[1]) most = std::max(most, ids.size());
  for (std::size_t turn = 0; turn < most; ++turn)
    for (std::size_t s = 0; s < speakers_.size() && valid_.size() < kValidClips; ++s) {
      const auto& ids = by_speaker[1][speakers_[s]];
      if (turn < ids.size() && ids.size() > 1) valid_.push_back({ids[turn], s});
    }
  std::int64_t frames = 0, heard = 0;
  for (std::size_t s = 0; s < speakers_.size(); ++s)
    heard += std::any_of(valid_.begin(), valid_.end(), [&](const Clip& clip) { return clip.speaker == s; });
  for (const Clip& clip : valid_) frames += mels_->get(clip.id).shape.at(0);
  if (heard >= 2) items_[1].push_back({"all held-out clips", frames});
}

std::int64_t Recipe::speakers_a_batch() const {
  return std::min(config_.batches.speakers, static_cast<std::int64_t>(speakers_.size()));
}

const std::vector<batch::Item>& Recipe::items(train::Split split) const { return items_[side(split)]; }

double Recipe::units_per_s() const {
  return static_cast<double>(config_.audio.mel.rate_hz) / static_cast<double>(config_.audio.mel.hop_samples);
}

void Recipe::draw(std::size_t item, batch::Batch& batch, std::vector<float>& values,
                  std::vector<std::int64_t>& rows) const {
  Philox random(seed_, item);
  std::vector<std::size_t> order(speakers_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  random.shuffle(order);
  const std::int64_t slice = config_.batches.slice_frames;
  for (std::int64_t n = 0; n < speakers_a_batch(); ++n) {
    const std::size_t speaker = order[static_cast<std::size_t>(n)];
    std::vector<std::string> clips = clips_[speaker];
    random.shuffle(clips);
    rows.push_back(static_cast<std::int64_t>(speaker));
    for (std::int64_t m = 0; m < config_.batches.clips; ++m) {
      const std::string& id = clips[static_cast<std::size_t>(m) % clips.size()];
      const weights::Tensor mel = mels_->get(id);
      const std::int64_t room = mel.shape.at(0) - slice;
      const auto first = room > 0 ? static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(room + 1))) : 0;
      append_stretch(mel, first, slice, values);
      batch.ids.push_back(id);
    }
  }
}

batch::Batch Recipe::whole_clips() const {
  batch::Batch batch;
  std::vector<float> values;
  std::vector<std::int64_t> counts, speakers;
  const std::int64_t size = config_.slices.frames;
  std::int64_t pieces = 0;
  for (const Clip& clip : valid_) {
    const weights::Tensor mel = mels_->get(clip.id);
    std::int64_t own = 0;
    for (const Range& window : overlapping_windows(mel.shape.at(0), size, config_.slices.overlap)) {
      if (own > 0 && window.end - window.begin < size) break;  // whole windows; a short clip is repeated to fill one
      append_stretch(mel, window.begin, size, values);
      ++own;
    }
    counts.push_back(own);
    speakers.push_back(static_cast<std::int64_t>(clip.speaker));
    pieces += own;
    batch.ids.push_back(clip.id);
  }
  batch.put("pieces_PTM", tensor_of(std::move(values), {pieces, size, config_.audio.mel.mels}));
  batch.put("pieces_of_clip", rows_of(counts));
  batch.put("speaker_of_clip", rows_of(speakers));
  batch.counts = {{"items", 1}};
  batch.real_units = batch.padded_units = static_cast<double>(pieces * size);
  return batch;
}

batch::Batch Recipe::collate(train::Split split, std::span<const std::size_t> items) const {
  if (split == train::Split::valid) return whole_clips();
  batch::Batch batch;
  std::vector<float> values;
  std::vector<std::int64_t> rows;
  for (const std::size_t item : items) draw(item, batch, values, rows);
  const auto B = static_cast<std::int64_t>(rows.size()) * config_.batches.clips;
  const std::int64_t slice = config_.batches.slice_frames;
  batch.put("slices_BTM", tensor_of(std::move(values), {B, slice, config_.audio.mel.mels}));
  batch.put("speaker_of_group", rows_of(rows));
  batch.counts = {{"items", static_cast<double>(items.size())}, {"slices", static_cast<double>(B)}};
  batch.real_units = batch.padded_units = static_cast<double>(B * slice);
  return batch;
}

std::vector<train::Term> Recipe::losses(const batch::Batch& batch, const train::StepInfo&) {
  if (!batch.has("slices_BTM")) return validate(batch, {});
  const std::int64_t N = speakers_a_batch(), M = config_.batches.clips;
  const Tensor vectors_BE = model_->encoder.forward(batch["slices_BTM"]);
  const Tensor groups_GNME = vectors_BE.view({-1, N, M, vectors_BE.size(1)});
  const Tensor speakers_GN = batch["speaker_of_group"].view({-1, N});
  Tensor sum;
  for (std::int64_t g = 0; g < groups_GNME.size(0); ++g) {
    const Tensor one = model_->loss.forward(groups_GNME[g], speakers_GN[g]) * static_cast<double>(N * M);
    sum = sum.defined() ? sum + one : one;
  }
  return {{config_.loss, sum, "slices", 1.0}};
}

Tensor Recipe::clip_vectors(const batch::Batch& batch) const {
  const at::NoGradGuard no_grad;
  const Tensor& pieces_PTM = batch["pieces_PTM"];
  std::vector<Tensor> parts;
  for (std::int64_t p = 0; p < pieces_PTM.size(0); p += kTogether)
    parts.push_back(model_->encoder.forward(pieces_PTM.narrow(0, p, std::min(kTogether, pieces_PTM.size(0) - p))));
  const Tensor vectors_PE = at::cat(parts);
  std::vector<Tensor> clips;
  std::int64_t at = 0;
  for (const std::int64_t count : nn::from_torch(batch["pieces_of_clip"].cpu()).to_i64()) {
    clips.push_back(vectors_PE.narrow(0, at, count).mean(0));
    at += count;
  }
  return at::stack(clips);
}

std::vector<train::Term> Recipe::validate(const batch::Batch& batch, const train::StepInfo& info) {
  if (batch.has("slices_BTM")) return losses(batch, info);  // --overfit validates on training batches
  const Tensor vectors_CE = clip_vectors(batch);
  const auto speakers = nn::from_torch(batch["speaker_of_clip"].cpu()).to_i64();
  const std::vector<double> cosine = cosines(vectors_CE);
  std::vector<double> same, different;
  std::map<std::int64_t, std::vector<Tensor>> by_speaker;
  for (std::size_t i = 0; i < speakers.size(); ++i) {
    by_speaker[speakers[i]].push_back(vectors_CE[static_cast<std::int64_t>(i)]);
    for (std::size_t j = 0; j < i; ++j)
      (speakers[i] == speakers[j] ? same : different).push_back(cosine[i * speakers.size() + j]);
  }
  std::size_t fewest = speakers.size();
  for (const auto& [speaker, list] : by_speaker) fewest = std::min(fewest, list.size());
  std::vector<Tensor> groups;
  std::vector<std::int64_t> rows;
  for (auto& [speaker, list] : by_speaker) {
    list.resize(fewest);
    groups.push_back(at::stack(list));
    rows.push_back(speaker);
  }
  const Tensor loss = model_->loss.forward(at::stack(groups), rows_of(rows).to(vectors_CE.device()));
  const double rate = equal_error_rate(same, different);
  return {{config_.loss, loss, "items", 1.0},
          {"equal_error_rate", at::scalar_tensor(rate, at::TensorOptions(at::kDouble)), "items", 0.0}};
}

void Recipe::samples(train::SampleSink& sink, const train::StepInfo&) {
  if (items_[1].empty()) return;
  batch::Batch batch = whole_clips();
  batch.to(model_->device());
  const std::vector<double> cosine = cosines(clip_vectors(batch));
  const std::size_t S = speakers_.size(), C = valid_.size();
  std::vector<double> sum(S * S), count(S * S);
  for (std::size_t i = 0; i < C; ++i)
    for (std::size_t j = 0; j < C; ++j) {
      if (i == j) continue;
      sum[valid_[i].speaker * S + valid_[j].speaker] += cosine[i * C + j];
      count[valid_[i].speaker * S + valid_[j].speaker] += 1;
    }
  constexpr std::size_t kShown = 20;
  std::string text = "mean cosine between the held-out clips of two speakers\n";
  for (std::size_t a = 0; a < std::min(S, kShown); ++a) {
    text += fmt::format("{:<24}", speakers_[a]);
    for (std::size_t b = 0; b <= a; ++b)
      text += count[a * S + b] > 0 ? fmt::format(" {:6.3f}", sum[a * S + b] / count[a * S + b]) : "      -";
    text += "\n";
  }
  sink.text("similarity", text);
}

json Recipe::about() const {
  json about = about_encoder(config_);
  about["speakers"] = speakers_;
  return train::with_licence(std::move(about), *corpus_);
}

train::StartReport Recipe::start_from(const train::Base& base) {
  train::Base named = base;
  named.tensors = {};
  for (const auto& [name, tensor] : base.tensors) {
    const bool whole = name.starts_with("encoder.") || name.starts_with("loss.");
    named.tensors.insert(whole ? name : "encoder." + name, tensor);
  }
  return train::Recipe::start_from(named);
}

void Recipe::write_voice(const std::filesystem::path& folder, const weights::TensorMap& weights,
                         const json& provenance) const {
  constexpr std::string_view kPrefix = "encoder.";
  weights::TensorMap encoder;
  for (const auto& [name, tensor] : weights)
    if (name.starts_with(kPrefix)) encoder.insert(name.substr(kPrefix.size()), tensor);
  roles::write_network_folder(folder, train::with_provenance(about(), provenance, *corpus_, test_ids_), encoder);
}

}  // namespace timbre::speaker_encoder
