#include "prepare/torphix_folder.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cmath>

#include "audio/averages.h"
#include "audio/decode.h"
#include "audio/wav.h"
#include "base/files.h"
#include "base/strings.h"
#include "base/threads.h"
#include "corpus/columns.h"
#include "weights/npy.h"

namespace timbre::prepare {
namespace {

using nlohmann::json;

constexpr std::int64_t kLibrosaRate_hz = 22050;  // librosa.load's own, whatever the settings say

bool of_phonemes(const YAML::Node& audio, const char* key, const fs::path& file) {
  const auto level = audio[key].as<std::string>();
  if (level != "phoneme_frame" && level != "mel_frame")
    throw DataError(fmt::format("{}: audio.{} '{}' is neither phoneme_frame nor mel_frame", file.string(), key, level));
  return level == "phoneme_frame";
}

std::vector<fs::path> sorted_entries(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(folder, missing)) entries.push_back(entry.path());
  std::sort(entries.begin(), entries.end());
  return entries;
}

/// [F, M] → [M, F].
weights::Tensor turned(const std::vector<float>& values_FM, std::int64_t frames, std::int64_t bins) {
  std::vector<float> values_MF(values_FM.size());
  for (std::int64_t f = 0; f < frames; ++f)
    for (std::int64_t m = 0; m < bins; ++m)
      values_MF[static_cast<std::size_t>(m * frames + f)] = values_FM[static_cast<std::size_t>(f * bins + m)];
  return weights::Tensor::of<float>({bins, frames}, std::move(values_MF));
}

template <class T>
weights::Tensor vector_of(std::vector<T> values) {
  const auto count = static_cast<std::int64_t>(values.size());
  return weights::Tensor::of<T>({count}, std::move(values));
}

/// What became of one utterance.
struct Item {
  std::string id;
  fs::path grid;
  AlignedClip clip;
  std::string skipped;
};

struct Range {
  double least = 1e308, most = -1e308;
  template <class T>
  void add(const std::vector<T>& values) {
    for (const T v : values) {
      least = std::min(least, static_cast<double>(v));
      most = std::max(most, static_cast<double>(v));
    }
  }
};

json metadata_of(const Range& range, double mean, double deviation) {
  return {{"max", range.most}, {"min", range.least}, {"mean", mean}, {"std", deviation}};
}

std::string file_of(const char* kind, const std::string& id) { return fmt::format("{0}/{1}-{0}.npy", kind, id); }

void add_item(TorphixSpeaker& speaker, const std::string& id, const std::vector<std::string>& phones,
              const std::string& text, weights::Tensor mel_MF, weights::Tensor durations_P, weights::Tensor pitch,
              weights::Tensor energy) {
  speaker.data.push_back({{"id", id},
                          {"phonemes", phones},
                          {"raw_text", text},
                          {"mel", file_of("mel", id)},
                          {"duration", file_of("duration", id)},
                          {"energy", file_of("energy", id)},
                          {"pitch", file_of("pitch", id)}});
  speaker.arrays.emplace_back(file_of("mel", id), std::move(mel_MF));
  speaker.arrays.emplace_back(file_of("duration", id), std::move(durations_P));
  speaker.arrays.emplace_back(file_of("pitch", id), std::move(pitch));
  speaker.arrays.emplace_back(file_of("energy", id), std::move(energy));
}

std::vector<Item> items_of(const fs::path& speaker, const audio::MelMaker& mel, const AlignedLevels& levels) {
  std::vector<Item> items;
  for (const fs::path& grid : sorted_entries(speaker / "TextGrid")) {
    const std::string name = grid.filename().string();
    items.push_back({.id = name.substr(0, name.find('.')), .grid = grid, .clip = {}, .skipped = {}});
  }
  parallel_for(items.size(), [&](std::size_t i) {
    Item& item = items[i];
    try {
      item.clip = aligned_clip(speaker / (item.id + ".wav"), speaker / "TextGrid" / (item.id + ".TextGrid"),
                               speaker / (item.id + ".lab"), mel, levels, kLibrosaRate_hz);
    } catch (const DataError& error) {
      item.skipped = error.what();
    }
  });
  return items;
}

}  // namespace

TorphixSettings read_torphix_settings(const fs::path& data_yaml) {
  try {
    const YAML::Node root = YAML::Load(read_file(data_yaml));
    const YAML::Node audio = root["audio"];
    TorphixSettings s;
    s.mel.rate_hz = audio["sample_rate"].as<std::int64_t>();
    s.mel.fft_samples = audio["n_fft"].as<std::int64_t>();
    s.mel.hop_samples = audio["hop_length"].as<std::int64_t>();
    s.mel.window_samples = audio["win_length"].as<std::int64_t>();
    s.mel.mels = audio["n_mels"].as<std::int64_t>();
    s.mel.f_min_hz = audio["f_min"].as<double>();
    s.mel.f_max_hz = audio["f_max"].as<double>();
    s.levels = {of_phonemes(audio, "pitch_feature_level", data_yaml),
                of_phonemes(audio, "energy_feature_level", data_yaml)};
    s.cleaners = root["text"]["text_cleaners"].as<std::vector<std::string>>();
    return s;
  } catch (const YAML::Exception& error) {
    throw DataError(fmt::format("{}: {}", data_yaml.string(), error.what()),
                    "a config/data.yaml of torphix/fastspeech2-TTS is expected");
  }
}

std::vector<TorphixLab> torphix_labs(const fs::path& metadata_csv) {
  std::string text = read_file(metadata_csv);
  // Python reads text with universal line ends.
  std::string lines;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r') {
      lines += '\n';
      if (i + 1 < text.size() && text[i + 1] == '\n') ++i;
    } else {
      lines += text[i];
    }
  }
  std::vector<TorphixLab> labs;
  for (std::size_t from = 0; from < lines.size();) {
    const std::size_t newline = lines.find('\n', from);
    const std::size_t end = newline == lines.npos ? lines.size() : newline + 1;
    const std::string line = lines.substr(from, end - from);
    const std::size_t last = line.rfind('|');
    TorphixLab lab{line.substr(0, line.find('|')), last == line.npos ? line : line.substr(last + 1)};
    // An existing .lab is not written again.
    if (std::none_of(labs.begin(), labs.end(), [&](const TorphixLab& l) { return l.id == lab.id; }))
      labs.push_back(std::move(lab));
    from = end;
  }
  return labs;
}

std::vector<std::int16_t> torphix_samples(std::span<const float> wave_N) {
  float peak = 0;
  for (const float x : wave_N) peak = std::max(peak, std::abs(x));
  std::vector<std::int16_t> out;
  out.reserve(wave_N.size());
  for (const float x : wave_N) {
    const float scaled = peak > 0 ? x / peak * 32768.0f : 0.0f;
    out.push_back(static_cast<std::int16_t>(static_cast<std::uint16_t>(static_cast<std::int32_t>(scaled) & 0xffff)));
  }
  return out;
}

std::int64_t prepare_torphix(const fs::path& raw, const fs::path& out, std::int64_t rate_hz) {
  const std::vector<TorphixLab> labs = torphix_labs(raw / "metadata.csv");
  make_folders(out);
  std::int64_t written = 0;
  for (const TorphixLab& lab : labs) {
    if (!is_safe_relative(lab.id) || lab.id.find('/') != lab.id.npos)
      throw DataError(fmt::format("{}: '{}' cannot name a file", (raw / "metadata.csv").string(), lab.id));
    if (!fs::exists(out / (lab.id + ".lab"))) write_file_atomic(out / (lab.id + ".lab"), lab.lab);
    const fs::path wav = out / (lab.id + ".wav");
    if (fs::exists(wav)) continue;
    const auto samples = torphix_samples(audio::decode_audio(raw / "wavs" / (lab.id + ".wav"), rate_hz).samples_N);
    std::string bytes = audio::wav_header_16(rate_hz, static_cast<std::uint32_t>(samples.size()));
    bytes.append(reinterpret_cast<const char*>(samples.data()), samples.size() * sizeof(std::int16_t));
    write_file_atomic(wav, bytes);
    ++written;
  }
  return written;
}

TorphixData create_torphix(const fs::path& preprocessed, const TorphixSettings& settings) {
  const audio::MelMaker mel(settings.mel);
  TorphixData data;
  audio::RunningStats pitch_stats, energy_stats;
  std::vector<std::vector<Item>> all;
  for (const fs::path& folder : sorted_entries(preprocessed)) {
    if (!fs::is_directory(folder)) continue;
    data.speakers.push_back({.name = folder.filename().string()});
    all.push_back(items_of(folder, mel, settings.levels));
    for (const Item& item : all.back()) {
      if (!item.skipped.empty()) {
        data.skipped.push_back({item.id, item.skipped});
        continue;
      }
      pitch_stats.add(audio::remove_outliers(item.clip.pitch));
      energy_stats.add(audio::remove_outliers(std::vector<double>(item.clip.energy.begin(), item.clip.energy.end())));
    }
  }
  const double pitch_mean = pitch_stats.mean(), pitch_deviation = pitch_stats.standard_deviation(),
               energy_mean = energy_stats.mean(), energy_deviation = energy_stats.standard_deviation();
  Range pitch_range, energy_range;
  for (std::size_t s = 0; s < all.size(); ++s) {
    TorphixSpeaker& speaker = data.speakers[s];
    speaker.normalised = s + 1 == all.size();
    for (const Item& item : all[s]) {
      if (!item.skipped.empty()) continue;
      auto pitch = item.clip.pitch;
      auto energy = item.clip.energy;
      if (speaker.normalised) {
        pitch = normalised(pitch, pitch_mean, pitch_deviation);
        energy = normalised(energy, energy_mean, energy_deviation);
        pitch_range.add(pitch);
        energy_range.add(energy);
      }
      add_item(speaker, item.id, item.clip.phones, item.clip.text,
               turned(item.clip.mel.values_FM, item.clip.mel.frames, item.clip.mel.bins),
               vector_of(item.clip.durations_P), vector_of(std::move(pitch)), vector_of(std::move(energy)));
    }
  }
  if (data.speakers.empty() || data.speakers.back().data.empty())
    throw DataError(fmt::format("{}: the last speaker has no clip with a TextGrid, and the reference takes the ranges "
                                "of pitch and energy from that speaker",
                                preprocessed.string()),
                    "expected: <speaker>/<id>.wav, <id>.lab, TextGrid/<id>.TextGrid");
  data.metadata = {{"pitch", metadata_of(pitch_range, pitch_mean, pitch_deviation)},
                   {"energy", metadata_of(energy_range, energy_mean, energy_deviation)}};
  return data;
}

TorphixData export_torphix(const corpus::Corpus& corpus) {
  const auto open = [&](const char* name) { return corpus::Column::open(corpus.dir(), name); };
  const auto phones = open("aligned_phonemes"), durations = open("durations"), mel = open("mel"), pitch = open("pitch"),
             energy = open("energy"), statistics = open("statistics");
  const auto pitch_stats = statistics.get("pitch").to_f64(), energy_stats = statistics.get("energy").to_f64();
  TorphixData data;
  data.metadata = {{"pitch", metadata_of({pitch_stats[0], pitch_stats[1]}, pitch_stats[2], pitch_stats[3])},
                   {"energy", metadata_of({energy_stats[0], energy_stats[1]}, energy_stats[2], energy_stats[3])}};
  for (const auto& u : corpus.utterances()) {
    if (!pitch.has(u.id) || !energy.has(u.id) || !durations.has(u.id) || !mel.has(u.id)) {
      data.skipped.push_back({u.id, "a column has no value"});
      continue;
    }
    const std::string name = u.speaker.empty() ? "1" : u.speaker;
    if (!is_safe_relative(name) || name.find('/') != name.npos)
      throw DataError(fmt::format("utterance {}: its speaker '{}' cannot name a folder", u.id, name));
    auto speaker = std::find_if(data.speakers.begin(), data.speakers.end(),
                                [&](const TorphixSpeaker& one) { return one.name == name; });
    if (speaker == data.speakers.end()) speaker = data.speakers.insert(speaker, {.name = name});
    const weights::Tensor mel_FM = mel.get(u.id);
    add_item(*speaker, u.id, corpus::tensor_list(phones.get(u.id)), u.text,
             turned(mel_FM.to_f32(), mel_FM.shape.at(0), mel_FM.shape.at(1)), durations.get(u.id),
             vector_of(normalised(pitch.get(u.id).to_f64(), pitch_stats[2], pitch_stats[3])),
             vector_of(normalised(energy.get(u.id).to_f32(), energy_stats[2], energy_stats[3])));
  }
  if (data.speakers.empty())
    throw DataError(fmt::format("{}: no utterance has all columns", corpus.dir().string()), "timbre prepare says why");
  return data;
}

void write_torphix_folder(const TorphixData& data, const fs::path& out, const fs::path& root) {
  for (const TorphixSpeaker& speaker : data.speakers) {
    const fs::path place = out / speaker.name;
    for (const char* kind : {"duration", "pitch", "energy", "mel", "speaker_emb"}) make_folders(place / kind);
    for (const auto& [name, tensor] : speaker.arrays) weights::write_npy(place / name, tensor);
    write_file_atomic(place / (speaker.name + "_data.json"),
                      json{{"root", (root / speaker.name).string()}, {"data", speaker.data}}.dump());
    if (speaker.normalised) write_file_atomic(place / "all_metadata.json", data.metadata.dump());
  }
  write_file_atomic(out / "all_metadata.json", data.metadata.dump());
}

}  // namespace timbre::prepare
