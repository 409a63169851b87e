#include <gtest/gtest.h>

#include "base/error.h"
#include "corpus/clips.h"
#include "corpus/corpus.h"
#include "exchange/importer.h"

namespace timbre::exchange {
namespace {

using testing_support::babble;
using testing_support::TempFolder;
using testing_support::write_bytes;

TEST(ImportLab, TextGridsInAFolderOfTheSpeaker) {
  TempFolder dir;
  const std::string grid =
      "File type = \"ooTextFile\"\nObject class = \"TextGrid\"\n\nxmin = 0\nxmax = 1\ntiers? <exists>\nsize = 1\nitem "
      "[]:\n    item [1]:\n        class = \"IntervalTier\"\n        name = \"phones\"\n        xmin = 0\n        xmax "
      "= "
      "1\n        intervals: size = 1\n        intervals [1]:\n            xmin = 0\n            xmax = 1\n            "
      "text = \"AH0\"\n";
  for (const char* name : {"1", "2"}) {
    testing_support::write_clip(dir / "in/anna" / (std::string(name) + ".wav"), babble(1, 16000), 16000);
    write_bytes(dir / "in/anna" / (std::string(name) + ".lab"), "a word\n");
  }
  write_bytes(dir / "in/anna/TextGrid/1.TextGrid", grid);
  Importers importers;
  register_all_importers(importers);
  const ImportResult result =
      import_corpus(importers.make("lab"), {.sources = {dir / "in"}, .out = dir / "out"}, no_events());
  EXPECT_EQ(result.utterances, 2);
  const corpus::Corpus corpus = corpus::Corpus::open(dir / "out");
  const corpus::Utterance& with = corpus.utterances()[0];
  EXPECT_EQ(with.speaker, "anna");
  ASSERT_TRUE(with.extra.contains("textgrid"));
  const auto kept = corpus.dir() / with.extra["textgrid"].get<std::string>();
  EXPECT_EQ(read_file(kept), grid);
  EXPECT_FALSE(corpus.utterances()[1].extra.contains("textgrid"));
}

TEST(ImportLab, OfTorphixsDatabaseThePreparedClipsAlone) {
  TempFolder dir;
  for (const char* place : {"in/raw_data/LJSpeech-1.1/wavs/x", "in/preprocessed_dataset/7/x"}) {
    testing_support::write_clip(dir / (std::string(place) + ".wav"), babble(1, 16000), 16000);
    write_bytes(dir / (std::string(place) + ".lab"), "a word\n");
  }
  Importers importers;
  register_all_importers(importers);
  import_corpus(importers.make("lab"), {.sources = {dir / "in"}, .out = dir / "out"}, no_events());
  const corpus::Corpus corpus = corpus::Corpus::open(dir / "out");
  ASSERT_EQ(corpus.utterances().size(), 1u);
  EXPECT_EQ(corpus.utterances()[0].speaker, "7");
}

}  // namespace
}  // namespace timbre::exchange
