// folders: base config fetch align weights tokenizer audio text corpus roles exchange prepare
#include "prepare/captions.h"

#include <string_view>

#include "base/strings.h"
#include "fuzz/folder_input.h"

/// metadata.csv of Llasa's data: every caption that is read can be found by its name and is text of one line.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace timbre;
  try {
    const auto captions = prepare::Captions::parse({reinterpret_cast<const char*>(data), size}, "input");
    for (const prepare::Caption& caption : captions.all()) {
      const prepare::Caption* found = captions.find(caption.name);
      fuzz::must(found != nullptr && found->name == caption.name && found->line >= caption.line);
      fuzz::must(is_valid_utf8(caption.text) && caption.text.find_first_of("|\r\n") == std::string::npos);
    }
    fuzz::must(captions.contradictions().size() < captions.all().size());
  } catch (const DataError&) {
  }
  return 0;
}
