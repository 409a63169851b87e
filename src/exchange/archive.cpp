#include "exchange/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <dlfcn.h>
#include <zlib.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>

#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"

namespace timbre::exchange {

namespace {

/// libarchive's functions by their own declarations, found at run time.
struct Library {
  void* handle = nullptr;
#define TIMBRE_ARCHIVE(name) decltype(&::name) name = nullptr
  TIMBRE_ARCHIVE(archive_read_new);
  TIMBRE_ARCHIVE(archive_read_support_filter_all);
  TIMBRE_ARCHIVE(archive_read_support_format_all);
  TIMBRE_ARCHIVE(archive_read_open_filename);
  TIMBRE_ARCHIVE(archive_read_open_memory);
  TIMBRE_ARCHIVE(archive_read_next_header);
  TIMBRE_ARCHIVE(archive_read_data);
  TIMBRE_ARCHIVE(archive_read_free);
  TIMBRE_ARCHIVE(archive_error_string);
  TIMBRE_ARCHIVE(archive_entry_pathname);
  TIMBRE_ARCHIVE(archive_entry_pathname_utf8);
  TIMBRE_ARCHIVE(archive_entry_filetype);
  TIMBRE_ARCHIVE(archive_entry_hardlink);
#undef TIMBRE_ARCHIVE

  template <class F>
  void find(F& function, const char* name) {
    function = reinterpret_cast<F>(dlsym(handle, name));
    if (!function) throw SystemError(fmt::format("libarchive has no {}", name), "sudo apt-get install libarchive13");
  }
};

const Library& library() {
  static const Library loaded = [] {
    Library lib;
    lib.handle = dlopen("libarchive.so.13", RTLD_NOW | RTLD_LOCAL);
    if (!lib.handle)
      throw SystemError(fmt::format("unpacking needs libarchive: {}", dlerror()),
                        "sudo apt-get install libarchive13, or unpack the source by hand and import the folder");
#define TIMBRE_FIND(name) lib.find(lib.name, #name)
    TIMBRE_FIND(archive_read_new);
    TIMBRE_FIND(archive_read_support_filter_all);
    TIMBRE_FIND(archive_read_support_format_all);
    TIMBRE_FIND(archive_read_open_filename);
    TIMBRE_FIND(archive_read_open_memory);
    TIMBRE_FIND(archive_read_next_header);
    TIMBRE_FIND(archive_read_data);
    TIMBRE_FIND(archive_read_free);
    TIMBRE_FIND(archive_error_string);
    TIMBRE_FIND(archive_entry_pathname);
    TIMBRE_FIND(archive_entry_pathname_utf8);
    TIMBRE_FIND(archive_entry_filetype);
    TIMBRE_FIND(archive_entry_hardlink);
#undef TIMBRE_FIND
    return lib;
  }();
  return loaded;
}

/// An archive being read.
class Reader {
 public:
  explicit Reader(std::string name) : lib_(library()), name_(std::move(name)), archive_(lib_.archive_read_new()) {
    lib_.archive_read_support_filter_all(archive_);
    lib_.archive_read_support_format_all(archive_);
  }
  ~Reader() { lib_.archive_read_free(archive_); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  void open_file(const fs::path& path) { expect(lib_.archive_read_open_filename(archive_, path.c_str(), 1 << 16)); }
  void open_bytes(const std::string& bytes) {
    expect(lib_.archive_read_open_memory(archive_, bytes.data(), bytes.size()));
  }

  /// False at the end.
  bool next() {
    int result = lib_.archive_read_next_header(archive_, &entry_);
    if (result == ARCHIVE_EOF) return false;
    expect(result);
    return true;
  }
  std::string path() const {
    // The plain name depends on the locale and may be absent for non-ASCII names.
    const char* name = lib_.archive_entry_pathname_utf8(entry_);
    if (!name) name = lib_.archive_entry_pathname(entry_);
    return name ? name : "";
  }
  bool is_file() const {
    return lib_.archive_entry_filetype(entry_) == AE_IFREG && !lib_.archive_entry_hardlink(entry_);
  }
  bool is_folder() const { return lib_.archive_entry_filetype(entry_) == AE_IFDIR; }

  void each_block(const std::function<void(std::string_view)>& take) {
    std::string block(1 << 16, '\0');
    for (;;) {
      la_ssize_t got = lib_.archive_read_data(archive_, block.data(), block.size());
      if (got == 0) return;
      if (got < 0) fail();
      take(std::string_view(block).substr(0, static_cast<std::size_t>(got)));
    }
  }

 private:
  void expect(int result) {
    if (result != ARCHIVE_OK && result != ARCHIVE_WARN) fail();
  }
  [[noreturn]] void fail() {
    const char* why = lib_.archive_error_string(archive_);
    throw DataError(fmt::format("{}: cannot be unpacked: {}", name_, why ? why : "damaged"), "fetch the file again");
  }
  const Library& lib_;
  std::string name_;
  ::archive* archive_;
  ::archive_entry* entry_ = nullptr;
};

/// Why an entry cannot be written where it says, or "": told here, so that it is the archive's fault and not the
/// disk's.
std::string name_fault(const fs::path& into, const std::string& path, bool is_folder) {
  constexpr std::size_t kLongestName = 255, kLongestPath = 4000;
  std::error_code missing;
  fs::path at = into;
  if (path.size() > kLongestPath) return "has too long a path";
  const fs::path relative = path;
  for (auto part = relative.begin(); part != relative.end(); ++part) {
    if (part->native().size() > kLongestName) return "has too long a name";
    at /= *part;
    const bool must_be_folder = is_folder || std::next(part) != relative.end();
    if (fs::exists(at, missing) && fs::is_directory(at, missing) != must_be_folder)
      return "is a file and a folder at once";
  }
  return {};
}

void unpack_entries(Reader& reader, const std::string& name, const fs::path& into, const UnpackLimits& limits,
                    const std::function<void(const Unpacked&)>& after_each, Unpacked& done) {
  while (reader.next()) {
    std::string path = reader.path();
    while (path.starts_with("./")) path.erase(0, 2);
    while (path.ends_with('/')) path.pop_back();
    if (path.empty() || path == ".") continue;
    if (!is_safe_relative(path))
      throw DataError(
          fmt::format("{}: entry '{}' would be written outside the folder; nothing more was unpacked", name, path));
    if (!reader.is_folder() && !reader.is_file()) {
      ++done.left_out;
      continue;
    }
    if (const std::string fault = name_fault(into, path, reader.is_folder()); !fault.empty())
      throw DataError(fmt::format("{}: entry '{}' {}; nothing more was unpacked", name, path, fault));
    if (reader.is_folder()) {
      make_folders(into / path);
      continue;
    }
    if (++done.files > limits.files) throw DataError(fmt::format("{}: more than {} files", name, limits.files));
    fs::path target = into / path;
    make_folders(target.parent_path());
    std::ofstream out(target, std::ios::binary);
    reader.each_block([&](std::string_view block) {
      done.bytes += static_cast<std::int64_t>(block.size());
      if (done.bytes > limits.bytes)
        throw DataError(
            fmt::format("{}: unpacks to more than {}", name, human_bytes(static_cast<double>(limits.bytes))));
      out.write(block.data(), static_cast<std::streamsize>(block.size()));
    });
    out.close();
    if (!out) throw_file_error("write", target, errno);
    if (after_each) after_each(done);
  }
}

}  // namespace

bool is_archive(const fs::path& path) {
  std::string name = ascii_lower(path.filename().string());
  for (const char* ending : {".deb", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".tar.zst", ".zip", ".rar"})
    if (name.ends_with(ending)) return true;
  return false;
}

Unpacked unpack(const fs::path& archive, const fs::path& into, const UnpackLimits& limits,
                const std::function<void(const Unpacked&)>& after_each) {
  Unpacked done;
  make_folders(into);
  std::string name = archive.string();
  Reader outer(name);
  outer.open_file(archive);
  if (ascii_lower(archive.extension().string()) != ".deb") {
    unpack_entries(outer, name, into, limits, after_each, done);
    return done;
  }
  // A Debian package is an ar archive whose member data.tar.* holds the files.
  while (outer.next()) {
    std::string member = outer.path();
    if (!member.starts_with("data.tar")) continue;
    std::string packed;
    outer.each_block([&](std::string_view block) { packed.append(block); });
    Reader inner(name + ":" + member);
    inner.open_bytes(packed);
    unpack_entries(inner, name, into, limits, after_each, done);
    return done;
  }
  throw DataError(fmt::format("{}: no data.tar in it; expected a Debian package", name), "fetch the package again");
}

std::string read_text(const fs::path& path, std::int64_t limit) {
  std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"), gzclose);
  if (!file) throw SystemError(fmt::format("{}: cannot be read: {}", path.string(), std::strerror(errno)));
  std::string text;
  std::string block(1 << 16, '\0');
  for (;;) {
    int got = gzread(file.get(), block.data(), static_cast<unsigned>(block.size()));
    int code = Z_OK;
    const char* why = gzerror(file.get(), &code);
    // A packed file cut short reads to its end without an error of gzread.
    if (got < 0 || (got == 0 && code == Z_BUF_ERROR))
      throw DataError(fmt::format("{}: cannot be unpacked: {}", path.string(), *why ? why : "unexpected end"),
                      "fetch the file again");
    if (got == 0) break;
    text.append(block, 0, static_cast<std::size_t>(got));
    if (static_cast<std::int64_t>(text.size()) > limit)
      throw DataError(fmt::format("{}: longer than {}", path.string(), human_bytes(static_cast<double>(limit))));
  }
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
  return text;
}

}  // namespace timbre::exchange
