#include "corpus/neighbours.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/error.h"

namespace timbre::corpus {
namespace {

using testing::ElementsAre;
using Names = std::vector<std::string>;

TEST(Neighbours, of_libritts_are_sorted_by_id) {
  const auto all = neighbours(NeighbourRule::libritts, Names{"1_3", "1_1", "2_1", "1_2"}, Names{"1", "1", "2", "1"});
  EXPECT_THAT(all[1], ElementsAre(3, 3));  // the first one's second comes twice
  EXPECT_THAT(all[3], ElementsAre(1, 0));
  EXPECT_THAT(all[0], ElementsAre(3));
  EXPECT_THAT(all[2], ElementsAre(2));
}

TEST(Neighbours, of_ljspeech_share_a_chapter_or_come_before) {
  const Names ids = {"LJ001-1", "LJ001-2", "LJ002-1", "LJ003-1"};
  const auto all = neighbours(NeighbourRule::ljspeech, ids, Names(4, "LJ"));
  EXPECT_THAT(all[0], ElementsAre(1, 1));
  EXPECT_THAT(all[1], ElementsAre(0));
  EXPECT_THAT(all[2], ElementsAre(1));
  EXPECT_THAT(all[3], ElementsAre(2));
}

TEST(Neighbours, of_other_corpora_keep_the_lists_order) {
  const auto all = neighbours(NeighbourRule::speaker, Names{"z", "b", "a"}, Names{"s", "s", "s"});
  EXPECT_THAT(all[0], ElementsAre(1, 1));
  EXPECT_THAT(all[1], ElementsAre(0, 2));
  EXPECT_EQ(neighbour_rule("LibriTTS"), NeighbourRule::libritts);
  EXPECT_THROW(neighbour_rule("baker-zh"), UsageError);
}

TEST(Neighbours, prompts_are_pieces_of_one_length) {
  const std::vector<std::vector<std::size_t>> all = {{1, 2}, {0}, {3}, {3}};
  const std::vector<std::int64_t> frames = {100, 300, 90, 240};
  const std::vector<std::size_t> batch = {0, 1, 3};
  PythonRandom random(1);
  std::set<std::size_t> drawn;
  std::set<std::int64_t> lengths, starts;
  for (int i = 0; i < 200; ++i) {
    const auto pieces = draw_prompts(batch, all, frames, 95, random);
    ASSERT_EQ(pieces.size(), 3u);
    drawn.insert(pieces[0].utterance);
    lengths.insert(pieces[0].frames);
    starts.insert(pieces[2].first_frame);
    for (const PromptPiece& piece : pieces) {
      EXPECT_EQ(piece.frames, pieces[0].frames);
      EXPECT_GE(piece.first_frame, 0);
      EXPECT_LE(piece.first_frame + piece.frames, frames[piece.utterance]);
    }
  }
  EXPECT_THAT(drawn, ElementsAre(1, 2));
  EXPECT_THAT(lengths, ElementsAre(90, 95));  // the shortest neighbour, or the most that is wanted
  EXPECT_GT(starts.size(), 80u);
}

}  // namespace
}  // namespace timbre::corpus
