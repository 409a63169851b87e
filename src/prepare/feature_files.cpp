#include "prepare/feature_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <mutex>
#include <optional>
#include <set>

#include "audio/decode.h"
#include "audio/levels.h"
#include "audio/pyin.h"
#include "base/files.h"
#include "base/threads.h"
#include "corpus/corpus.h"
#include "weights/npy.h"

namespace timbre::prepare {
namespace {

config::Fields sound_fields(SoundOptions& o) {
  config::Fields f;
  f.add("trim_db", o.trim_db, "cut off both ends what is so far below the loudest frame; 0 = nothing")
      .range(0, 200)
      .metavar("DB");
  f.add("trim_edge_s", o.trim_edge_s, "taken off both ends before (Coqui: 0.01)").range(0, 10).metavar("S");
  f.add("peak", o.peak, "scale the largest sample to this (Coqui, HiFi-GAN: 0.95); 0 = as it is").range(0, 1);
  f.add("loudness_db", o.loudness_db, "then the root mean square to this (Coqui: -27); 0 = as it is")
      .range(-200, 0)
      .metavar("DB");
  return f;
}

/// All that a worker needs, made once.
class Maker {
 public:
  explicit Maker(const FeatureOptions& o) : o_(o) {
    if (o.convention == "kaldi")
      fbank_ = std::make_unique<audio::FbankMaker>(o.fbank);
    else
      mel_ = std::make_unique<audio::MelMaker>(o.mel);
  }

  std::int64_t rate_hz() const { return fbank_ ? o_.fbank.rate_hz : o_.mel.rate_hz; }

  /// Writes the files of one recording; returns its frames.
  std::int64_t operator()(const Recording& recording, const fs::path& out) const {
    std::vector<float> wave_N = audio::decode_audio(recording.path, rate_hz()).samples_N;
    shape(wave_N);
    const auto save = [&](const char* what, const weights::Tensor& tensor) {
      weights::write_npy(out / fmt::format("{}.{}.npy", recording.id, what), tensor);
    };
    std::int64_t frames = 0;
    if (fbank_) {
      audio::Fbank bank = (*fbank_)(wave_N);
      frames = bank.frames;
      if (frames == 0) throw DataError(fmt::format("{} samples are too few for a frame", wave_N.size()));
      save("fbank", weights::Tensor::of<float>({frames, bank.columns}, std::move(bank.values_FC)));
    } else {
      audio::Mel mel = (*mel_)(wave_N);
      frames = mel.frames;
      save("mel", weights::Tensor::of<float>({frames, mel.bins}, std::move(mel.values_FM)));
      if (o_.energy) save("energy", weights::Tensor::of<float>({frames}, std::move(mel.energy_F)));
    }
    if (o_.pitch != "none") {
      std::vector<double> pitch_F = pitch_of(wave_N);
      pitch_F.resize(static_cast<std::size_t>(frames));  // one more or less at the end
      save("pitch", weights::Tensor::of<double>({frames}, std::move(pitch_F)));
    }
    return frames;
  }

 private:
  void shape(std::vector<float>& wave_N) const {
    const SoundOptions& s = o_.sound;
    if (s.trim_db > 0) {
      audio::SilenceOptions silence{.top_db = s.trim_db, .edge_s = s.trim_edge_s};
      if (mel_) silence.frame_samples = o_.mel.window_samples, silence.hop_samples = o_.mel.hop_samples;
      const audio::Span kept = audio::trim_silence(wave_N, rate_hz(), silence);
      if (kept.count == 0) throw DataError("all of it is silence");
      wave_N = {wave_N.begin() + kept.first, wave_N.begin() + kept.first + kept.count};
    }
    if (s.peak > 0) audio::scale_to_peak(wave_N, s.peak);
    if (s.loudness_db < 0) audio::scale_to_rms(wave_N, s.loudness_db);
  }

  std::vector<double> pitch_of(std::span<const float> wave_N) const {
    const std::int64_t hop_samples =
        mel_ ? o_.mel.hop_samples : static_cast<std::int64_t>(o_.fbank.shift_s * static_cast<double>(o_.fbank.rate_hz));
    if (o_.pitch == "dio") return audio::pitch_dio_stonemask(wave_N, rate_hz(), hop_samples, o_.pitch_range);
    if (o_.pitch == "harvest") {
      const std::vector<double> wide_N(wave_N.begin(), wave_N.end());
      return audio::pitch_harvest(wide_N, rate_hz(), hop_samples, o_.pitch_range);
    }
    const auto frame = std::bit_ceil(static_cast<std::uint64_t>(0.085 * static_cast<double>(rate_hz())));
    return audio::pitch_pyin(wave_N, rate_hz(),
                             {.f_min_hz = o_.pitch_range.floor_hz,
                              .f_max_hz = std::min(o_.pitch_range.ceil_hz, static_cast<double>(rate_hz()) / 2),
                              .frame_samples = static_cast<std::int64_t>(frame),
                              .hop_samples = hop_samples})
        .f0_F;
  }

  const FeatureOptions& o_;
  std::unique_ptr<audio::MelMaker> mel_;
  std::unique_ptr<audio::FbankMaker> fbank_;
};

bool is_audio(const fs::path& path) {
  static const std::set<std::string> kEndings = {".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".g722", ".aiff"};
  return kEndings.contains(path.extension().string());
}

}  // namespace

config::Fields fields(FeatureOptions& o, const std::string& convention) {
  o.convention = convention;
  config::Fields f;
  if (convention == "kaldi") {
    f.group("fbank", audio::fields(o.fbank), "Kaldi's filter bank");
  } else {
    o.mel = audio::mel_preset(convention);
    f.group("mel", audio::fields(o.mel), "mel spectrogram, as " + convention + " makes it");
    f.add("energy", o.energy, "the L2 norm of each frame's magnitudes as well");
  }
  f.add("pitch", o.pitch, "none, or by DIO and StoneMask, Harvest, pYIN").choices({"none", "dio", "harvest", "pyin"});
  f.add("floor_hz", o.pitch_range.floor_hz, "lowest pitch looked for").range(20, 1000).metavar("HZ");
  f.add("ceil_hz", o.pitch_range.ceil_hz, "highest pitch looked for").range(40, 4000).metavar("HZ");
  f.group("", sound_fields(o.sound));
  return f;
}

std::vector<Recording> list_recordings(const fs::path& source) {
  std::vector<Recording> recordings;
  if (fs::exists(source / "manifest.jsonl")) {
    const auto corpus = corpus::Corpus::open(source);
    for (const auto& utterance : corpus.utterances())
      recordings.push_back({utterance.id, corpus.audio_path(utterance)});
  } else if (fs::is_directory(source)) {
    for (const auto& entry : fs::directory_iterator(source)) {
      if (is_audio(entry.path())) recordings.push_back({entry.path().stem().string(), entry.path()});
    }
    std::sort(recordings.begin(), recordings.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  } else {
    recordings.push_back({source.stem().string(), source});
  }
  if (recordings.empty())
    throw DataError(fmt::format("{}: no recordings in it", source.string()),
                    "give an audio file, a folder of them, or a corpus");
  std::set<std::string> seen;
  for (const auto& r : recordings) {
    if (!seen.insert(r.id).second)
      throw UsageError(fmt::format("{}: two recordings are called '{}'", source.string(), r.id), "rename one of them");
  }
  return recordings;
}

FeatureReport write_features(const std::vector<Recording>& recordings, const FeatureOptions& options,
                             const fs::path& out, const EventSink& events) {
  if (options.sound.trim_edge_s > 0 && options.sound.trim_db == 0)
    throw UsageError("trim_edge_s is the start of trimming, and trim_db is 0",
                     "give --trim-db as well, as in --trim-db 60");
  const Maker make(options);
  fs::create_directories(out);
  FeatureOptions settings;
  const config::Fields all = fields(settings, options.convention);
  settings = options;  // the fields stay bound to it
  nlohmann::json about = config::to_json(all);
  about["as"] = options.convention;
  write_file_atomic(out / "features.json", about.dump(2) + "\n");

  FeatureReport report;
  std::mutex mutex;
  std::vector<std::optional<std::string>> failed(recordings.size());
  std::size_t done = 0;
  parallel_for(recordings.size(), [&](std::size_t i) {
    std::int64_t frames = 0;
    try {
      const fs::path file = out / recordings[i].id;
      if (file.has_parent_path()) fs::create_directories(file.parent_path());
      frames = make(recordings[i], out);
    } catch (const DataError& problem) {
      failed[i] = problem.what();
    }
    const std::lock_guard lock(mutex);
    report.made += failed[i] ? 0 : 1;
    report.frames += frames;
    emit_progress(events, "features", static_cast<double>(++done), static_cast<double>(recordings.size()), "files");
  });
  for (std::size_t i = 0; i < failed.size(); ++i) {
    if (failed[i]) report.skipped.push_back({recordings[i].id, *failed[i]});
  }
  return report;
}

}  // namespace timbre::prepare
