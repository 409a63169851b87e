#include <algorithm>
#include <optional>
#include <span>

#include "align/textgrid.h"
#include "base/files.h"
#include "base/strings.h"
#include "corpus/columns.h"
#include "exchange/exporter.h"
#include "exchange/importer.h"  // make_id
#include "prepare/alignment_grid.h"

/// The column alignment as <speaker>/<id>.TextGrid, tiers words and phones as MFA has them (silence is sil at the ends
/// and sp inside among phones, "" among words). Words are named by the front end.
namespace timbre::prepare {
namespace {

align::TextGrid grid_of(const corpus::Column& alignment, const corpus::Column& labels, const corpus::Column* words,
                        const std::string& id) {
  const auto tensor = alignment.get(id);
  const auto times = tensor.as<double>();
  const auto phones = corpus::tensor_list(labels.get(id));
  std::vector<align::Interval> intervals;
  std::vector<std::int64_t> word_of_phone;
  for (std::size_t i = 0; i < phones.size(); ++i) {
    intervals.push_back({times[3 * i], times[3 * i + 1], phones[i]});
    word_of_phone.push_back(static_cast<std::int64_t>(times[3 * i + 2]));
  }
  const bool named = words && words->has(id);
  return alignment_grid(intervals, word_of_phone,
                        named ? split(corpus::tensor_text(words->get(id)), '\n') : std::vector<std::string>{});
}

void write(exchange::ExportJob& job) {
  const fs::path dir = job.corpus().dir();
  const auto alignment = corpus::Column::open(dir, "alignment"), labels = corpus::Column::open(dir, "alignment_phones");
  std::optional<corpus::Column> words;
  if (fs::is_directory(dir / "columns" / "words")) words.emplace(corpus::Column::open(dir, "words"));
  for (const corpus::Utterance* u : job.utterances()) {
    if (!alignment.has(u->id)) {
      job.skip(u->id, "not aligned");
      continue;
    }
    const align::TextGrid grid = grid_of(alignment, labels, words ? &*words : nullptr, u->id);
    if (grid.tiers.empty()) {
      job.skip(u->id, "its alignment is empty");
      continue;
    }
    const fs::path place = u->speaker.empty() ? job.staging() : job.staging() / exchange::make_id(u->speaker);
    make_folders(place);
    align::write_textgrid(place / (u->id + ".TextGrid"), grid);
    job.count(*u);
  }
}

}  // namespace

void register_exporter_textgrid(exchange::Exporters& exporters) {
  exporters.add("textgrid", [] {
    return exchange::Exporter{.name = "textgrid",
                              .summary = "<speaker>/<id>.TextGrid, the alignment that timbre prepare made",
                              .clips = exchange::ClipForm::none,
                              .fields = {},
                              .check = {},
                              .write = write};
  });
}

}  // namespace timbre::prepare
