#include "base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <fmt/format.h>

#include "base/files.h"

namespace timbre {
namespace {

std::string hex(XXH128_hash_t h) { return fmt::format("{:016x}{:016x}", h.high64, h.low64); }

}  // namespace

std::string hash_hex(std::string_view bytes) { return hex(XXH3_128bits(bytes.data(), bytes.size())); }

std::string hash_file(const std::filesystem::path& path) {
  const MappedFile file(path);
  const std::string_view bytes(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  constexpr std::size_t kPiece = std::size_t(1) << 23;
  if (bytes.size() <= kPiece) return hex(XXH3_128bits(bytes.data(), bytes.size()));
  XXH3_state_t state;
  XXH3_128bits_reset(&state);
  for (std::size_t from = 0; from < bytes.size(); from += kPiece) {
    const std::string_view piece = bytes.substr(from, kPiece);
    XXH3_128bits_update(&state, piece.data(), piece.size());
    file.forget(piece);
  }
  return hex(XXH3_128bits_digest(&state));
}

struct RunningHash::State {
  XXH3_state_t xxh;
};

RunningHash::RunningHash() : state_(std::make_unique<State>()) { XXH3_64bits_reset(&state_->xxh); }
RunningHash::~RunningHash() = default;
void RunningHash::add(std::string_view bytes) { XXH3_64bits_update(&state_->xxh, bytes.data(), bytes.size()); }
std::uint64_t RunningHash::value() const { return XXH3_64bits_digest(&state_->xxh); }

}  // namespace timbre
