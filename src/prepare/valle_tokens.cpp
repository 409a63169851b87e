#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "audio/convert.h"
#include "audio/decode.h"
#include "audio/write.h"
#include "base/files.h"
#include "base/strings.h"
#include "base/threads.h"
#include "exchange/importer.h"
#include "exchange/lhotse_codes.h"
#include "exchange/lhotse_manifest.h"
#include "exchange/lines.h"
#include "prepare/codecs.h"
#include "prepare/valle_stages.h"
#include "text/k2_symbols.h"
#include "text/phonemes.h"
#include "weights/hdf5.h"

/// Stage 2. Clips are encoded in shards of a fixed number of cuts, each a file that is whole or absent, so that an
/// interrupted run goes on after its last shard; lhotse's own jobs leave such files too.
namespace timbre::prepare {

namespace {

using json = nlohmann::ordered_json;

constexpr std::size_t kShardCuts = 256;
constexpr const char* kEnCodec = "encodec";
constexpr double kEnCodec_kbps = 6;  ///< VALL-E's eight codebooks

/// Fields of foreign or damaged JSON: what is of another type counts as absent.
template <class Json>
std::int64_t whole_or(const Json& object, const std::string& key, std::int64_t otherwise) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() && found->is_number_integer() ? found->template get<std::int64_t>() : otherwise;
}
template <class Json>
std::string text_or(const Json& object, const std::string& key, const std::string& otherwise) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() && found->is_string() ? found->template get<std::string>() : otherwise;
}

/// A cut before it has codes and tokens.
struct Clip {
  std::string cut_id, recording_id;
  json recording, supervision;
  fs::path audio;
  double duration_s = 0;
  std::int64_t samples = 0, rate_hz = 0, channels = 1;
  std::string fault;  ///< why it is left out
  std::int64_t frames = 0;
};

struct Coder {
  std::shared_ptr<roles::Codec> codec;
  std::int64_t codebooks = 0;
  double frame_s() const { return static_cast<double>(codec->hop_samples()) / static_cast<double>(codec->rate_hz()); }
  /// Frames that lhotse counts: samples over the hop, rounded half up.
  std::int64_t frames_of(double duration_s) const {
    exchange::lhotse::StoredArray array;
    array.frame_shift_s = frame_s();
    array.rate_hz = codec->rate_hz();
    return exchange::lhotse::rows_of(array, 0, duration_s, std::int64_t(1) << 40).count;
  }
};

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

std::string fault_of(const Clip& clip, const exchange::lhotse::Fault& fault, std::size_t supervisions,
                     const Coder& coder) {
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
std::vector<Clip> clips_of(const ValleJob& job, const std::string& part, const Coder& coder) {
  std::map<std::string, std::vector<json>> said;
  each_line(manifest_path(job, "supervisions", part), [&](json line) {
    const auto id = line.find("recording_id");
    if (id != line.end() && id->is_string()) said[id->get<std::string>()].push_back(std::move(line));
  });
  std::vector<Clip> clips;
  each_line(manifest_path(job, "recordings", part), [&](json line) {
    exchange::lhotse::Recording about;
    const auto fault = exchange::lhotse::parse(nlohmann::json(line), about);
    Clip clip;
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

/// A recording of several channels becomes a file of one, which the cut names: codes and audio stay the same thing, and
/// no reader meets an array of two rows.
void mix_down(const ValleJob& job, Clip& clip) {
  const fs::path mono = job.tokenized() / "mono" / (exchange::make_id(clip.recording_id) + ".wav");
  std::error_code missing;
  if (!fs::is_regular_file(mono, missing)) {
    const audio::Channels source = audio::decode_channels(clip.audio);
    const auto wave_N = audio::convert_audio(
        source.wave_CN,
        {.from_hz = source.rate_hz, .to_hz = source.rate_hz, .from_channels = source.channels, .to_channels = 1});
    fs::create_directories(mono.parent_path());
    audio::write_audio(mono, wave_N, source.rate_hz, "wav");
  }
  clip.audio = mono;
  clip.recording["sources"] = {{{"type", "file"}, {"channels", {0}}, {"source", mono.string()}}};
  clip.recording["channel_ids"] = {0};
  clip.supervision["channel"] = 0;
}

/// Planar samples as the codec takes them. Throws DataError.
std::vector<float> load(const ValleJob& job, Clip& clip, const Coder& coder) {
  if (clip.channels > 1 && coder.codec->channels() == 1) mix_down(job, clip);
  CodecClip loaded = load_clip(clip.audio, *coder.codec);
  if (loaded.source_rate_hz != clip.rate_hz && !clip.recording.contains("transforms"))
    throw DataError(fmt::format("{} Hz, the manifest says {}", loaded.source_rate_hz, clip.rate_hz));
  const auto samples = static_cast<double>(loaded.wave_CN.size()) / static_cast<double>(coder.codec->channels());
  const double seconds = samples / static_cast<double>(coder.codec->rate_hz());
  if (std::abs(seconds - clip.duration_s) > coder.frame_s())
    throw DataError(fmt::format("{:.3f} s long, the manifest says {:.3f}", seconds, clip.duration_s));
  return std::move(loaded.wave_CN);
}

/// Codes of one part, shard by shard.
class Encoder {
 public:
  Encoder(const ValleJob& job, const Coder& coder, std::string part, nlohmann::json made_of)
      : job_(job),
        coder_(coder),
        part_(std::move(part)),
        folder_(job.tokenized() / fmt::format("{}_{}_{}", job.recipe.prefix, coder.codec->name(), part_)),
        marker_(folder_ / "made_of.json", std::move(made_of)) {}

  /// Fills in frames and faults.
  void run(std::vector<Clip>& clips) {
    if (!marker_.done()) fs::remove_all(folder_);  // of other settings, or of none
    fs::create_directories(folder_);
    marker_.set();
    for (std::size_t from = 0, shard = 0; from < clips.size(); from += kShardCuts, ++shard) {
      const std::span<Clip> own(clips.data() + from, std::min(kShardCuts, clips.size() - from));
      if (!take_over(own, shard)) make(own, shard);
      emit_progress(job_.events, "codes " + part_, static_cast<double>(from + own.size()),
                    static_cast<double>(clips.size()), "cuts");
    }
  }

  fs::path file(std::size_t shard) const { return folder_ / fmt::format("feats-{}.h5", shard); }

 private:
  fs::path index(std::size_t shard) const { return folder_ / fmt::format("feats-{}.json", shard); }

  /// What an earlier run made of the shard; false when there is nothing whole.
  bool take_over(std::span<Clip> clips, std::size_t shard) const {
    std::error_code missing;
    if (!fs::is_regular_file(index(shard), missing)) return false;
    const auto about = nlohmann::json::parse(read_file(index(shard)), nullptr, false);
    if (!about.is_object() || !about.contains("frames") || !about.contains("faults")) return false;
    for (Clip& clip : clips) {
      if (!clip.fault.empty()) continue;
      clip.frames = whole_or(about["frames"], clip.cut_id, 0);
      if (clip.frames < 1) clip.fault = text_or(about["faults"], clip.cut_id, "");
      if (clip.frames < 1 && clip.fault.empty()) return false;
      if (clip.frames > 0 && clip.channels > 1 && coder_.codec->channels() == 1) mix_down(job_, clip);
    }
    return about["frames"].empty() || fs::is_regular_file(file(shard), missing);
  }

  void make(std::span<Clip> clips, std::size_t shard) {
    weights::Hdf5Writer store(file(shard));
    for (std::size_t from = 0; from < clips.size();) {
      double seconds = 0;
      std::size_t to = from;
      while (to < clips.size() && (to == from || seconds + clips[to].duration_s <= job_.options.batch_duration_s))
        seconds += clips[to++].duration_s;
      if (job_.stop != nullptr && *job_.stop)
        throw SystemError("stopped; finished shards of codes are kept", "call the same command again to go on");
      encode(clips.subspan(from, to - from), store);
      from = to;
    }
    store.close();
    nlohmann::json frames = nlohmann::json::object(), faults = nlohmann::json::object();
    for (const Clip& clip : clips)
      if (clip.fault.empty())
        frames[clip.cut_id] = clip.frames;
      else
        faults[clip.cut_id] = clip.fault;
    write_file_atomic(index(shard), nlohmann::json{{"frames", frames}, {"faults", faults}}.dump() + "\n");
  }

  void encode(std::span<Clip> clips, weights::Hdf5Writer& store) {
    std::vector<std::vector<float>> waves(clips.size());
    parallel_for(clips.size(), [&](std::size_t i) {
      if (!clips[i].fault.empty()) return;
      try {
        waves[i] = load(job_, clips[i], coder_);
      } catch (const DataError& problem) {
        clips[i].fault = problem.what();
      }
    });
    std::vector<std::vector<float>> batch;
    std::vector<Clip*> of;
    for (std::size_t i = 0; i < clips.size(); ++i)
      if (clips[i].fault.empty()) batch.push_back(std::move(waves[i])), of.push_back(&clips[i]);
    const std::vector<std::optional<roles::Codes>> codes = encode_each(batch, of);
    for (std::size_t i = 0; i < of.size(); ++i)
      if (codes[i]) keep(*of[i], *codes[i], store);
  }

  std::vector<std::optional<roles::Codes>> encode_each(const std::vector<std::vector<float>>& batch,
                                                       const std::vector<Clip*>& of) const {
    std::vector<std::optional<roles::Codes>> codes(batch.size());
    try {
      const auto all = coder_.codec->encode_all(batch, coder_.codebooks);
      for (std::size_t i = 0; i < all.size(); ++i) codes[i] = all[i];
    } catch (const DataError&) {  // one of them: find out which
      for (std::size_t i = 0; i < batch.size(); ++i) {
        try {
          codes[i] = coder_.codec->encode(batch[i], coder_.codebooks);
        } catch (const DataError& problem) {
          of[i]->fault = problem.what();
        }
      }
    }
    return codes;
  }

  /// The codec rounds frames up, lhotse to the nearest: the last one may go.
  void keep(Clip& clip, const roles::Codes& codes, weights::Hdf5Writer& store) const {
    if (codes.segments.size() != 1 || codes.segments.front().scale != 1.0f) {
      clip.fault = coder_.codec->name() + " divides recordings into pieces of their own loudness; no cut holds that";
      return;
    }
    const roles::CodeSegment& all = codes.segments.front();
    const std::int64_t frames = coder_.frames_of(clip.duration_s);
    if (std::abs(frames - all.frames) > 1) {
      clip.fault = fmt::format("{} frames of codes for {} by the manifest", all.frames, frames);
      return;
    }
    clip.frames = std::min(frames, all.frames);
    const auto kept = static_cast<std::ptrdiff_t>(clip.frames * codes.codebooks);
    std::vector<std::int64_t> values(all.codes_FQ.begin(), all.codes_FQ.begin() + kept);
    store.put(clip.cut_id, weights::Tensor::of<std::int64_t>({clip.frames, codes.codebooks}, std::move(values)));
  }

  const ValleJob& job_;
  const Coder& coder_;
  std::string part_;
  fs::path folder_;
  DoneMarker marker_;
};

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
std::string text_of(const std::string& recipe, const json& supervision) {
  std::string text = text_or(supervision, "text", "");
  if (recipe != "baker" && recipe != "ljspeech") return text;
  if (const auto custom = supervision.find("custom"); custom != supervision.end() && custom->is_object())
    text = text_or(*custom, "normalized_text", text);
  if (recipe != "ljspeech") return text;
  std::u32string plain = to_code_points(text);  // curly quotes are none of the recipe's marks
  for (char32_t& c : plain)
    if (c == U'“' || c == U'”') c = U'"';
  return to_utf8(plain);
}

json cut_of(const ValleJob& job, const Coder& coder, const Clip& clip, const fs::path& store,
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
  Tokenizer(const ValleJob& job, const Coder& coder, const std::string& front_end)
      : job_(job), coder_(coder), front_end_(text::make_front_end(front_end)) {}

  /// Returns how many cuts were written.
  std::int64_t write(const std::string& part, std::vector<Clip>& clips, const Encoder& encoder,
                     std::vector<Skipped>& left_out) {
    const fs::path file = job_.tokenized() / fmt::format("{}_cuts_{}.jsonl.gz", job_.recipe.prefix, part);
    const fs::path staged = job_.tokenized() / fmt::format(".{}_cuts_{}.part.jsonl.gz", job_.recipe.prefix, part);
    exchange::LineWriter lines(staged);
    std::int64_t count = 0;
    for (std::size_t i = 0; i < clips.size(); ++i) {
      Clip& clip = clips[i];
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
  std::vector<std::string> tokens_of(Clip& clip) {
    const std::string text = text_of(job_.recipe.name, clip.supervision);
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
  const Coder& coder_;
  std::unique_ptr<text::FrontEnd> front_end_;
};

Coder open_coder(const ValleOptions& o) {
  if (o.codec.empty())
    throw UsageError("stage 2 makes codes, and --codec does not say with what",
                     "--codec FOLDER; EnCodec's file becomes a folder with: timbre convert encodec_24khz-d7cc33bc.th "
                     "codecs/encodec");
  Coder coder;
  coder.codec = open_codec(o.codec);
  coder.codebooks = codebooks_wanted(
      *coder.codec, o.codebooks == 0 && coder.codec->name() == kEnCodec ? kEnCodec_kbps : 0, o.codebooks);
  return coder;
}

/// Of the codec's files: other weights make other codes.
nlohmann::json codec_hashes(const std::string& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(find_codec_folder(folder).dir))
    if (entry.is_regular_file()) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return hashes_of(files);
}

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
  const Coder coder = open_coder(o);
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
  Tokenizer tokenizer(job, coder, front_end);
  for (const std::string& part : parts) {
    std::vector<Clip> clips = clips_of(job, part, coder);
    Encoder encoder(job, coder, part, {{"codec", codec}, {"codec_files", weights}, {"inputs", part_inputs(job, part)}});
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
