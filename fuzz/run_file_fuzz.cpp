// folders: base config audio text align weights corpus roles fetch exchange prepare
#include <nlohmann/json.hpp>

#include "audio/mel.h"
#include "config/fields.h"
#include "corpus/split.h"
#include "fuzz/folder_input.h"
#include "prepare/run_file.h"

namespace {

struct Options {
  timbre::audio::MelOptions mel;
  timbre::corpus::SplitOptions split;
  std::vector<std::int64_t> steps = {1, 2};
  std::optional<double> share;
  bool probe = true;
};

timbre::config::Fields fields(Options& o) {
  timbre::config::Fields f;
  f.group("mel", timbre::audio::fields(o.mel));
  f.group("split", timbre::corpus::fields(o.split));
  f.add("steps", o.steps, "a list");
  f.add("share", o.share, "may be absent").range(0, 1);
  f.add("probe", o.probe, "yes or no");
  return f;
}

}  // namespace

/// Run files: what is accepted, written and read again is the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace timbre;
  const std::string yaml(reinterpret_cast<const char*>(data), size);
  fuzz::guarded([&] {
    Options options, again;
    config::Fields list = fields(options), other = fields(again);
    config::read_yaml(list, yaml, "run.yaml");
    const std::string written = config::to_yaml(list, true);
    config::read_yaml(other, written, "written");
    fuzz::must(config::to_yaml(other, true) == written);
    config::from_json(other, config::to_json(list), "json");
  });
  fuzz::guarded([&] { (void)config::peek_yaml(yaml, "model", "run.yaml"); });
  fuzz::guarded([&] {
    Options options;
    config::Fields list = fields(options);
    prepare::assign_known(list, yaml, "run.yaml");
  });
  fuzz::guarded([&] {
    const auto values = nlohmann::json::parse(yaml, nullptr, false);
    if (values.is_discarded()) return;
    Options options;
    config::Fields list = fields(options);
    config::from_json(list, values, "json");
  });
  return 0;
}
