#include "weights/hdf5.h"

#include <algorithm>
#include <mutex>

#include "base/error.h"
#include "base/files.h"
#include "weights/hdf5_objects.h"

namespace timbre::weights {

struct Hdf5File::State {
  hdf5::Layout layout;
  std::map<std::string, std::uint64_t> headers;
  mutable std::mutex guard;  ///< of layout.budget

  explicit State(Source source) : layout(hdf5::read_superblock(std::move(source))) { gather("", layout.root, 0); }

  void gather(const std::string& path, std::uint64_t header, int depth) {
    constexpr int kDeepest = 16;
    if (depth > kDeepest) throw DataError(layout.source.name + ": groups within groups without end");
    const auto members = hdf5::members_of(layout, hdf5::messages_of(layout, header));
    if (!members) {
      if (depth == 0) throw DataError(layout.source.name + ": its root is no group");
      headers[path] = header;
      return;
    }
    for (const auto& [name, at] : *members) gather(path.empty() ? name : path + "/" + name, at, depth + 1);
  }

  /// With a fresh budget: reading one dataset costs no more than its file is long.
  hdf5::Dataset dataset(const std::string& name) const {
    const auto found = headers.find(name);
    if (found == headers.end()) {
      std::vector<std::string> names;
      for (const auto& [known, header] : headers)
        if (names.size() < 10000) names.push_back(known);
      throw DataError(fmt::format("{}: no dataset '{}' among {}; {}", layout.source.name, name, headers.size(),
                                  did_you_mean(name, names)));
    }
    layout.budget = layout.source.bytes.size() + 4096;
    auto dataset = hdf5::dataset_of(layout, hdf5::messages_of(layout, found->second), name);
    if (!dataset) throw DataError(fmt::format("{}: '{}' is no dataset", layout.source.name, name));
    return std::move(*dataset);
  }

  Tensor read(const std::string& name) const {
    const std::scoped_lock lock(guard);
    const hdf5::Dataset about = dataset(name);
    const std::size_t element = size_of(about.dtype);
    std::uint64_t numel = 1;
    for (const std::int64_t size : about.shape) numel *= static_cast<std::uint64_t>(size);
    std::vector<std::byte> values;
    Bytes bytes;
    if (about.storage == hdf5::Dataset::Storage::chunked) {
      values = hdf5::read_chunks(layout, about, name);
      bytes = values;
    } else if (about.storage == hdf5::Dataset::Storage::compact) {
      bytes = about.compact;
    } else if (numel > 0 && about.address == hdf5::kNowhere) {
      throw DataError(fmt::format("{}: dataset '{}' was never written", layout.source.name, name));
    } else if (numel > 0) {
      bytes = layout.at(about.address, numel * element, "data");
    }
    if (bytes.size() < numel * element)
      throw DataError(fmt::format("{}: dataset '{}' has {} bytes, {} elements need {}", layout.source.name, name,
                                  bytes.size(), numel, numel * element));
    bytes = bytes.first(static_cast<std::size_t>(numel * element));
    if (about.big_endian && element > 1) {
      values.assign(bytes.begin(), bytes.end());
      for (std::size_t i = 0; i + element <= values.size(); i += element)
        std::reverse(values.begin() + static_cast<std::ptrdiff_t>(i),
                     values.begin() + static_cast<std::ptrdiff_t>(i + element));
      bytes = values;
    }
    const bool in_map = values.empty() && layout.source.owner && !bytes.empty() &&
                        reinterpret_cast<std::uintptr_t>(bytes.data()) % element == 0;
    if (in_map) return {about.dtype, about.shape, layout.source.owner, bytes.data()};
    return Tensor::of_bytes(about.dtype, about.shape, bytes);
  }
};

namespace {

Source map_file(const std::filesystem::path& path) {
  auto map = std::make_shared<const MappedFile>(path);
  return {map->bytes(), map, path.string()};
}

}  // namespace

Hdf5File::Hdf5File(const std::filesystem::path& path) : state_(std::make_unique<State>(map_file(path))) {}
Hdf5File::Hdf5File(std::span<const std::byte> bytes, std::shared_ptr<const void> owner, const std::string& name)
    : state_(std::make_unique<State>(Source{bytes, std::move(owner), name})) {}
Hdf5File::~Hdf5File() = default;
Hdf5File::Hdf5File(Hdf5File&&) noexcept = default;

std::vector<std::string> Hdf5File::names() const {
  std::vector<std::string> names;
  for (const auto& [name, header] : state_->headers) names.push_back(name);
  return names;
}

bool Hdf5File::has(const std::string& dataset) const { return state_->headers.contains(dataset); }

Hdf5File::Shape Hdf5File::shape(const std::string& dataset) const {
  const std::scoped_lock lock(state_->guard);
  auto about = state_->dataset(dataset);
  return {about.dtype, std::move(about.shape)};
}

Tensor Hdf5File::read(const std::string& dataset) const { return state_->read(dataset); }

}  // namespace timbre::weights
