#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/files.h"
#include "base/hash.h"
#include "base/threads.h"
#include "prepare/codecs.h"
#include "prepare/llasa_recipe.h"
#include "prepare/valle_codes.h"
#include "weights/npy.h"

/// Stage 3: codes of every clip that rows will be made of, a file each.
namespace timbre::prepare {

namespace {

using nlohmann::json;

/// Names of the clips that rows need: of kept speakers, or all.
std::vector<std::string> wanted_names(const LlasaJob& job, const std::map<std::string, LlasaClip>& clips) {
  std::vector<std::string> names;
  if (!job.speed()) {
    for (const auto& [name, clip] : clips) names.push_back(name);
    return names;
  }
  for (const SpeedLists& lists : read_speed_lists(job.lists()))
    for (const auto* list : {&lists.slow, &lists.medium, &lists.fast})
      names.insert(names.end(), list->begin(), list->end());
  return names;
}

/// The codec, once for each thread. The first codebook alone is kept: of a codec with residual or product codebooks
/// that is what an LM of one stream speaks.
class FirstCodebook {
 public:
  explicit FirstCodebook(const std::string& folder) {
    coder_.codec = open_codec(folder);
    coder_.codebooks = 1;
    coder_.workers.push_back(coder_.codec);
    open_workers(coder_, folder);
  }
  json facts() const { return codec_facts(*coder_.codec, 1); }

  /// Codes of several clips to files; what cannot be encoded is left out by name.
  void encode(std::span<const LlasaClip* const> clips, const CodesFolder& folder,
              std::vector<std::string>& faults) const {
    const std::size_t workers = coder_.workers.size();
    parallel_for(std::min(workers, clips.size()), [&](std::size_t w) {
      for (std::size_t i = w; i < clips.size(); i += workers) {
        try {
          encode(*coder_.workers[w], *clips[i], folder.file(clips[i]->name));
        } catch (const DataError& problem) {
          faults[i] = problem.what();
        }
      }
    });
  }

 private:
  static void encode(roles::Codec& codec, const LlasaClip& clip, const fs::path& file) {
    const roles::Codes codes = codec.encode(load_clip(clip.audio, codec).wave_CN, 1);
    std::vector<std::int32_t> all;
    for (const roles::CodeSegment& segment : codes.segments)
      all.insert(all.end(), segment.codes_FQ.begin(), segment.codes_FQ.end());
    const auto frames = static_cast<std::int64_t>(all.size());
    weights::write_npy(file, weights::Tensor::of<std::int32_t>({frames}, std::move(all)));
  }
  ValleCoder coder_;
};

/// Codes of other settings, weights or recordings are not mixed with these.
void expect_own(const LlasaJob& job, const DoneMarker& marker, const fs::path& file, RecipeReport& report) {
  const fs::path folder = job.codes();
  std::error_code absent;
  if (!fs::is_directory(folder, absent) || fs::is_empty(folder) || marker.done()) return;
  if (!fs::exists(file))
    throw UsageError(fmt::format("{} is there already and was not made here", folder.string()),
                     "leave --codec out to take these codes; --out another folder, or remove it, makes them anew");
  report.lines.push_back("codes are made anew: " + marker.stale());
  fs::remove_all(folder);
}

}  // namespace

std::variant<std::vector<std::int32_t>, std::string> CodesFolder::load(const std::string& name) const {
  std::error_code absent;
  fs::path path = file(name);
  if (!fs::is_regular_file(path, absent)) path = folder_ / (name + ".npy");
  if (!fs::is_regular_file(path, absent)) return "no codes";
  try {
    const weights::Tensor tensor = weights::read_npy(path);
    if (tensor.shape.size() != 1)
      return fmt::format("codes of shape {}, expected one dimension", weights::shape_text(tensor.shape));
    std::vector<std::int32_t> codes;
    for (const std::int64_t code : tensor.to_i64()) {
      if (code < 0 || code > INT32_MAX) return fmt::format("{}: code {}", path.filename().string(), code);
      codes.push_back(static_cast<std::int32_t>(code));
    }
    return codes;
  } catch (const DataError& problem) {
    return problem.what();
  }
}

RecipeReport encode_clips(const LlasaJob& job) {
  RecipeReport report;
  const CodesFolder folder(job.codes());
  const LlasaSource source = read_llasa_source(job);
  const auto clips = source.by_name(job);
  const std::vector<std::string> names = wanted_names(job, clips);
  if (job.options.codec.empty()) {
    std::int64_t there = 0;
    for (const std::string& name : names) there += std::holds_alternative<std::vector<std::int32_t>>(folder.load(name));
    report.kept = true;
    report.counts["codes"] = there;
    report.lines.push_back(
        fmt::format("codes as they lie in {}: {} of {} clips have them", job.codes().string(), there, names.size()));
    return report;
  }
  FirstCodebook codec(job.options.codec);
  const fs::path marker_file = job.codes() / "made_of.json";
  json recordings = source.made_of;
  recordings.erase("metadata.csv");  // other captions leave the codes as they are
  recordings.erase("as_reference");
  const json made_of = {
      {"codec", codec.facts()}, {"codec_files", codec_hashes(job.options.codec)}, {"inputs", recordings}};
  const DoneMarker marker(marker_file, made_of);
  expect_own(job, marker, marker_file, report);
  make_folders(job.codes());
  marker.set();
  std::vector<const LlasaClip*> left;
  std::int64_t kept = 0;
  for (const std::string& name : std::set<std::string>(names.begin(), names.end())) {
    const auto clip = clips.find(name);
    if (std::error_code absent; fs::is_regular_file(folder.file(name), absent))
      ++kept;
    else if (clip == clips.end() || clip->second.audio.empty())
      report.left_out.push_back({name, "no recording of it in the source"});
    else
      left.push_back(&clip->second);
  }
  constexpr std::size_t kTogether = 64;
  std::int64_t made = 0;
  for (std::size_t from = 0; from < left.size(); from += kTogether) {
    job.expect_going_on();
    const std::span<const LlasaClip* const> own(left.data() + from, std::min(kTogether, left.size() - from));
    std::vector<std::string> faults(own.size());
    codec.encode(own, folder, faults);
    for (std::size_t i = 0; i < own.size(); ++i) {
      if (faults[i].empty())
        ++made;
      else
        report.left_out.push_back({own[i]->name, faults[i]});
    }
    emit_progress(job.events, "codes", static_cast<double>(from + own.size()), static_cast<double>(left.size()),
                  "clips");
  }
  report.kept = left.empty() && report.left_out.empty();
  report.counts = {{"made", made}, {"kept", kept}};
  report.lines.push_back(
      fmt::format("encoded by {}: {}; done before: {}", codec.facts()["codec"].get<std::string>(), made, kept));
  return report;
}

}  // namespace timbre::prepare
