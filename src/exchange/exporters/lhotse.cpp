#include <algorithm>
#include <memory>

#include "base/strings.h"
#include "corpus/columns.h"
#include "exchange/exporter.h"
#include "exchange/lhotse_manifest.h"
#include "exchange/lines.h"
#include "weights/hdf5.h"

/// lhotse: <prefix>_recordings_<part>.jsonl.gz, _supervisions_ and _cuts_, as its recipes name them; parts are train,
/// dev and test, or all. Clips stay where they are unless --audio says otherwise. Read and validated by lhotse 1.33
/// (tests/interop/lhotse_test.py).
namespace timbre::exchange {

namespace {

using json = nlohmann::ordered_json;

struct Options {
  std::string prefix, codes, paths = "absolute";
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

/// The corpus' codes as lhotse's NumpyHdf5Writer stores them, beside the manifests.
class CodeWriter {
 public:
  CodeWriter(const ExportJob& job, const std::string& column, const std::string& file, bool relative)
      : column_(corpus::Column::open(job.corpus().dir(), column)),
        path_(relative ? file : (job.out() / file).string()),
        file_(job.staging() / file) {
    const auto& settings = column_.settings();
    if (!settings.contains("facts"))
      throw DataError(
          fmt::format("{}: column {} does not say which codec's codes it holds", job.corpus().dir().string(), column),
          "make it with: timbre prepare CORPUS --codec FOLDER");
    const auto& facts = settings.at("facts");
    codec_ = facts.at("codec");
    rate_hz_ = facts.at("rate_hz");
    hop_samples_ = facts.at("hop_samples");
  }

  /// As Recording.resample() leaves it: features and recording must be of one rate.
  void resample(json& recording) const {
    const auto from_hz = recording["sampling_rate"].get<std::int64_t>();
    if (from_hz == rate_hz_) return;
    const std::int64_t samples =
        lhotse::resampled_samples(recording["num_samples"].get<std::int64_t>(), from_hz, rate_hz_);
    recording["sampling_rate"] = rate_hz_;
    recording["num_samples"] = samples;
    recording["duration"] = static_cast<double>(samples) / static_cast<double>(rate_hz_);
    recording["transforms"] = {
        {{"name", "Resample"}, {"kwargs", {{"source_sampling_rate", from_hz}, {"target_sampling_rate", rate_hz_}}}}};
  }

  /// Stores the codes of an utterance under the cut's id; null where the column has none. lhotse counts frames as
  /// samples over the hop, rounded half up, where the codec rounds up: the last one may go.
  json features_of(const corpus::Utterance& u, const std::string& cut, const json& recording) {
    if (!column_.has(u.id)) return nullptr;
    const weights::Tensor codes = column_.get(u.id);
    const auto samples = recording["num_samples"].get<std::int64_t>();
    const std::int64_t frames = std::min(codes.shape.at(0), (samples + hop_samples_ / 2) / hop_samples_);
    if (frames == 0) return nullptr;
    std::vector<std::int64_t> kept = codes.to_i64();
    kept.resize(static_cast<std::size_t>(frames * codes.shape.at(1)));
    file_.put(cut, weights::Tensor::of<std::int64_t>({frames, codes.shape.at(1)}, std::move(kept)));
    json features;
    features["type"] = codec_;
    features["num_frames"] = frames;
    features["num_features"] = codes.shape.at(1);
    features["frame_shift"] = static_cast<double>(hop_samples_) / static_cast<double>(rate_hz_);
    features["sampling_rate"] = rate_hz_;
    features["start"] = 0;
    features["duration"] = recording["duration"];
    features["storage_type"] = "numpy_hdf5";
    features["storage_path"] = path_;
    features["storage_key"] = cut;
    features["recording_id"] = u.id;
    features["channels"] = 0;
    return features;
  }

  void close() { file_.close(); }

 private:
  corpus::Column column_;
  std::string path_, codec_;
  weights::Hdf5Writer file_;
  std::int64_t rate_hz_ = 0, hop_samples_ = 0;
};

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

/// False when codes were wanted and there are none.
bool write_one(const corpus::Utterance& u, const Placed& clip, const std::string& source, Part& part,
               CodeWriter* codes) {
  json recording = recording_of(u, clip, source), supervision = supervision_of(u, clip);
  if (codes) {
    codes->resample(recording);
    supervision["duration"] = recording["duration"];
  }
  part.recordings.write(recording.dump());
  part.supervisions.write(supervision.dump());
  json cut;
  cut["id"] = fmt::format("{}-{}", u.id, part.count++);  // as CutSet.from_manifests names them
  cut["start"] = 0.0;
  cut["duration"] = recording["duration"];
  cut["channel"] = channel_of(clip);
  cut["supervisions"] = {supervision};
  bool coded = true;
  if (codes) {
    json features = codes->features_of(u, cut["id"].get<std::string>(), recording);
    coded = !features.is_null();
    if (coded) cut["features"] = std::move(features);
  }
  cut["recording"] = recording;
  cut["type"] = clip.channels == 1 ? "MonoCut" : "MultiCut";
  part.cuts.write(cut.dump());
  return coded;
}

void write(const Options& options, ExportJob& job) {
  const auto& utterances = job.utterances();
  const std::string prefix = prefix_of(options, job), ending = options.packed ? ".jsonl.gz" : ".jsonl";
  std::map<std::string, std::unique_ptr<Part>> parts;
  std::int64_t outside = 0, uncoded = 0;
  std::unique_ptr<CodeWriter> codes;
  if (!options.codes.empty())
    codes = std::make_unique<CodeWriter>(job, options.codes, prefix + "_codes.h5", options.paths == "relative");
  const auto write_clip = [&](std::size_t i, const Placed& clip) {
    const corpus::Utterance& u = *utterances[i];
    auto& part = parts[part_of(u)];
    if (!part) part = std::make_unique<Part>(job, prefix, part_of(u), ending);
    const fs::path inside = clip.path.lexically_relative(job.out());
    const bool is_inside = !inside.empty() && *inside.begin() != "..";
    outside += !is_inside;
    const std::string source = (options.paths == "relative" && is_inside ? inside : clip.path).string();
    uncoded += !write_one(u, clip, source, *part, codes.get());
  };
  job.place_each([&](std::size_t i) { return fs::path("audio") / utterances[i]->id; }, write_clip);
  for (auto& [name, part] : parts) part->close();
  if (codes) codes->close();
  if (uncoded > 0) job.note(fmt::format("{} cuts have no codes: {} holds none for them", uncoded, options.codes));
  if (options.paths == "relative" && outside > 0)
    job.note(fmt::format("{} clips stay where they are and are named by absolute paths; --audio link brings them in",
                         outside));
}

config::Fields fields(Options& o) {
  config::Fields f;
  f.add("prefix", o.prefix, "first part of the manifests' names; default: the corpus' name").metavar("NAME");
  f.add("codes", o.codes, "column of codes that goes with the cuts as features in an HDF5 file: codes.encodec")
      .metavar("COLUMN");
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
