#pragma once
#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "corpus/memmap_rows.h"
#include "tokenizer/speech_rows.h"
#include "tokenizer/train.h"

/// A folder of rows as `timbre prepare --recipe llasa` leaves it, with a tokenizer of its own. For tests.
namespace timbre::llasa::testing_support {

inline constexpr std::int64_t kRowLength = 256;

/// The bytes, a few merges of `words`, Llama's special tokens, `codes` speech tokens.
inline tokenizer::Tokenizer small_tokenizer(std::int32_t codes = 40, std::string_view words = "one two three four") {
  tokenizer::Trainer trainer;
  trainer.add(words);
  tokenizer::Tokenizer made = trainer.make(262);
  tokenizer::add_speech_tokens(made, codes);
  return made;
}

/// Row i says i and has 8 + i codes, each the one before plus i + 1.
inline std::vector<std::int32_t> row_ids(const tokenizer::SpeechRows& rows, std::int64_t i) {
  std::vector<std::int32_t> codes;
  for (std::int64_t c = 0; c < 8 + i; ++c)
    codes.push_back(static_cast<std::int32_t>((i + c * (i + 1)) % rows.tokens().count));
  return rows.plain(fmt::format("row {} of them", i), codes, fmt::format("row {}", i));
}

inline void write_rows(const fs::path& folder, const tokenizer::Tokenizer& tokenizer, std::int64_t train = 10,
                       std::int64_t valid = 3, std::int64_t length = kRowLength) {
  const tokenizer::SpeechRows rows(tokenizer);
  for (const auto& [split, count] : {std::pair("train", train), std::pair("val", valid)}) {
    if (count == 0) continue;
    corpus::MemmapRowsWriter writer(folder, split, length);
    for (std::int64_t i = 0; i < count; ++i) writer.add(rows.fitted(row_ids(rows, i), length));
    writer.commit();
  }
  tokenizer.write(folder / "tokenizer");
  const nlohmann::json codec = {{"codec", "small_codec"}, {"rate_hz", 16000}, {"hop_samples", 320}, {"codebooks", 1}};
  write_file_atomic(folder / "rows.json",
                    nlohmann::json{{"recipe", "llasa"},
                                   {"template", {{"date", "26 Jul 2024"}}},
                                   {"codec", codec},
                                   {"stretched", {{"copies", 3}, {"rows", 2}, {"shortest", 0.8}, {"longest", 1.2}}}}
                        .dump());
}

}  // namespace timbre::llasa::testing_support
