#include "batch/clip_segments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "audio/write.h"
#include "base/error.h"
#include "base/files.h"

namespace timbre::batch {
namespace {

namespace fs = std::filesystem;

/// A fresh folder with clips whose sample n is n / 32768 (of a clip's own sign), removed at the end.
struct Clips {
  fs::path dir;
  std::vector<SourceClip> list;
  Clips() {
    std::string pattern = (fs::temp_directory_path() / "timbre-test-XXXXXX").string();
    dir = ::mkdtemp(pattern.data());
  }
  ~Clips() { fs::remove_all(dir); }
  void add(const std::string& id, int samples, float step = 1) {
    std::vector<float> wave_N;
    for (int n = 0; n < samples; ++n) wave_N.push_back(step * static_cast<float>(n) / 32768.0f);
    auto writer = audio::AudioWriter::open(dir / (id + ".wav"), 8000, "wav");
    writer->write(wave_N);
    writer->close();
    list.push_back({id, dir / (id + ".wav"), samples / 8000.0});
  }
  ClipSegments segments(SegmentOptions options, std::uint64_t seed = 3, std::int64_t grid = 1) const {
    return {list, 8000, options, seed, grid};
  }
};

int at(const ClipSegments::Piece& piece, std::size_t n) { return static_cast<int>(piece.wave_N[n] * 32768.0f); }

TEST(ClipSegments, PiecesMoveFromEpochToEpochAndOnlyThen) {
  Clips clips;
  clips.add("long", 2500);
  clips.add("short", 60, -1);
  const auto segments = clips.segments({.samples = 400});
  ASSERT_EQ(segments.items().size(), 7u) << "six whole pieces and a short clip";
  EXPECT_EQ(segments.items()[2].id, "long/2");
  EXPECT_EQ(segments.items()[6].id, "short");
  std::set<std::int64_t> seen;
  for (std::int64_t epoch = 0; epoch < 40; ++epoch) {
    const auto piece = segments.draw(1, epoch);
    ASSERT_EQ(piece.wave_N.size(), 400u);
    EXPECT_EQ(at(piece, 0), piece.first);
    EXPECT_EQ(at(piece, 399), piece.first + 399);
    seen.insert(piece.first);
    EXPECT_EQ(clips.segments({.samples = 400}).draw(1, epoch).first, piece.first) << "a function of seed, epoch, item";
  }
  EXPECT_GT(seen.size(), 30u);
  EXPECT_LT(*seen.begin(), 300);
  EXPECT_GT(*seen.rbegin(), 1800);
  EXPECT_LE(*seen.rbegin(), 2100);
  EXPECT_NE(clips.segments({.samples = 400}, 4).draw(1, 0).first, segments.draw(1, 0).first);
  EXPECT_NE(segments.draw(2, 0).first, segments.draw(1, 0).first);
  const auto last = segments.draw(6, 5);
  EXPECT_EQ(last.real, 60);
  EXPECT_EQ(at(last, 59), -59);
  EXPECT_EQ(last.wave_N[60], 0);
}

TEST(ClipSegments, FixedPiecesLieSideBySide) {
  Clips clips;
  clips.add("long", 1000);
  const auto segments = clips.segments({.samples = 400, .gain_db = 6});
  ASSERT_EQ(segments.items().size(), 2u);
  EXPECT_EQ(at(segments.fixed(1), 0), 400);
  EXPECT_EQ(segments.fixed(1).gain, 1);
  EXPECT_EQ(at(clips.segments({.samples = 400}, 3, 64).fixed(1), 0), 384);
  for (int epoch = 0; epoch < 20; ++epoch)
    EXPECT_EQ(clips.segments({.samples = 400}, 3, 64).draw(0, epoch).first % 64, 0);
}

TEST(ClipSegments, GainStaysBelowFullScale) {
  Clips clips;
  clips.add("loud", 1000, 30);
  const auto segments = clips.segments({.samples = 500, .gain_db = 6});
  std::set<float> gains;
  for (int epoch = 0; epoch < 50; ++epoch) {
    const auto piece = segments.draw(0, epoch);
    gains.insert(piece.gain);
    EXPECT_LE(piece.wave_N[499], 1.0f);
    EXPECT_NEAR(piece.wave_N[499], 30.0f * static_cast<float>(piece.first + 499) / 32768.0f * piece.gain, 1e-5);
  }
  EXPECT_LT(*gains.begin(), 0.7f);
  EXPECT_GT(*gains.rbegin(), 1.02f);
}

TEST(ClipSegments, MemoryDoesNotChangeThePieces) {
  Clips clips;
  clips.add("a", 900);
  const auto kept = clips.segments({.samples = 300}), thrifty = clips.segments({.samples = 300, .memory_mb = 0});
  for (const int epoch : {0, 1, 0}) EXPECT_EQ(kept.draw(1, epoch).wave_N, thrifty.draw(1, epoch).wave_N);
  write_file_atomic(clips.dir / "a.wav", "gone");
  EXPECT_NO_THROW(kept.draw(1, 7));
  EXPECT_THROW(thrifty.draw(1, 7), DataError);
}

TEST(ClipSegments, ABatchCountsWhatIsReal) {
  Clips clips;
  clips.add("a", 900);
  clips.add("b", 100);
  const auto segments = clips.segments({.samples = 300});
  Batch batch;
  const std::size_t items[] = {3, 0};
  const auto pieces = segments.collate(batch, items, std::nullopt);
  EXPECT_EQ(batch.ids, (std::vector<std::string>{"b", "a"}));
  EXPECT_EQ(batch["wave_BN"].sizes(), (std::vector<std::int64_t>{2, 300}));
  EXPECT_EQ(batch.counts.at("samples"), 400);
  EXPECT_EQ(batch.padded_units, 600);
  EXPECT_EQ(pieces[0].real, 100);
  EXPECT_EQ(batch["wave_BN"][1][299].item<float>(), 299 / 32768.0f);
  EXPECT_EQ(segments.whole(1).size(), 100u);
}

}  // namespace
}  // namespace timbre::batch
