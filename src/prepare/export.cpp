#include "prepare/export.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <span>

#include "align/textgrid.h"
#include "base/files.h"
#include "base/strings.h"

namespace timbre::prepare {
namespace {

// Consecutive intervals of one word number become one; silences become "".
align::Tier words_of(const align::Tier& phones, std::span<const double> times, const std::vector<std::string>& words) {
  align::Tier tier{.name = "words", .start_s = phones.start_s, .end_s = phones.end_s};
  std::int64_t last = -2;
  for (std::size_t i = 0; i < phones.intervals.size(); ++i) {
    const auto word = static_cast<std::int64_t>(times[3 * i + 2]);
    if (word != last) {
      const bool named = word >= 0 && word < static_cast<std::int64_t>(words.size());
      tier.intervals.push_back(
          {phones.intervals[i].start_s, 0, named ? words[static_cast<std::size_t>(word)] : std::string()});
    }
    tier.intervals.back().end_s = phones.intervals[i].end_s;
    last = word;
  }
  return tier;
}

std::string safe_folder(const std::string& speaker) {
  return is_safe_relative(speaker) && speaker.find('/') == std::string::npos ? speaker : "speaker";
}

}  // namespace

std::int64_t export_textgrids(const corpus::Corpus& corpus, const std::filesystem::path& folder) {
  const auto alignment = corpus::Column::open(corpus.dir(), "alignment"),
             labels = corpus::Column::open(corpus.dir(), "alignment_phones");
  std::optional<corpus::Column> words;
  if (fs::is_directory(corpus.dir() / "columns" / "words")) words.emplace(corpus::Column::open(corpus.dir(), "words"));
  std::int64_t written = 0;
  for (const auto& u : corpus.utterances()) {
    if (!alignment.has(u.id)) continue;
    const auto tensor = alignment.get(u.id);
    const auto times = tensor.as<double>();
    const auto phones = corpus::tensor_list(labels.get(u.id));
    align::Tier tier{.name = "phones"};
    for (std::size_t i = 0; i < phones.size(); ++i)
      tier.intervals.push_back({times[3 * i], times[3 * i + 1], phones[i]});
    if (tier.intervals.empty()) continue;
    tier.start_s = tier.intervals.front().start_s;
    tier.end_s = tier.intervals.back().end_s;
    align::TextGrid grid{.start_s = tier.start_s, .end_s = tier.end_s};
    const bool named = words && words->has(u.id);
    grid.tiers.push_back(
        words_of(tier, times, named ? split(corpus::tensor_text(words->get(u.id)), '\n') : std::vector<std::string>{}));
    grid.tiers.push_back(std::move(tier));
    const fs::path place = u.speaker.empty() ? folder : folder / safe_folder(u.speaker);
    make_folders(place);
    align::write_textgrid(place / (u.id + ".TextGrid"), grid);
    ++written;
  }
  return written;
}

}  // namespace timbre::prepare
