#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace timbre {

/// 128-bit XXH3 of `bytes`, 32 hexadecimal digits. For settings and contents, not against forgery.
std::string hash_hex(std::string_view bytes);

/// The same of a file's contents, streamed.
std::string hash_file(const std::filesystem::path& path);

/// XXH3 (64 bits) of bytes that come in pieces: how they were cut makes no difference.
class RunningHash {
 public:
  RunningHash();
  ~RunningHash();
  RunningHash(const RunningHash&) = delete;
  RunningHash& operator=(const RunningHash&) = delete;
  void add(std::string_view bytes);
  std::uint64_t value() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace timbre
