#include "prepare/tokenized_cuts.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "base/strings.h"
#include "exchange/lhotse_codes.h"
#include "exchange/lhotse_manifest.h"
#include "exchange/lines.h"

namespace timbre::prepare {

namespace fs = std::filesystem;
using exchange::lhotse::StoredArray;
using nlohmann::json;

namespace {

std::string text_of(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

double seconds_of(const json& cut, const char* key) {
  const auto found = cut.find(key);
  if (found == cut.end() || !found->is_number() || !std::isfinite(found->get<double>()))
    throw DataError(fmt::format("{}: expected seconds", key));
  return found->get<double>();
}

const json& only_supervision(const json& cut) {
  const auto list = cut.find("supervisions");
  if (list == cut.end() || !list->is_array() || list->empty()) throw DataError("no supervision: expected one");
  if (list->size() > 1) throw DataError(fmt::format("{} supervisions; expected one", list->size()));
  if (!list->front().is_object()) throw DataError("supervisions[0]: expected an object");
  return list->front();
}

std::vector<std::string> tokens_of(const json& supervision) {
  const json* at = &supervision;
  for (const char* key : {"custom", "tokens", "text"}) {
    const auto found = at->is_object() ? at->find(key) : at->end();
    if (found == at->end()) throw DataError("text without tokens: no supervisions[0].custom.tokens.text");
    at = &*found;
  }
  std::vector<std::string> tokens;
  if (at->is_array())
    for (const json& token : *at) {
      if (!token.is_string()) throw DataError("custom.tokens.text: expected a list of texts");
      tokens.push_back(token.get<std::string>());
    }
  if (tokens.empty()) throw DataError("text without tokens: custom.tokens.text is empty");
  return tokens;
}

/// What features.num_frames promises, or -1: a store that was cut short holds fewer rows.
std::int64_t promised_frames(const json& cut) {
  const auto features = cut.find("features");
  if (features == cut.end() || !features->is_object()) return -1;
  const auto frames = features->find("num_frames");
  return frames != features->end() && frames->is_number_integer() ? frames->get<std::int64_t>() : -1;
}

}  // namespace

struct TokenizedCuts::State {
  explicit State(const fs::path& manifest) : store(manifest) {}
  struct Place {
    StoredArray array;
    double start_s = 0;
  };
  mutable exchange::lhotse::ArrayStore store;
  std::vector<TokenizedCut> cuts;
  std::vector<Place> places;  ///< one a cut
  std::vector<Skipped> quarantined;
  std::unordered_set<std::string> seen;

  /// Throws DataError for what cannot be trained on.
  void take(const json& line) {
    TokenizedCut cut;
    cut.id = text_of(line, "id");
    if (cut.id.empty()) throw DataError("id: expected a text");
    cut.duration_s = seconds_of(line, "duration");
    if (!(cut.duration_s > 0)) throw DataError("duration: expected seconds above 0");
    const json& said = only_supervision(line);
    cut.recording_id = text_of(said, "recording_id");
    cut.text = text_of(said, "text");
    cut.speaker = text_of(said, "speaker");
    cut.language = exchange::lhotse::language_code(text_of(said, "language"));
    cut.tokens = tokens_of(said);
    const auto array = exchange::lhotse::stored_array(line, "codes");
    if (!array) throw DataError("no features: the cut was not tokenised");
    const Place place{*array, seconds_of(line, "start")};
    store.expect_files(*array);
    const auto stored = store.shape(*array);
    const auto rows = exchange::lhotse::rows_of(*array, place.start_s, cut.duration_s, stored[0]);
    cut.frames = rows.count;
    cut.codebooks = stored[1];
    if (const std::int64_t promised = promised_frames(line); promised > stored[0])
      throw DataError(fmt::format("{} rows are stored, features.num_frames says {}", stored[0], promised));
    if (cut.frames < 1) throw DataError("no frame of codes");
    if (!seen.insert(cut.id).second) throw DataError("the id came before");
    cuts.push_back(std::move(cut));
    places.push_back(place);
  }
};

TokenizedCuts::TokenizedCuts(const fs::path& manifest) : state_(std::make_unique<State>(manifest)) {
  if (std::error_code unreadable; !fs::is_regular_file(manifest, unreadable))
    throw DataError(fmt::format("{}: there is no such manifest of cuts", manifest.string()),
                    "make it with timbre prepare … --recipe NAME, or name another --manifest-dir");
  exchange::LineReader lines(manifest);
  for (std::string text; lines.next(text);) {
    if (trim(text).empty()) continue;
    const json line = json::parse(text, nullptr, false);
    std::string id = line.is_object() ? text_of(line, "id") : "";
    if (id.empty()) id = fmt::format("{}, line {}", manifest.filename().string(), lines.number());
    if (!line.is_object()) {
      state_->quarantined.push_back({id, "not a JSON object"});
      continue;
    }
    try {
      state_->take(line);
    } catch (const exchange::lhotse::StoreError&) {
      throw;  // no cut of that file can be read
    } catch (const DataError& problem) {
      state_->quarantined.push_back({id, problem.what()});
    }
  }
  state_->seen.clear();
}

TokenizedCuts::~TokenizedCuts() = default;
TokenizedCuts::TokenizedCuts(TokenizedCuts&&) noexcept = default;

const std::vector<TokenizedCut>& TokenizedCuts::all() const { return state_->cuts; }
const std::vector<Skipped>& TokenizedCuts::quarantined() const { return state_->quarantined; }

weights::Tensor TokenizedCuts::codes_FQ(std::size_t cut) const {
  const State::Place& place = state_->places.at(cut);
  const TokenizedCut& about = state_->cuts.at(cut);
  try {
    return state_->store.read_cut(place.array, place.start_s, about.duration_s);
  } catch (const DataError& problem) {
    throw DataError(fmt::format("cut {}: {}", about.id, problem.what()), problem.next());
  }
}

std::string code_fault(const weights::Tensor& codes_FQ, std::int64_t codebooks, std::int64_t codebook_size) {
  if (codes_FQ.shape.size() != 2) return codes_FQ.describe() + "; expected frames × codebooks";
  if (codes_FQ.shape[1] < codebooks) return fmt::format("{} codebooks, {} are wanted", codes_FQ.shape[1], codebooks);
  std::vector<std::int64_t> codes;
  try {
    codes = codes_FQ.to_i64();
  } catch (const DataError&) {
    return codes_FQ.describe() + " of numbers that are not whole: features, but no codes";
  }
  for (std::size_t i = 0; i < codes.size(); ++i)
    if (codes[i] < 0 || codes[i] >= codebook_size) {
      const auto columns = static_cast<std::size_t>(codes_FQ.shape[1]);
      return fmt::format("code {} at frame {}, codebook {} is outside the codebook: 0 to {}", codes[i], i / columns,
                         i % columns, codebook_size - 1);
    }
  return {};
}

}  // namespace timbre::prepare
