#pragma once
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tokenizer/byte_spelling.h"
#include "tokenizer/split.h"
#include "tokenizer/tokenizer.h"

/// A tokenizer.json of a few tokens, to be spoilt.
namespace timbre::tokenizer::testing_support {

using Json = nlohmann::ordered_json;

/// The 256 bytes, then each merge's token: ids from 0 without gaps. Llama 3's pattern, bos <|begin_of_text|>.
inline Json tiny_json(const std::vector<std::pair<std::string, std::string>>& merges = {
                          {"h", "e"}, {"l", "l"}, {"he", "ll"}}) {
  Json vocab = Json::object(), list = Json::array(), added = Json::array();
  for (int byte = 0; byte < 256; ++byte) vocab[spelling_of(std::string(1, static_cast<char>(byte)))] = byte;
  for (const auto& [left, right] : merges) {
    const int id = static_cast<int>(vocab.size());
    if (!vocab.contains(left + right)) vocab[left + right] = id;
    list.push_back({left, right});
  }
  for (const char* token : {"<|begin_of_text|>", "<|eot_id|>"})
    added.push_back({{"id", vocab.size() + added.size()},
                     {"content", token},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
  return {
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", added},
      {"normalizer", nullptr},
      {"pre_tokenizer",
       {{"type", "Sequence"},
        {"pretokenizers",
         {{{"type", "Split"}, {"pattern", {{"Regex", regex_of({})}}}, {"behavior", "Isolated"}, {"invert", false}},
          {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}}}}}},
      {"post_processor",
       {{"type", "TemplateProcessing"},
        {"single",
         {{{"SpecialToken", {{"id", "<|begin_of_text|>"}, {"type_id", 0}}}},
          {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}},
        {"special_tokens", {{"<|begin_of_text|>", {{"id", "<|begin_of_text|>"}, {"tokens", {"<|begin_of_text|>"}}}}}}}},
      {"decoder", {{"type", "ByteLevel"}}},
      {"model", {{"type", "BPE"}, {"ignore_merges", false}, {"vocab", vocab}, {"merges", list}}}};
}

inline Tokenizer tiny(const std::vector<std::pair<std::string, std::string>>& merges = {
                          {"h", "e"}, {"l", "l"}, {"he", "ll"}}) {
  return Tokenizer::parse(tiny_json(merges).dump(), "tiny.json");
}

}  // namespace timbre::tokenizer::testing_support
