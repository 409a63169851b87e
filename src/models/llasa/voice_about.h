#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "models/llasa/config.h"
#include "tokenizer/tokenizer.h"

/// What voice.json of a Llasa voice says, whoever writes it: a training run, or `timbre convert`.
///
///   {"model": {"kind": "llasa", "config": …}, "front_end": "tokenizer", "language": "en",
///    "tokenizer": {"folder": "tokenizer", "tokens": 1776, "fingerprint": "…"},
///    "codec": {"codec": "small_codec", "codebooks": 1, "rate_hz": 16000, "hop_samples": 320, …}}
///
/// "codec" has what is known: of an imported network the name alone.
namespace timbre::llasa {

/// Of a voice's folder: where the tokenizer's files lie.
inline constexpr const char* kTokenizerFolder = "tokenizer";

/// Hash of the first `count` tokens by id: equal where a tokenizer begins with all tokens of another, as one does that
/// got more tokens later. Throws UsageError when there are fewer.
std::string tokens_fingerprint(const tokenizer::Tokenizer& tokenizer, std::int64_t count);
/// The "tokenizer" of voice.json.
nlohmann::json tokenizer_facts(const tokenizer::Tokenizer& tokenizer);

/// The body of voice.json. Options that are a training run's own (its adapters, packing, recompute, where its tokenizer
/// lay) are left at their defaults in it.
nlohmann::json about_voice(const Config& config, nlohmann::json tokenizer, nlohmann::json codec);

/// Copies the files of a tokenizer as they are; makes `to`. Returns how many there were. Throws SystemError.
int copy_tokenizer(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace timbre::llasa
