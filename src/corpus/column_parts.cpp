#include "corpus/column_parts.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "base/strings.h"
#include "weights/safetensors.h"

namespace timbre::corpus {

using nlohmann::json;

namespace {

constexpr int kFormat = 1;

std::string shard_name(Shard shard) { return fmt::format("{}-of-{}", shard.index, shard.count); }

Part read_part(const fs::path& index) {
  Part part;
  part.index = index;
  part.tensors = fs::path(index).replace_extension(".safetensors");
  const auto discard = [&](const char* why) {
    // Indexes are written atomically, so this one was damaged later. An empty key makes it stale: remade, never used.
    log::warn(fmt::format("{}: not an index of a column part ({}); it is not used", index.string(), why));
    part.ids.clear();
    part.skipped.clear();
  };
  try {
    json text = parse_json(read_file(index), index.string());
    if (text.at("format").get<int>() != kFormat) return part;
    part.settings = text.at("settings");
    part.bytes = text.at("bytes").get<std::int64_t>();
    part.ids = text.at("ids").get<std::vector<std::string>>();
    for (const json& skip : text.at("skipped"))
      part.skipped.push_back({skip.at(0).get<std::string>(), skip.at(1).get<std::string>()});
    part.key = {text.at("column").get<std::string>(), text.at("settings_hash").get<std::string>(),
                text.at("inputs_hash").get<std::string>()};
  } catch (const DataError& error) {
    discard(error.what());
  } catch (const json::exception& error) {
    discard(error.what());
  }
  return part;
}

}  // namespace

fs::path column_folder(const fs::path& corpus, const std::string& name) {
  bool good = !name.empty() && name.front() != '.' &&
              name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_.") == std::string::npos;
  if (!good)
    throw UsageError(fmt::format("'{}' cannot name a column; expected letters a–z, digits, '_' and '.'", name));
  return corpus / "columns" / name;
}

std::vector<Part> read_parts(const fs::path& folder) {
  std::vector<fs::path> indexes;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(folder, missing))
    if (entry.path().extension() == ".json" && entry.path().filename().native().front() != '.')
      indexes.push_back(entry.path());
  std::sort(indexes.begin(), indexes.end());
  std::vector<Part> parts;
  for (const fs::path& index : indexes) {
    try {
      parts.push_back(read_part(index));
    } catch (const SystemError&) {
      // Gone between listing and reading: another worker removed a stale part.
      if (fs::exists(index, missing)) throw;
    }
  }
  return parts;
}

std::string part_fault(const Part& part) {
  if (part.bytes == 0) return {};
  std::error_code failed;
  auto size = fs::file_size(part.tensors, failed);
  if (failed) return fmt::format("{}: missing", part.tensors.string());
  if (static_cast<std::int64_t>(size) != part.bytes)
    return fmt::format("{}: {} bytes, its index says {}", part.tensors.string(), size, part.bytes);
  return {};
}

void remove_part(const Part& part) {
  std::error_code ignored;
  fs::remove(part.index, ignored);
  fs::remove(part.tensors, ignored);
}

ShardLock::ShardLock(const fs::path& folder, Shard shard) : path_(folder / fmt::format(".{}.lock", shard_name(shard))) {
  make_folders(folder);
  file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file_ < 0) throw SystemError(fmt::format("{}: cannot be written: {}", path_.string(), std::strerror(errno)));
  if (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
    ::close(file_);
    throw SystemError(fmt::format("{}: another process is making shard {}/{} of this column", folder.string(),
                                  shard.index, shard.count),
                      "wait until it is done, or give each process its own --shard");
  }
}

// The file stays: removing it could part two processes that wait for one lock.
ShardLock::~ShardLock() { ::close(file_); }

PartWriter::PartWriter(const fs::path& folder, ColumnKey key, Shard shard, json settings)
    : folder_(folder), key_(std::move(key)), shard_(shard), settings_(std::move(settings)) {
  make_folders(folder_);
  // Also counts tensor files without an index, which an interrupted write leaves: they are overwritten or passed over.
  std::string prefix = shard_name(shard_) + ".";
  for (const auto& entry : fs::directory_iterator(folder_)) {
    std::string name = entry.path().filename().string();
    if (!name.starts_with(prefix) || entry.path().extension() != ".json") continue;
    auto number = parse_int(name.substr(prefix.size(), name.size() - prefix.size() - 5));
    if (number) next_ = std::max(next_, *number + 1);
  }
}

void PartWriter::write(const weights::TensorMap& values, const std::vector<Skipped>& skipped) {
  if (values.empty() && skipped.empty()) return;
  std::string stem = fmt::format("{}.{:05}", shard_name(shard_), next_);
  std::int64_t bytes = 0;
  if (!values.empty()) {
    fs::path tensors = folder_ / (stem + ".safetensors");
    weights::write_safetensors(
        tensors, values,
        {{"column", key_.name}, {"settings_hash", key_.settings_hash}, {"inputs_hash", key_.inputs_hash}});
    bytes = static_cast<std::int64_t>(fs::file_size(tensors));
  }
  json skips = json::array();
  for (const Skipped& skip : skipped) skips.push_back({skip.id, skip.reason});
  json index = {{"format", kFormat},
                {"column", key_.name},
                {"settings_hash", key_.settings_hash},
                {"inputs_hash", key_.inputs_hash},
                {"settings", settings_},
                {"shard", {shard_.index, shard_.count}},
                {"bytes", bytes},
                {"ids", values.names()},
                {"skipped", skips}};
  write_file_atomic(folder_ / (stem + ".json"), index.dump(-1, ' ', false, json::error_handler_t::replace) + "\n");
  ++next_;
}

}  // namespace timbre::corpus
