#include "corpus/manifest.h"

#include <algorithm>
#include <cmath>
#include <exception>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/threads.h"

namespace timbre::corpus {

using nlohmann::json;

namespace {

constexpr std::size_t kLongestId = 200;

std::uint64_t id_hash(std::string_view id) { return std::hash<std::string_view>{}(id); }

/// Takes known fields out of a parsed line; what stays is `extra`.
class Line {
 public:
  Line(json&& object, const std::string& file, std::int64_t number)
      : object_(std::move(object)), file_(file), number_(number) {}

  std::string text(const char* field, bool required) {
    auto it = object_.find(field);
    if (it == object_.end() || it->is_null()) {
      if (required) fail(field, "is missing", "a string");
      return {};
    }
    if (!it->is_string()) fail(field, fmt::format("is {}", it->dump()), "a string");
    std::string value = std::move(it->get_ref<std::string&>());
    object_.erase(it);
    return value;
  }

  double number(const char* field, double absent) {
    auto it = object_.find(field);
    if (it == object_.end()) return absent;
    if (!it->is_number() || !(it->get<double>() >= 0) || !std::isfinite(it->get<double>()))
      fail(field, fmt::format("is {}", it->dump()), "a number from 0");
    double value = it->get<double>();
    object_.erase(it);
    return value;
  }

  std::int64_t integer(const char* field, std::int64_t absent) {
    auto it = object_.find(field);
    if (it == object_.end()) return absent;
    // A number above 2^63 is stored unsigned: as i64 it would be negative.
    std::int64_t value = it->is_number_integer() ? it->get<std::int64_t>() : -1;
    if (value < 0) fail(field, fmt::format("is {}", it->dump()), "a whole number from 0");
    object_.erase(it);
    return value;
  }

  json rest() { return object_.empty() ? json() : std::move(object_); }

  [[noreturn]] void fail(const char* field, const std::string& what, const std::string& expected) const {
    throw DataError(fmt::format("{}, line {}: field '{}' {}; expected {}", file_, number_, field, what, expected),
                    "import the corpus again, or restore manifest.jsonl from a copy: it is never changed after import");
  }

 private:
  json object_;
  const std::string& file_;
  std::int64_t number_;
};

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\r") == std::string_view::npos; }

struct Piece {
  std::string_view bytes;
  std::int64_t first_line = 1;
};

/// Cuts at line breaks into pieces of about `size` bytes.
std::vector<Piece> cut(std::string_view bytes, std::size_t size) {
  std::vector<Piece> pieces;
  for (std::size_t from = 0; from < bytes.size();) {
    std::size_t to = bytes.find('\n', std::min(bytes.size() - 1, from + size));
    to = to == std::string_view::npos ? bytes.size() : to + 1;
    pieces.push_back({bytes.substr(from, to - from)});
    from = to;
  }
  std::int64_t line = 1;
  for (Piece& piece : pieces) {
    piece.first_line = line;
    line += std::count(piece.bytes.begin(), piece.bytes.end(), '\n');
  }
  return pieces;
}

void each_line(const Piece& piece, const std::string& file,
               const std::function<void(Utterance&&, std::int64_t)>& each) {
  std::int64_t number = piece.first_line;
  for (std::size_t from = 0; from < piece.bytes.size(); ++number) {
    std::size_t to = std::min(piece.bytes.find('\n', from), piece.bytes.size());
    std::string_view line = piece.bytes.substr(from, to - from);
    if (!is_blank(line)) each(from_line(line, file, number), number);
    from = to + 1;
  }
}

[[noreturn]] void fail_repeated(const std::string& id, const std::string& file, std::int64_t line) {
  throw DataError(fmt::format("{}, line {}: field 'id': '{}' came before; expected each id once", file, line, id),
                  "import the corpus again: the importer rejects repeated ids");
}

}  // namespace

bool is_copy(const Utterance& utterance) { return utterance.extra.is_object() && utterance.extra.contains("copy_of"); }

std::string id_fault(std::string_view id) {
  if (id.empty()) return "is empty";
  if (id.size() > kLongestId) return fmt::format("is longer than {} bytes", kLongestId);
  if (id == "__metadata__" || id.front() == '.') return "is reserved";
  for (unsigned char c : id)
    if (c < 0x20 || c == 0x7f || c == '/' || c == '\\') return "holds a path separator or a control character";
  if (!is_valid_utf8(id)) return "is not UTF-8";
  return {};
}

std::string to_line(const Utterance& u) {
  nlohmann::ordered_json line;
  line["id"] = u.id;
  line["audio"] = u.audio;
  line["text"] = u.text;
  line["speaker"] = u.speaker;
  line["language"] = u.language;
  line["duration_s"] = u.duration_s;
  line["rate_hz"] = u.rate_hz;
  line["channels"] = u.channels;
  if (!u.split.empty()) line["split"] = u.split;
  if (u.audio_bytes >= 0) line["audio_bytes"] = u.audio_bytes;
  if (u.extra.is_object())
    for (const auto& [key, value] : u.extra.items())
      if (!line.contains(key)) line[key] = value;
  return line.dump();
}

Utterance from_line(std::string_view text, const std::string& file, std::int64_t line_number) {
  json object;
  if (json_depth(text) > kDeepestJson)
    throw DataError(fmt::format("{}, line {}: nested more than {} levels deep", file, line_number, kDeepestJson),
                    "import the corpus again");
  try {
    object = json::parse(text.begin(), text.end());
  } catch (const json::out_of_range& error) {
    throw DataError(
        fmt::format("{}, line {}: {}; expected numbers that a double holds", file, line_number, error.what()),
        "import the corpus again");
  } catch (const json::parse_error& error) {
    // nlohmann counts bytes from 1 and points one past the last one read.
    std::size_t column = std::max<std::size_t>(error.byte, 1);
    std::string near(text.substr(std::min(text.size(), column > 20 ? column - 20 : 0), 40));
    throw DataError(fmt::format("{}, line {}, column {}: not valid JSON near “{}”; expected one object a line", file,
                                line_number, column, near),
                    "import the corpus again, or restore manifest.jsonl from a copy: it is never changed after import");
  }
  if (!object.is_object())
    throw DataError(
        fmt::format("{}, line {}: a JSON {}; expected an object such as {{\"id\": …, \"audio\": …, \"text\": …}}", file,
                    line_number, object.type_name()),
        "import the corpus again");
  Line line(std::move(object), file, line_number);
  Utterance u;
  u.id = line.text("id", true);
  if (std::string fault = id_fault(u.id); !fault.empty()) line.fail("id", fault, "a name that can be a file name");
  u.audio = line.text("audio", true);
  if (u.audio.empty()) line.fail("audio", "is empty", "the path of a clip");
  if (u.audio.front() != '/' && !is_safe_relative(u.audio))
    line.fail("audio", fmt::format("is '{}', which leaves the corpus folder", u.audio),
              "a path inside it, or an absolute one");
  u.text = line.text("text", true);
  u.speaker = line.text("speaker", false);
  u.language = line.text("language", false);
  u.duration_s = line.number("duration_s", 0);
  u.rate_hz = line.integer("rate_hz", 0);
  u.channels = line.integer("channels", 0);
  u.split = line.text("split", false);
  if (!u.split.empty() && u.split != "train" && u.split != "valid" && u.split != "test")
    line.fail("split", fmt::format("is '{}'", u.split), "train, valid or test");
  u.audio_bytes = line.integer("audio_bytes", -1);
  u.extra = line.rest();
  return u;
}

bool IdSet::insert(std::string_view id) { return hashes_.insert(id_hash(id)).second; }
bool IdSet::contains(std::string_view id) const { return hashes_.contains(id_hash(id)); }

void read_manifest(const fs::path& manifest, const std::function<void(Utterance&&, std::int64_t)>& each) {
  MappedFile file(manifest);
  std::string_view bytes(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  IdSet ids;
  std::string name = manifest.string();
  each_line({bytes, 1}, name, [&](Utterance&& u, std::int64_t line) {
    if (!ids.insert(u.id)) fail_repeated(u.id, name, line);
    each(std::move(u), line);
  });
}

std::vector<Utterance> load_manifest(std::string_view bytes, const std::string& file,
                                     const std::function<void(std::string_view)>& read) {
  std::vector<Piece> pieces = cut(bytes, std::size_t(1) << 20);
  std::vector<std::vector<Utterance>> parts(pieces.size());
  std::vector<std::vector<std::int64_t>> lines(pieces.size());
  std::vector<std::exception_ptr> failed(pieces.size());
  auto load = [&](std::size_t i) {
    const auto rows = static_cast<std::size_t>(std::count(pieces[i].bytes.begin(), pieces[i].bytes.end(), '\n')) + 1;
    parts[i].reserve(rows);
    lines[i].reserve(rows);
    try {
      each_line(pieces[i], file, [&](Utterance&& u, std::int64_t line) {
        parts[i].push_back(std::move(u));
        lines[i].push_back(line);
      });
    } catch (const DataError&) {
      failed[i] = std::current_exception();
    }
    if (read) read(pieces[i].bytes);
  };
  // A small manifest is not worth starting threads for.
  if (pieces.size() < 2) {
    for (std::size_t i = 0; i < pieces.size(); ++i) load(i);
  } else {
    parallel_for(pieces.size(), load);
  }
  std::vector<Utterance> all;
  std::size_t count = 0;
  for (const auto& part : parts) count += part.size();
  all.reserve(count);
  IdSet ids;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    for (std::size_t k = 0; k < parts[i].size(); ++k) {
      if (!ids.insert(parts[i][k].id)) fail_repeated(parts[i][k].id, file, lines[i][k]);
      all.push_back(std::move(parts[i][k]));
    }
    if (failed[i]) std::rethrow_exception(failed[i]);
    std::vector<Utterance>().swap(parts[i]);
  }
  return all;
}

std::vector<Utterance> load_manifest_shard(std::string_view bytes, const std::string& file, Shard shard,
                                           std::int64_t& total, const std::function<void(std::string_view)>& read) {
  constexpr std::size_t kPiece = std::size_t(1) << 23;
  std::vector<Utterance> mine;
  total = 0;
  std::int64_t number = 1;
  std::size_t told = 0;
  for (std::size_t from = 0; from < bytes.size(); ++number) {
    const std::size_t to = std::min(bytes.find('\n', from), bytes.size());
    const std::string_view line = bytes.substr(from, to - from);
    from = std::min(to + 1, bytes.size());
    if (!is_blank(line) && shard.has(total++)) mine.push_back(from_line(line, file, number));
    if (read && from - told >= kPiece) {
      read(bytes.substr(told, from - told));
      told = from;
    }
  }
  if (read) read(bytes.substr(told));
  return mine;
}

}  // namespace timbre::corpus
