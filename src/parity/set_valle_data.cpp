#include <optional>
#include <set>

#include "exchange/cut_stats.h"
#include "exchange/lhotse_codes.h"
#include "exchange/lhotse_manifest.h"
#include "exchange/lines.h"
#include "parity/sets.h"
#include "roles/golden.h"

/// The part of valle_data about corpora: printed statistics, the arithmetic of lengths, stored codes.
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

/// "i64" → "int64", as NumPy names it.
std::string numpy_name(weights::DType dtype) {
  const std::string own(weights::name_of(dtype));
  const std::string kind = own.substr(0, 1), bits = own.substr(1);
  return (kind == "i" ? "int" : kind == "u" ? "uint" : "float") + bits;
}

/// What reading a cut's features gives, of the cuts that the set asks for: from every manifest of cuts with features.
void stored_codes(roles::ParityRun& run) {
  constexpr const char* kTensors = "cases.safetensors";
  std::set<std::string> wanted;
  for (const std::string& id : run.keys(kCases, "/codes")) wanted.insert(id);
  if (run.has_file(kTensors))
    for (const std::string& name : run.names(kTensors))
      if (name.starts_with("codes.")) wanted.insert(name.substr(6));
  for (const std::string& file : run.files()) {
    if (file.find("cuts") == std::string::npos || !(file.ends_with(".jsonl") || file.ends_with(".jsonl.gz"))) continue;
    const std::filesystem::path manifest = run.input_path(file);
    exchange::lhotse::ArrayStore store(manifest);
    exchange::LineReader lines(manifest);
    for (std::string text; lines.next(text);) {
      const json cut = json::parse(text, nullptr, false);
      if (!cut.is_object() || !wanted.contains(cut.value("id", ""))) continue;
      const auto array = exchange::lhotse::stored_array(cut, "codes");
      if (!array) continue;
      const std::string id = cut.at("id");
      const double start_s = cut.at("start").get<double>(), duration_s = cut.at("duration").get<double>();
      const weights::Tensor codes = store.read_cut(*array, start_s, duration_s);
      const std::string entry = "/codes/" + id;
      if (run.has_json(kCases, entry)) {
        run.put_json(kCases, entry + "/num_samples", cut.at("recording").at("num_samples"));
        run.put_json(kCases, entry + "/frames", codes.shape[0]);
        run.put_json(kCases, entry + "/dtype_on_disk", numpy_name(codes.dtype));
      }
      if (run.has(kTensors, "codes." + id))
        run.put(kTensors, "codes." + id, weights::Tensor::of<std::int64_t>(codes.shape, codes.to_i64()));
      wanted.erase(id);
    }
  }
}

void run_valle_data(roles::ParityRun& run) {
  for (const std::string& file : run.files())
    if (const std::string cuts = described(run, file); !cuts.empty())
      run.put_bytes(file, exchange::lhotse::cut_stats(run.input_path(cuts)).text());
  frame_table(run);
  resample_table(run);
  stored_codes(run);
}

}  // namespace

void register_set_valle_data(roles::Registry& registry) { registry.add_parity_part("valle_data", run_valle_data); }

}  // namespace timbre::parity
