#include "exchange/catalogue.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "exchange/importer.h"

namespace timbre::exchange {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kTwo = R"(
one: {title: One, licence: CC0, format: lab, files: [{name: a.zip, urls: ["http://x/a.zip"], bytes: 7}]}
two:
  title: Two
  licence: CC0
  format: lab
  files:
    - {name: a.zip, part: a, urls: ["http://x/a.zip"], bytes: 7}
    - {name: b.zip, part: b, urls: ["http://x/b.zip"]}
    - {name: all.zip, urls: ["http://x/all.zip"], bytes: 1}
)";

std::vector<std::string> names(const std::vector<CatalogueFile>& files) {
  std::vector<std::string> out;
  for (const auto& file : files) out.push_back(file.name);
  return out;
}

TEST(Catalogue, Parts) {
  const Catalogue catalogue = Catalogue::read(kTwo, "f");
  const Dataset& two = *catalogue.find("two");
  EXPECT_THAT(two.parts(), ElementsAre("a", "b"));
  EXPECT_THAT(names(two.files_of({"b"})), ElementsAre("b.zip", "all.zip"));
  EXPECT_THAT(names(two.files_of({"all"})), ElementsAre("a.zip", "b.zip", "all.zip"));
  EXPECT_EQ(total_bytes(two.files_of({"a"})), 8);
  EXPECT_EQ(total_bytes(two.files_of({"b"})), -1);
  EXPECT_THROW(two.files_of({}), UsageError);
  EXPECT_THROW(two.files_of({"a", "c"}), UsageError);
  EXPECT_THROW(catalogue.find("one")->files_of({"a"}), UsageError);
  EXPECT_EQ(catalogue.find("three"), nullptr);
}

TEST(Catalogue, OwnEntriesWin) {
  Catalogue catalogue = Catalogue::built_in();
  const std::size_t before = catalogue.all().size();
  catalogue.add(
      Catalogue::read("ljspeech: {title: Mine, licence: CC0, format: lab, files: [{name: a, urls: [b]}]}", "f"));
  EXPECT_EQ(catalogue.all().size(), before);
  EXPECT_EQ(catalogue.find("ljspeech")->title, "Mine");
}

TEST(Catalogue, BuiltInEntriesAreWhole) {
  Importers importers;
  register_all_importers(importers);
  const Catalogue catalogue = Catalogue::built_in();
  ASSERT_FALSE(catalogue.all().empty());
  for (const Dataset& d : catalogue.all()) {
    EXPECT_NO_THROW(importers.make(d.format)) << d.name;
    EXPECT_FALSE(d.attribution.empty()) << d.name;
    for (const CatalogueFile& f : d.files) {
      const bool checked = !f.source.sha256.empty() || !f.source.md5.empty();
      EXPECT_TRUE(checked || d.note.find("no hash") != std::string::npos) << d.name << " " << f.name;
    }
  }
}

TEST(Catalogue, FaultsNameFileLineAndKey) {
  const auto said = [](const std::string& yaml) -> std::string {
    try {
      Catalogue::read(yaml, "mine.yaml");
    } catch (const DataError& e) {
      return e.what();
    }
    return "no error";
  };
  EXPECT_THAT(said("a: [1]"), HasSubstr("mine.yaml, line 1: 'a' is no mapping"));
  EXPECT_THAT(said("a:\n  title: T\n  licence: L\n  format: lab\n  files: []"), HasSubstr("'files' is missing"));
  EXPECT_THAT(said("a:\n  title: T\n  licence: L\n  format: lab\n  files:\n    - {name: x, urls: [u], bytes: -3}"),
              HasSubstr("line 6: 'a' 'bytes' is '-3'"));
  EXPECT_THAT(said("a: {title: [x], licence: L, format: lab, files: [{name: x, urls: [u]}]}"), HasSubstr("'title'"));
  EXPECT_THAT(said("a: {title: T, licence: L, format: lab, files: [{name: .x, urls: [u]}]}"), HasSubstr("'name' is"));
  EXPECT_THAT(said("- a"), HasSubstr("no mapping from names to corpora"));
  EXPECT_THAT(said("a: \"x"), HasSubstr("mine.yaml, line 1"));
}

}  // namespace
}  // namespace timbre::exchange
