#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

/// Text files line by line in bounded memory, plain or gzip-packed.
namespace timbre::exchange {

namespace fs = std::filesystem;

/// Reads. A UTF-8 byte-order mark and carriage returns at line ends are dropped.
class LineReader {
 public:
  /// Throws SystemError when the file cannot be opened.
  explicit LineReader(const fs::path& path);
  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;
  /// False at the end. Throws DataError for damaged gzip data, an archive cut short, or a line above 64 MiB.
  bool next(std::string& line);
  /// Of the line next() gave last, from 1.
  std::int64_t number() const { return number_; }

 private:
  bool fill();
  struct File;
  std::unique_ptr<File> file_;
  fs::path path_;
  std::string buffer_;
  std::size_t at_ = 0;
  std::int64_t number_ = 0;
};

/// Writes; packs when the name ends in .gz. Equal lines give equal bytes.
class LineWriter {
 public:
  /// Throws SystemError.
  explicit LineWriter(const fs::path& path);
  ~LineWriter();
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;
  /// `line` without its break. Throws SystemError (full disk).
  void write(std::string_view line);
  /// Throws SystemError. What is not closed is not whole.
  void close();

 private:
  void put(std::string_view bytes);
  struct File;
  std::unique_ptr<File> file_;
  fs::path path_;
};

}  // namespace timbre::exchange
