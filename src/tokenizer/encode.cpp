#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/strings.h"
#include "tokenizer/tokenizer_parts.h"
#include "tokenizer/utf8.h"

namespace timbre::tokenizer {
namespace {

/// Bytes [begin, end) of the text, by token.
using Places = std::vector<std::pair<std::size_t, std::size_t>>;

bool is_white_at(std::string_view text, std::size_t at) {
  const CharClass kind = CharClasses::unicode().of(to_code_points(text.substr(at, 4)).front());
  return kind == CharClass::blank || kind == CharClass::newline;
}

bool continues_a_character(char byte) { return (byte & 0xC0) == 0x80; }

/// Where the white space before `end` begins, not before `from`.
std::size_t white_before(std::string_view text, std::size_t from, std::size_t end) {
  while (end > from) {
    std::size_t last = end - 1;
    while (last > from && continues_a_character(text[last])) --last;
    if (!is_white_at(text, last)) break;
    end = last;
  }
  return end;
}

std::size_t white_behind(std::string_view text, std::size_t at) {
  while (at < text.size() && is_white_at(text, at)) {
    ++at;
    while (at < text.size() && continues_a_character(text[at])) ++at;
  }
  return at;
}

/// Byte places to code points. Both sides rise from token to token, so the text is walked once for each.
std::vector<CodePoints> code_points_of(std::string_view text, const Places& places) {
  struct Walk {
    std::string_view text;
    std::size_t at = 0;
    std::int32_t begun = 0;
    /// Characters that begin before byte `end`.
    std::int32_t before(std::size_t end) {
      if (end < at) at = 0, begun = 0;
      for (; at < end; ++at) begun += !continues_a_character(text[at]);
      return begun;
    }
  } begins{text}, ends{text};
  std::vector<CodePoints> out;
  out.reserve(places.size());
  for (const auto& [begin, end] : places) {
    const std::int32_t first = end > begin ? begins.before(begin + 1) - 1 : begins.before(begin);
    out.push_back({first, ends.before(end)});
  }
  return out;
}

/// Blanks at a token's edges are no part of its place, as ByteLevel's trim_offsets has it.
void trim_places(std::string_view text, const Places& bytes, bool keeps_first_blank, std::vector<CodePoints>& places) {
  for (std::size_t i = 0; i < places.size(); ++i) {
    const std::string_view token = text.substr(bytes[i].first, bytes[i].second - bytes[i].first);
    const auto leading_end = std::min(token.find_first_not_of(' '), token.size());
    const std::size_t trailing_begin = token.find_last_not_of(' ');
    auto leading = static_cast<std::int32_t>(leading_end);
    const auto trailing =
        static_cast<std::int32_t>(token.size() - (trailing_begin == token.npos ? 0 : trailing_begin + 1));
    CodePoints& place = places[i];
    if ((i == 0 || place.begin == 0) && keeps_first_blank && leading == 1) leading = 0;
    place.begin = std::min(place.begin + leading, place.end);
    if (trailing > 0 && place.end >= trailing) place.end = std::max(place.end - trailing, place.begin);
  }
}

}  // namespace

/// A text on its way to ids; with `places`, what part of it each id stands for.
class Tokenizer::Encoder {
 public:
  Encoder(const Parts& parts, std::string_view text, std::vector<std::int32_t>& ids, Places* places)
      : parts_(parts), text_(text), ids_(ids), places_(places) {}

  void run() {
    cut(0, text_.size(), parts_.first_trie, [this](std::size_t begin, std::size_t end) {
      cut(begin, end, parts_.second_trie, [this](std::size_t from, std::size_t to) { plain(from, to); });
    });
  }

 private:
  /// Takes a trie's tokens out of bytes [from, to); `gap(begin, end)` gets what is between them.
  template <class Gap>
  void cut(std::size_t from, std::size_t to, const TokenTrie& trie, const Gap& gap) {
    const std::string_view text = text_.substr(0, to);
    for (auto found = trie.find(text, from); found; found = trie.find(text, found->end)) {
      const AddedToken& token = parts_.added[parts_.origins[found->value].added];
      const std::size_t begin = token.lstrip ? white_before(text, from, found->begin) : found->begin;
      const std::size_t end = token.rstrip ? white_behind(text, found->end) : found->end;
      if (from < begin) gap(from, begin);
      ids_.push_back(found->value);
      if (places_) places_->emplace_back(begin, end);
      from = end;
    }
    if (from < to) gap(from, to);
  }

  /// Bytes [from, to), without added tokens.
  void plain(std::size_t from, std::size_t to) {
    Splitter splitter(text_.substr(from, to - from), parts_.pattern);
    for (std::string_view stretch = splitter.next(); !stretch.empty(); stretch = splitter.next()) {
      const std::size_t before = ids_.size();
      parts_.bpe.append(stretch, ids_);
      if (!places_) continue;
      for (std::size_t i = before; i < ids_.size(); ++i) {
        const std::size_t end = from + parts_.bpe.vocabulary().string_at(parts_.origins[ids_[i]].entry).size();
        places_->emplace_back(from, end);
        from = end;
      }
    }
  }

  const Parts& parts_;
  std::string_view text_;
  std::vector<std::int32_t>& ids_;
  Places* places_;
};

std::vector<std::int32_t> Tokenizer::encode(std::string_view text, const Encoding& how) const {
  must_be_utf8(text);
  std::vector<std::int32_t> ids;
  ids.reserve(text.size() / 4 + 8);
  if (how.add_bos) ids = parts_->before;
  Encoder(*parts_, text, ids, nullptr).run();
  if (how.add_bos) ids.insert(ids.end(), parts_->behind.begin(), parts_->behind.end());
  return ids;
}

Encoded Tokenizer::encode_with_places(std::string_view text, const Encoding& how) const {
  must_be_utf8(text);
  Encoded out;
  Places places;
  Encoder(*parts_, text, out.ids, &places).run();
  out.places = code_points_of(text, places);
  if (parts_->around.trims) trim_places(text, places, parts_->around.keeps_first_blank, out.places);
  if (how.add_bos) {
    out.ids.insert(out.ids.begin(), parts_->before.begin(), parts_->before.end());
    out.places.insert(out.places.begin(), parts_->before.size(), {});
    out.ids.insert(out.ids.end(), parts_->behind.begin(), parts_->behind.end());
    out.places.insert(out.places.end(), parts_->behind.size(), {});
  }
  return out;
}

void Tokenizer::must_be_utf8(std::string_view text) {
  if (const std::size_t good = end_of_utf8(text); good < text.size())
    throw DataError(fmt::format("a text is no UTF-8 from its byte {} on", good),
                    "convert it, for example with iconv -f ISO-8859-1 -t UTF-8");
}

}  // namespace timbre::tokenizer
