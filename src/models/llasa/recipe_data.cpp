#include "models/llasa/recipe_data.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "batch/collate.h"
#include "corpus/code_bigram.h"
#include "voice/token_voice.h"

namespace timbre::llasa {
namespace {

using tokenizer::kIgnoredLabel;
using tokenizer::TrainingRow;

/// Behind the last target nothing is learned, and nothing before it sees what is there.
std::int64_t useful_tokens(const TrainingRow& row) {
  const auto last = std::find_if(row.labels.rbegin(), row.labels.rend(), [](auto l) { return l != kIgnoredLabel; });
  return row.labels.rend() - last;
}

/// Targets of the network: a label is predicted from what is before it.
template <class Count>
std::int64_t count_targets(const TrainingRow& row, Count&& counts) {
  return std::count_if(row.labels.begin() + 1, row.labels.end(), counts);
}

bool is_target(std::int32_t label) { return label != kIgnoredLabel; }

/// The folder with the memmaps.
fs::path rows_folder(const fs::path& given) {
  if (!corpus::MemmapRows::present(given, "train") && corpus::MemmapRows::present(given / "rows", "train"))
    return given / "rows";
  return given;
}

std::vector<std::int64_t> widened(const std::vector<std::int32_t>& values, std::int64_t count) {
  return {values.begin(), values.begin() + count};
}

}  // namespace

Data::Data(const train::DataContext& context, const Config& config) : config_(config) {
  const fs::path folder = rows_folder(context.corpus);
  if (const fs::path about = folder / "rows.json"; fs::is_regular_file(about))
    rows_ = read_json(about);
  else
    rows_ = nlohmann::json::object();
  sides_[0].source.name = "train";
  corpus::MemmapRows::open(folder, "train");  // a folder of something else is told before its tokenizer is asked for
  open_tokenizer(folder);
  sides_[0].source = open_side(folder, "train");
  if (corpus::MemmapRows::present(folder, "val")) sides_[1].source = open_side(folder, "val");
  for (Side& one : sides_) list(one);
  tell_left_out(context.events);
}

Data::Data(RowSource train, RowSource valid, const Config& config) : config_(config) {
  sides_[0].source = std::move(train);
  sides_[1].source = std::move(valid);
  for (Side& one : sides_) list(one);
}

void Data::open_tokenizer(const fs::path& folder) {
  const fs::path given = config_.tokenizer.empty() ? folder / "tokenizer" : fs::path(config_.tokenizer);
  if (!fs::exists(given))
    throw DataError(
        fmt::format("{}: there is no tokenizer{}", given.string(), config_.tokenizer.empty() ? " beside the rows" : ""),
        "name the one that the rows were made with: --tokenizer FOLDER");
  tokenizer_.emplace(tokenizer::Tokenizer::read(given));
  tokenizer_folder_ = fs::is_directory(given) ? given : given.parent_path();
  speech_ = tokenizer::SpeechTokens::of(*tokenizer_);
}

/// In the chat template's system block: that of the rows, else the template's own.
std::string Data::date() const {
  const auto about = rows_.find("template");
  return about != rows_.end() && about->is_object() ? about->value("date", std::string(tokenizer::kTemplateDate))
                                                    : std::string(tokenizer::kTemplateDate);
}

RowSource Data::open_side(const fs::path& folder, const std::string& split) {
  const corpus::MemmapRows memmap = corpus::MemmapRows::open(folder, split);
  const corpus::RowFacts facts = memmap.facts();
  memmap.expect_vocabulary(facts, tokenizer_->size());
  rows_[split + "_hash"] = facts.fingerprint;
  const tokenizer::RowExpander expander(*tokenizer_, date(), std::max(config_.row_length, std::int64_t{2}));
  const auto missing = config_.cut_rows == "keep" ? tokenizer::MissingEnd::allow : tokenizer::MissingEnd::refuse;
  return {.size = memmap.size(),
          .read =
              [memmap, expander, missing](std::int64_t i) {
                return expander.expand(memmap.row(i), fmt::format("{}: row {}", memmap.path().string(), i), missing);
              },
          .name = split};
}

void Data::list(Side& side) const {
  for (std::int64_t i = 0; i < side.source.size; ++i) {
    const TrainingRow row = side.source.read(i);
    const std::int64_t tokens = useful_tokens(row);
    const bool cut = speech_ && !row.has_end;
    side.without_end += cut ? 1 : 0;
    if (tokens < 2 || (cut && config_.cut_rows != "keep")) continue;
    side.items.push_back({fmt::format("{} row {}", side.source.name, i), tokens});
    side.rows.push_back(i);
  }
  if (side.source.size > 0 && side.items.empty())
    throw DataError(fmt::format("{}: none of {} rows has anything to learn within {} tokens, the chat template's among "
                                "them",
                                side.source.name, side.source.size, config_.row_length),
                    "longer rows: --row-length");
}

void Data::tell_left_out(const EventSink& events) const {
  for (const Side& side : sides_) {
    if (side.without_end == 0) continue;
    const bool kept = config_.cut_rows == "keep";
    events({"warning",
            {{"text", fmt::format("{}: {} of {} rows do not end within {} tokens: {}", side.source.name,
                                  side.without_end, side.source.size, config_.row_length,
                                  kept ? "they teach the network not to stop (--cut-rows keep)"
                                       : "left out (--row-length; --cut-rows keep trains on what is there)")}}});
  }
}

std::int64_t Data::vocabulary() const { return tokenizer_ ? tokenizer_->size() : 0; }

nlohmann::json Data::codec() const { return rows_.is_object() ? rows_.value("codec", nlohmann::json()) : nullptr; }

batch::Batch Data::collate(train::Split split, std::span<const std::size_t> items) const {
  const Side& from = sides_[side(split)];
  batch::Batch batch;
  std::vector<std::vector<std::int64_t>> ids, masks, labels;
  std::vector<std::int64_t> utterances;
  std::int64_t targets = 0, codes = 0, longest = 0, tokens = 0;
  for (const std::size_t item : items) {
    const TrainingRow row = from.source.read(from.rows[item]);
    const std::int64_t length = from.items[item].units;
    batch.ids.push_back(from.items[item].id);
    targets += count_targets(row, is_target);
    if (speech_) codes += count_targets(row, [&](std::int32_t label) { return speech_->is_speech(label); });
    longest = std::max(longest, length);
    tokens += length;
    const auto add = [&](std::vector<std::vector<std::int64_t>>& to, const std::vector<std::int32_t>& values,
                         std::int64_t first) {
      std::vector<std::int64_t> wide = widened(values, length);
      if (first != 0) wide.front() = first;
      if (!config_.packing || to.empty())
        to.push_back(std::move(wide));
      else
        to.front().insert(to.front().end(), wide.begin(), wide.end());
    };
    add(ids, row.input_ids, 0);
    add(masks, row.attention_mask, 0);
    add(labels, row.labels, kIgnoredLabel);  // nothing of this row predicts its first token
    utterances.insert(utterances.end(), static_cast<std::size_t>(length), static_cast<std::int64_t>(batch.ids.size()));
  }
  batch.put("ids_BT", batch::pad_ids(ids));
  batch.put("mask_BT", batch::pad_ids(masks));
  batch.put("labels_BT", batch::pad_ids(labels, kIgnoredLabel));
  if (config_.packing) batch.put("utterances_BT", batch::pad_ids({utterances}));
  batch.counts = {{"targets", static_cast<double>(targets)},
                  {"codes", static_cast<double>(codes)},
                  {"items", static_cast<double>(items.size())}};
  batch.real_units = static_cast<double>(tokens);
  batch.padded_units =
      static_cast<double>(config_.packing ? tokens : longest * static_cast<std::int64_t>(items.size()));
  return batch;
}

nlohmann::json Data::speaking() const {
  if (!tokenizer_) return nullptr;
  voice::PaceOfRows pace(*tokenizer_);
  for (const std::int64_t row : sides_[0].rows) pace.add(sides_[0].source.read(row).input_ids);
  return voice::to_json(
      {.date = date(), .mask = voice::PromptMask::training, .speeds = pace.speeds(), .pace = pace.pace()});
}

Data::Baseline Data::baseline() const {
  if (!speech_ || sides_[1].items.empty()) return {};
  corpus::CodeBigram bigram(speech_->count);
  const auto codes_of = [&](const Side& side, std::size_t item) {
    std::vector<std::int64_t> codes;
    for (const std::int32_t label : side.source.read(side.rows[item]).labels)
      if (const auto code = speech_->code_of_id(label)) codes.push_back(*code);
    return codes;
  };
  for (std::size_t i = 0; i < sides_[0].items.size(); ++i) bigram.learn(codes_of(sides_[0], i));
  corpus::CodeBigram::Score score;
  for (std::size_t i = 0; i < sides_[1].items.size(); ++i) score += bigram.score(codes_of(sides_[1], i), true);
  return {.top1 = score.first_share(), .top10 = score.share()};
}

Rows rows_of(const batch::Batch& batch) {
  Rows rows;
  rows.ids_BT = batch["ids_BT"];
  rows.mask_BT = batch["mask_BT"];
  if (batch.has("utterances_BT")) rows.utterances_BT = batch["utterances_BT"];
  return rows;
}

}  // namespace timbre::llasa
