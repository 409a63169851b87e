#pragma once
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/event.h"
#include "config/fields.h"
#include "prepare/recipe_stage.h"

/// The stages of `prepare.sh` in lifeiteng's VALL-E recipes: manifests, tokens, cuts for training. Files and names are
/// theirs and lhotse's, so that either program goes on where the other stopped. Facts: lifeiteng/vall-e @9c69096,
/// `egs/*/prepare.sh`, `valle/bin/tokenizer.py`; lhotse 1.33, `lhotse/recipes`.
namespace timbre::prepare {

namespace fs = std::filesystem;

struct ValleOptions {
  std::string recipe;  ///< baker, libritts, aishell, ljspeech, custom
  std::string source;  ///< the corpus as it was unpacked; of custom also a corpus of ours
  std::string out = "data";
  std::int64_t stage = -1, stop_stage = 3;
  std::int64_t nj = 0;         ///< threads; 0 = as the program's
  std::string text_extractor;  ///< "" = the recipe's own
  std::string audio_extractor = "Encodec";
  std::string codec;           ///< folder
  std::int64_t codebooks = 0;  ///< 0 = 8 (6 kbit/s) of EnCodec, all of others
  double batch_duration_s = 400;
  std::string dataset_parts = "all";
  std::string catalogue;                         ///< file of further corpora, as timbre get takes it
  std::int64_t dev_count = -1, test_count = -1;  ///< cuts held out; -1 = the recipe's own
};
config::Fields fields(ValleOptions& options);

/// What the recipes differ in.
struct ValleRecipe {
  std::string name;
  std::string prefix;          ///< of the manifests: "baker_zh"
  std::string dataset;         ///< its name in the catalogue; "" = cannot be fetched
  std::string importer;        ///< "" = guessed
  std::string text_extractor;  ///< the recipe's own
};
/// Throws UsageError with "did you mean".
const ValleRecipe& valle_recipe(const std::string& name);

using ValleReport = RecipeReport;

struct ValleJob {
  const ValleOptions& options;
  const ValleRecipe& recipe;
  const EventSink& events;
  const std::atomic<bool>* stop = nullptr;
  std::string tool_version;
  fs::path manifests() const { return fs::path(options.out) / "manifests"; }
  fs::path tokenized() const { return fs::path(options.out) / "tokenized"; }
  fs::path corpus() const { return fs::path(options.out) / "corpus"; }
};

/// Stage 1: data/manifests/<prefix>_{recordings,supervisions}_<part>.jsonl.gz, by way of a corpus in data/corpus.
ValleReport make_manifests(const ValleJob& job);
/// Stage 2: data/tokenized/<prefix>_cuts_<part>.jsonl.gz with codes in <prefix>_<codec>_<part>/feats-K.h5 and tokens,
/// unique_text_tokens.k2symbols. What cannot be tokenised is left out by name: left_out.jsonl.
ValleReport make_tokens(const ValleJob& job);
/// Stage 3: data/tokenized/cuts_{train,dev,test}.jsonl.gz.
ValleReport make_cuts(const ValleJob& job);
/// The codec that stage 2 will use, opened: now rather than after the hours of the stages before. Throws UsageError
/// when none is named or it cannot make so many codebooks.
void open_recipe_codec(const ValleOptions& options);
/// The statistics tables of the three, as display_manifest_statistics.py prints them.
std::string cut_tables(const fs::path& tokenized);

/// The parts that a recipe's manifests come in, of those that are there (names of <prefix>_recordings_<part>): what
/// --dataset-parts asks for. Throws UsageError for one that is absent.
std::vector<std::string> wanted_parts(const ValleJob& job, const std::vector<std::string>& present);
/// Parts with both manifests.
std::vector<std::string> present_parts(const ValleJob& job);
/// The front end behind a --text-extractor: espeak → phonemizer:en-us; what has a colon is a front end's own name.
std::string front_end_of(const std::string& text_extractor);

}  // namespace timbre::prepare
