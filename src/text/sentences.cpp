#include "text/sentences.h"

#include <algorithm>

#include "text/clauses.h"
#include "text/letters.h"

namespace timbre::text {
namespace {

bool has_word(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    char32_t c = next_code_point(text, at);
    if (is_letter(c) || is_digit(c)) return true;
  }
  return false;
}

std::size_t length_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

// Behind an end mark at `end`: further end marks and what closes quotes and brackets belong to the sentence.
std::size_t with_closers(std::string_view text, std::size_t end) {
  while (end < text.size()) {
    std::size_t next = end;
    char32_t c = next_code_point(text, next);
    if (!is_sentence_end(c) && !is_closing(c)) break;
    end = next;
  }
  return end;
}

bool line_break_follows(std::string_view text, std::size_t at) {
  int lines = 0;
  while (at < text.size()) {
    std::size_t next = at;
    char32_t c = next_code_point(text, next);
    if (!is_space(c)) break;
    lines += c == U'\n';
    lines += c == 0x2029 || c == 0x0C ? 2 : 0;
    if (lines >= 2) return true;
    at = next;
  }
  return at >= text.size();
}

class Splitter {
 public:
  Splitter(std::string_view text, const SentenceOptions& options) : text_(text), options_(options) {}

  std::vector<Sentence> run() {
    std::size_t begin = 0;
    for (std::size_t at = 0; at < text_.size();) {
      std::size_t start = at;
      char32_t c = next_code_point(text_, at);
      if (c == U'\n' || c == 0x2029 || c == 0x0C) {
        if (!line_break_follows(text_, start)) continue;
        add(begin, start);
        begin = at;
      } else if (ends_here(start, at, c)) {
        at = with_closers(text_, at);
        add(begin, at);
        begin = at;
      }
    }
    add(begin, text_.size());
    return std::move(out_);
  }

 private:
  bool ends_here(std::size_t start, std::size_t end, char32_t c) const {
    if (!is_sentence_end(c)) return false;
    if (c == U'.') return is_full_stop(text_, start, options_.language);
    if (c >= 0x3000 || c == U'।' || c == U'॥' || c == U'։') return true;
    std::size_t behind = with_closers(text_, end);
    if (behind >= text_.size()) return true;
    std::size_t next = behind;
    char32_t following = next_code_point(text_, next);
    if (!is_space(following) && script_of(following) != Script::han && script_of(following) != Script::kana)
      return false;
    if (c != U'…') return true;
    while (next < text_.size() && is_space(following)) following = next_code_point(text_, next);
    return !is_lower(following);  // "well… maybe" goes on
  }

  void add(std::size_t begin, std::size_t end) {
    std::size_t raw_end = end;
    while (begin < end) {
      std::size_t next = begin;
      if (!is_space(next_code_point(text_, next))) break;
      begin = next;
    }
    while (end > begin) {
      std::size_t last = end - 1;
      while (last > begin && (static_cast<unsigned char>(text_[last]) & 0xC0) == 0x80) --last;
      std::size_t at = last;
      if (!is_space(next_code_point(text_, at))) break;
      end = last;
    }
    bool paragraph = line_break_follows(text_, raw_end);
    if (begin >= end || !has_word(text_.substr(begin, end - begin))) {
      // Marks alone close the sentence before them; in a paragraph of their own they are nothing.
      if (!out_.empty()) {
        if (begin < end && !out_.back().ends_paragraph) out_.back().end = end;
        out_.back().ends_paragraph = out_.back().ends_paragraph || paragraph;
      }
      return;
    }
    cut(begin, end, paragraph);
  }

  // A sentence above the limit is cut behind a clause mark, else at a space, else anywhere.
  void cut(std::size_t begin, std::size_t end, bool paragraph) {
    std::size_t limit = std::max<std::size_t>(options_.max_code_points, 8);
    std::size_t left = length_of(text_.substr(begin, end - begin));
    while (left > limit) {
      std::size_t at = begin, count = 0, clause = 0, space = 0;
      std::size_t hard = begin;
      while (count < limit) {
        std::size_t start = at;
        char32_t c = next_code_point(text_, at);
        ++count;
        hard = at;
        bool open_behind = at < end && (is_space(static_cast<unsigned char>(text_[at])) || c >= 0x3000);
        if (count > limit / 3 && (is_clause_mark(c) || is_sentence_end(c)) && open_behind) clause = at;
        if (is_space(c) && start > begin) space = start;
      }
      std::size_t stop = clause ? clause : space ? space : hard;
      if (!has_word(text_.substr(begin, stop - begin)) || !has_word(text_.substr(stop, end - stop))) break;
      out_.push_back({begin, stop, false, false});
      left -= length_of(text_.substr(begin, stop - begin));
      begin = stop;
      while (begin < end) {
        std::size_t next = begin;
        if (!is_space(next_code_point(text_, next))) break;
        begin = next;
        --left;
      }
    }
    out_.push_back({begin, end, true, paragraph});
  }

  std::string_view text_;
  const SentenceOptions& options_;
  std::vector<Sentence> out_;
};

}  // namespace

std::vector<Sentence> split_sentences(std::string_view text, const SentenceOptions& options) {
  return Splitter(text, options).run();
}

}  // namespace timbre::text
