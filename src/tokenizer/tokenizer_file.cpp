#include "tokenizer/tokenizer_file.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"

namespace timbre::tokenizer {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kLargestId = (1 << 24) - 1;
constexpr const char* kNext = "expected a tokenizer.json of Hugging Face's tokenizers with a byte-level BPE (Llama 3)";

/// Takes the parser's events: the three long lists go where they belong, everything else becomes a document. A document
/// of all of it would cost four times the time and ten times the memory.
class Reader : public nlohmann::json_sax<Json> {
 public:
  Reader(TokenizerFile& file, std::string_view text, const std::string& where)
      : file_(file), text_(text), where_(where) {}

  bool null() override { return value(nullptr); }
  bool boolean(bool v) override {
    if (part_ != Part::added_token) return value(v);
    set_flag(v);
    return true;
  }
  bool number_integer(number_integer_t v) override { return number(v); }
  bool number_unsigned(number_unsigned_t v) override {
    return number(v > std::uint64_t{1} << 62 ? kLargestId + 1 : static_cast<std::int64_t>(v));
  }
  bool number_float(number_float_t v, const string_t&) override { return value(v); }
  bool binary(binary_t&) override { return false; }
  bool string(string_t& v) override;
  bool key(string_t& v) override;
  bool start_object(std::size_t) override;
  bool end_object() override;
  bool start_array(std::size_t) override;
  bool end_array() override;
  bool parse_error(std::size_t byte, const std::string&, const nlohmann::detail::exception&) override {
    throw DataError(fmt::format("{}, {}: not valid JSON", where_, json_place(text_, byte ? byte - 1 : 0)), kNext);
  }

 private:
  enum class Part { document, vocabulary, merges, merge, added_tokens, added_token };

  [[noreturn]] void refuse(const std::string& what) const { throw DataError(where_ + ": " + what, kNext); }
  [[noreturn]] void refuse_here() const;
  bool number(std::int64_t v);
  /// A value outside the three lists.
  bool value(Json v) {
    if (part_ != Part::document) refuse_here();
    place() = std::move(v);
    return true;
  }
  /// Where the document's next value goes.
  Json& place() {
    if (open_.empty()) return file_.rest;
    Json& parent = *open_.back();
    return parent.is_array() ? parent.emplace_back() : parent[key_];
  }
  void open(Json v) {
    if (open_.size() >= std::size_t{kDeepestJson}) refuse("JSON nested too deep");
    Json& here = place();
    here = std::move(v);
    open_.push_back(&here);
  }
  bool is_in_model() const { return open_.size() == 2 && top_key_ == "model"; }
  void leave_for(Part part, bool& seen) {
    if (seen) refuse(fmt::format("'{}' is there twice", key_));
    seen = true;
    place() = nullptr;
    part_ = part;
  }
  void set_flag(bool v);

  TokenizerFile& file_;
  std::string_view text_;
  const std::string& where_;
  Part part_ = Part::document;
  std::vector<Json*> open_;  // stays valid: a parent gets no other child while one is open
  std::string top_key_, key_;
  bool seen_vocabulary_ = false, seen_merges_ = false, seen_added_ = false;
  int merge_parts_ = 0;
  bool single_word_ = false;
};

void Reader::refuse_here() const {
  switch (part_) {
    case Part::vocabulary:
      refuse(fmt::format("model.vocab gives '{}' something else than an id", key_));
    case Part::merges:
    case Part::merge:
      refuse(
          fmt::format("model.merges[{}] is neither \"left right\" nor [\"left\", \"right\"]", file_.merges.size() / 2));
    case Part::added_tokens:
      refuse(fmt::format("added_tokens[{}] is no object", file_.added.size()));
    case Part::added_token:
      refuse(fmt::format("added_tokens[{}].{} is of the wrong kind", file_.added.size() - 1, key_));
    case Part::document:
      break;
  }
  refuse("something is of the wrong kind");
}

bool Reader::number(std::int64_t v) {
  if (part_ == Part::document) return value(v);
  const bool wanted = part_ == Part::vocabulary || (part_ == Part::added_token && key_ == "id");
  if (!wanted) refuse_here();
  if (v < 0 || v > kLargestId) refuse(fmt::format("'{}' has the id {}, outside 0 … {}", key_, v, kLargestId));
  if (part_ == Part::added_token) {
    file_.added.back().id = static_cast<std::int32_t>(v);
  } else {
    file_.tokens.add(key_);
    file_.ids.push_back(static_cast<std::int32_t>(v));
  }
  return true;
}

void Reader::set_flag(bool v) {
  AddedToken& token = file_.added.back();
  if (key_ == "lstrip")
    token.lstrip = v;
  else if (key_ == "rstrip")
    token.rstrip = v;
  else if (key_ == "normalized")
    token.normalized = v;
  else if (key_ == "special")
    token.special = v;
  else if (key_ == "single_word")
    single_word_ = v;
  else
    refuse_here();
}

bool Reader::string(string_t& v) {
  switch (part_) {
    case Part::merges: {
      if (v.starts_with("#version")) return true;
      const std::size_t blank = v.find(' ');
      if (blank == std::string::npos || v.find(' ', blank + 1) != std::string::npos) refuse_here();
      file_.joined_merges = true;
      file_.merges.add(std::string_view(v).substr(0, blank));
      file_.merges.add(std::string_view(v).substr(blank + 1));
      return true;
    }
    case Part::merge:
      if (++merge_parts_ > 2) refuse_here();
      file_.merges.add(v);
      return true;
    case Part::added_token:
      if (key_ != "content") refuse_here();
      file_.added.back().content = v;
      return true;
    default:
      return value(std::move(v));
  }
}

bool Reader::key(string_t& v) {
  key_.swap(v);
  if (part_ == Part::document && open_.size() == 1) top_key_ = key_;
  return true;
}

bool Reader::start_object(std::size_t) {
  if (part_ == Part::added_tokens) {
    part_ = Part::added_token;
    file_.added.emplace_back();
    single_word_ = false;
    return true;
  }
  if (part_ != Part::document) refuse_here();
  if (is_in_model() && key_ == "vocab")
    leave_for(Part::vocabulary, seen_vocabulary_);
  else
    open(Json::object());
  return true;
}

bool Reader::end_object() {
  if (part_ == Part::vocabulary) {
    part_ = Part::document;
  } else if (part_ == Part::added_token) {
    const AddedToken& token = file_.added.back();
    const std::size_t place = file_.added.size() - 1;
    if (token.content.empty()) refuse(fmt::format("added_tokens[{}] has no content", place));
    if (token.id < 0) refuse(fmt::format("added_tokens[{}] ('{}') has no id", place, token.content));
    if (single_word_)
      refuse(
          fmt::format("added_tokens[{}] ('{}') is a single_word token, which no Llama tokenizer has and timbre does "
                      "not search for",
                      place, token.content));
    part_ = Part::added_tokens;
  } else {
    open_.pop_back();
  }
  return true;
}

bool Reader::start_array(std::size_t) {
  if (part_ == Part::merges) {
    part_ = Part::merge;
    merge_parts_ = 0;
    return true;
  }
  if (part_ != Part::document) refuse_here();
  if (is_in_model() && key_ == "merges" && !open_.back()->is_array())
    leave_for(Part::merges, seen_merges_);
  else if (open_.size() == 1 && key_ == "added_tokens")
    leave_for(Part::added_tokens, seen_added_);
  else
    open(Json::array());
  return true;
}

bool Reader::end_array() {
  if (part_ == Part::merge) {
    if (merge_parts_ != 2) refuse_here();
    part_ = Part::merges;
  } else if (part_ == Part::merges || part_ == Part::added_tokens) {
    part_ = Part::document;
  } else {
    open_.pop_back();
  }
  return true;
}

}  // namespace

TokenizerFile parse_tokenizer_file(std::string_view text, const std::string& where) {
  TokenizerFile file;
  Reader reader(file, text, where);
  Json::sax_parse(text.begin(), text.end(), &reader);
  if (!file.rest.is_object()) throw DataError(where + ": not a JSON object", kNext);
  return file;
}

}  // namespace timbre::tokenizer
