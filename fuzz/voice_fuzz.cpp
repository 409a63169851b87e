// folders: base config audio text tokenizer align weights corpus roles voice plot score doctor report
#include "fuzz/folder_input.h"
#include "report/folder.h"
#include "voice/token_voice.h"
#include "voice/voice.h"

#include <nlohmann/json.hpp>

/// A voice folder from elsewhere: voice.json, its lexicons; and what `timbre info` says of it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace timbre;
  const fuzz::FolderInput folder(data, size);
  fuzz::guarded([&] {
    const voice::Voice opened = voice::Voice::open(folder.dir());
    (void)opened.name();
    (void)opened.front_end_name();
    (void)opened.language();
    if (opened.has_tokenizer()) {
      (void)voice::to_json(voice::token_speaking(opened.about(), "voice.json"));
      (void)opened.tokenizer_folder();
      return;
    }
    (void)opened.mel();
    // espeak-ng is another program's code; its voices are read by the tests.
    if (!opened.front_end_name().starts_with("espeak")) (void)opened.make_front_end();
  });
  fuzz::guarded([&] {
    if (const auto about = report::describe_folder(folder.dir())) (void)report::folder_text(*about);
  });
  return 0;
}
