#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <memory>

#include "base/files.h"
#include "base/strings.h"
#include "base/threads.h"
#include "exchange/exporter.h"
#include "exchange/parquet.h"

/// A Hugging Face data set: data/<split>-00000-of-0000N.parquet with the clips inside, as the datasets library writes
/// it (Audio feature in the schema's metadata), and README.md with the card's YAML head.
namespace timbre::exchange {

namespace {

using json = nlohmann::ordered_json;

struct Options {
  double shard_mb = 500;
};

const std::vector<parquet::Column> kColumns = {{"id", "text"},       {"audio", "audio"},  {"text", "text"},
                                               {"raw_text", "text"}, {"speaker", "text"}, {"language", "text"},
                                               {"duration", "real"}};

std::string split_word(const corpus::Utterance& u) {
  return u.split.empty() ? "train" : u.split == "valid" ? "validation" : u.split;
}

/// One rate of all clips goes into the feature; with several, readers get each clip at its own.
std::int64_t common_rate(const ExportJob& job) {
  if (job.request().options.rate_hz > 0) return job.request().options.rate_hz;
  const std::int64_t rate = job.utterances().front()->rate_hz;
  for (const corpus::Utterance* u : job.utterances())
    if (u->rate_hz != rate) return 0;
  return rate;
}

json features_of(std::int64_t rate_hz) {
  json features;
  for (const parquet::Column& column : kColumns) {
    if (column.type == "audio")
      features[column.name] =
          rate_hz > 0 ? json{{"sampling_rate", rate_hz}, {"_type", "Audio"}} : json{{"_type", "Audio"}};
    else
      features[column.name] = {{"dtype", column.type == "text" ? "string" : "float64"}, {"_type", "Value"}};
  }
  return features;
}

/// A text for YAML: JSON's quotes and escapes are YAML's.
std::string quoted(const std::string& text) { return json(text).dump(); }

struct SplitTold {
  std::int64_t rows = 0, bytes = 0;
};

std::string card(const ExportJob& job, const std::map<std::string, SplitTold>& splits, std::int64_t rate_hz) {
  const nlohmann::json& about = job.corpus().about();
  auto told = [&](const char* key) {
    auto it = about.find(key);
    return it != about.end() && it->is_string() ? one_line(it->get<std::string>()) : std::string();
  };
  std::string text = "---\n";
  text += fmt::format("pretty_name: {}\n", quoted(one_line(job.corpus().name())));
  text += fmt::format("license: {}\n", told("licence").empty() ? "unknown" : quoted(told("licence")));
  text += "task_categories:\n- text-to-speech\n- automatic-speech-recognition\ndataset_info:\n  features:\n";
  for (const parquet::Column& column : kColumns) {
    text += fmt::format("  - name: {}\n", column.name);
    if (column.type != "audio")
      text += fmt::format("    dtype: {}\n", column.type == "text" ? "string" : "float64");
    else if (rate_hz > 0)
      text += fmt::format("    dtype:\n      audio:\n        sampling_rate: {}\n", rate_hz);
    else
      text += "    dtype: audio\n";
  }
  text += "  splits:\n";
  for (const auto& [split, s] : splits)
    text += fmt::format("  - name: {}\n    num_bytes: {}\n    num_examples: {}\n", split, s.bytes, s.rows);
  text += "configs:\n- config_name: default\n  data_files:\n";
  for (const auto& [split, s] : splits) text += fmt::format("  - split: {}\n    path: data/{}-*\n", split, split);
  text += fmt::format("---\n\n# {}\n\n", one_line(job.corpus().name()));
  text += fmt::format("{} utterances, {}.\n\nLicence: {}\n\nAttribution: {}\n", job.result.utterances,
                      human_seconds(job.result.duration_s), told("licence").empty() ? "not recorded" : told("licence"),
                      told("attribution").empty() ? "not recorded" : told("attribution"));
  return text;
}

/// One split, shard by shard, a hundred clips in memory at a time.
class SplitWriter {
 public:
  SplitWriter(ExportJob& job, const json& huggingface, const Options& options, std::string split)
      : job_(job), huggingface_(huggingface), options_(options), split_(std::move(split)) {}

  SplitTold write(const std::vector<const corpus::Utterance*>& utterances) {
    const std::size_t shards = shard_count(utterances);
    for (std::size_t shard = 0; shard < shards; ++shard) {
      const std::size_t from = utterances.size() * shard / shards, to = utterances.size() * (shard + 1) / shards;
      const fs::path name = job_.staging() / "data" / fmt::format("{}-{:05}-of-{:05}.parquet", split_, shard, shards);
      make_folders(name.parent_path());
      parquet::Writer writer(name, kColumns, huggingface_.dump());
      for (std::size_t i = from; i < to; i += kBatch)
        write_batch(writer, {utterances.begin() + static_cast<std::ptrdiff_t>(i),
                             utterances.begin() + static_cast<std::ptrdiff_t>(std::min(to, i + kBatch))});
      writer.close();
    }
    return told_;
  }

 private:
  static constexpr std::size_t kBatch = 32;

  std::size_t shard_count(const std::vector<const corpus::Utterance*>& utterances) const {
    double bytes = 0;
    for (const corpus::Utterance* u : utterances)
      bytes += u->audio_bytes >= 0 ? static_cast<double>(u->audio_bytes)
                                   : u->duration_s * static_cast<double>(u->rate_hz) * 2;
    const auto shards = static_cast<std::size_t>(std::ceil(bytes / (options_.shard_mb * 1e6)));
    return std::clamp<std::size_t>(shards, 1, utterances.size());
  }

  void write_batch(parquet::Writer& writer, const std::vector<const corpus::Utterance*>& batch) {
    std::vector<Placed> placed(batch.size());
    std::vector<std::string> bytes(batch.size());
    parallel_for(batch.size(), [&](std::size_t i) {
      placed[i] = job_.place_one(*batch[i], fs::path("clips") / batch[i]->id);
      if (placed[i].ok) bytes[i] = take_bytes(placed[i]);
    });
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const corpus::Utterance& u = *batch[i];
      if (!placed[i].ok) {
        job_.skip(u.id, placed[i].fault);
        continue;
      }
      job_.count(u, &placed[i]);
      const std::string name = placed[i].path.filename().string(), raw = raw_text(u);
      const auto optional = [](const std::string& text) {
        return text.empty() ? parquet::Cell{} : parquet::text_cell(text);
      };
      const std::array cells = {
          parquet::text_cell(u.id),
          parquet::audio_cell(bytes[i], name),
          parquet::text_cell(u.text),
          raw == u.text ? parquet::Cell{} : parquet::text_cell(raw),
          optional(u.speaker),
          optional(u.language),
          parquet::real_cell(static_cast<double>(placed[i].samples) / static_cast<double>(placed[i].rate_hz))};
      writer.append(cells);
      ++told_.rows;
      told_.bytes += static_cast<std::int64_t>(bytes[i].size() + u.text.size());
    }
    emit_progress(job_.events(), "export", static_cast<double>(job_.result.utterances),
                  static_cast<double>(job_.utterances().size()), "clips");
  }

  /// A converted clip lies in the staging folder until it is in the table; others are read where they are.
  std::string take_bytes(const Placed& placed) const {
    const fs::path inside = placed.path.lexically_relative(job_.out());
    if (inside.empty() || *inside.begin() == "..") return read_file(placed.path);
    std::string bytes = read_file(job_.staging() / inside);
    fs::remove(job_.staging() / inside);
    return bytes;
  }

  ExportJob& job_;
  const json& huggingface_;
  const Options& options_;
  std::string split_;
  SplitTold told_;
};

void write(const Options& options, ExportJob& job) {
  const std::int64_t rate_hz = common_rate(job);
  const json huggingface = {{"info", {{"features", features_of(rate_hz)}}}};
  std::map<std::string, std::vector<const corpus::Utterance*>> by_split;
  for (const corpus::Utterance* u : job.utterances()) by_split[split_word(*u)].push_back(u);
  std::map<std::string, SplitTold> told;
  for (const auto& [split, utterances] : by_split)
    told[split] = SplitWriter(job, huggingface, options, split).write(utterances);
  fs::remove(job.staging() / "clips");
  job.write("README.md", card(job, told, rate_hz));
}

void check(const ExportJob& job) {
  const std::string& audio = job.request().options.audio;
  if (audio == "link" || audio == "copy")
    throw UsageError(fmt::format("--audio {}: in Parquet the clips are inside the tables", audio),
                     "--audio auto takes them as they are, --audio wav16 converts");
}

config::Fields fields(Options& o) {
  config::Fields f;
  f.add("shard_mb", o.shard_mb, "a split larger than this is written in several files").range(1, 100'000).metavar("MB");
  return f;
}

}  // namespace

void register_exporter_hf(Exporters& exporters) {
  exporters.add("hf", [] {
    auto options = std::make_shared<Options>();
    return Exporter{.name = "hf",
                    .summary = "Parquet with the audio in it and a card, for Hugging Face's datasets library",
                    .clips = ClipForm::embedded,
                    .fields = fields(*options),
                    .check = check,
                    .write = [options](ExportJob& job) { write(*options, job); }};
  });
}

}  // namespace timbre::exchange
