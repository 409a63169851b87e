#pragma once
#include <filesystem>
#include <string>
#include <string_view>

namespace timbre {

/// 128-bit XXH3 of `bytes`, 32 hexadecimal digits. For settings and contents, not against forgery.
std::string hash_hex(std::string_view bytes);

/// The same of a file's contents, streamed.
std::string hash_file(const std::filesystem::path& path);

}  // namespace timbre
