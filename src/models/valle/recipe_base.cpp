#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "models/valle/layout.h"
#include "models/valle/recipe.h"
#include "models/valle/vocabulary.h"

/// A new run from old weights: a voice or run of ours, lifeiteng's files, Plachtaa's release (seed 001). Nothing is
/// loaded half: what does not fit is an error, but for the text tables' size and language tables, which are told.
namespace timbre::valle {
namespace {

constexpr const char* kTextTables[] = {"ar_text_embedding.word_embeddings.weight",
                                       "nar_text_embedding.word_embeddings.weight"};

bool is_language_table(const std::string& name) { return name.find("_language_embedding.") != std::string::npos; }

/// The weights of a base under the network's names, and whose they are.
struct Given {
  weights::TensorMap tensors;
  std::optional<Line> line;          ///< whose tokenizer its text rows are of; nothing where that is not known
  bool foreign = false;              ///< a checkpoint of the reference's
  std::vector<std::string> symbols;  ///< by row; empty where nothing names them
  fs::path symbols_from;
  std::vector<std::string> notes;
};

Given read_given(const train::Base& base) {
  if (fs::is_regular_file(base.source))
    for (const Line line : {Line::lifeiteng, Line::vallex})
      if (looks_like_checkpoint(base.source, line)) {
        Checkpoint checkpoint = read_checkpoint(base.source, {.strict = false});
        Given given{.tensors = std::move(checkpoint.model), .line = line, .foreign = true, .notes = checkpoint.notes};
        given.symbols_from = find_symbols_file(checkpoint, base.source);
        if (!given.symbols_from.empty()) given.symbols = read_symbols(line, given.symbols_from);
        return given;
      }
  Given given{.tensors = base.tensors, .symbols_from = base.source};
  if (base.about.is_object() && base.about.contains("symbols"))
    given.symbols = base.about["symbols"].get<std::vector<std::string>>();
  given.line = line_of(given.symbols);
  return given;
}

/// Rows of the text tables where their symbols have rows now; what was not there keeps its first values.
std::int64_t carry_rows(weights::TensorMap& tensors, const weights::TensorMap& fresh,
                        const std::vector<std::string>& from, const std::vector<std::string>& to) {
  std::int64_t kept = 0;
  for (const char* name : kTextTables) {
    const weights::Tensor *old = tensors.find(name), *now = fresh.find(name);
    if (!old || !now) continue;
    std::vector<float> values = now->to_f32();
    const std::vector<float> had = old->to_f32();
    const auto width = static_cast<std::size_t>(now->shape.at(1));
    kept = 0;
    for (std::size_t row = 0; row < to.size(); ++row) {
      const auto found = std::find(from.begin(), from.end(), to[row]);
      const auto place = static_cast<std::size_t>(found - from.begin());
      if (found == from.end() || (place + 1) * width > had.size()) continue;
      std::copy_n(had.begin() + static_cast<std::ptrdiff_t>(place * width), width,
                  values.begin() + static_cast<std::ptrdiff_t>(row * width));
      ++kept;
    }
    tensors.set(name, weights::Tensor::of<float>(now->shape, std::move(values)));
  }
  return kept;
}

void refuse_other_tokenizer(Line line, const text::TokenPolicy& policy, const std::string& source) {
  const bool ours = policy == text::bpe_policy();
  if (line == Line::vallex && !ours)
    throw DataError(fmt::format("{} is of VALL-E X: its text rows are characters of IPA ([EN]…[EN], pad 3), and these "
                                "texts were made for rows of another kind ({})",
                                source, text::describe(policy)),
                    "prepare the corpus with --front-end vallex:en (zh, ja, mix), then train with the same");
  if (line == Line::lifeiteng && ours)
    throw DataError(
        fmt::format("{} is of lifeiteng's line: its text rows are phonemes behind <pad> <bos> <eos>, and these texts "
                    "are VALL-E X's characters",
                    source),
        "prepare the corpus with the front end that it was trained with (phonemizer:en-us …)");
}

}  // namespace

/// Rows and symbols of the base and of the data brought together; what became of them is told.
std::string Recipe::match_symbols(weights::TensorMap& tensors, const weights::TensorMap& fresh,
                                  const std::vector<std::string>& theirs, const std::string& source) {
  const std::vector<std::string>& ours = data_->rows().symbols();
  const std::set<std::string> known(theirs.begin(), theirs.end());
  const bool fits = static_cast<std::int64_t>(theirs.size()) <= config_.text_rows;
  // VALL-E X's tokenizer is the same for all texts: what it has no row for is [UNK].
  const bool fixed = !data_->rows().policy().unknown.empty() && known.contains(data_->rows().policy().unknown);
  const bool all = std::all_of(ours.begin(), ours.end(), [&](const std::string& s) { return known.contains(s); });
  if (fits && (all || fixed)) {
    const auto lacking = std::count_if(ours.begin(), ours.end(), [&](const auto& s) { return !known.contains(s); });
    data_->use_symbols(theirs, data_->rows().policy(), source);
    return lacking == 0 ? fmt::format("symbols: the {} rows of the base, which name all of the data's", theirs.size())
                        : fmt::format(
                              "symbols: the {} rows of the base; {} of the data's characters are none of them "
                              "and read as {}",
                              theirs.size(), lacking, data_->rows().policy().unknown);
  }
  const std::size_t count = ours.size();
  return fmt::format("symbols: {} of {} have a row in the base", carry_rows(tensors, fresh, theirs, ours), count);
}

train::StartReport Recipe::start_from(const train::Base& base) {
  const std::string source = base.source.string();
  Given given = read_given(base);
  train::StartReport report;
  report.lines = given.notes;
  if (given.line) refuse_other_tokenizer(*given.line, data_->rows().policy(), source);
  const weights::TensorMap fresh = with_ties(config_, model_->state_dict());
  given.tensors = with_ties(config_, given.tensors);
  if (!given.symbols.empty()) {
    if (given.foreign)
      report.lines.push_back(fmt::format("its text rows are those of {}", given.symbols_from.string()));
    report.lines.push_back(match_symbols(given.tensors, fresh, given.symbols, given.symbols_from.string()));
  } else if (given.foreign) {
    const bool vallex = given.line == Line::vallex;
    if (vallex || data_->corpus())
      throw DataError(fmt::format("{}: nothing beside it says what the rows of its text tables stand for", source),
                      vallex ? "put bpe_69.json (utils/g2p of VALL-E X's repository) beside it, or make a voice of it "
                               "first: timbre convert FILE VOICE --option tokenizer=bpe_69.json"
                             : "put its unique_text_tokens.k2symbols beside it, or make a voice of it first: timbre "
                               "convert FILE VOICE --option text_tokens=FILE");
    report.lines.push_back(fmt::format("the file names no symbols: its text rows are taken to be those of {}",
                                       trainer_->text_tokens().string()));
  }
  for (std::string& line : fit_text_rows(given.tensors, config_.text_rows, fresh))
    report.lines.push_back(std::move(line));
  for (const auto& [name, tensor] : fresh)
    if (is_language_table(name) && !given.tensors.find(name)) {
      given.tensors.insert(name, tensor);
      report.lines.push_back(fmt::format("{}: new, the base has no languages", name));
      report.new_tensors += 1;
      report.new_values += tensor.numel();
    }
  Checkpoint whole;
  whole.config = config_;
  whole.model = given.tensors;
  load_network(*model_, config_, whole, source, report.lines);
  report.kept_tensors = static_cast<std::int64_t>(model_->named_state().size()) - report.new_tensors;
  for (const nn::Named& named : model_->named_state()) report.kept_values += named.tensor.numel();
  report.kept_values -= report.new_values;
  return report;
}

}  // namespace timbre::valle
