// folders: base config weights text tokenizer
#include <algorithm>

#include "fuzz/folder_input.h"
#include "tokenizer/chat.h"
#include "tokenizer/speech_tokens.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/tokenizer_for_test.h"
#include "tokenizer/utf8.h"

namespace {

using namespace timbre;

/// What must hold of any tokenizer and any text.
void try_text(const tokenizer::Tokenizer& tokenizer, const std::string& text) {
  const auto ids = tokenizer.encode(text);
  const auto encoded = tokenizer.encode_with_places(text, {.add_bos = true});
  fuzz::must(encoded.places.size() == encoded.ids.size() && encoded.ids.size() >= ids.size());
  tokenizer.check_ids(encoded.ids, "encoded");
  std::int32_t last = 0;
  for (const auto& place : encoded.places) {
    fuzz::must(place.begin <= place.end);
    last = std::max(last, place.end);
  }
  fuzz::must(last <= static_cast<std::int32_t>(text.size()));
  (void)tokenizer.decode(ids, {.skip_special = true, .clean_up = true});
}

}  // namespace

/// A tokenizer.json ("=== tokenizer.json" and the files beside it) with the first line as a text; any input as a text
/// for a small tokenizer.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const tokenizer::Tokenizer tiny = tokenizer::testing_support::tiny();
  const std::string text = tokenizer::lossy_utf8({reinterpret_cast<const char*>(data), size});
  fuzz::must(tokenizer::end_of_utf8(text) == text.size());
  try_text(tiny, text);
  const auto ids = tiny.encode(text);
  fuzz::must(tiny.decode(ids) == text);
  fuzz::guarded([&] { tokenizer::check_chat_template(text, "template"); });
  const fuzz::FolderInput input(data, size);
  fuzz::guarded([&] {
    const tokenizer::Tokenizer tokenizer = tokenizer::Tokenizer::read(input.dir());
    try_text(tokenizer, tokenizer::lossy_utf8(input.word()));
    fuzz::guarded([&] { (void)tokenizer::SpeechTokens::of(tokenizer); });
    tokenizer.write(input.dir() / "again");
    const tokenizer::Tokenizer again = tokenizer::Tokenizer::read(input.dir() / "again");
    fuzz::must(again.size() == tokenizer.size());
    const std::string word = tokenizer::lossy_utf8(input.word());
    fuzz::must(again.encode(word) == tokenizer.encode(word));
  });
  return 0;
}
