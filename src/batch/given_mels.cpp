#include "batch/given_mels.h"

#include <algorithm>

#include "base/error.h"
#include "weights/npy.h"

namespace timbre::batch {
namespace {

constexpr std::int64_t kFramesOff = 2;  ///< a mel may be so much shorter than its recording: ways of padding differ

/// What the mels of a column are. The stage mel records its options as settings, others theirs as facts.
audio::MelOptions mel_of_column(const corpus::Column& column, const std::string& name) {
  const nlohmann::json& settings = column.settings();
  const nlohmann::json* said = nullptr;
  if (settings.is_object() && settings.contains("facts") && settings["facts"].contains("mel"))
    said = &settings["facts"]["mel"];
  else if (name == "mel")
    said = &settings;
  if (!said || !said->is_object())
    throw DataError(fmt::format("column {} does not say what its mels are: it cannot be trained on", name),
                    "timbre prepare CORPUS --mels-of VOICE makes the column mel_of.<kind of voice>");
  if (said->value("edges", "keep") != "keep")
    throw DataError(
        fmt::format("column {} holds mels of clips that were cut to their speech (edges {}): they are not on "
                    "the recordings' clock",
                    name, said->value("edges", "")));
  nlohmann::json mel = *said;
  for (const char* other : {"edges", "facts", "versions"}) mel.erase(other);
  audio::MelOptions options;
  config::Fields fields = audio::fields(options);
  config::from_json(fields, mel, "column " + name);
  return options;
}

}  // namespace

GivenMels::GivenMels(const std::filesystem::path& corpus, const GivenMelOptions& options,
                     const audio::MelOptions& takes, const std::string& who)
    : options_(options), takes_(takes) {
  if (!options.column.empty()) {
    column_.emplace(corpus::Column::open(corpus, options.column));
    bridge_.emplace(mel_of_column(*column_, options.column), takes, "the vocoder " + who,
                    "the column " + options.column);
  } else if (!std::filesystem::is_directory(options.mels)) {
    throw UsageError(fmt::format("fine_tune.mels={}: no such folder", options.mels),
                     "give the folder with <id>.npy of every utterance");
  }
  const audio::Mel silent =
      audio::mel_spectrogram(std::vector<float>(static_cast<std::size_t>(4 * takes.fft_samples)), takes);
  const auto middle = silent.values_FM.begin() + silent.frames / 2 * silent.bins;
  silence_M_.assign(middle, middle + silent.bins);
}

std::filesystem::path GivenMels::file_of(const std::string& id) const {
  return std::filesystem::path(options_.mels) / (id + ".npy");
}

bool GivenMels::has(const std::string& id) const {
  return column_ ? column_->has(id) : std::filesystem::exists(file_of(id));
}

GivenMels::Frames GivenMels::whole(const std::string& id) const {
  const std::int64_t M = takes_.mels;
  if (column_) {
    const weights::Tensor mel = column_->get(id);
    if (mel.shape.size() != 2 || mel.shape[1] != M)
      throw DataError(
          fmt::format("column {}, {}: {} is not [frames, {}]", options_.column, id, weights::shape_text(mel.shape), M));
    Frames out{.values_FM = mel.to_f32(), .frames = mel.shape[0]};
    if (bridge_->changes()) bridge_->apply(out.values_FM);
    return out;
  }
  const std::filesystem::path file = file_of(id);
  const weights::Tensor mel = weights::read_npy(file);
  const bool batched = mel.shape.size() == 3 && mel.shape[0] == 1;
  const std::size_t at = batched ? 1 : 0;
  if ((!batched && mel.shape.size() != 2) || mel.shape[at] != M)
    throw DataError(fmt::format("{}: {} is not [{}, frames]", file.string(), weights::shape_text(mel.shape), M));
  const std::int64_t F = mel.shape[at + 1];
  const std::vector<float> mel_MF = mel.to_f32();
  Frames out{.values_FM = std::vector<float>(mel_MF.size()), .frames = F};
  for (std::int64_t m = 0; m < M; ++m)
    for (std::int64_t f = 0; f < F; ++f)
      out.values_FM[static_cast<std::size_t>(f * M + m)] = mel_MF[static_cast<std::size_t>(m * F + f)];
  return out;
}

std::vector<float> GivenMels::of_piece(const std::string& id, const ClipSegments::Piece& piece,
                                       std::int64_t frames) const {
  const Frames all = whole(id);
  const std::int64_t first = piece.first / takes_.hop_samples;
  const std::int64_t heard = (piece.first + piece.real) / takes_.hop_samples;
  if (all.frames + kFramesOff < heard)
    throw DataError(fmt::format("{}: its mel has {} frames, its recording {} or more", id, all.frames, heard),
                    "make the mels from the recordings' own durations (teacher-forced), with the same hop");
  const std::int64_t begin = std::min(first, all.frames), have = std::min(all.frames - begin, frames);
  std::vector<float> out_FM;
  out_FM.reserve(static_cast<std::size_t>(frames * takes_.mels));
  out_FM.assign(all.values_FM.begin() + begin * takes_.mels, all.values_FM.begin() + (begin + have) * takes_.mels);
  for (std::int64_t f = have; f < frames; ++f) out_FM.insert(out_FM.end(), silence_M_.begin(), silence_M_.end());
  return out_FM;
}

SegmentOptions at_their_level(SegmentOptions options) {
  options.peak = options.gain_db = 0;
  return options;
}

}  // namespace timbre::batch
