#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

/// Packed sources. libarchive is loaded on first use, so that programs that never unpack do not pay for it.
namespace timbre::exchange {

namespace fs = std::filesystem;

struct UnpackLimits {
  std::int64_t bytes = std::int64_t(1) << 40;  ///< unpacked, all files together
  std::int64_t files = 10'000'000;
};

struct Unpacked {
  std::int64_t files = 0, bytes = 0;
  std::int64_t left_out = 0;  ///< links and devices, which are not unpacked
};

/// True for names that unpack() can take: .deb .tar .tar.gz .tgz .tar.xz .tar.bz2 .tar.zst .zip .rar
bool is_archive(const fs::path& path);

/// Unpacks regular files and folders below `into`; of a .deb its data. Throws DataError for a damaged archive, an entry
/// that would leave the folder ("../x", "/x") or a breach of the limits; SystemError when libarchive is missing or the
/// disk is full. `after_each` is told what is done after every file, and may throw to stop.
Unpacked unpack(const fs::path& archive, const fs::path& into, const UnpackLimits& limits = {},
                const std::function<void(const Unpacked&)>& after_each = {});

/// A text file, gzip-packed or not, without its UTF-8 byte-order mark. Throws DataError when damaged or longer than
/// `limit`.
std::string read_text(const fs::path& path, std::int64_t limit = std::int64_t(1) << 32);

}  // namespace timbre::exchange
