// folders: base config audio text align weights corpus fetch exchange
#include "corpus/manifest.h"
#include "exchange/importer.h"
#include "fuzz/folder_input.h"

namespace {

/// Takes everything and looks at it as import_corpus does.
struct Sink : timbre::exchange::EntrySink {
  explicit Sink(std::filesystem::path folder) : folder_(std::move(folder)) {}
  void add(timbre::exchange::Entry entry) override {
    const std::string id = timbre::exchange::make_id(entry.id);
    timbre::fuzz::must(id.empty() || timbre::corpus::id_fault(id).empty());  // without one it is rejected
    timbre::fuzz::must(!entry.audio.empty());
    timbre::fuzz::must(!entry.start_s || *entry.start_s >= 0);
  }
  void reject(timbre::exchange::Reject reject) override { timbre::fuzz::must(!reject.reason.empty()); }
  void about(const std::string&, nlohmann::json) override {}
  void note(const std::string&) override {}
  std::filesystem::path scratch() override { return folder_ / "scratch"; }
  std::filesystem::path folder_;
};

}  // namespace

/// A folder as a downloaded dataset: its first line names the importer, so a new importer needs only new seeds.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace timbre;
  const fuzz::FolderInput folder(data, size);
  fuzz::guarded([&] {
    exchange::Importers importers;
    exchange::register_all_importers(importers);
    const exchange::Importer importer = importers.make(folder.word());
    Sink sink(folder.dir());
    importer.read({folder.dir()}, exchange::ImportOptions{}, sink);
  });
  return 0;
}
