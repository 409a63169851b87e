#include <optional>

#include "exchange/cut_stats.h"
#include "exchange/lhotse_manifest.h"
#include "parity/sets.h"
#include "roles/golden.h"

/// The part of valle_data about corpora: printed statistics and the arithmetic of lengths.
namespace timbre::parity {

namespace {

using nlohmann::json;

constexpr const char* kCases = "cases.json";

/// tokenized/describe_dev.txt is of tokenized/cuts_dev.jsonl.gz, statistics_odd_describe.txt of
/// statistics_cuts_odd.jsonl. Empty for other files.
std::string described(const roles::ParityRun& run, const std::string& file) {
  const std::size_t slash = file.rfind('/'), name_at = slash == std::string::npos ? 0 : slash + 1;
  const std::string folder = file.substr(0, name_at), name = file.substr(name_at);
  const auto between = [&](std::string_view before, std::string_view after) -> std::optional<std::string> {
    if (name.size() < before.size() + after.size() || !name.starts_with(before) || !name.ends_with(after)) return {};
    return name.substr(before.size(), name.size() - before.size() - after.size());
  };
  std::string stem;
  if (const auto part = between("describe_", ".txt")) stem = folder + "cuts_" + *part;
  if (const auto part = between("statistics", "_describe.txt")) stem = folder + "statistics_cuts" + *part;
  if (stem.empty()) return {};
  for (const char* ending : {".jsonl", ".jsonl.gz"})
    if (run.has_file(stem + ending)) return stem + ending;
  return {};
}

/// EnCodec's hop at 24 kHz.
constexpr std::int64_t kHop = 320, kCodecRate_hz = 24000;

/// Rows: samples at 24 kHz, frames that lhotse keeps (hops, rounded half up), frames that the codec gives.
void frame_table(roles::ParityRun& run) {
  for (const std::string& i : run.keys(kCases, "/frames_kept_of_samples/rows")) {
    const std::string row = "/frames_kept_of_samples/rows/" + i;
    const auto samples = run.input_json(kCases, row + "/0").get<std::int64_t>();
    run.put_json(kCases, row, {samples, (samples + kHop / 2) / kHop, (samples + kHop - 1) / kHop});
  }
}

/// Rows: samples, their rate, samples at 24 kHz as a manifest counts them (rounded half up), seconds of those.
void resample_table(roles::ParityRun& run) {
  for (const std::string& i : run.keys(kCases, "/resample_to_24000/rows")) {
    const std::string row = "/resample_to_24000/rows/" + i;
    const auto samples = run.input_json(kCases, row + "/0").get<std::int64_t>();
    const auto rate_hz = run.input_json(kCases, row + "/1").get<std::int64_t>();
    const std::int64_t made = exchange::lhotse::resampled_samples(samples, rate_hz, kCodecRate_hz);
    run.put_json(kCases, row, {samples, rate_hz, made, static_cast<double>(made) / static_cast<double>(kCodecRate_hz)});
  }
}

void run_valle_data(roles::ParityRun& run) {
  for (const std::string& file : run.files())
    if (const std::string cuts = described(run, file); !cuts.empty())
      run.put_bytes(file, exchange::lhotse::cut_stats(run.input_path(cuts)).text());
  frame_table(run);
  resample_table(run);
}

}  // namespace

void register_set_valle_data(roles::Registry& registry) { registry.add_parity("valle_data", run_valle_data); }

}  // namespace timbre::parity
