// folders: base config kernels audio text tokenizer align weights corpus plot roles voice fetch exchange prepare models/llasa
#include <nlohmann/json.hpp>

#include "fuzz/folder_input.h"
#include "models/llasa/adapter.h"
#include "models/llasa/hf_folder.h"
#include "models/llasa/trainer_file.h"

/// A Hugging Face folder or, with the word "adapter", one of peft's; with "trainer" the settings of the reference's
/// trainer, which become a run file. What was accepted is written and read again: the
/// same network.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace timbre;
  const fuzz::FolderInput folder(data, size);
  fuzz::guarded([&] {
    if (folder.word() == "adapter") {
      const llasa::Adapter adapter = llasa::read_adapter(folder.dir());
      llasa::check_adapter(adapter, llasa::Config(), llasa::fingerprint(adapter.tensors), "adapter");
      return;
    }
    if (folder.word() == "trainer") {
      const std::string ours = llasa::run_file_of(read_file(folder.dir() / "config.json"), "config.json");
      fuzz::must(config::peek_yaml(ours, "model", "ours") == "llasa");
      return;
    }
    llasa::HfFolder about = llasa::read_hf_folder(folder.dir());
    const auto written = llasa::config_to_hf(about.config, about.config_json, weights::DType::f32);
    llasa::Config again = llasa::config_from_hf(written, "written");
    fuzz::must(config::to_json(again.fields()) == config::to_json(about.config.fields()));
    if (about.config.num_hidden_layers > 4) return;  // every layer's names would be made only to be missed
    (void)llasa::read_hf_tensors(folder.dir(), about);
  });
  return 0;
}
