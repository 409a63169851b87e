#include "prepare/lhotse_codes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "corpus/columns.h"
#include "exchange/importer.h"
#include "exchange/lhotse_codes.h"
#include "exchange/lhotse_manifest.h"
#include "exchange/lines.h"

namespace timbre::prepare {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::vector<fs::path> manifests_of(const fs::path& source) {
  if (!fs::is_directory(source)) return {source};
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(source)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_regular_file() && (name.ends_with(".jsonl") || name.ends_with(".jsonl.gz")) &&
        exchange::lhotse::kind_of_file(entry.path()) == exchange::lhotse::Kind::cuts)
      files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  if (files.empty()) throw DataError(fmt::format("{}: no manifest of cuts (.jsonl, .jsonl.gz)", source.string()));
  return files;
}

class Taker {
 public:
  Taker(const corpus::Corpus& corpus, const Step& step, const std::string& column)
      : corpus_(corpus),
        facts_(step.stage->facts(step.settings)),
        writer_(corpus.dir(), step.key(column), {}, recorded(step, facts_)),
        rate_hz_(facts_.at("rate_hz")),
        hop_samples_(facts_.at("hop_samples")),
        codebooks_(facts_.at("codebooks")),
        codebook_size_(facts_.at("codebook_size")) {}

  void read(const fs::path& manifest) {
    exchange::lhotse::ArrayStore store(manifest);
    exchange::LineReader lines(manifest);
    for (std::string text; lines.next(text);) {
      const std::string where = fmt::format("{}, line {}", manifest.filename().string(), lines.number());
      const json cut = json::parse(text, nullptr, false);
      if (!cut.is_object()) {
        result.broken.push_back({where, "not a JSON object"});
        continue;
      }
      try {
        take(cut, store, where);
      } catch (const DataError& problem) {
        result.broken.push_back({where, problem.what()});
      }
    }
  }

  void finish(const fs::path& source) {
    if (result.utterances == 0) {
      const std::string why =
          result.broken.empty() ? "" : ": " + result.broken.front().id + ": " + result.broken.front().reason;
      throw DataError(
          fmt::format("{}: no cut has codes for an utterance of {}{}", source.string(), corpus_.dir().string(), why),
          "import the corpus from the same manifests: timbre import lhotse CUTS --out CORPUS");
    }
    for (const auto& utterance : corpus_.utterances()) {
      if (writer_.is_done(utterance.id)) continue;
      writer_.skip(utterance.id, "no cut with codes");
      result.skipped.push_back({utterance.id, "no cut with codes"});
    }
    writer_.commit();
  }

  LhotseCodes result;

 private:
  static json recorded(const Step& step, const json& facts) {
    json all = step.recorded;
    all["facts"] = facts;
    return all;
  }

  /// The utterance that a cut is: by its own name, or by what it is cut from.
  std::int64_t find(const json& cut) const {
    const auto text = [](const json& object, const char* key) {
      const auto value = object.is_object() ? object.find(key) : object.end();
      return value != object.end() && value->is_string() ? value->get<std::string>() : std::string();
    };
    std::vector<std::string> names = {text(cut, "id")};
    if (const auto list = cut.find("supervisions"); list != cut.end() && list->is_array() && list->size() == 1) {
      names.push_back(text(list->front(), "id"));
      names.push_back(text(list->front(), "recording_id"));
    }
    for (const std::string& name : names)
      if (const auto at = name.empty() ? -1 : corpus_.find(exchange::make_id(name)); at >= 0) return at;
    return -1;
  }

  void take(const json& cut, exchange::lhotse::ArrayStore& store, const std::string& where) {
    const auto at = find(cut);
    if (at < 0) return result.broken.push_back({where, "no utterance of that name in the corpus"});
    const auto& utterance = corpus_.utterances()[static_cast<std::size_t>(at)];
    const auto array = exchange::lhotse::stored_array(cut, "codes");
    if (!array) return result.broken.push_back({where, "no features and no custom.codes"});
    const double frame_s = static_cast<double>(hop_samples_) / static_cast<double>(rate_hz_);
    if (std::abs(array->frame_shift_s - frame_s) > 1e-6)
      throw DataError(fmt::format("its frames are {:.6f} s long, those of {} {:.6f} s", array->frame_shift_s,
                                  facts_.at("codec").get<std::string>(), frame_s));
    if (!cut.contains("start") || !cut["start"].is_number() || !cut.contains("duration") ||
        !cut["duration"].is_number())
      throw DataError("no start or duration");
    const weights::Tensor codes = store.read_cut(*array, cut["start"].get<double>(), cut["duration"].get<double>());
    if (codes.shape[1] != codebooks_)
      throw DataError(fmt::format("{} codebooks, {} are wanted: prepare with --codebooks {}", codes.shape[1],
                                  codebooks_, codes.shape[1]));
    if (codes.shape[0] < 1) throw DataError("no frames");
    const double frames = utterance.duration_s / frame_s;
    if (std::abs(static_cast<double>(codes.shape[0]) - frames) > 2)
      throw DataError(fmt::format("{} frames for a recording of {:.1f}", codes.shape[0], frames));
    std::vector<std::int32_t> values;
    for (const std::int64_t code : codes.to_i64()) {
      if (code < 0 || code >= codebook_size_)
        throw DataError(fmt::format("code {} is out of range; {} has 0 to {}", code,
                                    facts_.at("codec").get<std::string>(), codebook_size_ - 1));
      values.push_back(static_cast<std::int32_t>(code));
    }
    if (writer_.is_done(utterance.id)) return;
    writer_.put(utterance.id, weights::Tensor::of<std::int32_t>(codes.shape, std::move(values)));
    ++result.utterances;
  }

  const corpus::Corpus& corpus_;
  json facts_;
  corpus::ColumnWriter writer_;
  std::int64_t rate_hz_, hop_samples_, codebooks_, codebook_size_;
};

}  // namespace

LhotseCodes take_lhotse_codes(const corpus::Corpus& corpus, const std::filesystem::path& cuts,
                              const ColumnRequest& wanted, bool redo) {
  const std::vector<fs::path> manifests = manifests_of(cuts);
  Plan plan = make_plan(corpus, {wanted});
  if (plan.complete() && !redo)
    throw UsageError(fmt::format("{} is complete already", wanted.column), "--redo takes it anew");
  if (redo) corpus::remove_column(corpus.dir(), wanted.column);
  Taker taker(corpus, plan.step(wanted.column), wanted.column);
  for (const fs::path& manifest : manifests) taker.read(manifest);
  taker.finish(cuts);
  return std::move(taker.result);
}

}  // namespace timbre::prepare
