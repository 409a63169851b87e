#include <gmock/gmock.h>

#include "base/error.h"
#include "base/files.h"
#include "corpus/clips.h"
#include "fetch/digest.h"
#include "fetch/download.h"
#include "fetch/part_file.h"
#include "support/plugins.h"

namespace timbre::fetch {
namespace {

using testing_support::TempFolder;
using testing_support::write_bytes;

TEST(Digests, KnownValues) {  // RFC 1321 and FIPS 180-2
  TIMBRE_NEED_PLUGIN("fetch");
  Digests digests({"sha256", "md5"});
  digests.add("something else");
  digests.restart();
  digests.add("a");
  digests.add("bc");
  const auto values = digests.finish();
  EXPECT_EQ(values.at("md5"), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(values.at("sha256"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_THROW(Digests({"md5", "no-such-hash"}), SystemError);
}

TEST(Digests, PartOfAFile) {
  TIMBRE_NEED_PLUGIN("fetch");
  TempFolder dir;
  write_bytes(dir / "x", "abcdef");
  Digests digests({"md5"});
  add_file(digests, dir / "x", 3);
  EXPECT_EQ(digests.finish().at("md5"), "900150983cd24fb0d6963f7d28e17f72");
  Digests more({"md5"});
  EXPECT_THROW(add_file(more, dir / "x", 7), SystemError);
  EXPECT_THROW(add_file(more, dir / "none"), SystemError);
}

TEST(PartFile, RemembersWhereItCameFrom) {
  TempFolder dir;
  {
    PartFile part(dir / "x");
    part.set_origin({"http://a", "\"tag\"", "Monday", 6});
    part.append("abc");
    EXPECT_THROW(PartFile(dir / "x"), SystemError);  // held
  }
  {
    PartFile part(dir / "x");
    EXPECT_EQ(part.size(), 3);
    EXPECT_EQ(part.origin().url, "http://a");
    EXPECT_EQ(part.origin().validator(), "\"tag\"");
    EXPECT_EQ(part.origin().total, 6);
    part.append("def");
    part.commit();
  }
  EXPECT_EQ(read_file(dir / "x"), "abcdef");
  EXPECT_FALSE(fs::exists(dir / "x.part.json"));
}

TEST(PartFile, TornOrForeignNotesSayNothing) {
  TempFolder dir;
  for (const char* text : {"", "{", "[1]", R"({"url": 7, "etag": null, "total": "x"})"}) {
    write_bytes(dir / "x.part.json", text);
    PartFile part(dir / "x");
    EXPECT_EQ(part.origin().url, "") << text;
    EXPECT_EQ(part.origin().validator(), "") << text;
    EXPECT_EQ(part.origin().total, -1) << text;
  }
  EXPECT_EQ((PartFile::Origin{"", "W/\"weak\"", "Monday", 1}.validator()), "Monday");
}

TEST(Download, WithoutAnAddress) {
  TempFolder dir;
  EXPECT_THROW(download({}, dir / "x", {}, no_events()), UsageError);
}

}  // namespace
}  // namespace timbre::fetch
