#include "tokenizer/chat.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/strings.h"

namespace timbre::tokenizer {
namespace {

/// White space as Python's str.strip() has it: Unicode's, and the four separators U+001C to U+001F.
bool is_python_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

std::string stripped(std::string_view text, bool left, bool right) {
  const std::u32string points = to_code_points(text);
  std::size_t begin = 0, end = points.size();
  while (left && begin < end && is_python_space(points[begin])) ++begin;
  while (right && begin < end && is_python_space(points[end - 1])) --end;
  return to_utf8(std::u32string_view(points).substr(begin, end - begin));
}

std::string header(std::string_view role) { return fmt::format("<|start_header_id|>{}<|end_header_id|>\n\n", role); }

std::string render(std::string_view bos, std::span<const Message> messages, ChatEnd end, std::string_view date) {
  if (messages.empty()) throw UsageError("a chat needs a message");
  for (const Message& message : messages)
    if (message.role == "tool" || message.role == "ipython")
      throw UsageError(
          fmt::format("a message has the role '{}', which Llama's template writes in a form of its own", message.role),
          "roles here: system, user, assistant");
  const bool has_system = messages.front().role == "system";
  const Message* const last = &messages.back();
  const bool goes_on = end == ChatEnd::continue_final_message;
  // The reference marks the end of the last content before the template trims it, cuts there, and strips what is left.
  const auto content = [&](const Message& message) {
    return stripped(message.content, true, !(goes_on && &message == last));
  };
  std::string text(bos);
  text += header("system");
  text += "Cutting Knowledge Date: December 2023\nToday Date: ";
  text += date;
  text += "\n\n";
  if (has_system) text += content(messages.front());
  for (const Message& message : messages.subspan(has_system ? 1 : 0)) {
    text += "<|eot_id|>";
    text += header(message.role);
    text += content(message);
  }
  if (goes_on) return stripped(text, false, true);
  text += "<|eot_id|>";
  if (end == ChatEnd::generation_prompt) text += header("assistant");
  return text;
}

/// What a Jinja template can write: the string literals of its tags, one behind the other, and its text outside of
/// tags.
struct TemplateWords {
  std::string literals, outside;
  std::string assigned;  ///< a text that {% set name = "…" %} gives a name, other than a date
};

bool is_assignment(std::string_view tag) {
  while (!tag.empty() && (tag.front() == '-' || tag.front() == ' ' || tag.front() == '\n')) tag.remove_prefix(1);
  while (!tag.empty() && (tag.back() == ' ' || tag.back() == '\n')) tag.remove_suffix(1);
  return tag.starts_with("set ") && tag.ends_with('=') && !tag.ends_with("==");
}

/// The literal whose quote is at `at`; moves `at` to the closing quote.
std::string literal_at(std::string_view jinja, std::size_t& at) {
  const char quote = jinja[at];
  std::string literal;
  for (++at; at < jinja.size() && jinja[at] != quote; ++at) {
    if (jinja[at] == '\\' && at + 1 < jinja.size()) {
      ++at;
      literal += jinja[at] == 'n' ? '\n' : jinja[at] == 't' ? '\t' : jinja[at];
    } else {
      literal += jinja[at];
    }
  }
  return literal;
}

TemplateWords words_of(std::string_view jinja) {
  TemplateWords words;
  std::optional<std::size_t> tag;  // where the tag that is open begins
  for (std::size_t at = 0; at < jinja.size(); ++at) {
    const std::string_view two = jinja.substr(at, 2);
    if (!tag && two == "{#") {
      const std::size_t close = jinja.find("#}", at);
      at = close == jinja.npos ? jinja.size() : close + 1;
    } else if (!tag && (two == "{{" || two == "{%")) {
      tag = ++at + 1;
    } else if (tag && (two == "}}" || two == "%}")) {
      tag.reset();
      ++at;
    } else if (tag && (jinja[at] == '"' || jinja[at] == '\'')) {
      const bool assigned = is_assignment(jinja.substr(*tag, at - *tag));
      const std::string literal = literal_at(jinja, at);
      words.literals += literal;
      if (assigned && words.assigned.empty() && !literal.empty() && literal != kTemplateDate) words.assigned = literal;
    } else if (!tag) {
      words.outside += jinja[at];
    }
  }
  return words;
}

std::string shown(std::string_view text) {
  std::string line;
  for (const char c : text.substr(0, 60)) line += c == '\n' ? ' ' : c;
  return line;
}

}  // namespace

void check_chat_template(std::string_view chat_template, const std::string& where) {
  if (chat_template.empty()) return;
  const auto refuse = [&](const std::string& what) {
    throw DataError(
        fmt::format("{}: the chat template {}, so it is not Llama 3's, the only one known here", where, what),
        "put Llama 3.2's chat template in its place, which Llasa's models were trained with");
  };
  const TemplateWords words = words_of(chat_template);
  std::size_t at = 0;
  for (const std::string_view wanted : {"<|start_header_id|>", "<|end_header_id|>\n\n",
                                        "Cutting Knowledge Date: December 2023\n", "Today Date: ", "<|eot_id|>"}) {
    at = words.literals.find(wanted, at);
    if (at == std::string::npos) refuse(fmt::format("does not write '{}'", shown(trim(wanted))));
  }
  for (const std::string_view name : {"date_string", "add_generation_prompt", "trim"})
    if (chat_template.find(name) == chat_template.npos) refuse(fmt::format("knows no {}", name));
  constexpr std::string_view kMarks[] = {"<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>",
                                         "<|eot_id|>",        "<|eom_id|>",          "<|python_tag|>"};
  for (at = 0; (at = words.literals.find("<|", at)) != std::string::npos; at += 2) {
    const std::string_view rest = std::string_view(words.literals).substr(at);
    if (std::none_of(std::begin(kMarks), std::end(kMarks),
                     [&](std::string_view mark) { return rest.starts_with(mark); }))
      refuse(
          fmt::format("writes '{}'", shown(rest.substr(0, rest.find("|>") == rest.npos ? 20 : rest.find("|>") + 2))));
  }
  if (!words.assigned.empty()) refuse(fmt::format("has a text of its own: '{}'", shown(words.assigned)));
  if (const std::string_view outside = trim(words.outside); !outside.empty())
    refuse(fmt::format("writes '{}'", shown(outside)));
}

std::string render_chat(std::span<const Message> messages, ChatEnd end, std::string_view date) {
  return render("<|begin_of_text|>", messages, end, date);
}

std::string render_chat(const Tokenizer& tokenizer, std::span<const Message> messages, ChatEnd end,
                        std::string_view date) {
  check_chat_template(tokenizer.chat_template(), tokenizer.where());
  if (!tokenizer.bos())
    throw DataError(fmt::format("{}: there is no bos token, with which a chat begins", tokenizer.where()),
                    "name it in tokenizer_config.json: \"bos_token\": \"<|begin_of_text|>\"");
  return render(tokenizer.token(*tokenizer.bos()), messages, end, date);
}

}  // namespace timbre::tokenizer
