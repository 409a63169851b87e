#include "models/llasa/voice_about.h"

#include <fmt/format.h>

#include <array>

#include "base/error.h"
#include "base/files.h"
#include "base/hash.h"
#include "roles/network_folder.h"

namespace timbre::llasa {
namespace {

constexpr std::array<const char*, 8> kTokenizerFiles{"tokenizer.json",
                                                     "tokenizer_config.json",
                                                     "special_tokens_map.json",
                                                     "added_tokens.json",
                                                     "chat_template.jinja",
                                                     "tokenizer.model",
                                                     "vocab.json",
                                                     "merges.txt"};

}  // namespace

std::string tokens_fingerprint(const tokenizer::Tokenizer& tokenizer, std::int64_t count) {
  if (count > tokenizer.size())
    throw UsageError(
        fmt::format("{} has {} tokens: there are no first {}", tokenizer.where(), tokenizer.size(), count));
  RunningHash hash;
  for (std::int64_t id = 0; id < count; ++id) {
    try {
      hash.add(tokenizer.token(static_cast<std::int32_t>(id)));
    } catch (const DataError&) {
      // an id that no token has
    }
    hash.add("\n");
  }
  return fmt::format("{:016x}", hash.value());
}

nlohmann::json tokenizer_facts(const tokenizer::Tokenizer& tokenizer) {
  return {{"folder", kTokenizerFolder},
          {"tokens", tokenizer.size()},
          {"fingerprint", tokens_fingerprint(tokenizer, tokenizer.size())}};
}

nlohmann::json about_voice(const Config& config, nlohmann::json tokenizer, nlohmann::json codec) {
  Config plain = config;
  const Config defaults;
  plain.tokenizer.clear();
  plain.packing = defaults.packing;
  plain.recompute = defaults.recompute;
  plain.lora = defaults.lora;
  plain.base_model.clear();
  plain.adapter.clear();
  return {{"model", roles::about_model("llasa", plain)},
          {"front_end", "tokenizer"},
          {"language", "en"},
          {"tokenizer", std::move(tokenizer)},
          {"codec", std::move(codec)}};
}

int copy_tokenizer(const fs::path& from, const fs::path& to) {
  int copied = 0;
  for (const char* name : kTokenizerFiles) {
    if (!fs::is_regular_file(from / name)) continue;
    make_folders(to);
    copy_contents(from / name, to / name);
    ++copied;
  }
  return copied;
}

}  // namespace timbre::llasa
