#include "text/remembered_reading.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "base/file_stamp.h"
#include "base/files.h"
#include "text/espeak.h"

namespace timbre::text {
namespace {

class Reader final : public FrontEnd {
 public:
  explicit Reader(std::string comes_from) : comes_from_(std::move(comes_from)) {}
  std::string name() const override { return "reader"; }
  std::string language() const override { return "en"; }
  std::string sources() const override { return comes_from_; }
  using FrontEnd::phonemize;
  Phonemized phonemize(std::string_view, std::span<const Spoken>) override { return {}; }

 private:
  std::string comes_from_;
};

class RememberedReading : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* before = std::getenv("XDG_CACHE_HOME");
    before_ = before ? before : "";
    dir_ = fs::temp_directory_path() / ("timbre-reading-" + std::to_string(::getpid()));
    make_folders(dir_);
    ::setenv("XDG_CACHE_HOME", dir_.c_str(), 1);
  }
  void TearDown() override {
    before_.empty() ? ::unsetenv("XDG_CACHE_HOME") : ::setenv("XDG_CACHE_HOME", before_.c_str(), 1);
    fs::remove_all(dir_);
  }
  std::vector<fs::path> kept() const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(dir_ / "timbre" / "readings")) files.push_back(entry.path());
    return files;
  }
  fs::path dir_;
  std::string before_;
};

TEST_F(RememberedReading, CountsOnlyForTheSameSources) {
  const Reader reader("library 1");
  EXPECT_EQ(recall_reading(reader), std::nullopt);
  remember_reading(reader, "aaa");
  EXPECT_EQ(recall_reading(reader), "aaa");
  EXPECT_EQ(recall_reading(Reader("library 1")), "aaa");
  EXPECT_EQ(recall_reading(Reader("library 2")), std::nullopt);
  remember_reading(Reader("library 2"), "bbb");
  EXPECT_EQ(recall_reading(Reader("library 2")), "bbb");
  EXPECT_EQ(recall_reading(reader), "aaa");
  remember_reading(reader, "ccc");
  EXPECT_EQ(recall_reading(reader), "ccc");
  EXPECT_EQ(kept().size(), 1u);
}

TEST_F(RememberedReading, IsNothingForAFrontEndThatCannotTell) {
  remember_reading(Reader(""), "aaa");
  EXPECT_EQ(recall_reading(Reader("")), std::nullopt);
  EXPECT_FALSE(fs::exists(dir_ / "timbre"));
}

TEST_F(RememberedReading, SurvivesABrokenCacheAndOneThatCannotBeWritten) {
  const Reader reader("library 1");
  remember_reading(reader, "aaa");
  write_file_atomic(kept().front(), std::string("\0\xff garbage\n\n", 12));
  EXPECT_EQ(recall_reading(reader), std::nullopt);
  ::setenv("XDG_CACHE_HOME", "/proc/none", 1);
  remember_reading(reader, "aaa");
  EXPECT_EQ(recall_reading(reader), std::nullopt);
}

TEST_F(RememberedReading, KeepsFewLines) {
  for (int i = 0; i < 40; ++i) remember_reading(Reader("library " + std::to_string(i)), "a");
  EXPECT_EQ(recall_reading(Reader("library 39")), "a");
  EXPECT_EQ(recall_reading(Reader("library 2")), std::nullopt);
}

TEST_F(RememberedReading, EspeakNamesWhatItReadsFrom) {
  const auto plain = make_front_end("espeak:en-us"), other = make_front_end("espeak:de");
  const std::string sources = plain->sources();
  for (const char* part : {"libespeak-ng", "en_dict", "phondata", "en-US", "libc"})
    EXPECT_NE(sources.find(part), std::string::npos) << part;
  EXPECT_NE(sources, other->sources());
  FrontEndOptions options;
  options.user.add("timbre", "tæmbɚ");
  EXPECT_NE(make_front_end("espeak:en-us", options)->sources(), sources);
  options = {};
  options.text.normalize = "none";
  EXPECT_NE(make_front_end("espeak:en-us", options)->sources(), sources);
}

TEST_F(RememberedReading, AFileThatWasReplacedHasAnotherStampWhateverItsDate) {
  const fs::path file = dir_ / "file";
  write_file_atomic(file, "one");
  const auto date = fs::last_write_time(file);
  const FileStamp before = file_stamp(file);
  EXPECT_EQ(file_stamp(file).text, before.text);
  EXPECT_LE(std::abs(before.changed_ns - stamp_clock_ns()), 10'000'000'000);
  ::usleep(20000);  // the clock of file stamps ticks every few milliseconds
  write_file_atomic(file, "two");
  fs::last_write_time(file, date);
  EXPECT_NE(file_stamp(file).text, before.text);
  EXPECT_EQ(file_stamp(dir_ / "none").text, "");
}

}  // namespace
}  // namespace timbre::text
