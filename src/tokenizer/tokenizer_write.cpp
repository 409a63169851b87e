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

std::string json_text(std::string_view text) { return Json(std::string(text)).dump(); }

Json flags_of(const AddedToken& token) {
  return {{"content", token.content}, {"single_word", false},           {"lstrip", token.lstrip},
          {"rstrip", token.rstrip},   {"normalized", token.normalized}, {"special", token.special}};
}

/// A member a line; lists that are not documents of their own are written by `write_member(key)`, which says whether it
/// did.
template <class WriteMember>
void write_object(std::string& out, const Json& object, const std::string& indent, const WriteMember& write_member) {
  out += "{";
  bool first = true;
  for (const auto& [key, value] : object.items()) {
    out += (first ? "\n" : ",\n") + indent + "  " + json_text(key) + ": ";
    first = false;
    if (write_member(key)) continue;
    for (const char c : value.dump(2)) {
      out += c;
      if (c == '\n') out += indent + "  ";
    }
  }
  out += "\n" + indent + "}";
}

}  // namespace

/// Writes the lists beside what was kept of tokenizer.json.
class Tokenizer::Writer {
 public:
  explicit Writer(const Parts& parts) : parts_(parts) {}

  std::string tokenizer_json() const {
    Json document = parts_.rest;
    if (!document.contains("added_tokens")) document["added_tokens"] = nullptr;
    std::string out;
    write_object(out, document, "", [&](const std::string& key) {
      if (key == "added_tokens") {
        added_tokens(out);
        return true;
      }
      if (key != "model") return false;
      write_object(out, document.at(key), "  ", [&](const std::string& field) {
        if (field == "vocab") vocabulary(out);
        if (field == "merges") merges(out);
        return field == "vocab" || field == "merges";
      });
      return true;
    });
    return out + "\n";
  }

  std::string config() const {
    Json config =
        parts_.config_text.empty() ? Json::object() : parse_json<Json>(parts_.config_text, "tokenizer_config.json");
    Json& decoder = config["added_tokens_decoder"] = Json::object();
    for (const AddedToken& token : parts_.added) decoder.emplace(std::to_string(token.id), flags_of(token));
    const auto name = [&](const char* key, const std::optional<std::int32_t>& id) {
      if (id && !config.contains(key)) config[key] = parts_.added[parts_.origins[*id].added].content;
    };
    if (parts_.config_text.empty()) {  // what transformers needs to open the folder
      config["clean_up_tokenization_spaces"] = false;
      config["tokenizer_class"] = "PreTrainedTokenizerFast";
    }
    if (parts_.bos && parts_.origins[*parts_.bos].added != Parts::kNone) name("bos_token", parts_.bos);
    if (parts_.eos && parts_.origins[*parts_.eos].added != Parts::kNone) name("eos_token", parts_.eos);
    return config.dump(2) + "\n";
  }

 private:
  void added_tokens(std::string& out) const {
    out += "[";
    for (std::size_t i = 0; i < parts_.added.size(); ++i) {
      Json token = {{"id", parts_.added[i].id}};
      token.update(flags_of(parts_.added[i]));
      out += (i ? ",\n    " : "\n    ") + token.dump();
    }
    out += parts_.added.empty() ? "]" : "\n  ]";
  }

  void vocabulary(std::string& out) const {
    out += "{";
    bool first = true;
    for (std::size_t id = 0; id < parts_.origins.size(); ++id) {
      const std::int32_t entry = parts_.origins[id].entry;
      if (entry == Parts::kNone) continue;
      out +=
          (first ? "\n      " : ",\n      ") +
          json_text(entry >= 0 ? spelling_of(parts_.bpe.vocabulary().string_at(entry)) : parts_.odd[-2 - entry].first) +
          ": " + std::to_string(id);
      first = false;
    }
    out += "\n    }";
  }

  void merges(std::string& out) const {
    const auto spelled = [&](std::int32_t id) {
      return spelling_of(parts_.bpe.vocabulary().string_at(parts_.origins[id].entry));
    };
    out += "[";
    bool first = true;
    for (const Bpe::Merge& merge : parts_.bpe.merges()) {
      const std::string left = spelled(merge.left), right = spelled(merge.right);
      out += first ? "\n      " : ",\n      ";
      first = false;
      if (parts_.joined_merges)
        out += json_text(left + " " + right);
      else
        out += "[" + json_text(left) + ", " + json_text(right) + "]";
    }
    out += first ? "]" : "\n    ]";
  }

  const Parts& parts_;
};

void Tokenizer::write(const fs::path& folder) const {
  make_folders(folder);
  const Writer writer(*parts_);
  write_file_atomic(folder / "tokenizer.json", writer.tokenizer_json());
  write_file_atomic(folder / "tokenizer_config.json", writer.config());
  if (!parts_->special.is_null()) write_file_atomic(folder / "special_tokens_map.json", parts_->special.dump(2) + "\n");
  if (parts_->has_template_file) write_file_atomic(folder / "chat_template.jinja", parts_->chat_template);
}

}  // namespace timbre::tokenizer
