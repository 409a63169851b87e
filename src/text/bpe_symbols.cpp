#include "text/bpe_symbols.h"

#include <nlohmann/json.hpp>

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"

namespace timbre::text {
namespace {

using nlohmann::json;

/// A field that must be as if it were not there: absent, null, false or empty.
void must_be_unset(const json& object, const char* field, const std::string& where, const char* section) {
  const auto found = object.find(field);
  if (found == object.end() || found->is_null() || *found == false || *found == "" || *found == 0) return;
  throw DataError(fmt::format("{}: {}{} is set, which is not supported here", where, section, field),
                  "VALL-E X's tokenizer is a plain list of characters (bpe_69.json)");
}

}  // namespace

std::vector<std::string> parse_bpe_symbols(std::string_view content, const std::string& where) {
  constexpr const char* kNext = "expected a tokenizer of VALL-E X (bpe_69.json): a BPE model without merges";
  const json tokenizer = parse_json(std::string(content), where);
  const auto model = tokenizer.is_object() ? tokenizer.find("model") : tokenizer.end();
  if (!tokenizer.is_object() || model == tokenizer.end() || !model->is_object())
    throw DataError(fmt::format("{}: the object 'model' is missing", where), kNext);
  if (model->value("type", json()) != "BPE")
    throw DataError(fmt::format("{}: model.type is {}, not \"BPE\"", where, model->value("type", json()).dump()),
                    kNext);
  const auto merges = model->find("merges");
  if (merges != model->end() && !(merges->is_array() && merges->empty()))
    throw DataError(fmt::format("{}: model.merges has {} merges; a token must be one character", where, merges->size()),
                    kNext);
  for (const char* field : {"normalizer", "post_processor"}) must_be_unset(tokenizer, field, where, "");
  for (const char* field : {"dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback", "fuse_unk"})
    must_be_unset(*model, field, where, "model.");
  if (const auto pre = tokenizer.find("pre_tokenizer"); pre != tokenizer.end() && !pre->is_null())
    if (!pre->is_object() || pre->value("type", json()) != "Whitespace")
      throw DataError(fmt::format("{}: pre_tokenizer is {}, not of the type Whitespace", where, pre->dump()), kNext);
  const auto vocabulary = model->find("vocab");
  if (vocabulary == model->end() || !vocabulary->is_object() || vocabulary->empty())
    throw DataError(fmt::format("{}: model.vocab is missing", where), kNext);
  std::vector<std::string> symbols(vocabulary->size());
  for (const auto& [symbol, id] : vocabulary->items()) {
    const bool fits = id.is_number_integer() && id >= 0 && id < symbols.size() && !symbol.empty();
    if (!fits || !symbols[id.get<std::size_t>()].empty())
      throw DataError(fmt::format("{}: model.vocab gives '{}' the id {}; expected every id from 0 to {} once", where,
                                  symbol, id.dump(), symbols.size() - 1),
                      kNext);
    symbols[id.get<std::size_t>()] = symbol;
  }
  const json unknown = model->value("unk_token", json());
  if (!unknown.is_string() || std::find(symbols.begin(), symbols.end(), unknown) == symbols.end())
    throw DataError(fmt::format("{}: model.unk_token {} is not in the vocabulary", where, unknown.dump()), kNext);
  return symbols;
}

std::vector<std::string> read_bpe_symbols(const std::filesystem::path& file) {
  return parse_bpe_symbols(read_file(file), file.string());
}

}  // namespace timbre::text
