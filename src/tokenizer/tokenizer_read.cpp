#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "tokenizer/byte_spelling.h"
#include "tokenizer/tokenizer_parts.h"

namespace timbre::tokenizer {
namespace {

using Json = nlohmann::ordered_json;

/// The place behind the string that begins at `at` (a quote).
std::size_t behind_string(std::string_view text, std::size_t at) {
  for (++at; at < text.size() && text[at] != '"'; ++at)
    if (text[at] == '\\') ++at;
  return std::min(at + 1, text.size());
}

/// tokenizer_config.json without its added_tokens_decoder: 66,000 objects that tokenizer.json has as well, and which
/// would take longer to read than everything else.
std::string without_token_list(std::string_view text) {
  constexpr std::string_view kKey = "\"added_tokens_decoder\"";
  const std::size_t key = text.find(kKey);
  if (key == std::string_view::npos) return std::string(text);
  const std::size_t begin = text.find('{', key + kKey.size());
  if (begin == std::string_view::npos) return std::string(text);
  int depth = 0;
  for (std::size_t at = begin; at < text.size();) {
    const char c = text[at];
    if (c == '"') {
      at = behind_string(text, at);
      continue;
    }
    if (c == '{') ++depth;
    ++at;
    if (c == '}' && --depth == 0) return std::string(text.substr(0, begin)) + "{}" + std::string(text.substr(at));
  }
  return std::string(text);
}

/// "<s>" or {"content": "<s>", …}; "" where there is none.
std::string mark_of(const Json& document, const char* key) {
  if (!document.is_object() || !document.contains(key)) return "";
  const Json& value = document.at(key);
  if (value.is_string()) return value.get<std::string>();
  if (value.is_object() && value.contains("content") && value.at("content").is_string()) {
    return value.at("content").get<std::string>();
  }
  return "";
}

/// "chat_template" of tokenizer_config.json: a text, or a list of named ones of which "default" counts.
std::string template_of(const Json& config) {
  if (!config.is_object() || !config.contains("chat_template")) return "";
  const Json& value = config.at("chat_template");
  if (value.is_string()) return value.get<std::string>();
  if (value.is_array()) {
    for (const Json& named : value)
      if (named.is_object() && named.value("name", Json()) == "default") return mark_of(named, "template");
  }
  return "";
}

}  // namespace

std::int32_t Tokenizer::Parts::next_added_id() const {
  const auto model = static_cast<std::int32_t>(bpe.vocabulary().size() + odd.size());
  return added.empty() ? model : std::max(model, added.back().id + 1);
}

std::int32_t Tokenizer::Parts::find(std::string_view spelling) const {
  if (const std::int32_t id = added_ids.find(spelling); id >= 0) return id;
  if (const auto bytes = bytes_of(spelling)) return bpe.vocabulary().find(*bytes);
  for (const auto& [token, id] : odd)
    if (token == spelling) return id;
  return kNone;
}

void Tokenizer::Parts::put_added(AddedToken token) {
  if (static_cast<std::size_t>(token.id) >= origins.size()) origins.resize(token.id + 1);
  std::string text;
  if (!append_bytes_of(token.content, text)) text = token.content;
  (token.normalized ? second_trie : first_trie).add(token.content, token.id);
  added_ids.add(token.content, token.id);
  auto place = added.size();
  if (!added.empty() && added.back().id > token.id) {  // it has an id of the vocabulary: rare, and few stand behind it
    place = std::lower_bound(added.begin(), added.end(), token.id,
                             [](const AddedToken& a, std::int32_t id) { return a.id < id; }) -
            added.begin();
    for (std::size_t later = place; later < added.size(); ++later) ++origins[added[later].id].added;
  }
  origins[token.id].added = static_cast<std::int32_t>(place);
  added_texts.insert(added_texts.begin() + place, std::move(text));
  added.insert(added.begin() + place, std::move(token));
}

void Tokenizer::Parts::find_marks() {
  const auto mark = [&](const char* key) -> std::optional<std::int32_t> {
    std::string token = mark_of(config, key);
    if (token.empty()) token = mark_of(special, key);
    if (token.empty()) return std::nullopt;
    const std::int32_t id = find(token);
    if (id < 0)
      throw DataError(fmt::format("{}: the {} '{}' of the files beside it is no token of it", where, key, token),
                      "take the files of one folder together");
    return id;
  };
  bos = mark("bos_token");
  eos = mark("eos_token");
  pad = mark("pad_token");
  if (!bos && !before.empty()) bos = before.front();
  if (const std::int32_t id = find("<|eot_id|>"); !eos && id >= 0) eos = id;
}

Tokenizer Tokenizer::parse(std::string_view tokenizer_json, const std::string& where) {
  TokenizerFile file = parse_tokenizer_file(tokenizer_json, where);
  check_model_options(file.rest, where);
  std::vector<std::pair<std::string, std::int32_t>> odd;
  Bpe bpe = make_bpe(file, where, odd);
  auto parts = std::make_unique<Parts>(where, std::move(bpe));
  parts->odd = std::move(odd);
  parts->pattern = split_pattern_of(file.rest, where);
  parts->around = around_of(file.rest, where);
  parts->joined_merges = file.joined_merges;

  const auto put = [&](std::int32_t id, std::int32_t entry) {
    if (static_cast<std::size_t>(id) >= parts->origins.size()) parts->origins.resize(id + 1);
    if (parts->origins[id].entry != Parts::kNone)
      throw DataError(fmt::format("{}: model.vocab gives the id {} to two tokens", where, id));
    parts->origins[id].entry = entry;
  };
  const StringIds& vocabulary = parts->bpe.vocabulary();
  for (std::size_t i = 0; i < vocabulary.size(); ++i) put(vocabulary.id_at(i), static_cast<std::int32_t>(i));
  for (std::size_t i = 0; i < parts->odd.size(); ++i) put(parts->odd[i].second, -2 - static_cast<std::int32_t>(i));
  for (std::size_t i = 0; i < file.added.size(); ++i) {
    AddedToken& token = file.added[i];
    const std::int32_t known = parts->find(token.content), given = known >= 0 ? known : parts->next_added_id();
    if (parts->added_ids.find(token.content) >= 0)
      throw DataError(fmt::format("{}: added_tokens has '{}' twice", where, token.content));
    if (token.id != given || (known < 0 && parts->has(given)))
      throw DataError(fmt::format("{}: added_tokens[{}] ('{}') has the id {}; `tokenizers` would give it {}", where, i,
                                  token.content, token.id, given),
                      "added tokens follow the vocabulary without gaps, in the order of their ids");
    parts->put_added(std::move(token));
  }
  const auto ids_of = [&](const std::vector<std::string>& tokens) {
    std::vector<std::int32_t> ids;
    for (const std::string& token : tokens) {
      ids.push_back(parts->find(token));
      if (ids.back() < 0)
        throw DataError(fmt::format("{}: post_processor names the token '{}', which is not there", where, token));
    }
    return ids;
  };
  parts->before = ids_of(parts->around.before);
  parts->behind = ids_of(parts->around.behind);
  parts->rest = std::move(file.rest);
  parts->find_marks();
  return Tokenizer(std::move(parts));
}

Tokenizer Tokenizer::read(const fs::path& folder_or_file) {
  std::error_code ignored;
  const bool is_folder = fs::is_directory(folder_or_file, ignored);
  const fs::path folder = is_folder ? folder_or_file : folder_or_file.parent_path();
  const fs::path path = is_folder ? folder / "tokenizer.json" : folder_or_file;
  if (is_folder && !fs::exists(path)) {
    const bool has_sentencepiece = fs::exists(folder / "tokenizer.model");
    throw DataError(fmt::format("{}: there is no tokenizer.json", folder.string()),
                    has_sentencepiece
                        ? "tokenizer.model is Meta's own form: open it once with transformers' AutoTokenizer "
                          "and save_pretrained(), which writes a tokenizer.json"
                        : "give the folder of a model with its tokenizer, or a tokenizer.json");
  }
  Tokenizer tokenizer = [&] {
    const MappedFile mapped(path);
    const auto bytes = mapped.bytes();
    return parse({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path.string());
  }();
  Parts& parts = *tokenizer.parts_;
  if (const fs::path config = folder / "tokenizer_config.json"; fs::exists(config)) {
    parts.config_text = read_file(config);
    parts.config = parse_json<Json>(without_token_list(parts.config_text), config.string());
  }
  if (const fs::path special = folder / "special_tokens_map.json"; fs::exists(special))
    parts.special = read_json<Json>(special);
  parts.chat_template = template_of(parts.config);
  if (const fs::path file = folder / "chat_template.jinja"; fs::exists(file)) {
    parts.chat_template = read_file(file);
    parts.has_template_file = true;
  }
  parts.find_marks();
  return tokenizer;
}

}  // namespace timbre::tokenizer
