#include "tokenizer/train.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <queue>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "tokenizer/byte_spelling.h"
#include "tokenizer/split.h"
#include "tokenizer/tokenizer_parts.h"
#include "tokenizer/utf8.h"

namespace timbre::tokenizer {
namespace {

using Json = nlohmann::ordered_json;
using Pair = std::uint64_t;

Pair pair_of(std::int32_t left, std::int32_t right) {
  return static_cast<Pair>(left) << 32 | static_cast<std::uint32_t>(right);
}

struct Word {
  std::vector<std::int32_t> ids;
  std::int64_t count;
};

/// Counts of the pairs of neighbours in all words, and in which words each was seen.
class PairCounts {
 public:
  explicit PairCounts(std::vector<Word> words) : words_(std::move(words)) {
    for (std::uint32_t word = 0; word < words_.size(); ++word) count(word, 1);
    for (const auto& [pair, number] : counts_) queue_.push({number, pair});
  }

  /// The pair of the largest count, of equal ones the smallest; nothing where there is none left.
  std::optional<Pair> take() {
    while (!queue_.empty()) {
      const Candidate best = queue_.top();
      queue_.pop();
      const std::int64_t now = counts_[best.pair];
      if (now == best.count && now > 0) return best.pair;
      if (now > 0) queue_.push({now, best.pair});
    }
    return std::nullopt;
  }

  void merge(Pair pair, std::int32_t made) {
    const auto left = static_cast<std::int32_t>(pair >> 32), right = static_cast<std::int32_t>(pair & 0xFFFFFFFF);
    std::vector<std::uint32_t> seen = std::move(words_of_[pair]);
    std::sort(seen.begin(), seen.end());
    seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
    for (const std::uint32_t word : seen) {
      count(word, -1);
      auto& ids = words_[word].ids;
      std::size_t to = 0;
      for (std::size_t from = 0; from < ids.size(); ++from) {
        const bool joins = from + 1 < ids.size() && ids[from] == left && ids[from + 1] == right;
        ids[to++] = joins ? made : ids[from];
        from += joins;
      }
      ids.resize(to);
      count(word, 1);
      for (std::size_t i = 0; i + 1 < ids.size(); ++i)
        if (ids[i] == made || ids[i + 1] == made) {
          const Pair fresh = pair_of(ids[i], ids[i + 1]);
          queue_.push({counts_[fresh], fresh});
        }
    }
  }

 private:
  struct Candidate {
    std::int64_t count;
    Pair pair;
    bool operator<(const Candidate& o) const { return count != o.count ? count < o.count : pair > o.pair; }
  };

  void count(std::uint32_t word, int sign) {
    const auto& ids = words_[word].ids;
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
      const Pair pair = pair_of(ids[i], ids[i + 1]);
      counts_[pair] += sign * words_[word].count;
      if (sign > 0) {
        auto& seen = words_of_[pair];
        if (seen.empty() || seen.back() != word) seen.push_back(word);
      }
    }
  }

  std::vector<Word> words_;
  std::unordered_map<Pair, std::int64_t> counts_;
  std::unordered_map<Pair, std::vector<std::uint32_t>> words_of_;
  std::priority_queue<Candidate> queue_;
};

/// Llama 3.2's special tokens in the order of their ids.
std::vector<std::string> special_tokens() {
  std::vector<std::string> tokens = {"<|begin_of_text|>",
                                     "<|end_of_text|>",
                                     "<|reserved_special_token_0|>",
                                     "<|reserved_special_token_1|>",
                                     "<|finetune_right_pad_id|>",
                                     "<|reserved_special_token_2|>",
                                     "<|start_header_id|>",
                                     "<|end_header_id|>",
                                     "<|eom_id|>",
                                     "<|eot_id|>",
                                     "<|python_tag|>"};
  for (int i = 3; tokens.size() < 256; ++i) tokens.push_back(fmt::format("<|reserved_special_token_{}|>", i));
  return tokens;
}

/// What render_chat() writes, for `transformers`.
constexpr const char* kTemplate =
    "{%- if not date_string is defined %}{%- set date_string = '26 Jul 2024' %}{%- endif %}"
    "{%- set block = namespace(system='', rest=messages) %}"
    "{%- if messages[0]['role'] == 'system' %}"
    "{%- set block.system = messages[0]['content'] | trim %}{%- set block.rest = messages[1:] %}{%- endif %}"
    "{{- bos_token + '<|start_header_id|>system<|end_header_id|>\\n\\n' }}"
    "{{- 'Cutting Knowledge Date: December 2023\\n' + 'Today Date: ' + date_string + '\\n\\n' + block.system + "
    "'<|eot_id|>' }}"
    "{%- for message in block.rest %}{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}"
    "{{- message['content'] | trim + '<|eot_id|>' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif %}";

/// Everything of a tokenizer.json but its vocabulary and merges.
Json frame(std::int32_t vocabulary_size) {
  const Json split = {
      {"type", "Split"}, {"pattern", {{"Regex", regex_of({})}}}, {"behavior", "Isolated"}, {"invert", false}};
  const Json bytes = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}};
  const std::string bos = "<|begin_of_text|>";
  const Json bos_item = {{"SpecialToken", {{"id", bos}, {"type_id", 0}}}};
  const Json first = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}},
             second = {{"Sequence", {{"id", "B"}, {"type_id", 1}}}};
  Json file = {{"version", "1.0"},
               {"truncation", nullptr},
               {"padding", nullptr},
               {"added_tokens", Json::array()},
               {"normalizer", nullptr}};
  file["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", Json::array({split, bytes})}};
  file["post_processor"] = {{"type", "TemplateProcessing"},
                            {"single", Json::array({bos_item, first})},
                            {"pair", Json::array({bos_item, first, bos_item, second})},
                            {"special_tokens", {{bos, {{"id", bos}, {"ids", {vocabulary_size}}, {"tokens", {bos}}}}}}};
  file["decoder"] = {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}};
  file["model"] = {{"type", "BPE"},
                   {"dropout", nullptr},
                   {"unk_token", nullptr},
                   {"continuing_subword_prefix", nullptr},
                   {"end_of_word_suffix", nullptr},
                   {"fuse_unk", false},
                   {"byte_fallback", false},
                   {"ignore_merges", true}};
  for (const std::string& token : special_tokens())
    file["added_tokens"].push_back({{"id", vocabulary_size + static_cast<std::int32_t>(file["added_tokens"].size())},
                                    {"content", token},
                                    {"single_word", false},
                                    {"lstrip", false},
                                    {"rstrip", false},
                                    {"normalized", false},
                                    {"special", true}});
  return file;
}

}  // namespace

void Trainer::add(std::string_view text) {
  if (const std::size_t good = end_of_utf8(text); good < text.size())
    throw DataError(fmt::format("a text is no UTF-8 from its byte {} on", good));
  Splitter splitter(text, {});
  for (std::string_view stretch = splitter.next(); !stretch.empty(); stretch = splitter.next()) {
    const auto known = counts_.find(stretch);
    if (known == counts_.end())
      counts_.emplace(stretch, 1);
    else
      ++known->second;
  }
}

Tokenizer Trainer::make(std::int32_t vocabulary_size) const {
  if (vocabulary_size < 256 || vocabulary_size > 1 << 22)
    throw UsageError(fmt::format("a vocabulary of {} tokens cannot be made", vocabulary_size),
                     "the 256 bytes are part of it: take 1000 for an hour of speech, 32000 for a language");
  if (counts_.empty()) throw UsageError("there are no texts to make a tokenizer from");
  // The bytes in the order of their spellings, as in Llama's vocabulary: ! is 0.
  std::vector<std::string> tokens, spellings;
  for (int byte = 0; byte < 256; ++byte) spellings.push_back(spelling_of(std::string(1, static_cast<char>(byte))));
  std::sort(spellings.begin(), spellings.end());
  std::int32_t id_of_byte[256];
  for (std::int32_t id = 0; id < 256; ++id) {
    tokens.push_back(*bytes_of(spellings[id]));
    id_of_byte[static_cast<unsigned char>(tokens.back()[0])] = id;
  }
  std::vector<Word> words;
  for (const auto& [stretch, count] : counts_) {
    words.push_back({{}, count});
    for (const char byte : stretch) words.back().ids.push_back(id_of_byte[static_cast<unsigned char>(byte)]);
  }
  std::unordered_map<std::string, std::int32_t> ids;
  for (std::int32_t id = 0; id < 256; ++id) ids[tokens[id]] = id;
  Json merges = Json::array();
  PairCounts pairs(std::move(words));
  while (static_cast<std::int32_t>(tokens.size()) < vocabulary_size) {
    const auto pair = pairs.take();
    if (!pair) break;
    const std::string left = tokens[*pair >> 32], right = tokens[*pair & 0xFFFFFFFF];
    const auto [made, is_new] = ids.try_emplace(left + right, static_cast<std::int32_t>(tokens.size()));
    if (is_new) tokens.push_back(left + right);
    merges.push_back({spelling_of(left), spelling_of(right)});
    pairs.merge(*pair, made->second);
  }
  Json file = frame(static_cast<std::int32_t>(tokens.size()));
  // As text: an ordered object of many members looks through all of them for each new one.
  std::string vocabulary;
  for (std::size_t id = 0; id < tokens.size(); ++id)
    vocabulary += fmt::format("{}{}:{}", id ? "," : "", Json(spelling_of(tokens[id])).dump(), id);
  file["model"]["merges"] = std::move(merges);
  std::string text = file.dump();
  constexpr std::string_view kModel = "\"model\":{";
  text.insert(text.find(kModel) + kModel.size(), "\"vocab\":{" + vocabulary + "},");
  Tokenizer tokenizer = Tokenizer::parse(text, "the trained tokenizer");
  Tokenizer::Parts& parts = *tokenizer.parts_;
  parts.config = {{"bos_token", "<|begin_of_text|>"},
                  {"eos_token", "<|eot_id|>"},
                  {"clean_up_tokenization_spaces", false},
                  {"model_input_names", {"input_ids", "attention_mask"}},
                  {"tokenizer_class", "PreTrainedTokenizerFast"},
                  {"chat_template", kTemplate}};
  parts.config_text = parts.config.dump();
  parts.chat_template = kTemplate;
  parts.find_marks();
  return tokenizer;
}

}  // namespace timbre::tokenizer
