#include "voice/code_prompt.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "support/golden.h"
#include "weights/faults_for_test.h"
#include "weights/npy.h"
#include "weights/safetensors.h"

namespace timbre::voice {
namespace {

CodePrompt some() {
  CodePrompt prompt;
  prompt.text = "Ein Satz, mit Umlaut: ä.";
  prompt.tokens_S = {4, 5, 6};
  prompt.languages = {"ja"};
  for (int i = 0; i < 10; ++i) prompt.codes_FQ.push_back(i * 100);
  prompt.frames = 5;
  prompt.codebooks = 2;
  prompt.codec = "encodec";
  return prompt;
}

TEST(CodePrompt, ComesBackAsItWasWritten) {
  const weights::planting::TemporaryFolder folder;
  for (const char* name : {"p.npz", "p.safetensors"}) {
    const CodePrompt written = some();
    write_prompt(folder.path() / name, written);
    const CodePrompt read = read_prompt(folder.path() / name);
    EXPECT_EQ(read.codes_FQ, written.codes_FQ) << name;
    EXPECT_EQ(read.tokens_S, written.tokens_S);
    EXPECT_EQ(read.languages, written.languages);
    EXPECT_EQ(read.frames, 5);
    EXPECT_EQ(read.codebooks, 2);
    if (std::string(name) == "p.npz") continue;  // holds neither
    EXPECT_EQ(read.text, written.text);
    EXPECT_EQ(read.codec, written.codec);
  }
}

TEST(CodePrompt, NpzIsColumnMajorAsNumpyWritesIt) {
  const weights::planting::TemporaryFolder folder;
  write_prompt(folder.path() / "p.npz", some());
  const std::string bytes = read_file(folder.path() / "p.npz");
  EXPECT_NE(bytes.find("'fortran_order': True, 'shape': (1, 5, 2)"), std::string::npos);
  EXPECT_NE(bytes.find("'fortran_order': False, 'shape': (1, 3)"), std::string::npos);
  // Codes of the first codebook follow each other: 0, 200, 400 …
  const std::int64_t first[] = {0, 200, 400, 600, 800, 100};
  EXPECT_NE(bytes.find(std::string(reinterpret_cast<const char*>(first), sizeof first)), std::string::npos);
}

TEST(CodePrompt, ReadsTheReferencesPrompts) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "valle_x");
  const auto inference = read_json(folder / "inference.json");
  if (!inference.contains("prompts")) GTEST_SKIP() << "the small copy of valle_x holds no prompts";
  const auto& about = inference["prompts"];
  const auto tensors = weights::read_safetensors(folder / "cases.safetensors");
  const std::vector<std::string> languages = {"zh", "ja", "en"};
  int read_ones = 0;
  for (const auto& [name, said] : about.items()) {
    const auto file = folder / said.at("file").get<std::string>();
    if (!std::filesystem::exists(file)) continue;
    const CodePrompt prompt = read_prompt(file);
    EXPECT_EQ(prompt.tokens_S, said.at("text_tokens")[0].get<std::vector<std::int64_t>>()) << name;
    EXPECT_EQ(prompt.languages.front(), languages.at(said.at("lang_code").get<std::size_t>()));
    EXPECT_EQ(prompt.frames, said.at("shape")[1].get<std::int64_t>());
    const auto codes = tensors.at("infer.prompt." + name + ".codes").to_i64();
    EXPECT_EQ(std::vector<std::int64_t>(prompt.codes_FQ.begin(), prompt.codes_FQ.end()), codes);
    ++read_ones;
  }
  EXPECT_GE(read_ones, 1);
}

TEST(CodePrompt, SaysWhatIsWrong) {
  const weights::planting::TemporaryFolder folder;
  const auto error = [&](const weights::TensorMap& arrays) {
    weights::write_npz(folder.path() / "bad.npz", arrays);
    try {
      read_prompt(folder.path() / "bad.npz");
    } catch (const DataError& problem) {
      const std::string text = problem.what();
      return text.substr(text.find("bad.npz: ") + 9);
    }
    return std::string("no error");
  };
  using weights::Tensor;
  weights::TensorMap arrays;
  EXPECT_EQ(error(arrays), "no array 'audio_tokens': it is no prompt");
  arrays.insert("audio_tokens", Tensor::of({1, 2, 1}, std::vector<std::int64_t>{1, -2}));
  arrays.insert("text_tokens", Tensor::of({1, 1}, std::vector<std::int64_t>{3}));
  EXPECT_EQ(error(arrays), "no lang_code of one number");
  arrays.insert("lang_code", Tensor::of({}, std::vector<std::int32_t>{3}));
  EXPECT_EQ(error(arrays), "lang_code is 3; expected 0 (zh), 1 (ja) or 2 (en)");
  arrays.set("lang_code", Tensor::of({}, std::vector<std::int32_t>{2}));
  EXPECT_NE(error(arrays).find("-2 is no code"), std::string::npos);
  arrays.set("audio_tokens", Tensor::of({2, 1}, std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(error(arrays), "audio_tokens is i64 [2, 1]; expected 3 dimensions");
  EXPECT_THROW(read_prompt("clip.wav"), UsageError);
  CodePrompt prompt = some();
  prompt.languages = {"fr"};
  EXPECT_THROW(write_prompt(folder.path() / "x.npz", prompt), UsageError);
}

}  // namespace
}  // namespace timbre::voice
