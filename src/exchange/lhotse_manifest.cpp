#include "exchange/lhotse_manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "base/error.h"
#include "base/strings.h"
#include "exchange/lines.h"

namespace timbre::exchange::lhotse {

using nlohmann::json;

namespace {

Fault wrong(const char* field, const char* expected) {
  return {"broken line", fmt::format("field '{}': expected {}", field, expected)};
}

bool take_text(const json& line, const char* field, std::string& to) {
  auto it = line.find(field);
  if (it == line.end() || !it->is_string()) return false;
  to = it->get<std::string>();
  return true;
}

/// Ids are strings; manifests made by hand have numbers.
bool take_id(const json& line, const char* field, std::string& to) {
  if (auto it = line.find(field); it != line.end() && it->is_number_integer()) {
    to = std::to_string(it->get<std::int64_t>());
    return true;
  }
  return take_text(line, field, to) && !to.empty();
}

bool take_number(const json& line, const char* field, double& to) {
  auto it = line.find(field);
  if (it == line.end() || !it->is_number()) return false;
  to = it->get<double>();
  return std::isfinite(to);
}

json object_or_null(const json& line, const char* field) {
  auto it = line.find(field);
  return it != line.end() && it->is_object() && !it->empty() ? *it : json();
}

/// One number or a list of them.
std::vector<std::int64_t> channels_of(const json& line, const char* field) {
  std::vector<std::int64_t> channels;
  auto it = line.find(field);
  if (it == line.end()) return channels;
  if (it->is_number_integer()) channels.push_back(it->get<std::int64_t>());
  if (it->is_array())
    for (const json& c : *it)
      if (c.is_number_integer()) channels.push_back(c.get<std::int64_t>());
  return channels;
}

/// Resampling leaves times as they are; whatever else lhotse would do to the samples on reading, we do not.
Fault look_at_transforms(const json& line, Recording& recording) {
  auto it = line.find("transforms");
  if (it == line.end() || !it->is_array()) return {};
  for (const json& transform : *it) {
    std::string name = "?";
    if (transform.is_object()) take_text(transform, "name", name);
    if (name != "Resample")
      return {"recording is transformed",
              fmt::format("{}: write the changed audio with CutSet.save_audios() first", name)};
    recording.resampled = true;
  }
  return {};
}

Fault look_at_sources(const json& line, Recording& recording) {
  auto it = line.find("sources");
  if (it == line.end() || !it->is_array()) return wrong("sources", "a list of {type, channels, source}");
  if (it->empty()) return {"recording without file", "'sources' is empty"};
  if (it->size() > 1) return {"recording of several files", fmt::format("{} sources; expected one", it->size())};
  const json& source = it->front();
  if (!source.is_object()) return wrong("sources", "a list of {type, channels, source}");
  std::string type = "?";
  take_text(source, "type", type);
  if (type != "file")
    return {"source is no file", fmt::format("type '{}': write the audio with CutSet.save_audios() first", type)};
  if (!take_text(source, "source", recording.source) || recording.source.empty())
    return {"recording without file", "'source' is empty"};
  recording.channels = channels_of(source, "channels");
  return {};
}

}  // namespace

Kind kind_of(const json& line) {
  if (!line.is_object()) return Kind::other;
  std::string type = line.contains("type") && line["type"].is_string() ? line["type"].get<std::string>() : "";
  if (type.ends_with("Cut")) return Kind::cuts;
  if (line.contains("sources")) return Kind::recordings;
  if (line.contains("recording_id") && line.contains("start") && !line.contains("storage_path"))
    return Kind::supervisions;
  return Kind::other;
}

Kind kind_of_file(const fs::path& path) {
  LineReader lines(path);
  for (std::string line; lines.next(line);)
    if (!trim(line).empty()) return kind_of(json::parse(line, nullptr, false));
  return Kind::other;
}

Fault parse(const json& line, Recording& r) {
  if (!take_id(line, "id", r.id)) return wrong("id", "a text");
  if (!take_number(line, "duration", r.duration_s) || r.duration_s <= 0) return wrong("duration", "seconds above 0");
  if (Fault fault = look_at_sources(line, r)) return fault;
  return look_at_transforms(line, r);
}

Fault parse(const json& line, Supervision& s) {
  if (!take_id(line, "id", s.id)) return wrong("id", "a text");
  if (!take_id(line, "recording_id", s.recording_id)) return wrong("recording_id", "a text");
  if (!take_number(line, "start", s.start_s)) return wrong("start", "seconds");
  if (!take_number(line, "duration", s.duration_s) || s.duration_s <= 0) return wrong("duration", "seconds above 0");
  take_text(line, "text", s.text);
  take_id(line, "speaker", s.speaker);
  take_text(line, "language", s.language);
  take_text(line, "gender", s.gender);
  s.channels = channels_of(line, "channel");
  s.custom = object_or_null(line, "custom");
  s.alignment = object_or_null(line, "alignment");
  return {};
}

Fault parse(const json& line, Cut& cut) {
  if (!take_id(line, "id", cut.id)) return wrong("id", "a text");
  std::string type = "?";
  take_text(line, "type", type);
  if (type != "MonoCut" && type != "MultiCut")
    return {"cut is a mix or padding", fmt::format("{}: write it with CutSet.save_audios() first", type)};
  if (!take_number(line, "start", cut.start_s) || cut.start_s < 0) return wrong("start", "seconds from 0");
  if (!take_number(line, "duration", cut.duration_s) || cut.duration_s <= 0)
    return wrong("duration", "seconds above 0");
  cut.channels = channels_of(line, "channel");
  cut.custom = object_or_null(line, "custom");
  auto recording = line.find("recording");
  if (recording == line.end() || !recording->is_object())
    return {"cut without recording", fmt::format("{}: it has features alone", cut.id)};
  Recording r;
  if (Fault fault = parse(*recording, r)) return fault;
  cut.recording = std::move(r);
  auto supervisions = line.find("supervisions");
  if (supervisions == line.end() || !supervisions->is_array()) return wrong("supervisions", "a list");
  for (const json& item : *supervisions) {
    Supervision s;
    if (Fault fault = parse(item, s)) return {fault.reason, "supervisions: " + fault.detail};
    cut.supervisions.push_back(std::move(s));
  }
  return {};
}

double to_8_digits(double x) {
  std::array<char, 400> text{};
  *fmt::format_to_n(text.data(), text.size() - 1, "{:.8f}", x).out = '\0';
  return std::strtod(text.data(), nullptr);
}

std::int64_t resampled_samples(std::int64_t samples, std::int64_t from_hz, std::int64_t to_hz) {
  const double duration_s = static_cast<double>(samples) / static_cast<double>(from_hz);
  return std::llround(to_8_digits(duration_s * static_cast<double>(to_hz)));
}

std::string language_code(std::string_view written) {
  static const std::vector<std::pair<std::string, std::string>> kNames = {
      {"arabic", "ar"},  {"bengali", "bn"},    {"cantonese", "yue"}, {"chinese", "zh"},  {"czech", "cs"},
      {"danish", "da"},  {"dutch", "nl"},      {"english", "en"},    {"finnish", "fi"},  {"french", "fr"},
      {"german", "de"},  {"greek", "el"},      {"hebrew", "he"},     {"hindi", "hi"},    {"hungarian", "hu"},
      {"italian", "it"}, {"indonesian", "id"}, {"japanese", "ja"},   {"korean", "ko"},   {"mandarin", "zh"},
      {"persian", "fa"}, {"polish", "pl"},     {"portuguese", "pt"}, {"romanian", "ro"}, {"russian", "ru"},
      {"spanish", "es"}, {"swahili", "sw"},    {"swedish", "sv"},    {"thai", "th"},     {"tibetan", "bo"},
      {"turkish", "tr"}, {"ukrainian", "uk"},  {"urdu", "ur"},       {"uyghur", "ug"},   {"vietnamese", "vi"}};
  const std::string key = ascii_lower(trim(written));
  for (const auto& [name, code] : kNames)
    if (key == name) return code;
  const std::string head = key.substr(0, key.find_first_of("-_"));
  const bool letters = std::all_of(head.begin(), head.end(), [](char c) { return c >= 'a' && c <= 'z'; });
  if (head.size() < 2 || head.size() > 3 || !letters) return "";
  std::string code(trim(written));
  std::replace(code.begin(), code.end(), '_', '-');
  return code;
}

std::string split_of(const fs::path& manifest) {
  const std::string name = ascii_lower(manifest.filename().string());
  const std::string stem = name.substr(0, name.find(".jsonl"));
  // The last word that is one: the name before it is the data set's.
  std::vector<std::string> words;
  for (const std::string& piece : split(stem, '_'))
    for (const std::string& word : split(piece, '-')) words.push_back(word);
  for (auto word = words.rbegin(); word != words.rend(); ++word)
    for (const auto& [from, to] : {std::pair("train", "train"),
                                   {"dev", "valid"},
                                   {"valid", "valid"},
                                   {"validation", "valid"},
                                   {"val", "valid"},
                                   {"test", "test"},
                                   {"eval", "test"}})
      if (*word == from) return to;
  return "";
}

fs::path sibling(const fs::path& manifest, std::string_view from, std::string_view to) {
  std::string name = manifest.filename().string();
  const std::size_t at = name.rfind(from);
  if (at == std::string::npos) return {};
  return manifest.parent_path() / name.replace(at, from.size(), to);
}

}  // namespace timbre::exchange::lhotse
