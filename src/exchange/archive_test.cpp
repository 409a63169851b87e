#include "exchange/archive.h"

#include <gmock/gmock.h>
#include <zlib.h>

#include "base/error.h"
#include "base/files.h"
#include "corpus/clips.h"

namespace timbre::exchange {
namespace {

using testing::HasSubstr;
using testing_support::TempFolder;
using testing_support::write_bytes;

/// One header and its contents, as ustar has them.
std::string tar_entry(const std::string& name, const std::string& bytes, char kind = '0',
                      const std::string& link = "") {
  std::string h(512, '\0');
  auto put = [&](std::size_t at, const std::string& value) { h.replace(at, value.size(), value); };
  put(0, name);
  put(100, "0000644");
  put(108, "0000000");
  put(116, "0000000");
  put(124, fmt::format("{:011o}", bytes.size()));
  put(136, "00000000000");
  put(148, "        ");
  h[156] = kind;
  put(157, link);
  put(257, "ustar");
  put(263, "00");
  unsigned sum = 0;
  for (unsigned char c : h) sum += c;
  put(148, fmt::format("{:06o}", sum) + std::string(1, '\0') + " ");
  return h + bytes + std::string((512 - bytes.size() % 512) % 512, '\0');
}

std::string tar(const std::vector<std::string>& entries) {
  std::string all;
  for (const std::string& entry : entries) all += entry;
  return all + std::string(1024, '\0');
}

std::string gzip(const std::string& bytes) {
  TempFolder dir;
  gzFile file = gzopen((dir / "x").c_str(), "wb");
  gzwrite(file, bytes.data(), unsigned(bytes.size()));
  gzclose(file);
  return read_file(dir / "x");
}

std::string ar(const std::vector<std::pair<std::string, std::string>>& members) {
  std::string all = "!<arch>\n";
  for (const auto& [name, bytes] : members)
    all += fmt::format("{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", name, 0, 0, 0, "100644", bytes.size()) + bytes +
           (bytes.size() % 2 ? "\n" : "");
  return all;
}

TEST(Archive, TarAndPackage) {
  TempFolder dir;
  std::string data = gzip(tar(
      {tar_entry("./usr/", "", '5'), tar_entry("./usr/a.txt", "hello"), tar_entry("./usr/b", "", '2', "/etc/passwd")}));
  write_bytes(dir / "x.tar.gz", data);
  write_bytes(dir / "x.deb",
              ar({{"debian-binary", "2.0\n"}, {"control.tar.gz", gzip(tar({}))}, {"data.tar.gz", data}}));
  for (const char* name : {"x.tar.gz", "x.deb"}) {
    Unpacked done = unpack(dir / name, dir / (std::string("out") + name));
    EXPECT_EQ(done.files, 1);
    EXPECT_EQ(done.bytes, 5);
    EXPECT_EQ(done.left_out, 1);
    EXPECT_EQ(read_file(dir / (std::string("out") + name) / "usr/a.txt"), "hello");
  }
  EXPECT_TRUE(is_archive("a/B.DEB"));
  EXPECT_FALSE(is_archive("a/b.wav"));
}

template <class F>
std::string data_error(F&& f) {
  try {
    f();
  } catch (const DataError& e) {
    return e.what();
  }
  return "no DataError";
}

TEST(Archive, NothingLeavesTheFolder) {
  TempFolder dir;
  for (const char* name : {"../evil", "/evil", "a/../../evil"}) {
    write_bytes(dir / "x.tar", tar({tar_entry(name, "x")}));
    EXPECT_THAT(data_error([&] { unpack(dir / "x.tar", dir / "in/out"); }), HasSubstr("outside the folder")) << name;
  }
  EXPECT_FALSE(fs::exists(dir / "evil"));
  EXPECT_FALSE(fs::exists(dir / "in/evil"));
}

TEST(Archive, BombsAndDamageAreErrors) {
  TempFolder dir;
  write_bytes(dir / "bomb.tar.gz", gzip(tar({tar_entry("a", std::string(1 << 20, '\0'))})));
  EXPECT_THAT(data_error([&] { unpack(dir / "bomb.tar.gz", dir / "o", {.bytes = 1000}); }),
              HasSubstr("unpacks to more than"));
  write_bytes(dir / "many.tar", tar({tar_entry("a", ""), tar_entry("b", "")}));
  EXPECT_THAT(data_error([&] { unpack(dir / "many.tar", dir / "o", {.files = 1}); }), HasSubstr("more than 1 files"));
  write_bytes(dir / "cut.tar.gz", read_file(dir / "bomb.tar.gz").substr(0, 300));
  EXPECT_THAT(data_error([&] { unpack(dir / "cut.tar.gz", dir / "o"); }), HasSubstr("cannot be unpacked"));
  write_bytes(dir / "no.deb", ar({{"debian-binary", "2.0\n"}}));
  EXPECT_THAT(data_error([&] { unpack(dir / "no.deb", dir / "o"); }), HasSubstr("expected a Debian package"));
}

TEST(Archive, TextPlainOrPacked) {
  TempFolder dir;
  write_bytes(dir / "a.txt", "\xEF\xBB\xBFhé");
  write_bytes(dir / "b.gz", gzip("packed"));
  EXPECT_EQ(read_text(dir / "a.txt"), "hé");
  EXPECT_EQ(read_text(dir / "b.gz"), "packed");
  EXPECT_THAT(data_error([&] { read_text(dir / "b.gz", 3); }), HasSubstr("longer than"));
  std::string packed = gzip(std::string(5000, 'a') + "bcdefgh");
  write_bytes(dir / "cut.gz", packed.substr(0, packed.size() - 9));
  EXPECT_THAT(data_error([&] { read_text(dir / "cut.gz"); }), HasSubstr("cannot be unpacked"));
  EXPECT_THROW(read_text(dir / "none"), SystemError);
}

}  // namespace
}  // namespace timbre::exchange
