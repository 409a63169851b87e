#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

/// A recording that a voice of codes goes on from, ready to use: its codes and its text.
namespace timbre::voice {

struct CodePrompt {
  std::string text;  ///< what is said in it; "" where only tokens are known (.npz)
  std::vector<std::int64_t>
      tokens_S;  ///< rows of the text as the voice that made it has them; may be empty with a text
  std::vector<std::string> languages;  ///< of the text: one code, or one a token, or none
  std::vector<std::int32_t> codes_FQ;  ///< frames × codebooks
  std::int64_t frames = 0, codebooks = 0;
  std::string codec;  ///< whose codes: roles::Codec::name(); "" where the file does not say
};

/// By its ending.
///   .npz          VALL-E X: audio_tokens i64 (1, T, Q), text_tokens i64 (1, S), lang_code (zh 0, ja 1, en 2)
///   .safetensors  ours: codes i32 [T, Q] and tokens i64 [S], metadata text, language, codec
/// Throws UsageError for another ending, DataError for what is no prompt, naming the array.
CodePrompt read_prompt(const std::filesystem::path& path);
/// audio_tokens in Fortran order, as the reference's numpy writes it. Throws UsageError for another ending, and for
/// .npz without tokens, without a language or with one that the format has no number for.
void write_prompt(const std::filesystem::path& path, const CodePrompt& prompt);
/// True for the endings above.
bool is_prompt_file(const std::filesystem::path& path);

}  // namespace timbre::voice
