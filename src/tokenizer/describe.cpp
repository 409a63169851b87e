#include "tokenizer/describe.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "tokenizer/chat.h"
#include "tokenizer/speech_tokens.h"

namespace timbre::tokenizer {
namespace {

using Json = nlohmann::ordered_json;

/// The first sentence of what is wrong, for a line of facts.
template <class Part>
std::string or_reason(const Part& part) {
  try {
    return part();
  } catch (const DataError& error) {
    return fmt::format("none: {}", error.what());
  }
}

}  // namespace

bool is_tokenizer(const std::filesystem::path& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return std::filesystem::exists(path / "tokenizer.json", ignored);
  return path.filename().string().ends_with("tokenizer.json") && std::filesystem::exists(path, ignored);
}

Json describe(const Tokenizer& tokenizer) {
  const auto named = [&](const std::optional<std::int32_t>& id) {
    return id ? fmt::format("{} {}", *id, tokenizer.token(*id)) : "none";
  };
  const auto& added = tokenizer.added_tokens();
  const auto special = std::count_if(added.begin(), added.end(), [](const AddedToken& token) { return token.special; });
  Json facts = {{"tokens", tokenizer.size()},
                {"vocabulary", tokenizer.vocabulary_size()},
                {"merges", tokenizer.merge_count()},
                {"added", added.size()},
                {"special", special},
                {"bos", named(tokenizer.bos())},
                {"eos", named(tokenizer.eos())},
                {"pad", named(tokenizer.pad())}};
  facts["speech"] = or_reason([&] {
    const SpeechTokens speech = SpeechTokens::of(tokenizer);
    facts["speeds"] = speech.has_speeds()
                          ? fmt::format("fast {}, slow {}, medium {}", *speech.fast, *speech.slow, *speech.medium)
                          : "none";
    return fmt::format("{} codes, {} to {}", speech.count, speech.first_id, speech.first_id + speech.count - 1);
  });
  facts["template"] = or_reason([&]() -> std::string {
    check_chat_template(tokenizer.chat_template(), tokenizer.where());
    return tokenizer.chat_template().empty() ? "none: Llama 3's is taken" : "Llama 3's";
  });
  return {{"path", tokenizer.where()}, {"kind", "tokenizer"}, {"facts", facts}};
}

std::string describe_text(const Json& description) {
  std::string out = description["path"].get<std::string>() + ": a tokenizer\n";
  for (const auto& [fact, value] : description["facts"].items())
    out += fmt::format("  {:<12} {}\n", fact, value.is_string() ? value.get<std::string>() : value.dump());
  return out;
}

}  // namespace timbre::tokenizer
