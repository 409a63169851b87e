#include "text/remembered_reading.h"

#include "base/error.h"
#include "base/file_stamp.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/strings.h"

namespace timbre::text {
namespace {

/// Voices with other words of their own share a front end's name.
constexpr std::size_t kMostLines = 16;

/// Identity of everything the reading comes from, this program included; "" when it cannot be told.
std::string identity_of(const FrontEnd& front_end) {
  const std::string sources = front_end.sources();
  const FileStamp program = file_stamp("/proc/self/exe");
  if (sources.empty() || program.text.empty()) return "";
  return hash_hex(front_end.name() + "\n" + program.text + "\n" + sources);
}

/// Lines "identity reading", the newest first.
fs::path file_of(const FrontEnd& front_end) {
  const fs::path folder = cache_folder();
  return folder.empty() ? folder : folder / "readings" / hash_hex(front_end.name());
}

std::vector<std::string> lines_of(const fs::path& file) {
  std::error_code unreadable;  // a folder of somebody else's is no reading, and no error
  return fs::is_regular_file(file, unreadable) ? split(read_file(file), '\n') : std::vector<std::string>();
}

}  // namespace

std::string reading_hash(std::span<const std::string> sentences) {
  return hash_hex(join({sentences.begin(), sentences.end()}, "\n"));
}

std::optional<std::string> recall_reading(const FrontEnd& front_end) {
  const fs::path file = file_of(front_end);
  const std::string identity = file.empty() ? "" : identity_of(front_end);
  if (identity.empty()) return std::nullopt;
  try {
    for (const std::string& line : lines_of(file))
      if (line.starts_with(identity + " ")) return line.substr(identity.size() + 1);
  } catch (const Error& problem) {
    log::detail(problem.what());
  }
  return std::nullopt;
}

void remember_reading(const FrontEnd& front_end, const std::string& reading) {
  const fs::path file = file_of(front_end);
  const std::string identity = file.empty() ? "" : identity_of(front_end);
  if (identity.empty()) return;
  try {
    std::string text = identity + " " + reading + "\n";
    std::size_t kept = 1;
    for (const std::string& line : lines_of(file))
      if (!line.empty() && !line.starts_with(identity) && kept++ < kMostLines) text += line + "\n";
    make_folders(file.parent_path());
    write_file_atomic(file, text);
  } catch (const Error& problem) {
    log::detail(problem.what());
  }
}

}  // namespace timbre::text
