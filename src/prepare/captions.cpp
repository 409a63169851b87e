#include "prepare/captions.h"

#include <fmt/format.h>

#include <set>

#include "base/files.h"
#include "base/strings.h"
#include "text/syllables.h"

namespace timbre::prepare {

namespace {

/// Without the blanks of any script around it.
std::string strip(std::string_view line) {
  const std::u32string points = to_code_points(line);
  std::size_t from = 0, to = points.size();
  while (from < to && text::is_blank(points[from])) ++from;
  while (to > from && text::is_blank(points[to - 1])) --to;
  return to_utf8(std::u32string_view(points).substr(from, to - from));
}

/// Calls `each` for what is between \n, \r\n and \r.
template <class Each>
void for_each_line(std::string_view text, const Each& each) {
  std::int64_t number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of("\r\n"), text.size());
    each(text.substr(0, end), ++number);
    text.remove_prefix(end);
    if (text.starts_with("\r\n"))
      text.remove_prefix(2);
    else if (!text.empty())
      text.remove_prefix(1);
  }
}

}  // namespace

Captions Captions::parse(std::string_view csv, const std::string& where) {
  constexpr std::string_view kByteOrder = "\xEF\xBB\xBF";
  if (csv.starts_with(kByteOrder)) csv.remove_prefix(kByteOrder.size());
  Captions captions;
  for_each_line(csv, [&](std::string_view raw, std::int64_t number) {
    if (!is_valid_utf8(raw))
      throw DataError(fmt::format("{}, line {}: no UTF-8; expected name|caption", where, number),
                      "convert the file: iconv -f WINDOWS-1252 -t UTF-8");
    const std::string line = strip(raw);
    if (line.empty()) return;
    const std::size_t bar = line.find('|');
    if (bar == std::string::npos) {
      ++captions.without_bar_;
      return;
    }
    const std::size_t end = std::min(line.find('|', bar + 1), line.size());
    Caption caption{line.substr(0, bar), line.substr(bar + 1, end - bar - 1), number};
    captions.last_[caption.name] = captions.all_.size();
    captions.all_.push_back(std::move(caption));
  });
  if (captions.all_.empty())
    throw DataError(fmt::format("{}: no line of the kind name|caption", where),
                    "one line for each recording, no header");
  return captions;
}

Captions Captions::read(const std::string& path) { return parse(read_file(path), path); }

const Caption* Captions::find(std::string_view name) const {
  const auto found = last_.find(std::string(name));
  return found == last_.end() ? nullptr : &all_[found->second];
}

std::vector<Skipped> Captions::contradictions() const {
  std::vector<Skipped> found;
  std::set<std::string> told;
  for (const Caption& caption : all_) {
    const Caption& last = *find(caption.name);
    if (last.text == caption.text || !told.insert(caption.name).second) continue;
    found.push_back({caption.name, fmt::format("two captions, in lines {} and {}", caption.line, last.line)});
  }
  return found;
}

}  // namespace timbre::prepare
