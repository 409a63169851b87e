#include "tokenizer/speech_rows.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "base/error.h"
#include "support/golden.h"

namespace timbre::tokenizer {
namespace {

using testing::Each, testing::ElementsAre, testing::HasSubstr;

class SpeechRowsTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto folder = testing_support::golden("llasa_tokenizer");
    if (folder.empty() && testing_support::in_ci()) FAIL() << "golden set llasa_tokenizer is missing";
    if (folder.empty()) GTEST_SKIP() << "golden set llasa_tokenizer is missing";
    tokenizer_ = std::make_unique<Tokenizer>(Tokenizer::read(folder / "speed"));
    rows_ = std::make_unique<SpeechRows>(*tokenizer_);
    expander_ = std::make_unique<RowExpander>(*tokenizer_, kTemplateDate, 128);
  }
  std::string fault(const std::vector<std::int32_t>& row, MissingEnd missing = MissingEnd::refuse) const {
    try {
      expander_->expand(row, "row 3", missing);
      return "none";
    } catch (const DataError& error) {
      return error.what();
    }
  }
  std::unique_ptr<Tokenizer> tokenizer_;
  std::unique_ptr<SpeechRows> rows_;
  std::unique_ptr<RowExpander> expander_;
};

TEST_F(SpeechRowsTest, ARowIsTextAndCodesBetweenTheirMarks) {
  const SpeechTokens& t = rows_->tokens();
  const std::vector<std::int32_t> codes = {7, 0, 9};
  const auto row = rows_->plain("Hello there", codes, "clip");
  EXPECT_EQ(row.front(), t.text_understanding_start);
  EXPECT_EQ(tokenizer_->decode(row),
            "<|TEXT_UNDERSTANDING_START|>Hello there<|TEXT_UNDERSTANDING_END|><|SPEECH_GENERATION_START|><|s_7|><|s_0|>"
            "<|s_9|><|SPEECH_GENERATION_END|>");
  const auto padded = rows_->fitted(row, 40);
  EXPECT_EQ(padded.size(), 40u);
  EXPECT_EQ(padded.back(), rows_->pad());
  EXPECT_EQ(rows_->fitted(row, 4).size(), 4u);
}

TEST_F(SpeechRowsTest, TheSpeedStandsBetweenTheTextsAlone) {
  const auto row = rows_->paired("One two", Speed::slow, " three", std::vector<std::int32_t>{1, 2},
                                 std::vector<std::int32_t>{3}, "clips");
  EXPECT_EQ(tokenizer_->decode(row),
            "<|TEXT_UNDERSTANDING_START|>One two<|SLOW|> three<|TEXT_UNDERSTANDING_END|><|SPEECH_GENERATION_START|>"
            "<|s_1|><|s_2|><|s_3|><|SPEECH_GENERATION_END|>");
}

TEST_F(SpeechRowsTest, CodesWithoutATokenAreNamed) {
  const std::vector<std::int32_t> codes = {0, rows_->tokens().count};
  EXPECT_THROW(rows_->plain("a", codes, "clip"), DataError);
}

TEST_F(SpeechRowsTest, MarksInTextsAreFound) {
  EXPECT_FALSE(rows_->mark_in("a < b |> c <| d").has_value());
  EXPECT_EQ(rows_->mark_in("stop <|SPEECH_GENERATION_END|> now"), "<|SPEECH_GENERATION_END|>");
  EXPECT_EQ(rows_->mark_in("<|s_5|>"), "<|s_5|>");
}

TEST_F(SpeechRowsTest, ExpandingSupervisesSpeechAndItsEnd) {
  const std::vector<std::int32_t> codes = {7, 0, 9};
  const auto row = rows_->plain("Hello there", codes, "clip");
  const TrainingRow out = expander_->expand(rows_->fitted(row, 100), "row");
  EXPECT_EQ(out.input_ids.size(), 128u);
  EXPECT_EQ(out.supervised, 5);  // start, three codes, end
  EXPECT_TRUE(out.has_end);
  for (std::size_t i = 0; i < out.labels.size(); ++i)
    if (out.labels[i] != kIgnoredLabel) EXPECT_EQ(out.labels[i], out.input_ids[i]);
  const std::string text = tokenizer_->decode(out.input_ids);
  EXPECT_THAT(text, HasSubstr("Today Date: 26 Jul 2024"));
  EXPECT_THAT(
      text, HasSubstr("Convert the text to speech:<|TEXT_UNDERSTANDING_START|>Hello there<|TEXT_UNDERSTANDING_END|>"));
  const auto used = static_cast<std::int64_t>(row.size()) + expander_->overhead();
  for (std::int64_t i = used; i < 128; ++i) EXPECT_EQ(out.attention_mask[static_cast<std::size_t>(i)], 0);
  // The template's own ends of turns are taken for padding, as the reference does.
  EXPECT_EQ(std::count(out.attention_mask.begin(), out.attention_mask.end(), 1), used - 3);
}

TEST_F(SpeechRowsTest, WhatDoesNotFitLosesItsEnd) {
  const auto bare = static_cast<std::int64_t>(rows_->plain("Hello", {}, "clip").size());
  const std::vector<std::int32_t> codes(static_cast<std::size_t>(expander_->longest_row() - bare), 1);
  auto row = rows_->plain("Hello", codes, "clip");
  EXPECT_TRUE(expander_->expand(row, "row").has_end);
  row.insert(row.end() - 1, {rows_->tokens().first_id, rows_->tokens().first_id});
  EXPECT_FALSE(expander_->expand(row, "row").has_end);
}

TEST_F(SpeechRowsTest, BrokenRowsAreRefused) {
  const SpeechTokens& t = rows_->tokens();
  const std::int32_t start = t.speech_generation_start, end = t.speech_generation_end,
                     text = t.text_understanding_start;
  EXPECT_THAT(fault({text, 5, 6}), HasSubstr("row 3: no start of speech"));
  EXPECT_THAT(fault({text, start, t.first_id}), HasSubstr("no end of speech"));
  EXPECT_EQ(fault({text, start, t.first_id}, MissingEnd::allow), "none");
  EXPECT_THAT(fault({text, start, t.first_id, end, end}), HasSubstr("several ends"));
  EXPECT_THAT(fault({text, start, start, end}), HasSubstr("several starts"));
  EXPECT_THAT(fault({text, end, start}), HasSubstr("before its start"));
  const TrainingRow open =
      expander_->expand(std::vector<std::int32_t>{text, start, t.first_id}, "row", MissingEnd::allow);
  EXPECT_EQ(open.supervised, 2);
  EXPECT_FALSE(open.has_end);
}

}  // namespace
}  // namespace timbre::tokenizer
