#include "prepare/aligner_column.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace timbre::prepare {
namespace {

constexpr const char* kColumn = "aligner";
constexpr const char* kNone = "none";  // the only row where no aligner is needed

align::Aligner::Saved saved_of(const corpus::Column& column) {
  align::Aligner::Saved saved;
  for (const std::string& name : column.ids()) {
    const weights::Tensor value = column.get(name);
    if (value.dtype == weights::DType::u8)
      saved.texts[name] = corpus::tensor_text(value);
    else
      saved.numbers[name] = value.to_f64();
  }
  return saved;
}

std::shared_ptr<const align::Aligner> aligner_of(const corpus::Column& column, const std::string& where) {
  if (column.has(kNone)) return nullptr;
  return std::make_shared<const align::Aligner>(align::Aligner::load(saved_of(column), where));
}

bool same_values(const corpus::Column& a, const corpus::Column& b) {
  const auto ids = a.ids();
  return a.size() == b.size() && std::all_of(ids.begin(), ids.end(), [&](const std::string& id) {
           return b.has(id) && a.get(id).to_f64() == b.get(id).to_f64();
         });
}

}  // namespace

std::map<std::string, Row> rows_of_aligner(const align::Aligner& aligner) {
  std::map<std::string, Row> rows;
  align::Aligner::Saved saved = aligner.save();
  for (auto& [name, values] : saved.numbers) {
    const auto count = static_cast<std::int64_t>(values.size());
    rows[name] = {{kColumn, weights::Tensor::of<double>({count}, std::move(values))}};
  }
  for (const auto& [name, text] : saved.texts) rows[name] = {{kColumn, corpus::text_tensor(text)}};
  return rows;
}

std::map<std::string, Row> rows_without_aligner() {
  return {{kNone, {{kColumn, corpus::text_tensor("every utterance has a TextGrid")}}}};
}

std::shared_ptr<const align::Aligner> read_aligner(const StageJob& job) {
  return aligner_of(job.column(kColumn), job.corpus.dir().string());
}

std::shared_ptr<const align::Aligner> read_aligner(const std::filesystem::path& corpus) {
  if (!std::filesystem::is_directory(corpus / "columns" / kColumn))
    throw DataError(fmt::format("{}: no aligner in it; expected a corpus prepared for a model that needs an alignment",
                                corpus.string()),
                    fmt::format("timbre prepare {} --for fastspeech2 --stop-stage 1", corpus.string()));
  auto aligner = aligner_of(corpus::Column::open(corpus, kColumn), corpus.string());
  if (!aligner)
    throw DataError(fmt::format("{}: has no aligner: every utterance came with a TextGrid", corpus.string()),
                    "train one on a corpus without TextGrids, or on a copy of this one imported without them");
  return aligner;
}

align::Transcript transcript_of(const StageJob& job, const corpus::Utterance& utterance) {
  align::Transcript t;
  t.id = utterance.id;
  t.speaker = utterance.speaker;
  const auto phones = job.read("phonemes", utterance.id), words = job.read("phoneme_words", utterance.id);
  if (!phones || !words) return t;
  const auto labels = corpus::tensor_list(*phones);
  const auto word_of_phone = words->to_i64();
  for (std::size_t i = 0; i < labels.size() && i < word_of_phone.size(); ++i) {
    if (word_of_phone[i] < 0) continue;
    t.phones.push_back(labels[i]);
    t.word_of_phone.push_back(word_of_phone[i]);
  }
  return t;
}

bool has_textgrid(const corpus::Utterance& utterance) {
  return utterance.extra.is_object() && utterance.extra.contains("textgrid");
}

void take_aligner(const corpus::Corpus& corpus, const std::filesystem::path& from,
                  const std::vector<ColumnRequest>& wanted, bool redo) {
  Plan plan = make_plan(corpus, wanted);
  const auto needed =
      std::find_if(plan.steps.begin(), plan.steps.end(), [](const Step& step) { return step.stage->name == kColumn; });
  if (needed == plan.steps.end()) throw UsageError("this model needs no aligner", "leave --take-aligner out");
  read_aligner(from);  // whole and sound, before anything is removed
  const corpus::Column theirs = corpus::Column::open(from, kColumn);
  if (needed->state == corpus::ColumnState::Kind::complete) {
    if (same_values(corpus::Column::open(corpus.dir(), needed->key(kColumn)), theirs)) return;
    if (!redo)
      throw UsageError(fmt::format("{}: has another aligner already", corpus.dir().string()),
                       "--redo replaces it, and makes anew what was made with it");
  }
  for (auto step = needed; step != plan.steps.end(); ++step)
    for (const std::string& column : step->stage->makes) corpus::remove_column(corpus.dir(), column);
  corpus::ColumnWriter writer(corpus.dir(), needed->key(kColumn), {}, needed->recorded);
  for (const std::string& id : theirs.ids()) writer.put(id, theirs.get(id));
  writer.commit();
}

}  // namespace timbre::prepare
