// folders: base config audio text tokenizer align weights corpus roles voice plot score doctor report
#include "corpus/columns.h"
#include "corpus/corpus.h"
#include "corpus/split.h"
#include "corpus/stats.h"
#include "doctor/check.h"
#include "fuzz/folder_input.h"
#include "report/folder.h"

#include <nlohmann/json.hpp>

/// A corpus folder that somebody else made: corpus.json, manifest.jsonl, columns, lists of held-out ids.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace timbre;
  const fuzz::FolderInput folder(data, size);
  fuzz::guarded([&] {
    const corpus::Corpus opened = corpus::Corpus::open(folder.dir());
    (void)opened.name();
    for (const auto& utterance : opened.utterances()) {
      fuzz::must(opened.find(utterance.id) >= 0);
      (void)opened.audio_path(utterance);
    }
    corpus::SplitOptions options;
    if (std::filesystem::exists(folder.dir() / "held.txt")) options.valid_list = (folder.dir() / "held.txt").string();
    (void)corpus::make_split(opened.utterances(), options);
  });
  fuzz::guarded([&] {
    const corpus::Column column = corpus::Column::open(folder.dir(), "mel");
    for (const std::string& id : column.ids()) (void)column.get(id);
  });
  fuzz::guarded([&] {
    if (const auto about = report::describe_folder(folder.dir())) (void)report::folder_text(*about);
  });
  return 0;
}
