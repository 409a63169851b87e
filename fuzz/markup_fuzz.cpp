// folders: base config weights text
#include "base/strings.h"
#include "fuzz/folder_input.h"
#include "text/markup.h"

/// Texts to say: pauses, given phones, sentences. Every piece is a stretch of the text, its given words lie inside.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace timbre;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const char* language : {"en", "de"}) {
    fuzz::guarded([&] {
      const text::Marked marked = text::parse_markup(text);
      for (const auto& piece : text::plan_speech(text, {.language = language, .max_code_points = 40})) {
        fuzz::must(marked.plain.find(piece.text) != std::string::npos);
        fuzz::must(piece.pause_after_s >= 0);
        if (is_valid_utf8(text)) fuzz::must(is_valid_utf8(piece.text));
        for (const auto& s : piece.spoken) fuzz::must(s.begin < s.end && s.end <= piece.text.size());
      }
    });
    fuzz::guarded([&] {
      for (const auto& piece : text::plan_speech(text, {.language = language}, text::Tags::speeds)) {
        std::size_t at = 0;
        for (const auto& s : piece.speeds) {
          fuzz::must(at <= s.begin && s.begin < s.end && s.end <= piece.text.size());
          at = s.end;
        }
      }
    });
  }
  return 0;
}
