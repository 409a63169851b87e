#include "prepare/ming024_columns.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>
#include <tuple>

#include "base/files.h"
#include "base/strings.h"
#include "base/threads.h"
#include "exchange/encoding.h"
#include "exchange/importer.h"
#include "weights/npy.h"

namespace timbre::prepare {

namespace {

const std::vector<std::string> kColumns = {"aligned_phonemes", "durations", "mel", "pitch", "energy"};

struct Scale {
  double mean = 0, deviation = 1;
};

/// A line of the folder, and the utterance it is about.
struct Found {
  Ming024Line line;
  std::string where;  ///< "train.txt, line 3"
  std::size_t utterance = 0;
};

/// What the settings of the wanted columns say that files can contradict.
struct Expected {
  std::int64_t mels = 0, rate_hz = 0, hop_samples = 0;
  bool pitch_of_phones = true, energy_of_phones = true;
};

std::string need_file(const fs::path& folder, const char* name) {
  if (!fs::is_regular_file(folder / name))
    throw DataError(
        fmt::format("{}: no {} in it; expected a folder that preprocess.py of ming024/FastSpeech2 wrote: "
                    "mel/, pitch/, energy/, duration/, stats.json, speakers.json, train.txt, val.txt",
                    folder.string(), name));
  return read_file(folder / name);
}

std::vector<double> stats_of(const nlohmann::json& stats, const char* feature, const fs::path& folder) {
  try {
    auto values = stats.at(feature).get<std::vector<double>>();
    if (values.size() == 4 && values[3] > 0) return values;
  } catch (const nlohmann::json::exception&) {
    // told below, with what was expected
  }
  throw DataError(
      fmt::format("{}: '{}' is not [min, max, mean, deviation]", (folder / "stats.json").string(), feature));
}

/// (x · deviation + mean) in double precision, kept in the column's own type.
template <class T>
weights::Tensor in_units(const std::vector<double>& values, const Scale& scale) {
  std::vector<T> out;
  out.reserve(values.size());
  for (double v : values) out.push_back(static_cast<T>(v * scale.deviation + scale.mean));
  const auto count = static_cast<std::int64_t>(out.size());
  return weights::Tensor::of<T>({count}, std::move(out));
}

/// Reads one kind of folder; what differs is virtual.
class FolderReader {
 public:
  FolderReader(const corpus::Corpus& corpus, fs::path folder, const std::vector<ColumnRequest>& wanted)
      : folder_(std::move(folder)), corpus_(corpus), plan_(make_plan(corpus, wanted)) {
    for (const ColumnRequest& request : wanted)
      if (std::find(kColumns.begin(), kColumns.end(), request.column) != kColumns.end() ||
          request.column == "statistics")
        wanted_.push_back(request.column);
    if (wanted_.empty())
      throw UsageError("none of the columns asked for is in such a folder", "timbre prepare CORPUS --for fastspeech2");
    const nlohmann::json& mel = step_of("mel").settings;
    expected_ = {mel.at("mels"), mel.at("rate_hz"), mel.at("hop_samples"),
                 step_of("pitch").settings.at("level") == "phoneme",
                 step_of("energy").settings.at("level") == "phoneme"};
  }

  virtual ~FolderReader() = default;

  Ming024Import read(bool redo) {
    if (plan_.complete() && !redo)
      throw UsageError(fmt::format("{}: the columns are complete already", corpus_.dir().string()),
                       "--redo replaces them by those of the folder");
    read_statistics();
    index_corpus();
    read_lists();
    for (const std::string& name : wanted_) {
      if (redo) corpus::remove_column(corpus_.dir(), name);
      const Step& step = step_of(name);
      writers_[name] =
          std::make_unique<corpus::ColumnWriter>(corpus_.dir(), step.key(name), corpus::Shard{}, step.settings);
    }
    std::vector<std::string> faults(found_.size());
    parallel_for(found_.size(), [&](std::size_t i) { faults[i] = take(found_[i]); });
    report(faults);
    if (result_.utterances == 0) {
      const std::string why = result_.skipped.empty() ? "its lists are empty" : result_.skipped.front().reason;
      for (const std::string& name : wanted_) corpus::remove_column(corpus_.dir(), name);
      throw DataError(fmt::format("{}: nothing in it fits {}: {}", folder_.string(), corpus_.dir().string(), why),
                      "ids and speakers must be the same, and the model's settings those it was made with");
    }
    put_statistics();
    for (auto& [name, writer] : writers_) writer->commit();
    return std::move(result_);
  }

 protected:
  /// Fills pitch_ and energy_.
  virtual void read_statistics() = 0;
  /// Calls take_line for every utterance of the folder.
  virtual void read_lists() = 0;
  /// "mel" as [frames, mels], "duration", "pitch", "energy".
  virtual weights::Tensor array(const char* kind, const Ming024Line& line) const = 0;
  /// False where this utterance's pitch and energy are in their units already.
  virtual bool normalised(const Ming024Line&) const { return true; }

  void take_line(Ming024Line line, const std::string& where, bool valid) {
    if (!line.fault.empty()) return result_.broken.push_back({where, line.fault});
    auto it = place_.find(exchange::make_id(line.id));
    if (it == place_.end()) it = place_.find(exchange::make_id(line.speaker + "/" + line.id));
    if (it == place_.end()) return result_.broken.push_back({where, "no utterance " + line.id + " in the corpus"});
    const corpus::Utterance& u = corpus_.utterances()[it->second];
    if (!u.speaker.empty() && !line.speaker.empty() && u.speaker != line.speaker && u.id == exchange::make_id(line.id))
      return result_.broken.push_back(
          {where, fmt::format("{} is spoken by {} in the corpus, not by {}", u.id, u.speaker, line.speaker)});
    if (!taken_.insert({it->second, where}).second)
      return result_.broken.push_back({where, fmt::format("{} came before in {}", u.id, taken_[it->second])});
    if (valid) result_.valid_ids.push_back(u.id);
    found_.push_back({std::move(line), where, it->second});
  }

  fs::path folder_;
  std::vector<double> pitch_, energy_;  ///< min, max, mean, deviation

 private:
  const Step& step_of(const std::string& column) const {
    for (const Step& step : plan_.steps)
      for (const std::string& made : step.stage->makes)
        if (made == column) return step;
    throw UsageError(fmt::format("the model does not ask for the column '{}'", column),
                     "timbre prepare --for fastspeech2");
  }

  void index_corpus() {
    for (std::size_t i = 0; i < corpus_.utterances().size(); ++i) place_[corpus_.utterances()[i].id] = i;
  }

  /// Why this utterance's files cannot be taken, or "" when they were.
  std::string take(const Found& found) {
    try {
      const corpus::Utterance& u = corpus_.utterances()[found.utterance];
      const weights::Tensor mel = array("mel", found.line);
      std::vector<std::int64_t> durations = array("duration", found.line).to_i64();
      const std::vector<double> pitch = array("pitch", found.line).to_f64(),
                                energy = array("energy", found.line).to_f64();
      if (std::string fault = misfit(u, found.line, mel, durations, pitch, energy); !fault.empty()) return fault;
      const auto phones = static_cast<std::int64_t>(durations.size());
      put("aligned_phonemes", u.id, corpus::list_tensor(found.line.phones));
      put("durations", u.id, weights::Tensor::of<std::int64_t>({phones}, std::move(durations)));
      put("mel", u.id, mel);
      const bool scaled = normalised(found.line);
      put("pitch", u.id, in_units<double>(pitch, scaled ? Scale{pitch_[2], pitch_[3]} : Scale{}));
      put("energy", u.id, in_units<float>(energy, scaled ? Scale{energy_[2], energy_[3]} : Scale{}));
      return {};
    } catch (const Error& error) {
      return error.what();
    }
  }

  std::string misfit(const corpus::Utterance& u, const Ming024Line& line, const weights::Tensor& mel,
                     const std::vector<std::int64_t>& durations, const std::vector<double>& pitch,
                     const std::vector<double>& energy) const {
    if (mel.dtype != weights::DType::f32 || mel.shape.size() != 2 || mel.shape[1] != expected_.mels)
      return fmt::format("mel of shape {}; expected [frames, {}] in single precision", weights::shape_text(mel.shape),
                         expected_.mels);
    const std::int64_t frames = mel.shape[0];
    if (durations.size() != line.phones.size())
      return fmt::format("{} durations for {} phones", durations.size(), line.phones.size());
    if (std::any_of(durations.begin(), durations.end(), [](std::int64_t d) { return d < 0 || d > (1 << 24); }))
      return "a negative or impossible duration";
    const auto sum = std::accumulate(durations.begin(), durations.end(), std::int64_t{0});
    if (sum != frames) return fmt::format("durations of {} frames for a mel of {}", sum, frames);
    for (const auto& [name, values, of_phones] :
         {std::tuple("pitch", &pitch, expected_.pitch_of_phones), {"energy", &energy, expected_.energy_of_phones}}) {
      const std::size_t wanted = of_phones ? durations.size() : static_cast<std::size_t>(frames);
      if (values->size() != wanted)
        return fmt::format("{} values of {}; the settings ask for one a {}: {}", values->size(), name,
                           of_phones ? "phone" : "frame", wanted);
    }
    // Silence is cut off before and after, so there may be fewer frames than the recording has, never more.
    const double length_s =
        static_cast<double>(frames * expected_.hop_samples) / static_cast<double>(expected_.rate_hz);
    const double slack_s = 2.0 * static_cast<double>(expected_.hop_samples) / static_cast<double>(expected_.rate_hz);
    if (length_s > u.duration_s + slack_s)
      return fmt::format("{} frames are {:.2f} s at {} Hz and {} samples a frame, the recording has {:.2f} s", frames,
                         length_s, expected_.rate_hz, expected_.hop_samples, u.duration_s);
    return {};
  }

  void put(const std::string& column, const std::string& id, const weights::Tensor& value) {
    if (auto it = writers_.find(column); it != writers_.end()) it->second->put(id, value);
  }

  void report(const std::vector<std::string>& faults) {
    std::vector<std::string> why(corpus_.utterances().size(), "not in the folder");
    for (std::size_t i = 0; i < found_.size(); ++i) why[found_[i].utterance] = faults[i];
    for (std::size_t u = 0; u < why.size(); ++u) {
      if (why[u].empty()) {
        ++result_.utterances;
        continue;
      }
      const std::string& id = corpus_.utterances()[u].id;
      result_.skipped.push_back({id, why[u]});
      for (auto& [name, writer] : writers_)
        if (name != "statistics") writer->skip(id, why[u]);
    }
    std::erase_if(result_.valid_ids, [&](const std::string& id) { return !why[place_.at(id)].empty(); });
  }

  void put_statistics() {
    put("statistics", "pitch", weights::Tensor::of<double>({4}, pitch_));
    put("statistics", "energy", weights::Tensor::of<double>({4}, energy_));
  }

  const corpus::Corpus& corpus_;
  Plan plan_;
  std::vector<std::string> wanted_;
  Expected expected_;
  std::map<std::string, std::size_t> place_;
  std::map<std::size_t, std::string> taken_;  ///< utterance → where
  std::vector<Found> found_;
  std::map<std::string, std::unique_ptr<corpus::ColumnWriter>> writers_;
  Ming024Import result_;
};

class Ming024Reader final : public FolderReader {
 public:
  using FolderReader::FolderReader;

 private:
  void read_statistics() override {
    const auto stats = nlohmann::json::parse(need_file(folder_, "stats.json"), nullptr, false);
    if (stats.is_discarded()) throw DataError(fmt::format("{}: not JSON", (folder_ / "stats.json").string()));
    pitch_ = stats_of(stats, "pitch", folder_), energy_ = stats_of(stats, "energy", folder_);
  }

  void read_lists() override {
    for (const char* name : {"train.txt", "val.txt"}) {
      const std::string text = need_file(folder_, name);
      exchange::each_line(text, [&](const exchange::Line& of_list) {
        take_line(parse_ming024_line(of_list.text), fmt::format("{}, line {}", name, of_list.number),
                  std::string(name) == "val.txt");
      });
    }
  }

  weights::Tensor array(const char* kind, const Ming024Line& line) const override {
    return weights::read_npy(folder_ / kind / fmt::format("{0}-{1}-{2}.npy", line.speaker, kind, line.id));
  }
};

class TorphixReader final : public FolderReader {
 public:
  using FolderReader::FolderReader;

 private:
  static nlohmann::json read_json(const fs::path& file) {
    auto json = nlohmann::json::parse(read_file(file), nullptr, false);
    if (!json.is_object()) throw DataError(fmt::format("{}: no JSON object", file.string()));
    return json;
  }

  void read_statistics() override {
    const fs::path file = folder_ / "all_metadata.json";
    if (!fs::is_regular_file(file))
      throw DataError(
          fmt::format("{}: no all_metadata.json in it; expected processed_dataset of torphix/fastspeech2-TTS: "
                      "all_metadata.json, <speaker>/<speaker>_data.json and its .npy files",
                      folder_.string()));
    const nlohmann::json metadata = read_json(file);
    const auto four = [&](const char* feature) {
      std::vector<double> values;
      try {
        for (const char* key : {"min", "max", "mean", "std"})
          values.push_back(metadata.at(feature).at(key).get<double>());
      } catch (const nlohmann::json::exception&) {
        values.clear();  // told below, with what was expected
      }
      if (values.size() != 4 || !(values[3] > 0))
        throw DataError(fmt::format("{}: '{}' is not max, min, mean and a positive std", file.string(), feature));
      return values;
    };
    pitch_ = four("pitch"), energy_ = four("energy");
  }

  void read_lists() override {
    std::vector<fs::path> speakers;
    for (const auto& entry : fs::directory_iterator(folder_))
      if (entry.is_directory()) speakers.push_back(entry.path());
    std::sort(speakers.begin(), speakers.end());
    for (const fs::path& place : speakers) {
      const std::string speaker = place.filename().string();
      const fs::path list = place / (speaker + "_data.json");
      if (!fs::is_regular_file(list)) continue;
      if (!fs::exists(place / "all_metadata.json")) raw_.insert(speaker);
      const nlohmann::json index = read_json(list);
      if (!index.contains("data") || !index["data"].is_array())
        throw DataError(fmt::format("{}: no list \"data\"", list.string()));
      std::size_t number = 0;
      for (const nlohmann::json& entry : index["data"]) {
        const std::string where = fmt::format("{}/{}, entry {}", speaker, list.filename().string(), number++);
        take_line(line_of(entry, speaker), where, false);
      }
    }
  }

  Ming024Line line_of(const nlohmann::json& entry, const std::string& speaker) {
    Ming024Line line;
    line.speaker = speaker;
    try {
      line.id = entry.at("id").get<std::string>();
      line.text = entry.value("raw_text", "");
      line.phones = entry.at("phonemes").get<std::vector<std::string>>();
      for (const char* kind : {"mel", "duration", "energy", "pitch"}) {
        const auto name = entry.at(kind).get<std::string>();
        if (!is_safe_relative(name)) line.fault = fmt::format("'{}' is no path inside the speaker's folder", name);
        files_[{speaker, line.id, kind}] = name;
      }
    } catch (const nlohmann::json::exception&) {
      line.fault = "expected id, phonemes, raw_text, mel, duration, energy, pitch";
    }
    return line;
  }

  weights::Tensor array(const char* kind, const Ming024Line& line) const override {
    const weights::Tensor read =
        weights::read_npy(folder_ / line.speaker / files_.at({line.speaker, line.id, std::string(kind)}));
    if (std::string_view(kind) != "mel" || read.shape.size() != 2) return read;
    const std::vector<float> values_MF = read.to_f32();
    const auto mels = static_cast<std::size_t>(read.shape[0]), frames = static_cast<std::size_t>(read.shape[1]);
    std::vector<float> values_FM(values_MF.size());
    for (std::size_t m = 0; m < mels; ++m)
      for (std::size_t f = 0; f < frames; ++f) values_FM[f * mels + m] = values_MF[m * frames + f];
    return weights::Tensor::of<float>({read.shape[1], read.shape[0]}, std::move(values_FM));
  }

  bool normalised(const Ming024Line& line) const override { return !raw_.contains(line.speaker); }

  std::set<std::string> raw_;  ///< speakers whose pitch and energy are in their units
  std::map<std::tuple<std::string, std::string, std::string>, std::string> files_;  ///< speaker, id, kind → file
};

}  // namespace

Ming024Line parse_ming024_line(std::string_view line) {
  Ming024Line out;
  std::vector<std::string> cells = split(trim(line), '|');
  if (cells.size() < 4) {
    out.fault = fmt::format("{} columns; expected id|speaker|{{phones}}|text", cells.size());
    return out;
  }
  out.id = cells[0], out.speaker = cells[1];
  std::string_view phones = trim(cells[2]);
  out.text = join({cells.begin() + 3, cells.end()}, "|");
  if (out.id.empty() || phones.size() < 2 || phones.front() != '{' || phones.back() != '}') {
    out.fault = "no id, or phones that are not in braces; expected id|speaker|{phones}|text";
    return out;
  }
  out.phones = split_whitespace(phones.substr(1, phones.size() - 2));
  if (out.phones.empty()) out.fault = "no phones in the braces";
  if (out.id.find('/') != std::string::npos || out.speaker.find('/') != std::string::npos)
    out.fault = "a '/' in id or speaker, which name files";
  return out;
}

Ming024Import import_ming024(const corpus::Corpus& corpus, const fs::path& folder,
                             const std::vector<ColumnRequest>& wanted, bool redo) {
  return Ming024Reader(corpus, folder, wanted).read(redo);
}

Ming024Import import_torphix(const corpus::Corpus& corpus, const fs::path& folder,
                             const std::vector<ColumnRequest>& wanted, bool redo) {
  return TorphixReader(corpus, folder, wanted).read(redo);
}

}  // namespace timbre::prepare
