#include "prepare/valle_codes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "audio/convert.h"
#include "audio/decode.h"
#include "audio/write.h"
#include "base/files.h"
#include "base/threads.h"
#include "exchange/importer.h"
#include "exchange/lhotse_codes.h"
#include "prepare/codecs.h"

namespace timbre::prepare {

namespace {

constexpr const char* kEnCodec = "encodec";
constexpr double kEnCodec_kbps = 6;  ///< VALL-E's eight codebooks

/// A recording of several channels becomes a file of one, which the cut names: codes and audio stay the same thing, and
/// no reader meets an array of two rows.
void mix_down(const fs::path& folder, ValleClip& clip) {
  // By the cut's id, whose number keeps recordings apart whose names make one file name ("a/b", "a_b").
  const fs::path mono = folder / "mono" / (exchange::make_id(clip.cut_id) + ".wav");
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
std::vector<float> load(const fs::path& folder, ValleClip& clip, const ValleCoder& coder) {
  if (clip.channels > 1 && coder.codec->channels() == 1) mix_down(folder, clip);
  CodecClip loaded = load_clip(clip.audio, *coder.codec);
  if (loaded.source_rate_hz != clip.rate_hz && !clip.recording.contains("transforms"))
    throw DataError(fmt::format("{} Hz, the manifest says {}", loaded.source_rate_hz, clip.rate_hz));
  const auto samples = static_cast<double>(loaded.wave_CN.size()) / static_cast<double>(coder.codec->channels());
  const double seconds = samples / static_cast<double>(coder.codec->rate_hz());
  if (std::abs(seconds - clip.duration_s) > coder.frame_s())
    throw DataError(fmt::format("{:.3f} s long, the manifest says {:.3f}", seconds, clip.duration_s));
  return std::move(loaded.wave_CN);
}

}  // namespace

std::int64_t ValleCoder::frames_of(double duration_s) const {
  exchange::lhotse::StoredArray array;
  array.frame_shift_s = frame_s();
  array.rate_hz = codec->rate_hz();
  return exchange::lhotse::rows_of(array, 0, duration_s, std::int64_t(1) << 40).count;
}

ValleCoder open_coder(const ValleOptions& o) {
  if (o.codec.empty())
    throw UsageError("stage 2 makes codes, and --codec does not say with what",
                     "--codec FOLDER; EnCodec's file becomes a folder with: timbre convert encodec_24khz-d7cc33bc.th "
                     "codecs/encodec");
  ValleCoder coder;
  coder.codec = open_codec(o.codec);
  coder.codebooks = codebooks_wanted(
      *coder.codec, o.codebooks == 0 && coder.codec->name() == kEnCodec ? kEnCodec_kbps : 0, o.codebooks);
  coder.workers.push_back(coder.codec);
  return coder;
}

void open_workers(ValleCoder& coder, const std::string& folder) {
  constexpr std::uintmax_t kSmall_bytes = std::uintmax_t{256} << 20;
  std::uintmax_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(find_codec_folder(folder).dir))
    if (entry.is_regular_file()) bytes += entry.file_size();
  while (bytes < kSmall_bytes && static_cast<int>(coder.workers.size()) < thread_count())
    coder.workers.push_back(open_codec(folder));
}

nlohmann::json codec_hashes(const std::string& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(find_codec_folder(folder).dir))
    if (entry.is_regular_file()) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return hashes_of(files);
}

ValleEncoder::ValleEncoder(const ValleJob& job, const ValleCoder& coder, std::string part, nlohmann::json made_of)
    : job_(job),
      coder_(coder),
      part_(std::move(part)),
      folder_(job.tokenized() / fmt::format("{}_{}_{}", job.recipe.prefix, coder.codec->name(), part_)),
      marker_(folder_ / "made_of.json", std::move(made_of)) {}

fs::path ValleEncoder::file(std::size_t shard) const { return folder_ / fmt::format("feats-{}.h5", shard); }
fs::path ValleEncoder::index(std::size_t shard) const { return folder_ / fmt::format("feats-{}.json", shard); }

/// Fills in frames and faults.
void ValleEncoder::run(std::vector<ValleClip>& clips) {
  if (!marker_.done()) fs::remove_all(folder_);  // of other settings, or of none
  fs::create_directories(folder_);
  marker_.set();
  for (std::size_t from = 0, shard = 0; from < clips.size(); from += kShardCuts, ++shard) {
    const std::span<ValleClip> own(clips.data() + from, std::min(kShardCuts, clips.size() - from));
    if (!take_over(own, shard)) make(own, shard);
    emit_progress(job_.events, "codes " + part_, static_cast<double>(from + own.size()),
                  static_cast<double>(clips.size()), "cuts");
  }
  sweep();
}

/// What killed runs left half written.
void ValleEncoder::sweep() const {
  std::vector<fs::path> halves;
  for (const auto& entry : fs::directory_iterator(folder_))
    if (entry.path().extension() == ".part") halves.push_back(entry.path());
  for (const fs::path& half : halves) fs::remove(half);
}

/// What an earlier run made of the shard; false when there is nothing whole.
bool ValleEncoder::take_over(std::span<ValleClip> clips, std::size_t shard) const {
  std::error_code missing;
  if (!fs::is_regular_file(index(shard), missing)) return false;
  const auto about = nlohmann::json::parse(read_file(index(shard)), nullptr, false);
  if (!about.is_object() || !about.contains("frames") || !about.contains("faults")) return false;
  for (ValleClip& clip : clips) {
    if (!clip.fault.empty()) continue;
    clip.frames = whole_or(about["frames"], clip.cut_id, 0);
    if (clip.frames < 1) clip.fault = text_or(about["faults"], clip.cut_id, "");
    if (clip.frames < 1 && clip.fault.empty()) return false;
    if (clip.frames > 0 && clip.channels > 1 && coder_.codec->channels() == 1) mix_down(folder_, clip);
  }
  return about["frames"].empty() || fs::is_regular_file(file(shard), missing);
}

void ValleEncoder::make(std::span<ValleClip> clips, std::size_t shard) {
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
  for (const ValleClip& clip : clips)
    if (clip.fault.empty())
      frames[clip.cut_id] = clip.frames;
    else
      faults[clip.cut_id] = clip.fault;
  write_file_atomic(index(shard), nlohmann::json{{"frames", frames}, {"faults", faults}}.dump() + "\n");
}

void ValleEncoder::encode(std::span<ValleClip> clips, weights::Hdf5Writer& store) {
  std::vector<std::vector<float>> waves(clips.size());
  parallel_for(clips.size(), [&](std::size_t i) {
    if (!clips[i].fault.empty()) return;
    try {
      waves[i] = load(folder_, clips[i], coder_);
    } catch (const DataError& problem) {
      clips[i].fault = problem.what();
    }
  });
  std::vector<std::vector<float>> batch;
  std::vector<ValleClip*> of;
  for (std::size_t i = 0; i < clips.size(); ++i)
    if (clips[i].fault.empty()) batch.push_back(std::move(waves[i])), of.push_back(&clips[i]);
  const std::vector<std::optional<roles::Codes>> codes = encode_each(batch, of);
  for (std::size_t i = 0; i < of.size(); ++i)
    if (codes[i]) keep(*of[i], *codes[i], store);
}

/// A clip's codes do not depend on what is encoded beside it, so the threads may divide the clips as they like.
std::vector<std::optional<roles::Codes>> ValleEncoder::encode_each(std::span<const std::vector<float>> batch,
                                                                   std::span<ValleClip* const> of) const {
  std::vector<std::optional<roles::Codes>> codes(batch.size());
  const std::size_t workers = std::min(coder_.workers.size(), batch.size());
  parallel_for(workers, [&](std::size_t w) {
    const std::size_t from = batch.size() * w / workers, to = batch.size() * (w + 1) / workers;
    roles::Codec& codec = *coder_.workers[w];
    try {
      const auto all = codec.encode_all(batch.subspan(from, to - from), coder_.codebooks);
      std::copy(all.begin(), all.end(), codes.begin() + static_cast<std::ptrdiff_t>(from));
    } catch (const DataError&) {  // one of them: find out which
      for (std::size_t i = from; i < to; ++i) {
        try {
          codes[i] = codec.encode(batch[i], coder_.codebooks);
        } catch (const DataError& problem) {
          of[i]->fault = problem.what();
        }
      }
    }
  });
  return codes;
}

/// The codec rounds frames up, lhotse to the nearest: the last one may go.
void ValleEncoder::keep(ValleClip& clip, const roles::Codes& codes, weights::Hdf5Writer& store) const {
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

}  // namespace timbre::prepare
