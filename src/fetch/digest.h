#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace timbre::fetch {

/// Published hashes of a file, computed while its bytes pass. libcrypto is loaded on first use.
class Digests {
 public:
  /// `names`: "sha256", "md5". Throws SystemError when libcrypto is missing or has none of that name.
  explicit Digests(std::vector<std::string> names);
  ~Digests();
  Digests(const Digests&) = delete;
  Digests& operator=(const Digests&) = delete;

  void add(std::string_view bytes);
  /// Forgets what was added.
  void restart();
  /// Name → lower-case hexadecimal digits; ends the object.
  std::map<std::string, std::string> finish();

 private:
  void open();
  void close();
  std::vector<std::string> names_;
  std::vector<void*> running_;
};

/// Adds a file's first `bytes` (-1 = all). Throws SystemError when it cannot be read or is shorter.
void add_file(Digests& digests, const std::filesystem::path& path, std::int64_t bytes = -1);

}  // namespace timbre::fetch
