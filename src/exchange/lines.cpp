#include "exchange/lines.h"

#include <zlib.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/files.h"

namespace timbre::exchange {

namespace {

constexpr std::size_t kLongestLine = std::size_t(64) << 20;
constexpr unsigned kBlock = 1 << 18;

}  // namespace

struct LineReader::File {
  gzFile gz = nullptr;
  ~File() {
    if (gz) gzclose(gz);
  }
};

LineReader::LineReader(const fs::path& path) : file_(std::make_unique<File>()), path_(path) {
  file_->gz = gzopen(path.c_str(), "rb");  // plain files pass through
  if (!file_->gz) throw SystemError(fmt::format("{}: cannot be read: {}", path.string(), std::strerror(errno)));
  gzbuffer(file_->gz, kBlock);
}

LineReader::~LineReader() = default;

bool LineReader::fill() {
  buffer_.erase(0, at_);
  at_ = 0;
  if (buffer_.size() > kLongestLine)
    throw DataError(fmt::format("{}, line {}: longer than 64 MiB; expected a text file", path_.string(), number_ + 1));
  const std::size_t before = buffer_.size();
  buffer_.resize(before + kBlock);
  const int got = gzread(file_->gz, buffer_.data() + before, kBlock);
  int status = Z_OK;
  const char* why = gzerror(file_->gz, &status);
  if (got < 0 || (status != Z_OK && status != Z_STREAM_END))
    throw DataError(fmt::format("{}: damaged or cut short after line {}: {}", path_.string(), number_,
                                status == Z_ERRNO ? std::strerror(errno) : why),
                    "fetch or make the file again");
  buffer_.resize(before + static_cast<std::size_t>(got));
  return got > 0;
}

bool LineReader::next(std::string& line) {
  std::size_t searched = 0, end;
  while ((end = buffer_.find('\n', at_ + searched)) == std::string::npos) {
    searched = buffer_.size() - at_;
    if (!fill()) {
      if (at_ == buffer_.size()) return false;
      end = buffer_.size();
      break;
    }
  }
  line.assign(buffer_, at_, end - at_);
  at_ = std::min(end + 1, buffer_.size());
  if (number_++ == 0 && line.starts_with("\xEF\xBB\xBF")) line.erase(0, 3);
  if (line.ends_with('\r')) line.pop_back();
  return true;
}

struct LineWriter::File {
  gzFile gz = nullptr;
  ~File() {
    if (gz) gzclose(gz);
  }
};

LineWriter::LineWriter(const fs::path& path) : file_(std::make_unique<File>()), path_(path) {
  file_->gz = gzopen(path.c_str(), path.extension() == ".gz" ? "wb6" : "wbT");  // T = as it is
  if (!file_->gz) throw SystemError(fmt::format("{}: cannot be written: {}", path.string(), std::strerror(errno)));
  gzbuffer(file_->gz, kBlock);
}

LineWriter::~LineWriter() = default;

void LineWriter::put(std::string_view bytes) {
  if (!bytes.empty() && gzwrite(file_->gz, bytes.data(), static_cast<unsigned>(bytes.size())) == 0)
    throw_file_error("write", path_, errno);
}

void LineWriter::write(std::string_view line) {
  put(line);
  put("\n");
}

void LineWriter::close() {
  const int status = gzclose(file_->gz);
  file_->gz = nullptr;
  if (status != Z_OK) throw_file_error("write", path_, errno);
}

}  // namespace timbre::exchange
