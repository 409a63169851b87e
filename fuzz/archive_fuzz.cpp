// folders: base config audio text align weights corpus fetch exchange
#include "exchange/archive.h"
#include "fuzz/folder_input.h"

/// Packed sources: names of entries, limits, kinds of entries. Nothing may appear outside the folder; libarchive itself
/// is not watched. The same bytes are read as a text that may be gzipped.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace fs = std::filesystem;
  using namespace timbre;
  const fuzz::FolderInput folder(nullptr, 0);
  const fs::path deep = folder.dir() / "a" / "b" / "c", packed = folder.dir() / "packed.tar";
  std::ofstream(packed, std::ios::binary)
      .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
  fs::create_directories(deep);
  fuzz::guarded([&] { (void)exchange::unpack(packed, deep / "into", {.bytes = 1 << 20, .files = 50}); });
  for (const auto& entry : fs::recursive_directory_iterator(folder.dir())) {
    const std::string at = entry.path().string(), into = (deep / "into").string();
    fuzz::must(at == packed || into.starts_with(at) || at.starts_with(into));
    fuzz::must(!entry.is_symlink());
  }
  fuzz::guarded([&] { (void)exchange::read_text(packed, 1 << 20); });
  return 0;
}
