#include "corpus/columns.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "base/files.h"
#include "base/log.h"
#include "base/strings.h"
#include "corpus/column_parts.h"
#include "corpus/manifest.h"
#include "weights/safetensors.h"

namespace timbre::corpus {

using nlohmann::json;
using weights::Tensor;

Tensor text_tensor(std::string_view text) { return Tensor::of_text(text); }
std::string tensor_text(const Tensor& tensor) { return tensor.to_text(); }
Tensor list_tensor(const std::vector<std::string>& items) { return Tensor::of_text(join(items, " ")); }
std::vector<std::string> tensor_list(const Tensor& tensor) { return split_whitespace(tensor.to_text()); }

// ---- reading ---------------------------------------------------------------------------------------------------

struct Column::State {
  struct OpenPart {
    std::once_flag once;
    std::vector<Tensor> tensors;  ///< in the order of the index
  };
  ColumnKey key;
  json settings = json::object();
  std::vector<Part> parts;
  std::vector<std::unique_ptr<OpenPart>> open;
  std::vector<Skipped> skipped;
  std::unordered_map<std::string_view, std::pair<std::uint32_t, std::uint32_t>> places;  ///< id → part, place in it

  const Tensor& tensor(std::uint32_t part, std::uint32_t place) {
    std::call_once(open[part]->once, [&] {
      weights::TensorMap map = weights::read_safetensors(parts[part].tensors);
      std::vector<Tensor> tensors;
      tensors.reserve(parts[part].ids.size());
      for (const std::string& id : parts[part].ids) tensors.push_back(map.at(id));
      open[part]->tensors = std::move(tensors);
    });
    return open[part]->tensors[place];
  }
};

Column::Column(std::unique_ptr<State> state) : state_(std::move(state)) {}
Column::Column(Column&&) noexcept = default;
Column& Column::operator=(Column&&) noexcept = default;
Column::~Column() = default;

Column Column::load(const fs::path& corpus, const std::string& name, const ColumnKey* key) {
  std::string remedy = fmt::format("timbre prepare {}", corpus.string());
  fs::path folder = column_folder(corpus, name);
  auto state = std::make_unique<State>();
  state->parts = read_parts(folder);
  if (state->parts.empty())
    throw DataError(fmt::format("{}: no column '{}' in this corpus", corpus.string(), name), remedy);
  state->key = key ? *key : state->parts.front().key;
  std::unordered_map<std::string_view, std::string_view> skipped;
  for (std::uint32_t p = 0; p < state->parts.size(); ++p) {
    const Part& part = state->parts[p];
    if (part.key != state->key)
      throw DataError(fmt::format("{}: made with other {} than asked for", part.index.string(),
                                  part.key.settings_hash != state->key.settings_hash ? "settings" : "inputs"),
                      remedy);
    if (std::string fault = part_fault(part); !fault.empty()) throw DataError(fault, remedy + " makes it again");
    if (p == 0) state->settings = part.settings;
    state->open.push_back(std::make_unique<State::OpenPart>());
    for (std::uint32_t i = 0; i < part.ids.size(); ++i) state->places.insert_or_assign(part.ids[i], std::pair(p, i));
    for (const Skipped& skip : part.skipped) skipped.insert_or_assign(skip.id, skip.reason);
  }
  for (const Part& part : state->parts)
    for (const Skipped& skip : part.skipped)
      if (!state->places.contains(skip.id) && skipped.erase(skip.id)) state->skipped.push_back(skip);
  return Column(std::move(state));
}

Column Column::open(const fs::path& corpus, const std::string& name) { return load(corpus, name, nullptr); }
Column Column::open(const fs::path& corpus, const ColumnKey& key) { return load(corpus, key.name, &key); }

const ColumnKey& Column::key() const { return state_->key; }
const json& Column::settings() const { return state_->settings; }
bool Column::has(std::string_view id) const { return state_->places.contains(id); }
const std::vector<Skipped>& Column::skipped() const { return state_->skipped; }
std::int64_t Column::size() const { return static_cast<std::int64_t>(state_->places.size()); }

std::vector<std::string> Column::ids() const {
  std::vector<std::string> ids;
  ids.reserve(state_->places.size());
  for (std::uint32_t p = 0; p < state_->parts.size(); ++p)
    for (std::uint32_t i = 0; i < state_->parts[p].ids.size(); ++i)
      if (const std::string& id = state_->parts[p].ids[i]; state_->places.at(id) == std::pair(p, i)) ids.push_back(id);
  return ids;
}

Tensor Column::get(std::string_view id) const {
  auto it = state_->places.find(id);
  if (it != state_->places.end()) return state_->tensor(it->second.first, it->second.second);
  for (const Skipped& skip : state_->skipped)
    if (skip.id == id)
      throw DataError(fmt::format("column {}: '{}' was skipped: {}", state_->key.name, id, skip.reason));
  throw DataError(fmt::format("column {}: no value for '{}'", state_->key.name, id),
                  "timbre prepare goes on where it stopped");
}

namespace {

/// The first settings that differ, for people.
std::string difference(const json& was, const json& now) {
  std::vector<std::string> parts;
  json a = was.is_object() ? was.flatten() : json::object(), b = now.is_object() ? now.flatten() : json::object();
  for (const auto& [key, value] : b.items()) {
    std::string name = key.empty() ? key : key.substr(1);
    std::replace(name.begin(), name.end(), '/', '.');
    if (!a.contains(key))
      parts.push_back(fmt::format("{} now {}", name, value.dump()));
    else if (a[key] != value)
      parts.push_back(fmt::format("{} {}, now {}", name, a[key].dump(), value.dump()));
    if (parts.size() == 3) break;
  }
  return join(parts, "; ");
}

}  // namespace

ColumnState column_state(const fs::path& corpus, const ColumnKey& key, std::int64_t utterances, const json& settings) {
  ColumnState state;
  state.wanted = utterances;
  std::vector<Part> parts = read_parts(column_folder(corpus, key.name));
  // Sorted hashes rather than a set: a worker of 64 looks at a million ids a column before it starts.
  std::vector<std::uint64_t> made, skipped;
  const auto hash = [](const std::string& id) -> std::uint64_t { return std::hash<std::string_view>{}(id); };
  const auto sort_unique = [](std::vector<std::uint64_t>& hashes) {
    std::sort(hashes.begin(), hashes.end());
    hashes.erase(std::unique(hashes.begin(), hashes.end()), hashes.end());
    return static_cast<std::int64_t>(hashes.size());
  };
  const Part* stale = nullptr;
  for (const Part& part : parts) {
    if (part.key != key) {
      if (!stale) stale = &part;
      continue;
    }
    if (!part_fault(part).empty()) continue;
    for (const std::string& id : part.ids) made.push_back(hash(id));
  }
  state.made = sort_unique(made);
  for (const Part& part : parts)
    if (part.key == key)
      for (const Skipped& skip : part.skipped)
        if (const auto h = hash(skip.id); !std::binary_search(made.begin(), made.end(), h)) skipped.push_back(h);
  state.skipped = sort_unique(skipped);
  if (state.made + state.skipped == 0) {
    state.kind = stale ? ColumnState::Kind::stale : ColumnState::Kind::missing;
    if (stale) {
      bool other_settings = stale->key.settings_hash != key.settings_hash;
      std::string which = other_settings ? difference(stale->settings, settings) : "";
      state.why = fmt::format("made with other {}{}", other_settings ? "settings" : "inputs",
                              which.empty() ? "" : " (" + which + ")");
    }
  } else {
    state.kind = state.made + state.skipped >= utterances ? ColumnState::Kind::complete : ColumnState::Kind::partial;
  }
  return state;
}

void remove_column(const fs::path& corpus, const std::string& name) {
  std::error_code failed;
  fs::remove_all(column_folder(corpus, name), failed);
  if (failed)
    throw SystemError(fmt::format("{}: cannot be removed: {}", column_folder(corpus, name).string(), failed.message()));
}

void compact_column(const fs::path& corpus, const ColumnKey& key, std::int64_t bytes) {
  fs::path folder = column_folder(corpus, key.name);
  Column column = Column::open(corpus, key);
  std::vector<Part> old = read_parts(folder);
  ShardLock lock(folder, {});
  PartWriter writer(folder, key, Shard{}, column.settings());
  weights::TensorMap waiting;
  for (const std::string& id : column.ids()) {
    waiting.insert(id, column.get(id));
    if (waiting.bytes() >= bytes) writer.write(std::exchange(waiting, {}), {});
  }
  writer.write(waiting, column.skipped());
  // Until here every value is there twice under one key, which readers take as one.
  for (const Part& part : old) remove_part(part);
}

// ---- writing ---------------------------------------------------------------------------------------------------

struct ColumnWriter::State {
  State(const fs::path& folder, ColumnKey key, Shard shard, json settings, Limits limits)
      : limits(limits), lock(folder, shard), writer(folder, std::move(key), shard, std::move(settings)) {}
  Limits limits;
  ShardLock lock;
  PartWriter writer;
  mutable std::mutex mutex;
  IdSet done;
  weights::TensorMap waiting;
  std::vector<Skipped> skipped;
  std::int64_t waiting_bytes = 0;

  void flush_locked() {
    if (waiting.empty() && skipped.empty()) return;
    writer.write(waiting, skipped);
    waiting = {};
    skipped.clear();
    waiting_bytes = 0;
  }
};

ColumnWriter::ColumnWriter(const fs::path& corpus, ColumnKey key, Shard shard, json settings, Limits limits) {
  fs::path folder = column_folder(corpus, key.name);
  make_folders(folder);
  std::int64_t removed = 0;
  std::vector<Part> fresh;
  for (Part& part : read_parts(folder)) {
    std::string fault = part_fault(part);
    if (!fault.empty()) log::warn(fault + "; it is made again");
    if (part.key != key || !fault.empty()) {
      remove_part(part);
      ++removed;
    } else {
      fresh.push_back(std::move(part));
    }
  }
  if (removed) log::detail(fmt::format("column {}: {} stale or damaged part(s) removed", key.name, removed));
  state_ = std::make_unique<State>(folder, std::move(key), shard, std::move(settings), limits);
  for (const Part& part : fresh) {
    // What other workers of the same round hold is never this one's: every utterance has one shard.
    const std::string name = part.index.filename().string();
    if (name.find(fmt::format("-of-{}.", shard.count)) != std::string::npos &&
        !name.starts_with(fmt::format("{}-of-", shard.index)))
      continue;
    for (const std::string& id : part.ids) state_->done.insert(id);
    for (const Skipped& skip : part.skipped) state_->done.insert(skip.id);
  }
}

ColumnWriter::ColumnWriter(const fs::path& corpus, ColumnKey key, Shard shard, json settings)
    : ColumnWriter(corpus, std::move(key), shard, std::move(settings), Limits{}) {}
ColumnWriter::~ColumnWriter() = default;

bool ColumnWriter::is_done(std::string_view id) const {
  std::lock_guard hold(state_->mutex);
  return state_->done.contains(id);
}

void ColumnWriter::put(const std::string& id, const Tensor& value) {
  std::lock_guard hold(state_->mutex);
  if (std::string fault = id_fault(id); !fault.empty())
    throw DataError(fmt::format("column value id '{}' {}", id, fault));
  if (!state_->done.insert(id)) return;
  state_->waiting.insert(id, value);
  state_->waiting_bytes += value.bytes();
  if (static_cast<std::int64_t>(state_->waiting.size()) >= state_->limits.utterances ||
      state_->waiting_bytes >= state_->limits.bytes)
    state_->flush_locked();
}

void ColumnWriter::skip(const std::string& id, const std::string& reason) {
  std::lock_guard hold(state_->mutex);
  if (state_->done.insert(id)) state_->skipped.push_back({id, reason});
}

void ColumnWriter::flush() {
  std::lock_guard hold(state_->mutex);
  state_->flush_locked();
}

void ColumnWriter::commit() { flush(); }

}  // namespace timbre::corpus
