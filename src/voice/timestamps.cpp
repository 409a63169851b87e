#include "voice/timestamps.h"

#include <cmath>

#include "align/textgrid.h"
#include "base/error.h"
#include "base/strings.h"

namespace timbre::voice {
namespace {

std::string srt_time(double seconds) {
  const auto ms = std::llround(seconds * 1000);
  return fmt::format("{:02}:{:02}:{:02},{:03}", ms / 3600000, ms / 60000 % 60, ms / 1000 % 60, ms % 1000);
}

std::string as_srt(const std::vector<SpokenPiece>& pieces) {
  std::string out;
  int number = 0;
  for (const auto& piece : pieces) {
    if (piece.words.empty()) continue;
    out += fmt::format("{}\n{} --> {}\n{}\n\n", ++number, srt_time(piece.start_s), srt_time(piece.end_s), piece.text);
  }
  return out;
}

nlohmann::json as_json(const std::vector<Timed>& items, const char* key) {
  auto list = nlohmann::json::array();
  // Microseconds: more digits than any ear, and the same text on every machine.
  for (const auto& t : items)
    list.push_back(
        {{key, t.label}, {"start_s", std::round(t.start_s * 1e6) / 1e6}, {"end_s", std::round(t.end_s * 1e6) / 1e6}});
  return list;
}

align::Tier tier_of(const std::string& name, double end_s) {
  align::Tier tier;
  tier.name = name;
  tier.end_s = end_s;
  return tier;
}

std::string as_textgrid(const std::vector<SpokenPiece>& pieces) {
  align::TextGrid grid;
  for (const auto& piece : pieces) grid.end_s = std::max(grid.end_s, piece.end_s);
  auto words = tier_of("words", grid.end_s), phones = tier_of("phones", grid.end_s);
  for (const auto& piece : pieces) {
    for (const auto& w : piece.words) words.intervals.push_back({w.start_s, w.end_s, w.label});
    for (const auto& p : piece.phones) {
      if (p.end_s > p.start_s) phones.intervals.push_back({p.start_s, p.end_s, p.label});
    }
  }
  for (auto* tier : {&words, &phones}) {
    align::fill_gaps(*tier, "");
    grid.tiers.push_back(*tier);
  }
  return align::format_textgrid(grid);
}

}  // namespace

std::string timestamp_format(const std::string& file_name) {
  const auto dot = file_name.rfind('.');
  const std::string ending = ascii_lower(dot == std::string::npos ? file_name : file_name.substr(dot + 1));
  if (ending == "json" || ending == "srt" || ending == "textgrid") return ending;
  throw UsageError(fmt::format("--timestamps '{}': expected a file ending in .json, .srt or .TextGrid", file_name));
}

std::string format_timestamps(const std::vector<SpokenPiece>& pieces, const std::string& format) {
  if (format == "srt") return as_srt(pieces);
  if (format == "textgrid") return as_textgrid(pieces);
  auto list = nlohmann::json::array();
  for (const auto& piece : pieces) {
    if (piece.text.empty()) continue;
    list.push_back({{"text", piece.text},
                    {"start_s", std::round(piece.start_s * 1e6) / 1e6},
                    {"end_s", std::round(piece.end_s * 1e6) / 1e6},
                    {"words", as_json(piece.words, "word")},
                    {"phones", as_json(piece.phones, "phone")}});
  }
  return nlohmann::json{{"pieces", list}}.dump(1) + "\n";
}

}  // namespace timbre::voice
