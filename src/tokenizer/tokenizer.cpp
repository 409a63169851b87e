#include "tokenizer/tokenizer.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "tokenizer/byte_spelling.h"
#include "tokenizer/tokenizer_parts.h"
#include "tokenizer/utf8.h"

namespace timbre::tokenizer {
namespace {

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  std::string out;
  std::size_t at = 0;
  for (std::size_t found; (found = text.find(from, at)) != std::string::npos; at = found + from.size()) {
    out.append(text, at, found - at);
    out += to;
  }
  text = out.append(text, at);
}

/// The blanks that transformers' clean_up_tokenization takes out, one rule after the other.
void clean_up(std::string& text) {
  constexpr std::pair<std::string_view, std::string_view> kRules[] = {
      {" .", "."},     {" ?", "?"},   {" !", "!"},   {" ,", ","},     {" ' ", "'"},
      {" n't", "n't"}, {" 'm", "'m"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [from, to] : kRules) replace_all(text, from, to);
}

}  // namespace

Tokenizer::Tokenizer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

std::string_view Tokenizer::Parts::bytes_of_id(std::int32_t id) const {
  const Origin& origin = origins[id];
  if (origin.added != kNone) return added_texts[origin.added];
  return origin.entry >= 0 ? bpe.vocabulary().string_at(origin.entry) : odd[-2 - origin.entry].first;
}

std::string Tokenizer::decode(std::span<const std::int32_t> ids, const Decoding& how) const {
  std::string bytes;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (!parts_->has(ids[i])) check_ids(ids, "ids");
    const std::int32_t added = parts_->origins[ids[i]].added;
    if (how.skip_special && added != Parts::kNone && parts_->added[added].special) continue;
    bytes += parts_->bytes_of_id(ids[i]);
  }
  std::string text = lossy_utf8(bytes);
  if (how.clean_up) clean_up(text);
  return text;
}

void Tokenizer::check_ids(std::span<const std::int32_t> ids, const std::string& where) const {
  for (std::size_t i = 0; i < ids.size(); ++i)
    if (!parts_->has(ids[i]))
      throw DataError(fmt::format("{}: position {} has the id {}; the tokenizer {} has ids from 0 to {}", where, i,
                                  ids[i], parts_->where, size() - 1),
                      "use the tokenizer that the ids were made with; `timbre info` says what a tokenizer holds");
}

std::optional<std::int32_t> Tokenizer::id_of(std::string_view token) const {
  const std::int32_t id = parts_->find(token);
  return id < 0 ? std::nullopt : std::optional(id);
}

std::int32_t Tokenizer::need_id(std::string_view token) const {
  const std::int32_t id = parts_->find(token);
  if (id < 0)
    throw DataError(fmt::format("{}: there is no token '{}'", parts_->where, token),
                    fmt::format("add it: timbre tokens --tokenizer {} --add '{}' --out NEW", parts_->where, token));
  return id;
}

std::string Tokenizer::token(std::int32_t id) const {
  if (!parts_->has(id)) check_ids({&id, 1}, "token");
  const Parts::Origin& origin = parts_->origins[id];
  if (origin.added != Parts::kNone) return parts_->added[origin.added].content;
  return origin.entry >= 0 ? spelling_of(parts_->bytes_of_id(id)) : std::string(parts_->bytes_of_id(id));
}

std::int32_t Tokenizer::size() const { return static_cast<std::int32_t>(parts_->origins.size()); }

std::int32_t Tokenizer::vocabulary_size() const {
  return static_cast<std::int32_t>(parts_->bpe.vocabulary().size() + parts_->odd.size());
}

std::int64_t Tokenizer::merge_count() const { return static_cast<std::int64_t>(parts_->bpe.merges().size()); }
std::vector<std::int32_t> Tokenizer::tokens_beyond_merges() const {
  const StringIds& vocabulary = parts_->bpe.vocabulary();
  std::vector<std::int32_t> ids;
  for (std::size_t i = 0; i < vocabulary.size(); ++i)
    if (!parts_->bpe.merges_to_one(vocabulary.string_at(i))) ids.push_back(vocabulary.id_at(i));
  std::sort(ids.begin(), ids.end());
  return ids;
}

const std::vector<AddedToken>& Tokenizer::added_tokens() const { return parts_->added; }
std::optional<std::int32_t> Tokenizer::bos() const { return parts_->bos; }
std::optional<std::int32_t> Tokenizer::eos() const { return parts_->eos; }
std::optional<std::int32_t> Tokenizer::pad() const { return parts_->pad; }
const std::string& Tokenizer::chat_template() const { return parts_->chat_template; }
const std::string& Tokenizer::where() const { return parts_->where; }

bool Tokenizer::cleans_up() const {
  const auto& config = parts_->config;
  constexpr const char* kKey = "clean_up_tokenization_spaces";
  return config.is_object() && config.contains(kKey) && config.at(kKey) == true;
}

std::vector<std::int32_t> Tokenizer::add_tokens(std::span<const AddedToken> tokens) {
  std::vector<std::int32_t> ids;
  for (const AddedToken& token : tokens) {
    if (token.content.empty()) throw UsageError("an empty text cannot be a token");
    if (const std::size_t good = end_of_utf8(token.content); good < token.content.size())
      throw UsageError(fmt::format("a new token is no UTF-8 from its byte {} on", good));
    AddedToken added = token;
    const std::int32_t known = parts_->find(token.content);
    added.id = known >= 0 ? known : parts_->next_added_id();
    if (token.id >= 0 && token.id != added.id)
      throw UsageError(fmt::format("the token '{}' gets the id {}, not {}", token.content, added.id, token.id));
    if (known < 0 && parts_->has(added.id))
      throw DataError(fmt::format("{}: the vocabulary has gaps, and the next added token would get the taken id {}",
                                  parts_->where, added.id));
    ids.push_back(added.id);
    if (known < 0 || parts_->origins[known].added == Parts::kNone) parts_->put_added(std::move(added));
  }
  return ids;
}

std::vector<std::int32_t> Tokenizer::add_tokens(const std::vector<std::string>& tokens) {
  std::vector<AddedToken> added;
  for (const std::string& token : tokens) added.push_back({.content = token});
  return add_tokens(std::span<const AddedToken>(added));
}

}  // namespace timbre::tokenizer
