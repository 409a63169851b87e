#include "tokenizer/tokenizer.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "support/golden.h"
#include "tokenizer/tokenizer_for_test.h"

namespace timbre::tokenizer {
namespace {

using testing_support::Json;
using testing_support::tiny;
using testing_support::tiny_json;

std::string spoilt(const std::function<void(Json&)>& change) {
  Json file = tiny_json();
  change(file);
  try {
    (void)Tokenizer::parse(file.dump(), "tiny.json");
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

struct Folder {
  fs::path path = fs::temp_directory_path() / ("timbre_tokenizer_" + std::to_string(::getpid()));
  Folder() { fs::remove_all(path); }
  ~Folder() { fs::remove_all(path); }
};

TEST(Tokenizer, MergesTheLowestRankFirstAndTheLeftmostOfEqualOnes) {
  const Tokenizer plain = tiny();
  EXPECT_EQ(plain.encode("hello"), (std::vector<std::int32_t>{258, plain.id_of("o").value()}));
  EXPECT_EQ(plain.token(258), "hell");
  const Tokenizer as = tiny({{"a", "a"}});
  EXPECT_EQ(as.encode("aaa"), (std::vector<std::int32_t>{256, 'a'}));
}

TEST(Tokenizer, TakesWholeStretchesOnlyWhereIgnoreMergesSaysSo) {
  Json file = tiny_json({{"h", "e"}});
  file["model"]["vocab"]["hey"] = 257;
  for (Json& token : file["added_tokens"]) token["id"] = token["id"].get<int>() + 1;
  EXPECT_EQ(Tokenizer::parse(file.dump(), "f").encode("hey"), (std::vector<std::int32_t>{256, 'y'}));
  file["model"]["ignore_merges"] = true;
  const Tokenizer whole = Tokenizer::parse(file.dump(), "f");
  EXPECT_EQ(whole.encode("hey"), (std::vector<std::int32_t>{257}));
  EXPECT_EQ(whole.tokens_beyond_merges(), (std::vector<std::int32_t>{257}));
}

TEST(Tokenizer, MergesLongStretchesAsShortOnes) {
  std::vector<std::pair<std::string, std::string>> merges;
  for (const char* pair : {"ab", "ba", "ca", "bc"})
    merges.emplace_back(std::string(1, pair[0]), std::string(1, pair[1]));
  merges.insert(merges.end(), {{"ab", "c"}, {"ab", "ab"}, {"abab", "c"}, {"bc", "a"}, {"abc", "abc"}});
  const Tokenizer tokenizer = tiny(merges);
  std::uint32_t state = 1;
  for (int round = 0; round < 50; ++round) {
    // A stretch of 65 letters goes by the heap; the same stretch is put together from short ones by trying every split
    // point where no merge can cross: an x joins nothing.
    std::string text;
    std::vector<std::int32_t> parts;
    while (text.size() < 120) {
      std::string piece;
      for (int i = 0; i < 20; ++i) piece += static_cast<char>('a' + (state = state * 1664525 + 1013904223) / 65536 % 3);
      const auto ids = tokenizer.encode(piece);
      parts.insert(parts.end(), ids.begin(), ids.end());
      parts.push_back('x');
      text += piece + "x";
    }
    EXPECT_EQ(tokenizer.encode(text), parts) << text;
  }
}

TEST(Tokenizer, CutsAddedTokensOutLongestFirst) {
  Tokenizer tokenizer = tiny();
  tokenizer.add_tokens(std::vector<std::string>{"<|s_1|>", "<|s_12|>", "<|s_1|><", "b"});
  const auto id = [&](const char* token) { return tokenizer.id_of(token).value(); };
  EXPECT_EQ(tokenizer.encode("<|s_12|><|s_1|><|s_1|>x"),
            (std::vector<std::int32_t>{id("<|s_12|>"), id("<|s_1|><"), id("|"), id("s"), id("_"), id("1"), id("|"),
                                       id(">"), 'x'}));
  // What is not normalized goes first, wherever it stands.
  EXPECT_EQ(tokenizer.encode("<|s_1|><|eot_id|>").back(), id("<|eot_id|>"));
  EXPECT_EQ(tokenizer.encode("abab"), (std::vector<std::int32_t>{'a', id("b"), 'a', id("b")}));
}

TEST(Tokenizer, StripsAroundTokensThatSaySo) {
  Tokenizer tokenizer = tiny();
  const std::vector<AddedToken> tokens = {{.content = "<L>", .lstrip = true}, {.content = "<R>", .rstrip = true}};
  const auto ids = tokenizer.add_tokens(tokens);
  const Encoded got = tokenizer.encode_with_places("a \u3000<L> <R>\n b");
  EXPECT_EQ(got.ids, (std::vector<std::int32_t>{'a', ids[0], tokenizer.id_of("Ġ").value(), ids[1], 'b'}));
  EXPECT_EQ(got.places[1], (CodePoints{1, 6}));
  EXPECT_EQ(got.places[3], (CodePoints{7, 12}));
}

TEST(Tokenizer, PlacesCountCodePointsAndShareCharacters) {
  const Encoded got = tiny().encode_with_places("hé€", {.add_bos = true});
  EXPECT_EQ(got.places, (std::vector<CodePoints>{{0, 0}, {0, 1}, {1, 2}, {1, 2}, {2, 3}, {2, 3}, {2, 3}}));
}

TEST(Tokenizer, DecodesWhatIsNoUtf8OncePerBadSequence) {
  const Tokenizer tokenizer = tiny();
  const auto decoded = [&](std::string bytes) {
    std::vector<std::int32_t> ids;
    for (const char c : bytes) ids.push_back(tokenizer.id_of(spelling_of({&c, 1})).value());
    return tokenizer.decode(ids);
  };
  EXPECT_EQ(decoded("\xE2\x82"), "\uFFFD");
  EXPECT_EQ(decoded("\xE2\x82\xAC"), "€");
  EXPECT_EQ(decoded("\xF0\x90\x80z"), "\uFFFDz");
  EXPECT_EQ(decoded("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(decoded("\xC0\xAF"), "\uFFFD\uFFFD");
  EXPECT_EQ(decoded("\xF4\x90\x80\x80"), "\uFFFD\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(decoded("a\xFF"), "a\uFFFD");
}

TEST(Tokenizer, RefusesTextsAndIdsItCannotTake) {
  const Tokenizer tokenizer = tiny();
  try {
    (void)tokenizer.encode("good \xC3(");
    FAIL();
  } catch (const DataError& error) {
    EXPECT_STREQ(error.what(), "a text is no UTF-8 from its byte 5 on");
  }
  try {
    (void)tokenizer.decode(std::vector<std::int32_t>{1, 261});
    FAIL();
  } catch (const DataError& error) {
    EXPECT_STREQ(error.what(), "ids: position 1 has the id 261; the tokenizer tiny.json has ids from 0 to 260");
  }
  EXPECT_THROW((void)tokenizer.token(-1), DataError);
  EXPECT_THROW(tokenizer.need_id("<|FAST|>"), DataError);
}

TEST(Tokenizer, NamesWhatAFileHasThatLlamaHasNot) {
  EXPECT_EQ(spoilt([](Json&) {}), "");
  EXPECT_NE(spoilt([](Json& f) { f["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "\\w+"; }).find("\\w+"),
            std::string::npos);
  EXPECT_NE(spoilt([](Json& f) { f["normalizer"] = {{"type", "NFC"}}; }).find("NFC"), std::string::npos);
  EXPECT_NE(spoilt([](Json& f) { f["model"]["type"] = "Unigram"; }).find("Unigram"), std::string::npos);
  EXPECT_NE(spoilt([](Json& f) { f["model"]["dropout"] = 0.1; }).find("dropout"), std::string::npos);
  EXPECT_NE(spoilt([](Json& f) { f["decoder"] = nullptr; }).find("decoder"), std::string::npos);
  EXPECT_NE(spoilt([](Json& f) { f["model"]["vocab"].erase("Ġ"); }).find("lacks 1 of the 256"), std::string::npos);
  EXPECT_NE(spoilt([](Json& f) { f["model"]["vocab"]["zz"] = 5; }).find("the id 5 to two"), std::string::npos);
  EXPECT_NE(spoilt([](Json& f) { f["model"]["vocab"]["zz"] = "x"; }).find("'zz'"), std::string::npos);
  EXPECT_NE(spoilt([](Json& f) {
              f["model"]["merges"].push_back({"z", "z"});
            }).find("model.merges[3]"),
            std::string::npos);
  EXPECT_NE(spoilt([](Json& f) { f["model"]["merges"].push_back("z z z"); }).find("model.merges[3]"),
            std::string::npos);
  EXPECT_NE(spoilt([](Json& f) { f["model"]["merges"].push_back({"z"}); }).find("model.merges[3]"), std::string::npos);
  EXPECT_NE(spoilt([](Json& f) { f["added_tokens"][1]["id"] = 300; }).find("would give it 260"), std::string::npos);
  EXPECT_NE(spoilt([](Json& f) { f["added_tokens"][1]["id"] = -1; }).find("has the id -1"), std::string::npos);
  EXPECT_NE(spoilt([](Json& f) { f["added_tokens"][1]["single_word"] = true; }).find("single_word"), std::string::npos);
  EXPECT_NE(spoilt([](Json& f) { f["added_tokens"][1].erase("content"); }).find("no content"), std::string::npos);
  EXPECT_NE(spoilt([](Json& f) { f["post_processor"]["type"] = "BertProcessing"; }).find("BertProcessing"),
            std::string::npos);
  EXPECT_THROW(Tokenizer::parse("{\"model\": ", "x"), DataError);
  EXPECT_THROW(Tokenizer::parse("[]", "x"), DataError);
  EXPECT_THROW(Tokenizer::parse(std::string(200000, '['), "x"), DataError);
}

TEST(Tokenizer, ReadsBothStylesOfMerges) {
  TIMBRE_GOLDEN_OR_SKIP(golden, "llasa_tokenizer");
  const Tokenizer pairs = Tokenizer::read(golden / "speed"), strings = Tokenizer::read(golden / "merges_as_strings");
  for (const auto& entry : read_json(golden / "cases.json").at("encode")) {
    const std::string text = entry.at("text");
    EXPECT_EQ(pairs.encode(text), strings.encode(text)) << text;
  }
}

TEST(Tokenizer, WritesWhatItReads) {
  TIMBRE_GOLDEN_OR_SKIP(golden, "llasa_tokenizer");
  const Folder folder;
  for (const char* name : {"speed", "merges_as_strings"}) {
    const Tokenizer read = Tokenizer::read(golden / name);
    read.write(folder.path);
    EXPECT_EQ(read_json(folder.path / "tokenizer.json"), read_json(golden / name / "tokenizer.json")) << name;
    fs::remove_all(folder.path);
  }
  Tokenizer::read(golden / "speed").write(folder.path);
  EXPECT_EQ(read_json(folder.path / "tokenizer_config.json"), read_json(golden / "speed/tokenizer_config.json"));
  EXPECT_EQ(read_json(folder.path / "special_tokens_map.json"), read_json(golden / "speed/special_tokens_map.json"));
}

TEST(Tokenizer, AddsTheSpeedTokensAsTheReferenceDoes) {
  TIMBRE_GOLDEN_OR_SKIP(golden, "llasa_tokenizer");
  const Folder folder;
  Tokenizer tokenizer = Tokenizer::read(golden / "base");
  const std::int32_t before = tokenizer.size();
  EXPECT_EQ(tokenizer.add_tokens(std::vector<std::string>{"<|FAST|>", "<|SLOW|>", "<|MEDIUM|>"}),
            (std::vector<std::int32_t>{before, before + 1, before + 2}));
  EXPECT_EQ(tokenizer.add_tokens(std::vector<std::string>{"<|SLOW|>"}), (std::vector<std::int32_t>{before + 1}));
  tokenizer.write(folder.path);
  EXPECT_EQ(read_json(folder.path / "tokenizer.json"), read_json(golden / "speed/tokenizer.json"));
}

TEST(Tokenizer, GivesTheSameIdsInSeveralThreads) {
  TIMBRE_GOLDEN_OR_SKIP(golden, "llasa_tokenizer");
  const Tokenizer tokenizer = Tokenizer::read(golden / "speed");
  const nlohmann::json cases = read_json(golden / "cases.json").at("encode");
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (const auto& entry : cases) {
        const auto ids = tokenizer.encode(entry.at("text").get<std::string>());
        wrong[t] += ids != entry.at("ids").get<std::vector<std::int32_t>>();
        wrong[t] += tokenizer.decode(ids) != entry.at("decoded").get<std::string>();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

TEST(Tokenizer, SaysWhereATokenizerIsNot) {
  const Folder folder;
  fs::create_directories(folder.path);
  try {
    (void)Tokenizer::read(folder.path);
    FAIL();
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find("no tokenizer.json"), std::string::npos);
  }
  write_file_atomic(folder.path / "tokenizer.model", "x");
  try {
    (void)Tokenizer::read(folder.path);
    FAIL();
  } catch (const DataError& error) {
    EXPECT_NE(error.next().find("AutoTokenizer"), std::string::npos);
  }
}

}  // namespace
}  // namespace timbre::tokenizer
