// folders: base config audio text align weights corpus
#include "base/strings.h"
#include "corpus/prompts.h"
#include "fuzz/folder_input.h"

/// Prompt lists and Debian copyright files of telephone voices.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace timbre;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const std::string& line : split(text, '\n')) {
    const corpus::Prompt prompt = corpus::read_prompt(line);
    fuzz::must(!prompt.text.empty() || !prompt.fault.empty() || prompt.changed);
  }
  (void)corpus::read_credits(text, "en");
  return 0;
}
