#include "models/fastspeech2/recipe.h"

#include <algorithm>
#include <set>

#include "audio/griffin_lim.h"
#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "batch/collate.h"
#include "plot/png.h"
#include "prepare/corpus_languages.h"
#include "prepare/plan.h"
#include "roles/network_folder.h"
#include "text/language_tag.h"
#include "text/multilingual_front_end.h"
#include "text/phonemes.h"
#include "text/text_options.h"
#include "train/data_provenance.h"
#include "voice/voice.h"
#include "weights/safetensors.h"

namespace timbre::fastspeech2 {
namespace {

using nlohmann::json;

constexpr const char* kColumns[] = {"aligned_phonemes", "durations", "mel", "pitch", "energy", "statistics"};

std::size_t side(train::Split split) { return split == train::Split::train ? 0 : 1; }

Statistics statistics_in(const corpus::Column& column, const char* kind) {
  const auto values = column.get(kind).to_f64();
  if (values.size() != 4 || !(values[3] > 0)) {
    throw DataError(fmt::format("column statistics: \"{}\" must hold min, max, mean and a positive deviation", kind),
                    "run timbre prepare again with --only statistics");
  }
  return {values[0], values[1], values[2], values[3]};
}

}  // namespace

void Recipe::open(const train::DataContext& context) {
  corpus_.emplace(corpus::Corpus::open(context.corpus));
  config_.front_end = prepare::settle_front_end(config_.front_end, *corpus_);
  if (const std::string unread = prepare::unread_languages(*corpus_, config_.front_end); !unread.empty())
    context.events({"warning", {{"text", unread}}});
  std::vector<prepare::ColumnRequest> wanted;
  for (auto& need : columns_of(config_)) wanted.push_back({need.column, need.settings});
  prepare::require_columns(*corpus_, wanted, "fastspeech2");
  for (const char* name : kColumns) columns_.emplace(name, corpus::Column::open(context.corpus, name));

  statistics_ = {statistics_in(columns_.at("statistics"), "pitch"), statistics_in(columns_.at("statistics"), "energy")};
  if (context.continued.is_object())
    statistics_ = read_statistics(context.continued.at("stats"), "the run's checkpoint");
  open_speaker_vectors(context);
  list_items(context);
  choose_vocabulary(context);
  model_ = make_network(config_, static_cast<std::int64_t>(vocabulary_.symbols.size()),
                        static_cast<std::int64_t>(vocabulary_.speakers.size()), statistics_.pitch, statistics_.energy);
}

void Recipe::list_items(const train::DataContext& context) {
  const auto& all = corpus_->utterances();
  const corpus::Split split = corpus::make_split(all, config_.split);
  std::int64_t without = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const corpus::Side of = split.side_of[i];
    if (of == corpus::Side::test) test_ids_.push_back(all[i].id);
    if (of != corpus::Side::train && of != corpus::Side::valid) continue;
    const std::string& id = all[i].id;
    const bool whole = std::all_of(std::begin(kColumns), std::end(kColumns) - 1,
                                   [&](const char* name) { return columns_.at(name).has(id); }) &&
                       (config_.speaker.size == 0 || columns_.at("speaker_vec").has(id));
    if (!whole) {
      ++without;
      continue;
    }
    std::int64_t frames = 0;
    for (const std::int64_t d : columns_.at("durations").get(id).to_i64()) frames += d;
    const std::size_t to = of == corpus::Side::train ? 0 : 1;
    utterances_[to].push_back({i, 0});
    items_[to].push_back({id, frames});
  }
  if (without > 0) {
    context.events(
        {"warning",
         {{"text", fmt::format("{} utterances lack a column and are left out; timbre prepare says why", without)}}});
  }
  if (items_[0].empty()) {
    throw DataError(fmt::format("{}: no utterance is on the training side with all columns", context.corpus.string()),
                    "look at the split options and at what timbre prepare skipped");
  }
}

std::vector<std::string> Recipe::corpus_symbols() const {
  std::set<std::string> seen;
  for (const batch::Item& item : items_[0]) {
    for (std::string& phone : corpus::tensor_list(columns_.at("aligned_phonemes").get(item.id)))
      seen.insert(std::move(phone));
  }
  std::vector<std::string> symbols = {"_"};
  symbols.insert(symbols.end(), seen.begin(), seen.end());
  return symbols;
}

void Recipe::choose_vocabulary(const train::DataContext& context) {
  const auto& all = corpus_->utterances();
  if (context.continued.is_object()) {
    vocabulary_ = {context.continued.at("symbols"), context.continued.at("speakers")};
  } else {
    const auto rows = static_cast<std::int64_t>(361);  // 360 symbols and one spare row, as ming024 counts them
    vocabulary_.symbols = config_.ming024_symbols ? ming024_phones(rows) : corpus_symbols();
    std::set<std::string> speakers;
    for (const Utterance& u : utterances_[0]) speakers.insert(all[u.index].speaker);
    vocabulary_.speakers.assign(speakers.begin(), speakers.end());
  }
  for (std::size_t i = 0; i < vocabulary_.symbols.size(); ++i)
    row_of_symbol_.emplace(vocabulary_.symbols[i], static_cast<std::int64_t>(i));
  for (auto& list : utterances_) {
    for (Utterance& u : list) u.speaker = std::max<std::int64_t>(0, vocabulary_.speaker_row(all[u.index].speaker));
  }
}

const std::vector<batch::Item>& Recipe::items(train::Split split) const { return items_[side(split)]; }

double Recipe::units_per_s() const {
  return static_cast<double>(config_.mel.rate_hz) / static_cast<double>(config_.mel.hop_samples);
}

batch::Batch Recipe::collate(train::Split split, std::span<const std::size_t> items) const {
  std::vector<std::vector<std::int64_t>> text, durations;
  std::vector<std::vector<float>> pitch, energy;
  std::vector<weights::Tensor> mel_tensors;
  std::vector<std::int64_t> text_lens, mel_lens, speakers;
  batch::Batch batch;
  double mel_frames = 0;
  for (const std::size_t item : items) {
    const std::string& id = items_[side(split)][item].id;
    std::vector<std::int64_t> rows;
    for (const std::string& phone : corpus::tensor_list(columns_.at("aligned_phonemes").get(id))) {
      const auto found = row_of_symbol_.find(phone);
      const std::int64_t row = found == row_of_symbol_.end() ? vocabulary_.nearest_row(phone) : found->second;
      rows.push_back(
          std::max<std::int64_t>(row, 0));  // row 0, heard as nothing: only a validation clip can have such a phone
    }
    durations.push_back(columns_.at("durations").get(id).to_i64());
    pitch.push_back(scaled(columns_.at("pitch").get(id).to_f32(), statistics_.pitch, config_.variance.normalise));
    energy.push_back(scaled(columns_.at("energy").get(id).to_f32(), statistics_.energy, config_.variance.normalise));
    mel_tensors.push_back(columns_.at("mel").get(id));
    const std::int64_t frames = mel_tensors.back().shape.at(0);
    std::int64_t sum = 0;
    for (const std::int64_t d : durations.back()) sum += d;
    if (durations.back().size() != rows.size() || sum != frames) {
      throw DataError(
          fmt::format("utterance '{}': {} phones, {} durations that sum to {}, {} mel frames do not fit together", id,
                      rows.size(), durations.back().size(), sum, frames),
          "run timbre prepare again");
    }
    text_lens.push_back(static_cast<std::int64_t>(rows.size()));
    mel_lens.push_back(frames);
    speakers.push_back(utterances_[side(split)][item].speaker);
    text.push_back(std::move(rows));
    mel_frames += static_cast<double>(
        config_.cut_long && split == train::Split::train ? std::min(frames, config_.max_frames) : frames);
    batch.ids.push_back(id);
  }
  std::vector<std::span<const float>> mels;
  for (const auto& tensor : mel_tensors) mels.push_back(tensor.as<float>());

  batch.put("text_BP", batch::pad_ids(text));
  batch.put("text_lens_B", batch::to_lengths(text_lens));
  batch.put("speaker_B", batch::to_lengths(speakers));
  put_speaker_vectors(split, items, batch);
  batch.put("durations_BP", batch::pad_ids(durations));
  batch.put("mel_BFM", batch::pad_frames(mels, config_.mel.mels));
  batch.put("mel_lens_B", batch::to_lengths(mel_lens));
  batch.put("pitch", batch::pad_floats(pitch));
  batch.put("energy", batch::pad_floats(energy));

  double phones = 0, frames = 0;
  for (const auto n : text_lens) phones += static_cast<double>(n);
  for (const auto n : mel_lens) frames += static_cast<double>(n);
  batch.counts = {{"items", static_cast<double>(items.size())},
                  {"phones", phones},
                  {"frames", mel_frames},
                  {"mel_values", mel_frames * static_cast<double>(config_.mel.mels)}};
  batch.real_units = frames;
  batch.padded_units =
      static_cast<double>(*std::max_element(mel_lens.begin(), mel_lens.end())) * static_cast<double>(items.size());
  return batch;
}

std::vector<train::Term> Recipe::losses(const batch::Batch& batch, const train::StepInfo&) {
  return loss_terms(config_, model_->forward(inputs_of(batch, batch["mel_BFM"].size(1))), batch);
}

void Recipe::samples(train::SampleSink& sink, const train::StepInfo&) {
  if (items_[1].empty()) return;
  const std::size_t pick[] = {0};
  const batch::Batch batch = collate(train::Split::valid, pick);
  Inputs in;
  in.text_BP = batch["text_BP"].to(model_->device());
  in.text_lens_B = batch["text_lens_B"].to(model_->device());
  in.speaker_B = batch["speaker_B"].to(model_->device());
  if (batch.has("speaker_vec_BE")) in.speaker_vec_BE = batch["speaker_vec_BE"].to(model_->device());
  const Outputs out = model_->forward(in);
  const weights::Tensor mel_1FM = nn::from_torch(out.mel_postnet_BFM.contiguous());
  const std::vector<std::int64_t> durations = nn::from_torch(out.duration_BP.to(at::kLong).contiguous()).to_i64();

  plot::MelPicture picture;
  picture.mel_FM = mel_1FM.as<float>();
  picture.frames = mel_1FM.shape.at(1);
  picture.bins = mel_1FM.shape.at(2);
  if (picture.frames < 2) return;  // an untrained duration predictor may say nothing at all
  picture.frame_s = 1 / units_per_s();
  picture.title = batch.ids.front();
  std::int64_t at = 0;
  const auto phones = corpus::tensor_list(columns_.at("aligned_phonemes").get(batch.ids.front()));
  for (std::size_t i = 0; i < durations.size(); ++i) {
    picture.segments.push_back({phones[i], at, durations[i]});
    at += durations[i];
  }
  sink.image("mel", plot::draw_mel(picture));
  sink.text("text", corpus_->utterances()[utterances_[1].front().index].text);
  sink.audio("speech", audio::griffin_lim(picture.mel_FM, picture.frames, config_.mel), config_.mel.rate_hz);
}

nlohmann::json Recipe::about() const {
  Config copy = config_;
  const std::vector<std::string> languages = text::languages_of_name(config_.front_end);
  json about = {{"model", roles::about_model("fastspeech2", config_)},
                {"front_end", config_.front_end},
                {"text", config::to_json(text::fields(copy.text))},
                {"language", languages.size() > 1 ? text::language_of_tag(languages.front())
                                                  : corpus_->utterances().at(utterances_[0].front().index).language},
                {"symbols", vocabulary_.symbols},
                {"speakers", vocabulary_.speakers},
                {"mel", config::to_json(audio::fields(copy.mel))},
                {"stats", statistics_json(statistics_)},
                {"vocoder", {{"kind", "griffin-lim"}}}};
  if (languages.size() > 1) about["speaker_languages"] = speaker_languages();
  return train::with_licence(std::move(about), *corpus_);
}

train::StartReport Recipe::start_from(const train::Base& base) { return carry_over(*model_, vocabulary_, base); }

void Recipe::write_voice(const std::filesystem::path& folder, const weights::TensorMap& weights,
                         const json& provenance) const {
  json about = train::with_provenance(this->about(), provenance, *corpus_, test_ids_);
  about["name"] = corpus_->name();
  make_folders(folder);
  weights::write_safetensors(folder / "model.safetensors", weights, {{"format", "pt"}});
  write_speaker_vectors(folder);
  text::FrontEndOptions options;
  options.text = config_.text;
  const auto front_end = text::make_front_end(config_.front_end, std::move(options));
  voice::write_voice(folder, std::move(about), front_end.get());
}

double Recipe::bytes_per_unit() const {
  // Activations kept for backward, floats a frame: a separable block keeps about 9 widths and 2 filters, a conv block 8
  // and 2.
  const auto& d = config_.decoder;
  const double block = 9.0 * static_cast<double>(d.width) + 2.0 * static_cast<double>(d.filter);
  const double postnet = static_cast<double>(config_.postnet_layers * config_.postnet_filter) * 4.0;
  return 4.0 * (static_cast<double>(d.layers) * block + postnet + 8.0 * static_cast<double>(config_.mel.mels));
}

}  // namespace timbre::fastspeech2
