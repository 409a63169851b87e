#include <memory>

#include "base/strings.h"
#include "exchange/exporter.h"
#include "exchange/lines.h"

/// lhotse: <prefix>_recordings_<part>.jsonl.gz, _supervisions_ and _cuts_, as its recipes name them; parts are train,
/// dev and test, or all. Clips stay where they are unless --audio says otherwise. Read and validated by lhotse 1.33
/// (tests/interop/lhotse_test.py).
namespace timbre::exchange {

namespace {

using json = nlohmann::ordered_json;

struct Options {
  std::string prefix, paths = "absolute";
  bool packed = true;
};

/// "BZNSYP (Baker)" → "bznsyp-baker": a word without '_', which separates the parts of a manifest's name.
std::string prefix_of(const Options& options, const ExportJob& job) {
  if (!options.prefix.empty()) return options.prefix;
  std::string prefix;
  for (char c : ascii_lower(job.corpus().name())) {
    const bool fine = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || static_cast<unsigned char>(c) >= 0x80;
    if (fine || (!prefix.empty() && prefix.back() != '-')) prefix += fine ? c : '-';
  }
  while (prefix.ends_with('-')) prefix.pop_back();
  return prefix.empty() ? "corpus" : prefix;
}

const char* part_of(const corpus::Utterance& u) {
  return u.split == "train" ? "train" : u.split == "valid" ? "dev" : u.split == "test" ? "test" : "all";
}

json channels_of(const Placed& clip) {
  json channels = json::array();
  for (std::int64_t c = 0; c < clip.channels; ++c) channels.push_back(c);
  return channels;
}

json recording_of(const corpus::Utterance& u, const Placed& clip, const std::string& source) {
  json recording;
  recording["id"] = u.id;
  recording["sources"] = {{{"type", "file"}, {"channels", channels_of(clip)}, {"source", source}}};
  recording["sampling_rate"] = clip.rate_hz;
  recording["num_samples"] = clip.samples;
  recording["duration"] = static_cast<double>(clip.samples) / static_cast<double>(clip.rate_hz);
  recording["channel_ids"] = channels_of(clip);
  return recording;
}

/// A supervision's channel is a number, or a list where a clip has several.
json channel_of(const Placed& clip) { return clip.channels == 1 ? json(0) : channels_of(clip); }

/// `text` and custom.normalized_text both are what is spoken: recipes read one or the other.
json supervision_of(const corpus::Utterance& u, const Placed& clip) {
  json supervision;
  supervision["id"] = u.id;
  supervision["recording_id"] = u.id;
  supervision["start"] = 0.0;
  supervision["duration"] = static_cast<double>(clip.samples) / static_cast<double>(clip.rate_hz);
  supervision["channel"] = channel_of(clip);
  supervision["text"] = u.text;
  if (!u.language.empty()) supervision["language"] = u.language;
  if (!u.speaker.empty()) supervision["speaker"] = u.speaker;
  json custom = json::object();
  if (u.extra.is_object())
    for (const auto& [key, value] : u.extra.items())
      if (key != "gender" && key != "alignment" && key != "textgrid") custom[key] = value;
  custom["normalized_text"] = u.text;
  if (u.extra.is_object())
    for (const char* key : {"gender", "alignment"})
      if (auto it = u.extra.find(key); it != u.extra.end() && (it->is_string() || it->is_object()))
        supervision[key] = *it;
  supervision["custom"] = std::move(custom);
  return supervision;
}

struct Part {
  Part(const ExportJob& job, const std::string& prefix, const std::string& part, const std::string& ending)
      : recordings(job.staging() / fmt::format("{}_recordings_{}{}", prefix, part, ending)),
        supervisions(job.staging() / fmt::format("{}_supervisions_{}{}", prefix, part, ending)),
        cuts(job.staging() / fmt::format("{}_cuts_{}{}", prefix, part, ending)) {}
  void close() {
    recordings.close();
    supervisions.close();
    cuts.close();
  }
  LineWriter recordings, supervisions, cuts;
  std::int64_t count = 0;
};

void write_one(const corpus::Utterance& u, const Placed& clip, const std::string& source, Part& part) {
  const json recording = recording_of(u, clip, source), supervision = supervision_of(u, clip);
  part.recordings.write(recording.dump());
  part.supervisions.write(supervision.dump());
  json cut;
  cut["id"] = fmt::format("{}-{}", u.id, part.count++);  // as CutSet.from_manifests names them
  cut["start"] = 0.0;
  cut["duration"] = recording["duration"];
  cut["channel"] = channel_of(clip);
  cut["supervisions"] = {supervision};
  cut["recording"] = recording;
  cut["type"] = clip.channels == 1 ? "MonoCut" : "MultiCut";
  part.cuts.write(cut.dump());
}

void write(const Options& options, ExportJob& job) {
  const auto& utterances = job.utterances();
  const std::string prefix = prefix_of(options, job), ending = options.packed ? ".jsonl.gz" : ".jsonl";
  std::map<std::string, std::unique_ptr<Part>> parts;
  std::int64_t outside = 0;
  const auto write_clip = [&](std::size_t i, const Placed& clip) {
    const corpus::Utterance& u = *utterances[i];
    auto& part = parts[part_of(u)];
    if (!part) part = std::make_unique<Part>(job, prefix, part_of(u), ending);
    const fs::path inside = clip.path.lexically_relative(job.out());
    const bool is_inside = !inside.empty() && *inside.begin() != "..";
    outside += !is_inside;
    write_one(u, clip, (options.paths == "relative" && is_inside ? inside : clip.path).string(), *part);
  };
  job.place_each([&](std::size_t i) { return fs::path("audio") / utterances[i]->id; }, write_clip);
  for (auto& [name, part] : parts) part->close();
  if (options.paths == "relative" && outside > 0)
    job.note(fmt::format("{} clips stay where they are and are named by absolute paths; --audio link brings them in",
                         outside));
}

config::Fields fields(Options& o) {
  config::Fields f;
  f.add("prefix", o.prefix, "first part of the manifests' names; default: the corpus' name").metavar("NAME");
  f.add("paths", o.paths,
        "how clips are named: absolute, or relative to the manifests for programs that are started beside them")
      .choices({"absolute", "relative"});
  f.add("packed", o.packed, "write .jsonl.gz rather than .jsonl");
  return f;
}

void check(const Options& options, const ExportJob&) {
  if (options.prefix.find_first_of("/\\ ") != std::string::npos)
    throw UsageError(fmt::format("--lhotse.prefix '{}': expected a word without '/' and spaces", options.prefix));
}

}  // namespace

void register_exporter_lhotse(Exporters& exporters) {
  exporters.add("lhotse", [] {
    auto options = std::make_shared<Options>();
    return Exporter{.name = "lhotse",
                    .summary = "recordings, supervisions and cuts (.jsonl.gz) for lhotse, icefall, lifeiteng's VALL-E",
                    .clips = ClipForm::in_place,
                    .fields = fields(*options),
                    .check = [options](const ExportJob& job) { check(*options, job); },
                    .write = [options](ExportJob& job) { write(*options, job); }};
  });
}

}  // namespace timbre::exchange
