#include "corpus/prompts.h"

#include <map>
#include <vector>

#include "base/strings.h"

namespace timbre::corpus {

namespace {

bool is_ascii_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool has_letter(std::string_view text) {
  for (char c : text)
    if (is_ascii_letter(c) || (c >= '0' && c <= '9') || static_cast<unsigned char>(c) >= 0x80) return true;
  return false;
}

/// All of it in one pair of brackets.
bool is_wrapped(std::string_view text, char open, char close) {
  return text.size() >= 2 && text.front() == open && text.find(close) == text.size() - 1;
}

/// A '?' with a letter or a lower-case word after it: "sar? esattamente", "cos?come", "numero ? stato".
bool has_lost_letter(std::string_view text) {
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    if (text[i] != '?') continue;
    if (is_ascii_letter(text[i + 1])) return true;
    if (text[i + 1] == ' ' && i + 2 < text.size() && text[i + 2] >= 'a' && text[i + 2] <= 'z') return true;
  }
  return false;
}

/// Paragraphs of `Field: value` with continuation lines, as Debian control files have them.
std::vector<std::map<std::string, std::string>> read_paragraphs(std::string_view text) {
  std::vector<std::map<std::string, std::string>> paragraphs(1);
  std::string field;
  for (const std::string& line : split(text, '\n')) {
    if (trim(line).empty()) {
      if (!paragraphs.back().empty()) paragraphs.emplace_back();
      field.clear();
    } else if (line.front() == ' ' || line.front() == '\t') {
      if (!field.empty()) paragraphs.back()[field] += "\n" + std::string(trim(line));
    } else if (auto colon = line.find(':'); colon != std::string::npos) {
      field = line.substr(0, colon);
      paragraphs.back()[field] = std::string(trim(std::string_view(line).substr(colon + 1)));
    }
  }
  return paragraphs;
}

std::string first_line(std::string_view text) { return std::string(trim(text.substr(0, text.find('\n')))); }

/// What stands after `key`, on its line or the next one.
std::string credited(std::string_view comment, std::string_view key) {
  auto at = comment.find(key);
  if (at == std::string_view::npos) return {};
  std::string_view rest = comment.substr(at + key.size());
  std::string line = first_line(rest);
  return line.empty() ? first_line(rest.substr(std::min(rest.size(), rest.find('\n') + 1))) : line;
}

}  // namespace

Prompt read_prompt(std::string_view text) {
  Prompt prompt;
  text = trim(text);
  if (text.empty()) return {.text = "", .fault = "no text"};
  if (is_wrapped(text, '[', ']') || is_wrapped(text, '(', ')') || is_wrapped(text, '<', '>'))
    return {.text = "", .fault = "not speech"};
  std::string said;
  for (std::size_t i = 0; i < text.size();) {
    auto close = text[i] == '[' ? text.find(']', i) : std::string_view::npos;
    if (close == std::string_view::npos) {
      said += text[i++];
      continue;
    }
    prompt.changed = true;
    if (std::string_view inside = text.substr(i + 1, close - i - 1); has_letter(inside)) {
      prompt.fault = "words in brackets may not be said";
      said += inside;
    }
    i = close + 1;
  }
  prompt.text = join(split_whitespace(said), " ");
  if (prompt.fault.empty() && has_lost_letter(prompt.text)) prompt.fault = "letters were lost";
  return prompt;
}

Credits read_credits(std::string_view copyright, std::string_view language) {
  auto paragraphs = read_paragraphs(copyright);
  Credits credits;
  const std::map<std::string, std::string>* chosen = nullptr;
  for (auto& paragraph : paragraphs) {
    if (paragraph.contains("Source")) credits.source = first_line(paragraph["Source"]);
    if (!paragraph.contains("Files")) continue;
    std::string files = first_line(paragraph["Files"]);
    if (files == std::string(language) + "-*")
      chosen = &paragraph;
    else if (files == "*" && !chosen)
      chosen = &paragraph;
  }
  if (!chosen) return credits;
  auto value = [&](const char* field) {
    auto it = chosen->find(field);
    return it == chosen->end() ? std::string() : it->second;
  };
  credits.licence = first_line(value("License"));
  std::string by = credited(value("Comment"), "Recorded by:"), giver = credited(value("Comment"), "Provided by:");
  credits.recorded_by = std::string(trim(std::string_view(by).substr(0, by.find_first_of("(<"))));
  credits.attribution = "© " + first_line(value("Copyright"));
  if (!by.empty()) credits.attribution += "; recorded by " + by;
  if (!giver.empty()) credits.attribution += "; provided by " + giver;
  if (!credits.source.empty()) credits.attribution += "; " + credits.source;
  return credits;
}

}  // namespace timbre::corpus
