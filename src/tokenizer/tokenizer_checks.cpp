#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/error.h"
#include "tokenizer/byte_spelling.h"
#include "tokenizer/tokenizer_parts.h"

/// What of a tokenizer.json's fields is understood; anything that would give other ids than `tokenizers` is refused.
namespace timbre::tokenizer {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kNext = "expected a byte-level BPE in Llama 3's manner";

/// A member, or null.
const Json& at(const Json& object, const char* key) {
  static const Json null;
  if (!object.is_object()) return null;
  const auto found = object.find(key);
  return found == object.end() ? null : *found;
}

std::string type_of(const Json& value) {
  const Json& type = at(value, "type");
  return type.is_string() ? type.get<std::string>() : "";
}

bool is_true(const Json& value) { return value.is_boolean() && value.get<bool>(); }

/// A short text of a value for messages.
std::string shown(const Json& value) {
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  return text.size() > 160 ? text.substr(0, 160) + " …" : text;
}

[[noreturn]] void refuse(const std::string& where, const std::string& what, const std::string& next = kNext) {
  throw DataError(where + ": " + what, next);
}

/// The members of a Sequence, or the value alone.
std::vector<const Json*> steps_of(const Json& value, const char* list) {
  if (value.is_null()) return {};
  if (type_of(value) != "Sequence") return {&value};
  std::vector<const Json*> steps;
  for (const Json& step : at(value, list)) steps.push_back(&step);
  return steps;
}

/// Ids of a template's tokens are looked up by their content, which is how `tokenizers` writes them.
void read_template(const Json& step, const std::string& where, Around& around) {
  bool is_behind = false;
  for (const Json& item : at(step, "single")) {
    if (const Json& sequence = at(item, "Sequence"); !sequence.is_null()) {
      if (is_behind || at(sequence, "id") != "A")
        refuse(where, fmt::format("post_processor.single has the item {}; expected the text once", shown(item)));
      is_behind = true;
      continue;
    }
    const Json& id = at(at(item, "SpecialToken"), "id");
    if (!id.is_string()) refuse(where, fmt::format("post_processor.single has the item {}", shown(item)));
    const Json& tokens = at(at(at(step, "special_tokens"), id.get<std::string>().c_str()), "tokens");
    if (!tokens.is_array()) refuse(where, fmt::format("post_processor.special_tokens lacks {}", shown(id)));
    for (const Json& token : tokens) {
      if (!token.is_string()) refuse(where, fmt::format("post_processor.special_tokens has {}", shown(token)));
      (is_behind ? around.behind : around.before).push_back(token.get<std::string>());
    }
  }
  if (!is_behind) refuse(where, "post_processor.single has no place for the text");
}

}  // namespace

SplitPattern split_pattern_of(const Json& file, const std::string& where) {
  if (const Json& normalizer = at(file, "normalizer"); !normalizer.is_null())
    refuse(where,
           fmt::format("the normalizer {} changes texts before they are cut; Llama 3 has none", shown(normalizer)));
  const Json& whole = at(file, "pre_tokenizer");
  const auto steps = steps_of(whole, "pretokenizers");
  if (steps.size() != 2 || type_of(*steps[0]) != "Split" || type_of(*steps[1]) != "ByteLevel")
    refuse(where,
           fmt::format("pre_tokenizer is {}; expected a Split by a regular expression, then ByteLevel", shown(whole)));
  const Json &split = *steps[0], &bytes = *steps[1];
  const Json& regex = at(at(split, "pattern"), "Regex");
  if (!regex.is_string()) refuse(where, fmt::format("pre_tokenizer splits by {}", shown(at(split, "pattern"))));
  if (at(split, "behavior") != "Isolated" || is_true(at(split, "invert")))
    refuse(where, fmt::format("pre_tokenizer's Split is {}; expected \"Isolated\", not inverted", shown(split)));
  // ByteLevel's own defaults are true, as `tokenizers` reads a file that does not say.
  for (const char* flag : {"add_prefix_space", "use_regex"})
    if (const Json& value = at(bytes, flag); value.is_null() || is_true(value))
      refuse(where, fmt::format("pre_tokenizer's ByteLevel has {} on; Llama 3's has it off", flag));
  const auto pattern = find_split_pattern(regex.get<std::string>());
  if (!pattern)
    refuse(where,
           fmt::format("texts are cut by the regular expression {}, which is not known here", regex.get<std::string>()),
           fmt::format("known are Llama 3's ({}) and Qwen 2's", regex_of({})));
  return *pattern;
}

Around around_of(const Json& file, const std::string& where) {
  Around around;
  const Json& whole = at(file, "post_processor");
  for (const Json* step : steps_of(whole, "processors")) {
    if (type_of(*step) == "ByteLevel") {
      const Json &trims = at(*step, "trim_offsets"), &prefix = at(*step, "add_prefix_space");
      around.trims = trims.is_null() || is_true(trims);
      around.keeps_first_blank = prefix.is_null() || is_true(prefix);
    } else if (type_of(*step) == "TemplateProcessing") {
      if (!around.before.empty() || !around.behind.empty()) refuse(where, "post_processor has two templates");
      read_template(*step, where, around);
    } else {
      refuse(where,
             fmt::format("post_processor has the step {}; known are ByteLevel and TemplateProcessing", shown(*step)));
    }
  }
  return around;
}

void check_model_options(const Json& file, const std::string& where) {
  if (const Json& decoder = at(file, "decoder"); type_of(decoder) != "ByteLevel")
    refuse(where, fmt::format("decoder is {}; expected ByteLevel", shown(decoder)));
  const Json& model = at(file, "model");
  if (!model.is_object()) refuse(where, "the object 'model' is missing");
  // Older files name no type; their merges say what they are.
  if (const Json& type = at(model, "type"); !type.is_null() && type != "BPE")
    refuse(where, fmt::format("model.type is {}, not \"BPE\"", shown(type)));
  if (const Json& dropout = at(model, "dropout"); !dropout.is_null() && dropout != 0)
    refuse(where, fmt::format("model.dropout is {}: ids would be left to chance", shown(dropout)), "set it to null");
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (const Json& value = at(model, key); !value.is_null() && value != "")
      refuse(where, fmt::format("model.{} is {}; a byte-level BPE has none", key, shown(value)));
}

Bpe make_bpe(const TokenizerFile& file, const std::string& where,
             std::vector<std::pair<std::string, std::int32_t>>& odd) {
  StringIds vocabulary;
  vocabulary.reserve(file.tokens.size(), file.tokens.bytes());
  std::string bytes, left, right;
  for (std::size_t i = 0; i < file.tokens.size(); ++i) {
    bytes.clear();
    if (file.tokens[i].empty() || !append_bytes_of(file.tokens[i], bytes))
      odd.emplace_back(std::string(file.tokens[i]), file.ids[i]);
    else if (!vocabulary.add(bytes, file.ids[i]))
      refuse(where, fmt::format("model.vocab has '{}' twice", file.tokens[i]));
  }
  int missing = 0;
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    missing += vocabulary.find({&c, 1}) < 0;
  }
  if (missing) refuse(where, fmt::format("model.vocab lacks {} of the 256 characters that spell the bytes", missing));
  std::vector<Bpe::Merge> merges(file.merges.size() / 2);
  for (std::size_t i = 0; i < merges.size(); ++i) {
    const std::string_view a = file.merges[2 * i], b = file.merges[2 * i + 1];
    left.clear();
    right.clear();
    const bool spelled = append_bytes_of(a, left) && append_bytes_of(b, right);
    merges[i].left = spelled ? vocabulary.find(left) : -1;
    merges[i].right = spelled ? vocabulary.find(right) : -1;
    left += right;
    merges[i].made = spelled ? vocabulary.find(left) : -1;
    if (merges[i].left < 0 || merges[i].right < 0 || merges[i].made < 0)
      refuse(where, fmt::format("model.merges[{}] joins '{}' and '{}', but {} is not in model.vocab", i, a, b,
                                merges[i].left < 0    ? "the first"
                                : merges[i].right < 0 ? "the second"
                                                      : "what they make"));
  }
  return Bpe(std::move(vocabulary), std::move(merges), is_true(at(at(file.rest, "model"), "ignore_merges")));
}

}  // namespace timbre::tokenizer
