#include "corpus/neighbours.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <stdexcept>

#include "base/error.h"
#include "base/strings.h"

namespace timbre::corpus {
namespace {

using Places = std::vector<std::size_t>;

/// Neighbours in a row: before, where the first has the second instead, then after.
void link_row(const Places& row, std::vector<Places>& all) {
  if (row.size() == 1) return all[row[0]].push_back(row[0]);
  for (std::size_t i = 0; i < row.size(); ++i) {
    all[row[i]].push_back(row[i == 0 ? 1 : i - 1]);
    if (i + 1 < row.size()) all[row[i]].push_back(row[i + 1]);
  }
}

std::vector<Places> by_speaker(std::span<const std::string> ids, std::span<const std::string> speakers, bool sorted) {
  std::map<std::string, Places> rows;
  for (std::size_t i = 0; i < ids.size(); ++i) rows[speakers[i]].push_back(i);
  std::vector<Places> all(ids.size());
  for (auto& [speaker, row] : rows) {
    if (sorted) std::stable_sort(row.begin(), row.end(), [&](std::size_t a, std::size_t b) { return ids[a] < ids[b]; });
    link_row(row, all);
  }
  return all;
}

std::vector<Places> by_chapter(std::span<const std::string> ids) {
  std::vector<Places> all(ids.size());
  if (ids.size() == 1) all[0].push_back(0);
  if (ids.size() < 2) return all;
  const auto chapter = [&](std::size_t i) { return to_code_points(ids[i]).substr(0, 5); };
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (i + 1 < ids.size() && chapter(i) == chapter(i + 1)) all[i].push_back(i + 1);
    const std::size_t before = i == 0 ? 1 : i - 1;
    if (chapter(i) == chapter(before) || all[i].empty()) all[i].push_back(before);
  }
  return all;
}

}  // namespace

NeighbourRule neighbour_rule(const std::string& dataset) {
  const std::string name = ascii_lower(dataset);
  if (name == "libritts") return NeighbourRule::libritts;
  if (name == "ljspeech") return NeighbourRule::ljspeech;
  if (name == "speaker") return NeighbourRule::speaker;
  throw UsageError(
      fmt::format("prefix mode 4 takes its prompts from neighbours, and '{}' has no rule for them: libritts and "
                  "ljspeech have",
                  dataset),
      "--dataset speaker: neighbours are the utterances of the same speaker, in the order of the list");
}

std::vector<Places> neighbours(NeighbourRule rule, std::span<const std::string> ids,
                               std::span<const std::string> speakers) {
  if (ids.size() != speakers.size()) throw std::logic_error("neighbours: as many speakers as ids");
  if (rule == NeighbourRule::ljspeech) return by_chapter(ids);
  return by_speaker(ids, speakers, rule == NeighbourRule::libritts);
}

std::vector<PromptPiece> draw_prompts(std::span<const std::size_t> batch, const std::vector<Places>& neighbours,
                                      std::span<const std::int64_t> frames, std::int64_t most_frames,
                                      PythonRandom& random) {
  std::vector<PromptPiece> pieces;
  std::int64_t length = most_frames;
  for (const std::size_t item : batch) {
    const std::size_t drawn = random.choice(neighbours.at(item));
    pieces.push_back({drawn, 0, 0});
    length = std::min(length, frames[drawn]);
  }
  for (PromptPiece& piece : pieces) {
    piece.frames = length;
    piece.first_frame = random.randint(0, frames[piece.utterance] - length);
  }
  return pieces;
}

}  // namespace timbre::corpus
