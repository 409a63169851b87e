#include "roles/golden.h"

#include <algorithm>
#include <stdexcept>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/strings.h"
#include "weights/npy.h"
#include "weights/safetensors.h"

namespace timbre::roles {
namespace {

using nlohmann::json;

bool ends_with(const std::string& text, std::string_view end) { return text.ends_with(end); }

/// Files that need no mention in set.json, as golden/compare.py lists them.
bool is_mentioned_nowhere(const std::string& file) {
  static const char* const kPatterns[] = {"README.md", "set.json", "*.pt",          "*.pth",  "*.pth.tar", "*.ckpt",
                                          "*.th",      "*.bin",    "*config*.json", "*.yaml", "*.yml",     "*.wav"};
  const std::string name = fs::path(file).filename().string();
  return std::any_of(std::begin(kPatterns), std::end(kPatterns),
                     [&](const char* pattern) { return glob_match(pattern, name) || glob_match(pattern, file); });
}

std::string escaped(std::string key) {
  std::string out;
  for (const char c : key) out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return out;
}

std::vector<std::string> pointer_parts(const std::string& pointer) {
  std::vector<std::string> parts;
  if (pointer.empty()) return parts;
  for (std::string& part : split(std::string_view(pointer).substr(1), '/')) {
    std::string plain;
    for (std::size_t i = 0; i < part.size(); ++i) {
      const bool escape = part[i] == '~' && i + 1 < part.size();
      plain += escape ? (part[++i] == '1' ? '/' : '~') : part[i];
    }
    parts.push_back(plain);
  }
  return parts;
}

/// The value at a pointer; list positions may also be keys of an object. Null pointer when absent.
const json* value_at(const json& document, const std::string& pointer) {
  const json* at = &document;
  for (const std::string& part : pointer_parts(pointer)) {
    if (at->is_object() && at->contains(part)) {
      at = &(*at)[part];
    } else if (const auto i = parse_int(part);
               at->is_array() && i && *i >= 0 && *i < static_cast<std::int64_t>(at->size())) {
      at = &(*at)[static_cast<std::size_t>(*i)];
    } else {
      return nullptr;
    }
  }
  return at;
}

std::string file_of(const std::string& entry) { return entry.substr(0, entry.find(':')); }
std::string name_of(const std::string& entry) { return entry.substr(entry.find(':') + 1); }

}  // namespace

ParityRun::ParityRun(fs::path dir) : dir_(std::move(dir)) {
  if (!fs::exists(dir_ / "set.json")) {
    throw DataError(fmt::format("{}: no set.json, so this is no golden set", dir_.string()),
                    "give a folder like golden/<set>");
  }
  const json set = read_json(dir_ / "set.json");
  set_ = set.value("set", "");
  if (set_.empty()) throw DataError(fmt::format("{}: \"set\" (its name) is missing", (dir_ / "set.json").string()));
  rules_.emplace(set);
  for (const auto& item : fs::recursive_directory_iterator(dir_)) {
    if (item.is_regular_file()) files_.push_back(fs::relative(item.path(), dir_).generic_string());
  }
  std::sort(files_.begin(), files_.end());
}

bool ParityRun::has_file(const std::string& file) const {
  return std::binary_search(files_.begin(), files_.end(), file);
}

const weights::TensorMap& ParityRun::tensors(const std::string& file) const {
  const auto known = tensors_.find(file);
  if (known != tensors_.end()) return known->second;
  weights::TensorMap map;
  if (!has_file(file)) throw DataError(fmt::format("{}: no file '{}'", dir_.string(), file));
  if (ends_with(file, ".safetensors")) {
    map = weights::read_safetensors(dir_ / file);
  } else if (ends_with(file, ".npz")) {
    map = weights::read_npz(dir_ / file);
  } else {
    map.insert("-", weights::read_npy(dir_ / file));
  }
  return tensors_.emplace(file, std::move(map)).first->second;
}

const json& ParityRun::document(const std::string& file) const {
  const auto known = documents_.find(file);
  if (known != documents_.end()) return known->second;
  return documents_.emplace(file, read_json(dir_ / file)).first->second;
}

void ParityRun::must_be_given(const std::string& entry) const {
  if (rules_->find(entry) == EntryKind::output) throw std::logic_error(entry + " is an output and must not be read");
}

weights::Tensor ParityRun::input(const std::string& file, const std::string& name) const {
  must_be_given(file + ":" + name);
  const weights::Tensor* found = tensors(file).find(name);
  if (!found) throw DataError(fmt::format("{}: no tensor '{}'", (dir_ / file).string(), name));
  return *found;
}

bool ParityRun::has(const std::string& file, const std::string& name) const {
  return has_file(file) && tensors(file).find(name) != nullptr;
}

std::vector<std::string> ParityRun::names(const std::string& file) const {
  std::vector<std::string> names;
  if (has_file(file)) {
    for (const auto& [name, tensor] : tensors(file)) names.push_back(name);
  }
  return names;
}

json ParityRun::input_json(const std::string& file, const std::string& pointer) const {
  must_be_given(file + ":" + pointer);
  const json* found = has_file(file) ? value_at(document(file), pointer) : nullptr;
  if (!found) throw DataError(fmt::format("{}: nothing at '{}'", (dir_ / file).string(), pointer));
  return *found;
}

bool ParityRun::has_json(const std::string& file, const std::string& pointer) const {
  return has_file(file) && value_at(document(file), pointer) != nullptr;
}

bool ParityRun::gives(const std::string& file, const std::string& pointer) const {
  return has_json(file, pointer) && rules_->find(file + ":" + pointer) != EntryKind::output;
}

std::vector<std::string> ParityRun::keys(const std::string& file, const std::string& pointer) const {
  std::vector<std::string> keys;
  const json* found = has_file(file) ? value_at(document(file), pointer) : nullptr;
  if (!found) return keys;
  if (found->is_array()) {
    for (std::size_t i = 0; i < found->size(); ++i) keys.push_back(std::to_string(i));
  } else if (found->is_object()) {
    for (const auto& [key, value] : found->items()) keys.push_back(key);
  }
  return keys;
}

fs::path ParityRun::input_path(const std::string& file) const {
  must_be_given(file + ":-");
  must_be_given(file + ":");
  if (!has_file(file)) throw DataError(fmt::format("{}: no file '{}'", dir_.string(), file));
  return dir_ / file;
}

void ParityRun::put(const std::string& file, const std::string& name, weights::Tensor value) {
  got_[file].set(name, std::move(value));
}

void ParityRun::put_json(const std::string& file, const std::string& pointer, json value) {
  json* at = &got_json_[file];
  for (const std::string& part : pointer_parts(pointer)) {
    if (at->is_array()) {
      at = &(*at)[static_cast<std::size_t>(std::stoul(part))];
    } else {
      at = &(*at)[part];
    }
  }
  *at = std::move(value);
}

void ParityRun::put_bytes(const std::string& file, std::string bytes) { got_bytes_[file] = std::move(bytes); }

void ParityRun::skip(const std::string& pattern, const std::string& reason) { skipped_.emplace_back(pattern, reason); }

ParityRow ParityRun::missing(const std::string& entry) const {
  ParityRow row{.entry = entry, .status = "skipped", .text = "not computed"};
  for (const auto& [pattern, reason] : skipped_) {
    if (glob_match(pattern, entry)) row.text = reason;
  }
  return row;
}

ParityRow ParityRun::judge_value(const std::string& entry, const json& want, const Bound& bound) const {
  const auto document = got_json_.find(file_of(entry));
  const json* got = document == got_json_.end() ? nullptr : value_at(document->second, name_of(entry));
  if (!got) return missing(entry);
  const auto want_numbers = numbers_of(want);
  const auto got_numbers = numbers_of(*got);
  if (want_numbers && got_numbers) return judge_numbers(entry, *got_numbers, *want_numbers, bound);
  ParityRow row{.entry = entry, .status = *got == want ? "ok" : "out", .text = "equal"};
  if (*got != want) row.text = fmt::format("got {} want {}", got->dump().substr(0, 80), want.dump().substr(0, 80));
  return row;
}

void ParityRun::judge_json(const std::string& entry, const json& want, const Bound* bound,
                           std::vector<ParityRow>& rows) const {
  if (bound) {
    rows.push_back(judge_value(entry, want, *bound));
    return;
  }
  if (!want.is_structured()) {
    rows.push_back({.entry = entry, .status = "unclassified", .text = "set.json says neither input nor output"});
    return;
  }
  for (const auto& [key, value] : want.items()) {
    const std::string child = entry + "/" + escaped(key);
    Bound child_bound;
    const EntryKind kind = rules_->find(child, &child_bound);
    if (kind == EntryKind::input || kind == EntryKind::unreachable) continue;
    judge_json(child, value, kind == EntryKind::output ? &child_bound : nullptr, rows);
  }
}

ParityRow ParityRun::judge_tensor(const std::string& file, const std::string& name, const Bound& bound) const {
  const std::string entry = file + ":" + name;
  const auto got = got_.find(file);
  const weights::Tensor* value = got == got_.end() ? nullptr : got->second.find(name);
  if (!value) return missing(entry);
  return judge_numbers(entry, numbers_of(*value), numbers_of(tensors(file).at(name)), bound);
}

ParityRow ParityRun::judge_bytes(const std::string& file, const Bound&) const {
  const std::string entry = file + ":-";
  const auto got = got_bytes_.find(file);
  if (got == got_bytes_.end()) return missing(entry);
  const bool same = got->second == read_file(dir_ / file);
  return {.entry = entry, .status = same ? "ok" : "out", .text = same ? "bytes equal" : "bytes differ"};
}

std::vector<ParityRow> ParityRun::judge() const {
  std::vector<ParityRow> rows;
  for (const std::string& file : files_) {
    const bool array_file = ends_with(file, ".safetensors") || ends_with(file, ".npz") || ends_with(file, ".npy");
    const bool silent = is_mentioned_nowhere(file);
    if (ends_with(file, ".json")) {
      Bound bound;
      const EntryKind kind = rules_->find(file + ":", &bound);
      if (kind == EntryKind::input || kind == EntryKind::unreachable || (kind == EntryKind::unclassified && silent))
        continue;
      judge_json(file + ":", document(file), kind == EntryKind::output ? &bound : nullptr, rows);
      continue;
    }
    for (const std::string& name : array_file ? names(file) : std::vector<std::string>{"-"}) {
      Bound bound;
      const EntryKind kind = rules_->find(file + ":" + name, &bound);
      if (kind == EntryKind::output) {
        rows.push_back(array_file ? judge_tensor(file, name, bound) : judge_bytes(file, bound));
      } else if (kind == EntryKind::unclassified && !silent) {
        rows.push_back(
            {.entry = file + ":" + name, .status = "unclassified", .text = "set.json says neither input nor output"});
      }
    }
  }
  return rows;
}

void ParityRun::dump(const fs::path& out) const {
  const auto place = [&](const std::string& file) {
    make_folders((out / file).parent_path());
    return out / file;
  };
  for (const auto& [file, map] : got_) {
    if (ends_with(file, ".npy")) {
      weights::write_npy(place(file), map.at("-"));
    } else {
      weights::write_safetensors(place(file), map, {});
    }
  }
  for (const auto& [file, value] : got_json_) write_file_atomic(place(file), value.dump(1));
  for (const auto& [file, bytes] : got_bytes_) write_file_atomic(place(file), bytes);
}

}  // namespace timbre::roles
