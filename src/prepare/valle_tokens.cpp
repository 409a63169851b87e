#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "base/files.h"
#include "base/strings.h"
#include "exchange/lhotse_codes.h"
#include "exchange/lhotse_manifest.h"
#include "exchange/lines.h"
#include "prepare/codecs.h"
#include "prepare/valle_codes.h"
#include "prepare/valle_stages.h"
#include "text/k2_symbols.h"
#include "text/phonemes.h"

/// Stage 2: from recordings and supervisions to cuts with codes and tokens.
namespace timbre::prepare {

namespace {

using json = nlohmann::ordered_json;

fs::path manifest_path(const ValleJob& job, const char* kind, const std::string& part) {
  return job.manifests() / fmt::format("{}_{}_{}.jsonl.gz", job.recipe.prefix, kind, part);
}

/// Every line of a manifest as it stands, for what is copied, and without order, for what is read.
template <class Each>
void each_line(const fs::path& path, const Each& each) {
  exchange::LineReader lines(path);
  for (std::string text; lines.next(text);) {
    if (trim(text).empty()) continue;
    json line = json::parse(text, nullptr, false);
    if (!line.is_object())
      throw DataError(fmt::format("{}, line {}: not a JSON object", path.string(), lines.number()),
                      "make the manifests anew: --stage 1");
    each(std::move(line));
  }
}

/// Relative to where lhotse ran: most often the folder that data/ lies in.
fs::path find_audio(const ValleJob& job, const std::string& written) {
  std::error_code missing;
  if (fs::path(written).is_absolute() || fs::is_regular_file(written, missing)) return written;
  fs::path folder = fs::absolute(job.manifests());
  for (int up = 0; up < 4; ++up, folder = folder.parent_path())
    if (fs::is_regular_file(folder / written, missing)) return folder / written;
  return written;
}

std::string fault_of(const ValleClip& clip, const exchange::lhotse::Fault& fault, std::size_t supervisions,
                     const ValleCoder& coder) {
  if (fault) return fault.detail.empty() ? fault.reason : fault.reason + ": " + fault.detail;
  if (supervisions != 1)
    return supervisions == 0 ? "no supervision" : fmt::format("{} supervisions; expected one", supervisions);
  if (std::error_code missing; !fs::is_regular_file(clip.audio, missing))
    return "no audio file: " + clip.audio.string();
  if (coder.frames_of(clip.duration_s) < 1)
    return fmt::format("too short: {:.4f} s is less than half a frame of {} ({:.4f} s)", clip.duration_s,
                       coder.codec->name(), coder.frame_s());
  return {};
}

/// The cuts of CutSet.from_manifests, in order, one a recording.
std::vector<ValleClip> clips_of(const ValleJob& job, const std::string& part, const ValleCoder& coder) {
  std::map<std::string, std::vector<json>> said;
  each_line(manifest_path(job, "supervisions", part), [&](json line) {
    const auto id = line.find("recording_id");
    if (id != line.end() && id->is_string()) said[id->get<std::string>()].push_back(std::move(line));
  });
  std::vector<ValleClip> clips;
  each_line(manifest_path(job, "recordings", part), [&](json line) {
    exchange::lhotse::Recording about;
    const auto fault = exchange::lhotse::parse(nlohmann::json(line), about);
    ValleClip clip;
    clip.recording_id = about.id;
    clip.cut_id = fmt::format("{}-{}", about.id, clips.size());
    clip.audio = find_audio(job, about.source);
    clip.duration_s = about.duration_s;
    clip.channels = std::max<std::int64_t>(1, static_cast<std::int64_t>(about.channels.size()));
    clip.samples = whole_or(line, "num_samples", 0);
    clip.rate_hz = whole_or(line, "sampling_rate", 0);
    clip.recording = std::move(line);
    auto& own = said[about.id];
    clip.fault = fault_of(clip, fault, own.size(), coder);
    if (own.size() == 1) clip.supervision = std::move(own[0]);
    clips.push_back(std::move(clip));
  });
  return clips;
}

/// As Recording.resample() leaves it.
void resample(json& recording, std::int64_t to_hz) {
  const auto from_hz = whole_or(recording, "sampling_rate", 0);
  if (from_hz == to_hz || from_hz < 1) return;
  const std::int64_t samples =
      exchange::lhotse::resampled_samples(whole_or(recording, "num_samples", 0), from_hz, to_hz);
  recording["sampling_rate"] = to_hz;
  recording["num_samples"] = samples;
  recording["duration"] = static_cast<double>(samples) / static_cast<double>(to_hz);
  json transforms = recording.contains("transforms") ? recording["transforms"] : json::array();
  transforms.push_back(
      {{"name", "Resample"}, {"kwargs", {{"source_sampling_rate", from_hz}, {"target_sampling_rate", to_hz}}}});
  recording["transforms"] = std::move(transforms);
}

/// The text that the recipe's tokenizer reads.
std::string text_of(const std::string& recipe, const json& supervision, bool labels) {
  std::string text = text_or(supervision, "text", "");
  if (labels) return supervision.contains("custom") ? text_or(supervision["custom"], "pinyin", "") : "";
  if (recipe != "baker" && recipe != "ljspeech") return text;
  if (const auto custom = supervision.find("custom"); custom != supervision.end() && custom->is_object())
    text = text_or(*custom, "normalized_text", text);
  if (recipe != "ljspeech") return text;
  std::u32string plain = to_code_points(text);  // curly quotes are none of the recipe's marks
  for (char32_t& c : plain)
    if (c == U'“' || c == U'”') c = U'"';
  return to_utf8(plain);
}

json cut_of(const ValleJob& job, const ValleCoder& coder, const ValleClip& clip, const fs::path& store,
            std::vector<std::string> tokens) {
  json features;
  features["type"] = coder.codec->name();
  features["num_frames"] = clip.frames;
  features["num_features"] = coder.codebooks;
  features["frame_shift"] = coder.frame_s();
  features["sampling_rate"] = coder.codec->rate_hz();
  features["start"] = 0;
  features["duration"] = clip.duration_s;
  features["storage_type"] = "numpy_hdf5";
  features["storage_path"] = store.string();
  features["storage_key"] = clip.cut_id;
  features["recording_id"] = clip.recording_id;
  features["channels"] = 0;
  json supervision = clip.supervision;
  // baker's and aishell's tokenizers leave nothing but the tokens.
  const bool emptied = job.recipe.name == "baker" || job.recipe.name == "aishell";
  json custom = json::object();
  if (!emptied && supervision.contains("custom") && supervision["custom"].is_object()) custom = supervision["custom"];
  custom["tokens"] = {{"text", std::move(tokens)}};
  supervision["custom"] = std::move(custom);
  json cut;
  cut["id"] = clip.cut_id;
  cut["start"] = 0;
  cut["duration"] = clip.duration_s;
  cut["channel"] = 0;
  cut["supervisions"] = json::array({std::move(supervision)});
  cut["features"] = std::move(features);
  cut["recording"] = clip.recording;
  resample(cut["recording"], coder.codec->rate_hz());
  // What lhotse's sampler leaves in every cut that went through a batch: seed 002's tables count it.
  cut["custom"] = {{"dataloading_info", {{"rank", 0}, {"world_size", 1}, {"worker_id", nullptr}}}};
  cut["type"] = "MonoCut";
  return cut;
}

/// Tokens of all texts, and the manifest of cuts.
class Tokenizer {
 public:
  Tokenizer(const ValleJob& job, const ValleCoder& coder, const std::string& front_end)
      : job_(job),
        coder_(coder),
        labels_(front_end.starts_with("pypinyin:labelled")),
        front_end_(text::make_front_end(front_end)) {}

  /// Returns how many cuts were written.
  std::int64_t write(const std::string& part, std::vector<ValleClip>& clips, const ValleEncoder& encoder,
                     std::vector<Skipped>& left_out) {
    const fs::path file = job_.tokenized() / fmt::format("{}_cuts_{}.jsonl.gz", job_.recipe.prefix, part);
    const fs::path staged = job_.tokenized() / fmt::format(".{}_cuts_{}.part.jsonl.gz", job_.recipe.prefix, part);
    exchange::LineWriter lines(staged);
    std::int64_t count = 0;
    for (std::size_t i = 0; i < clips.size(); ++i) {
      ValleClip& clip = clips[i];
      std::vector<std::string> tokens;
      if (clip.fault.empty()) tokens = tokens_of(clip);
      if (!clip.fault.empty()) {
        left_out.push_back({part + "/" + clip.recording_id, clip.fault});
        continue;
      }
      symbols.insert(tokens.begin(), tokens.end());
      lines.write(cut_of(job_, coder_, clip, encoder.file(i / kShardCuts), std::move(tokens)).dump());
      ++count;
    }
    lines.close();
    fs::rename(staged, file);
    return count;
  }

  std::set<std::string> symbols;

 private:
  std::vector<std::string> tokens_of(ValleClip& clip) {
    const std::string text = text_of(job_.recipe.name, clip.supervision, labels_);
    try {
      auto tokens = front_end_->phonemize(text).phones;
      if (tokens.empty()) clip.fault = fmt::format("text without tokens: \"{}\"", text);
      return tokens;
    } catch (const UsageError& problem) {  // a script that the front end cannot read
      clip.fault = problem.what();
    } catch (const DataError& problem) {
      clip.fault = problem.what();
    }
    return {};
  }

  const ValleJob& job_;
  const ValleCoder& coder_;
  bool labels_;  ///< reads the labelled pinyin, not the text
  std::unique_ptr<text::FrontEnd> front_end_;
};
nlohmann::json part_inputs(const ValleJob& job, const std::string& part) {
  return hashes_of({manifest_path(job, "recordings", part), manifest_path(job, "supervisions", part)});
}

void tell(const ValleJob& job, ValleReport& report) {
  std::string text;
  for (const Skipped& s : report.left_out)
    text += nlohmann::json{{"recording", s.id}, {"reason", s.reason}}.dump(-1, ' ', false,
                                                                           nlohmann::json::error_handler_t::replace) +
            "\n";
  const fs::path list = job.tokenized() / "left_out.jsonl";
  write_file_atomic(list, text);
  if (report.left_out.empty()) return;
  constexpr std::size_t kShown = 5;
  report.lines.push_back(fmt::format(
      "{} left out (all in {}):",
      report.left_out.size() == 1 ? "1 recording is" : fmt::format("{} recordings are", report.left_out.size()),
      list.string()));
  for (std::size_t i = 0; i < std::min(kShown, report.left_out.size()); ++i)
    report.lines.push_back(fmt::format("  {}: {}", report.left_out[i].id, report.left_out[i].reason));
}

}  // namespace

void open_recipe_codec(const ValleOptions& options) { open_coder(options); }

ValleReport make_tokens(const ValleJob& job) {
  ValleReport report;
  const ValleOptions& o = job.options;
  const std::vector<std::string> parts = wanted_parts(job, present_parts(job));
  if (parts.empty())
    throw DataError(
        fmt::format("{}: no {}_recordings_….jsonl.gz with supervisions", job.manifests().string(), job.recipe.prefix),
        "make them: --stage 1");
  ValleCoder coder = open_coder(o);
  const std::string front_end = front_end_of(o.text_extractor.empty() ? job.recipe.text_extractor : o.text_extractor);
  nlohmann::json inputs = nlohmann::json::object();
  for (const std::string& part : parts) inputs.update(part_inputs(job, part));
  const nlohmann::json codec = codec_facts(*coder.codec, coder.codebooks), weights = codec_hashes(o.codec);
  const DoneMarker marker(job.tokenized() / fmt::format(".{}.tokenize.done", job.recipe.name),
                          {{"codec", codec}, {"codec_files", weights}, {"front_end", front_end}, {"inputs", inputs}});
  if (marker.done()) {
    report.kept = true;
    return report;
  }
  if (const std::string stale = marker.stale(); !stale.empty())
    report.lines.push_back("tokens are made anew: " + stale);
  fs::create_directories(job.tokenized());
  open_workers(coder, o.codec);
  Tokenizer tokenizer(job, coder, front_end);
  for (const std::string& part : parts) {
    std::vector<ValleClip> clips = clips_of(job, part, coder);
    ValleEncoder encoder(job, coder, part,
                         {{"codec", codec}, {"codec_files", weights}, {"inputs", part_inputs(job, part)}});
    encoder.run(clips);
    const std::int64_t count = tokenizer.write(part, clips, encoder, report.left_out);
    report.counts[part] = count;
    report.lines.push_back(fmt::format("{}: {} cuts of {} recordings", part, count, clips.size()));
  }
  write_file_atomic(job.tokenized() / "unique_text_tokens.k2symbols",
                    text::format_k2_symbols(text::make_k2_symbols(tokenizer.symbols)));
  report.lines.push_back(fmt::format("{} different tokens by {}", tokenizer.symbols.size(), front_end));
  tell(job, report);
  marker.set();
  return report;
}

}  // namespace timbre::prepare
