// folders: base config fetch align weights audio text corpus roles exchange prepare
#include "base/error.h"
#include "fuzz/folder_input.h"
#include "prepare/tokenized_cuts.h"

/// lifeiteng's data/tokenized: every line of the manifest is a cut that can be read, or is quarantined; a store is read
/// or refused.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace timbre;
  const fuzz::FolderInput input(data, size);
  try {
    const prepare::TokenizedCuts cuts(input.dir() / "cuts_train.jsonl");
    for (std::size_t i = 0; i < cuts.all().size(); ++i) {
      fuzz::must(cuts.all()[i].frames > 0 && !cuts.all()[i].tokens.empty());
      try {
        const weights::Tensor codes_FQ = cuts.codes_FQ(i);
        const std::string fault = prepare::code_fault(codes_FQ, 8, 1024);
        fuzz::must(codes_FQ.shape.size() == 2 && (!fault.empty() || codes_FQ.shape[1] >= 8));
      } catch (const DataError&) {
      }
    }
  } catch (const Error&) {
  }
  return 0;
}
