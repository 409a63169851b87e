#include "prepare/ming024_folder.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <map>

#include "audio/averages.h"
#include "audio/mel.h"
#include "base/files.h"
#include "base/rng.h"
#include "base/strings.h"
#include "base/threads.h"
#include "prepare/aligned_clip.h"
#include "prepare/statistics.h"
#include "weights/npy.h"

namespace timbre::prepare {
namespace {

struct Feature {
  bool phoneme_level = true, normalise = true;
};

struct Config {
  audio::MelOptions mel;
  Feature pitch, energy;
  std::int64_t val_size = 0;
};

Feature feature_of(const YAML::Node& node, const std::string& where) {
  Feature f;
  const auto level = node["feature"].as<std::string>();
  if (level != "phoneme_level" && level != "frame_level")
    throw DataError(fmt::format("{}: feature '{}' is neither phoneme_level nor frame_level", where, level));
  f.phoneme_level = level == "phoneme_level";
  f.normalise = node["normalization"].as<bool>();
  return f;
}

Config read_config(const fs::path& path) {
  try {
    const YAML::Node root = YAML::Load(read_file(path))["preprocessing"];
    Config c;
    c.mel.rate_hz = root["audio"]["sampling_rate"].as<std::int64_t>();
    c.mel.fft_samples = root["stft"]["filter_length"].as<std::int64_t>();
    c.mel.hop_samples = root["stft"]["hop_length"].as<std::int64_t>();
    c.mel.window_samples = root["stft"]["win_length"].as<std::int64_t>();
    c.mel.mels = root["mel"]["n_mel_channels"].as<std::int64_t>();
    c.mel.f_min_hz = root["mel"]["mel_fmin"].as<double>();
    c.mel.f_max_hz = root["mel"]["mel_fmax"].IsNull() ? 0.0 : root["mel"]["mel_fmax"].as<double>();
    c.pitch = feature_of(root["pitch"], path.string() + ": preprocessing.pitch");
    c.energy = feature_of(root["energy"], path.string() + ": preprocessing.energy");
    c.val_size = root["val_size"].as<std::int64_t>();
    return c;
  } catch (const YAML::Exception& error) {
    throw DataError(fmt::format("{}: {}", path.string(), error.what()),
                    "a preprocess.yaml of ming024/FastSpeech2 is expected");
  }
}

// One clip as process_utterance gives it; values before normalisation.
struct Clip {
  std::string speaker, id, line;
  AlignedClip data;
  std::string skipped;  ///< why there is nothing
};

void fill_clip(Clip& clip, const Config& config, const audio::MelMaker& mel, const fs::path& wav,
               const fs::path& grid) {
  fs::path lab = wav;
  lab.replace_filename(clip.id + ".lab");
  clip.data =
      aligned_clip(wav, grid, lab, mel, {config.pitch.phoneme_level, config.energy.phoneme_level}, config.mel.rate_hz);
  clip.line = fmt::format("{}|{}|{{{}}}|{}", clip.id, clip.speaker, join(clip.data.phones, " "), clip.data.text);
}

// The statistics as preprocess.py gathers them, slip included: a wav without TextGrid repeats the clip before it.
struct Gathered {
  audio::RunningStats pitch, energy;
  void add(const Clip& clip) {
    pitch.add(audio::remove_outliers(clip.data.pitch));
    const std::vector<double> values(clip.data.energy.begin(), clip.data.energy.end());
    energy.add(audio::remove_outliers(values));
  }
};

template <class T>
void widen(std::array<double, 2>& range, const std::vector<T>& values) {
  for (const T v : values) {
    range[0] = std::min(range[0], static_cast<double>(v));
    range[1] = std::max(range[1], static_cast<double>(v));
  }
}

std::vector<fs::path> sorted_entries(const fs::path& folder) {
  if (!fs::is_directory(folder))
    throw DataError(fmt::format("{}: no such folder", folder.string()), "expected: <raw>/<speaker>/<id>.wav");
  std::vector<fs::path> entries;
  for (const auto& entry : fs::directory_iterator(folder)) entries.push_back(entry.path());
  std::sort(entries.begin(), entries.end());
  return entries;
}

struct Job {
  Clip clip;
  fs::path wav, grid;
};

// Speakers are numbered and clips ordered by name; the reference takes the folder's own order.
std::vector<Job> list_jobs(const Ming024Source& source, nlohmann::json& speakers) {
  std::vector<Job> jobs;
  for (const auto& speaker : sorted_entries(source.raw)) {
    if (!fs::is_directory(speaker)) continue;
    const std::string name = speaker.filename().string();
    speakers[name] = speakers.size();
    for (const auto& wav : sorted_entries(speaker)) {
      const std::string file = wav.filename().string();
      if (file.find(".wav") == std::string::npos) continue;
      Job job;
      job.clip.speaker = name;
      job.clip.id = file.substr(0, file.find('.'));
      job.wav = wav;
      job.grid = source.textgrids / name / (job.clip.id + ".TextGrid");
      jobs.push_back(std::move(job));
    }
  }
  return jobs;
}

void add_arrays(Ming024Data& data, const Clip& clip, std::vector<double> pitch, std::vector<float> energy) {
  const auto name = [&](const char* kind) { return fmt::format("{0}/{1}-{0}-{2}.npy", kind, clip.speaker, clip.id); };
  const auto size = [](const auto& values) { return static_cast<std::int64_t>(values.size()); };
  const auto pitches = size(pitch), energies = size(energy);
  data.arrays.emplace_back(
      name("mel"), weights::Tensor::of<float>({clip.data.mel.frames, clip.data.mel.bins}, clip.data.mel.values_FM));
  data.arrays.emplace_back(name("pitch"), weights::Tensor::of<double>({pitches}, std::move(pitch)));
  data.arrays.emplace_back(name("energy"), weights::Tensor::of<float>({energies}, std::move(energy)));
  data.arrays.emplace_back(name("duration"),
                           weights::Tensor::of<std::int64_t>({size(clip.data.durations_P)}, clip.data.durations_P));
}

}  // namespace

Ming024Data prepare_ming024(const Ming024Source& source) {
  const Config config = read_config(source.config);
  Ming024Data data;
  data.val_size = config.val_size;
  data.speakers = nlohmann::json::object();
  std::vector<Job> jobs = list_jobs(source, data.speakers);
  const audio::MelMaker mel(config.mel);
  parallel_for(jobs.size(), [&](std::size_t i) {
    Job& job = jobs[i];
    if (!fs::exists(job.grid)) return;
    try {
      fill_clip(job.clip, config, mel, job.wav, job.grid);
    } catch (const DataError& error) {
      job.clip.skipped = error.what();
    }
  });

  Gathered gathered;
  const Clip* last = nullptr;
  std::vector<const Clip*> clips;
  for (const auto& job : jobs) {
    if (!job.clip.skipped.empty()) {
      data.skipped.push_back({job.clip.id, job.clip.skipped});
      continue;
    }
    if (job.clip.line.empty()) {
      data.skipped.push_back({job.clip.id, "no TextGrid"});
      if (!last)
        throw DataError(fmt::format("{}: the first clip has no TextGrid ({})", source.raw.string(), job.grid.string()),
                        "align it, or take its wav away: the reference stops here as well");
    } else {
      clips.push_back(last = &job.clip);
    }
    gathered.add(*last);
  }
  if (clips.empty())
    throw DataError(fmt::format("{}: no clip with a TextGrid in {}", source.raw.string(), source.textgrids.string()));

  const double pitch_mean = config.pitch.normalise ? gathered.pitch.mean() : 0.0,
               pitch_deviation = config.pitch.normalise ? gathered.pitch.standard_deviation() : 1.0;
  const double energy_mean = config.energy.normalise ? gathered.energy.mean() : 0.0,
               energy_deviation = config.energy.normalise ? gathered.energy.standard_deviation() : 1.0;
  std::array<double, 2> pitch_range{1e308, -1e308}, energy_range{1e308, -1e308};
  for (const Clip* clip : clips) {
    auto pitch = normalised(clip->data.pitch, pitch_mean, pitch_deviation);
    auto energy = normalised(clip->data.energy, energy_mean, energy_deviation);
    widen(pitch_range, pitch);
    widen(energy_range, energy);
    data.lines_in_order.push_back(clip->line);
    add_arrays(data, *clip, std::move(pitch), std::move(energy));
  }
  data.stats = {{"pitch", {pitch_range[0], pitch_range[1], pitch_mean, pitch_deviation}},
                {"energy", {energy_range[0], energy_range[1], energy_mean, energy_deviation}}};
  return data;
}

void write_ming024_folder(const Ming024Data& data, const fs::path& out, std::uint64_t seed) {
  if (fs::exists(out) && !(fs::is_directory(out) && fs::is_empty(out)))
    throw UsageError(fmt::format("{} exists and is not an empty folder", out.string()), "choose another name");
  fs::path staging = out;
  staging += ".writing";
  fs::remove_all(staging);
  for (const char* kind : {"mel", "pitch", "energy", "duration"}) make_folders(staging / kind);
  for (const auto& [name, tensor] : data.arrays) weights::write_npy(staging / name, tensor);
  std::vector<std::string> lines = data.lines_in_order;
  Philox rng(seed);
  rng.shuffle(lines);
  const auto cut = lines.begin() + std::min(data.val_size, static_cast<std::int64_t>(lines.size()));
  const auto text_of = [](const std::vector<std::string>& some) {
    return some.empty() ? std::string() : join(some, "\n") + "\n";
  };
  write_file_atomic(staging / "val.txt", text_of({lines.begin(), cut}));
  write_file_atomic(staging / "train.txt", text_of({cut, lines.end()}));
  write_file_atomic(staging / "speakers.json", data.speakers.dump());
  write_file_atomic(staging / "stats.json", data.stats.dump());
  if (fs::exists(out)) fs::remove(out);
  publish_folder(staging, out);
}

Ming024Data export_ming024(const corpus::Corpus& corpus) {
  const auto open = [&](const char* name) { return corpus::Column::open(corpus.dir(), name); };
  const auto phones = open("aligned_phonemes"), durations = open("durations"), mel = open("mel"), pitch = open("pitch"),
             energy = open("energy"), statistics = open("statistics");
  const auto pitch_stats = statistics.get("pitch").to_f64(), energy_stats = statistics.get("energy").to_f64();
  Ming024Data data;
  data.stats = {{"pitch", pitch_stats}, {"energy", energy_stats}};
  data.speakers = nlohmann::json::object();
  for (const auto& u : corpus.utterances()) {
    const std::string speaker = u.speaker.empty() ? corpus.name() : u.speaker;
    if (!pitch.has(u.id) || !energy.has(u.id) || !durations.has(u.id)) {
      data.skipped.push_back({u.id, "a column has no value"});
      continue;
    }
    if (speaker.find('|') != std::string::npos || u.id.find('|') != std::string::npos)
      throw DataError(fmt::format("utterance {}: '|' in its id or speaker cannot be written in train.txt", u.id));
    if (!data.speakers.contains(speaker)) data.speakers[speaker] = data.speakers.size();
    std::string text = u.text;
    std::replace(text.begin(), text.end(), '|', ' ');
    data.lines_in_order.push_back(
        fmt::format("{}|{}|{{{}}}|{}", u.id, speaker, join(corpus::tensor_list(phones.get(u.id)), " "), text));
    const auto name = [&](const char* kind) { return fmt::format("{0}/{1}-{0}-{2}.npy", kind, speaker, u.id); };
    auto pitches = normalised(pitch.get(u.id).to_f64(), pitch_stats[2], pitch_stats[3]);
    auto energies = normalised(energy.get(u.id).to_f32(), energy_stats[2], energy_stats[3]);
    const auto p = static_cast<std::int64_t>(pitches.size()), e = static_cast<std::int64_t>(energies.size());
    data.arrays.emplace_back(name("mel"), mel.get(u.id));
    data.arrays.emplace_back(name("pitch"), weights::Tensor::of<double>({p}, std::move(pitches)));
    data.arrays.emplace_back(name("energy"), weights::Tensor::of<float>({e}, std::move(energies)));
    data.arrays.emplace_back(name("duration"), durations.get(u.id));
  }
  if (data.lines_in_order.empty())
    throw DataError(fmt::format("{}: no utterance has all columns", corpus.dir().string()), "timbre prepare says why");
  data.val_size = std::min<std::int64_t>(512, static_cast<std::int64_t>(data.lines_in_order.size()) / 20);
  return data;
}

}  // namespace timbre::prepare
