#include "models/g2p/recipe.h"

#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/scalar_tensor.h>

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "batch/collate.h"

namespace timbre::g2p {
namespace {

std::size_t index_of(train::Split split) { return split == train::Split::train ? 0 : 1; }

train::Term count_term(const char* name, std::int64_t count, const char* unit) {
  return {name, at::scalar_tensor(static_cast<double>(count), at::TensorOptions(at::kDouble)), unit, 0.0};
}

}  // namespace

void Recipe::open(const train::DataContext& context) {
  dictionary_ = read_cmudict(config_);
  if (context.continued.is_object() && context.continued.at("symbols") != dictionary_.symbols) {
    throw DataError("the run was started with another dictionary: its phones are not those of this program's CMUdict",
                    "continue it with the program that started it, or start a new run");
  }
  for (std::size_t i = 0; i < dictionary_.entries.size(); ++i) {
    const Entry& one = dictionary_.entries[i];
    const Side side = side_of(one.word, config_.split);
    if (side == Side::test) {
      ++test_words_;
      continue;
    }
    const std::size_t to = side == Side::train ? 0 : 1;
    entries_[to].push_back(i);
    items_[to].push_back({one.word, static_cast<std::int64_t>(one.word.size())});
  }
  if (items_[0].empty()) {
    throw DataError("no word is left to train on", "raise --max-letters or --max-phones, or hold out fewer words");
  }
  model_ = std::make_unique<G2p>(config_, static_cast<std::int64_t>(kLetters.size()),
                                 static_cast<std::int64_t>(dictionary_.symbols.size()));
}

const std::vector<batch::Item>& Recipe::items(train::Split split) const { return items_[index_of(split)]; }

const Entry& Recipe::entry(train::Split split, std::size_t item) const {
  return dictionary_.entries[entries_[index_of(split)].at(item)];
}

batch::Batch Recipe::collate(train::Split split, std::span<const std::size_t> items) const {
  std::vector<std::vector<std::int64_t>> letters, before, after;
  std::vector<std::int64_t> lengths;
  std::int64_t longest = 0, letter_count = 0, phone_count = 0;
  batch::Batch batch;
  for (const std::size_t item : items) {
    const Entry& one = entry(split, item);
    letters.push_back(letter_rows(one.word));
    before.push_back({kStart});
    before.back().insert(before.back().end(), one.phones.begin(), one.phones.end());
    after.push_back(one.phones);
    after.back().push_back(kEnd);
    lengths.push_back(static_cast<std::int64_t>(one.word.size()));
    longest = std::max(longest, lengths.back());
    letter_count += lengths.back();
    phone_count += static_cast<std::int64_t>(one.phones.size());
    batch.ids.push_back(one.word);
  }
  batch.put("letters_BP", batch::pad_ids(letters));
  batch.put("lengths_B", batch::to_lengths(lengths));
  batch.put("before_BT", batch::pad_ids(before, kPad));
  batch.put("after_BT", batch::pad_ids(after, kPad));
  const auto words = static_cast<double>(items.size());
  batch.counts = {{"items", words},
                  {"phones", static_cast<double>(phone_count)},
                  {"phones_and_ends", static_cast<double>(phone_count) + words}};
  batch.real_units = static_cast<double>(letter_count);
  batch.padded_units = static_cast<double>(longest) * words;
  return batch;
}

std::vector<train::Term> Recipe::losses(const batch::Batch& batch, const train::StepInfo&) {
  const Tensor logits_BTV = model_->forward(batch["letters_BP"], batch["lengths_B"], batch["before_BT"]);
  const Tensor sum = at::cross_entropy_loss(logits_BTV.reshape({-1, logits_BTV.size(2)}),
                                            batch["after_BT"].reshape({-1}), {}, at::Reduction::Sum, kPad);
  return {{"phone", sum, "phones_and_ends", 1.0}};
}

std::vector<train::Term> Recipe::validate(const batch::Batch& batch, const train::StepInfo& info) {
  std::vector<train::Term> terms = losses(batch, info);
  const auto said = model_->pronounce(batch["letters_BP"], batch["lengths_B"]);
  const Tensor after_BT = batch["after_BT"].cpu().contiguous();
  const std::int64_t* row = after_BT.const_data_ptr<std::int64_t>();
  std::int64_t wrong_phones = 0, wrong_words = 0;
  for (const auto& phones : said) {
    const std::int64_t* end = std::find(row, row + after_BT.size(1), kEnd);
    const std::int64_t errors =
        phone_errors(phone_names(phones, dictionary_.symbols), phone_names({row, end}, dictionary_.symbols));
    wrong_phones += errors;
    wrong_words += errors > 0;
    row += after_BT.size(1);
  }
  terms.push_back(count_term("phone_error_rate", wrong_phones, "phones"));
  terms.push_back(count_term("word_error_rate", wrong_words, "items"));
  return terms;
}

std::vector<std::string> Recipe::pronounce(const std::string& word) {
  const std::vector<std::int64_t> rows = letter_rows(word);
  const auto said = model_->pronounce(batch::pad_ids({rows}).to(model_->device()),
                                      batch::to_lengths({static_cast<std::int64_t>(rows.size())}).to(model_->device()));
  return phone_names(said.front(), dictionary_.symbols);
}

void Recipe::samples(train::SampleSink& sink, const train::StepInfo&) {
  constexpr std::size_t kShown = 24;
  const std::size_t words = entries_[1].size();
  std::string text = "word: said (CMUdict)\n";
  for (std::size_t i = 0; i < std::min(kShown, words); ++i) {
    const Entry& one = entry(train::Split::valid, i * words / std::min(kShown, words));
    text += fmt::format("{}: {} ({})\n", one.word, join(pronounce(one.word), " "),
                        join(phone_names(one.phones, dictionary_.symbols), " "));
  }
  if (words > 0) sink.text("words", text);
}

nlohmann::json Recipe::about() const {
  Config copy = config_;
  return {{"name", "g2p"},
          {"purpose", "turns the letters of an English word into phones"},
          {"model", {{"kind", "g2p"}, {"config", config::to_json(copy.fields())}, {"weights", "model.safetensors"}}},
          {"language", "en"},
          {"letters", kLetters},
          {"symbols", dictionary_.symbols},
          {"data",
           {{"dictionary", "CMUdict"},
            {"train_words", items_[0].size()},
            {"valid_words", items_[1].size()},
            {"test_words", test_words_},
            {"left_out", dictionary_.left_out}}},
          {"licence", "BSD-2-Clause (CMUdict)"},
          {"attribution", "CMU Pronouncing Dictionary, Carnegie Mellon University"}};
}

}  // namespace timbre::g2p
