#include "corpus/stats.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "base/strings.h"
#include "base/sums.h"
#include "corpus/split.h"

namespace timbre::corpus {

using nlohmann::json;

double percentile(std::span<const double> sorted, double percent) {
  double place = percent / 100 * static_cast<double>(sorted.size() - 1);
  auto low = static_cast<std::size_t>(place);
  std::size_t high = std::min(low + 1, sorted.size() - 1);
  double part = place - static_cast<double>(low);
  // numpy goes from whichever end is nearer, so that 100 % is the last value to the bit.
  double step = sorted[high] - sorted[low];
  return part >= 0.5 ? sorted[high] - step * (1 - part) : sorted[low] + step * part;
}

double median(std::vector<double> values) {
  auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

std::string clock_text(double seconds) {
  double hours = std::floor(seconds / 3600), rest = seconds - hours * 3600;
  double minutes = std::floor(rest / 60);
  // lhotse does not carry: 59.2 s are "00:00:60".
  return fmt::format("{:02.0f}:{:02.0f}:{:02.0f}", hours, minutes, std::ceil(rest - minutes * 60));
}

Distribution describe(std::vector<double> values) {
  Distribution d;
  d.count = static_cast<std::int64_t>(values.size());
  if (values.empty()) return d;
  // In the order given, as NumPy sums: lhotse rounds seconds up, which shows the last bit.
  d.total = pairwise_sum(values.data(), values.size());
  d.mean = d.total / static_cast<double>(d.count);
  std::vector<double> squares;
  squares.reserve(values.size());
  for (double v : values) squares.push_back((v - d.mean) * (v - d.mean));
  d.std = std::sqrt(pairwise_sum(squares.data(), squares.size()) / static_cast<double>(d.count));
  std::sort(values.begin(), values.end());
  d.min = values.front();
  d.max = values.back();
  d.p25 = percentile(values, 25);
  d.p50 = percentile(values, 50);
  d.p75 = percentile(values, 75);
  d.p99 = percentile(values, 99);
  d.p995 = percentile(values, 99.5);
  d.p999 = percentile(values, 99.9);
  return d;
}

json to_json(const Distribution& d) {
  return {{"count", d.count}, {"total", d.total}, {"mean", d.mean},  {"std", d.std},
          {"min", d.min},     {"25%", d.p25},     {"50%", d.p50},    {"75%", d.p75},
          {"99%", d.p99},     {"99.5%", d.p995},  {"99.9%", d.p999}, {"max", d.max}};
}

CorpusSamples corpus_samples(std::span<const Utterance> utterances) {
  CorpusSamples s;
  for (const Utterance& u : utterances) {
    const auto characters = static_cast<double>(to_code_points(u.text).size());
    const auto words = static_cast<double>(split_whitespace(u.text).size());
    s.durations_s.push_back(u.duration_s);
    s.characters.push_back(characters);
    s.words.push_back(words);
    if (u.duration_s <= 0) continue;
    s.characters_per_s.push_back(characters / u.duration_s);
    s.words_per_s.push_back(words / u.duration_s);
  }
  return s;
}

CorpusStats corpus_stats(std::span<const Utterance> utterances, const CorpusSamples& samples) {
  CorpusStats stats;
  std::unordered_set<std::size_t> texts;
  std::unordered_set<char32_t> letters;
  for (const Utterance& u : utterances) {
    std::u32string points = to_code_points(u.text);
    letters.insert(points.begin(), points.end());
    texts.insert(std::hash<std::string>{}(text_key(u.text)));
    auto count = [&](SpeakerStats& s) {
      ++s.utterances;
      s.characters += static_cast<std::int64_t>(points.size());
      s.duration_s += u.duration_s;
    };
    count(stats.speakers[u.speaker]);
    count(stats.languages[u.language]);
    if (!u.split.empty()) count(stats.splits[u.split]);
    ++stats.rates_hz[u.rate_hz];
    ++stats.channels[u.channels];
  }
  stats.duration_s = describe(samples.durations_s);
  stats.characters = describe(samples.characters);
  stats.characters_per_s = describe(samples.characters_per_s);
  stats.words = describe(samples.words);
  stats.words_per_s = describe(samples.words_per_s);
  stats.distinct_texts = static_cast<std::int64_t>(texts.size());
  stats.distinct_characters = static_cast<std::int64_t>(letters.size());
  return stats;
}

namespace {

json groups_json(const std::map<std::string, SpeakerStats>& groups) {
  json all = json::object();
  for (const auto& [name, s] : groups)
    all[name] = {{"utterances", s.utterances}, {"duration_s", s.duration_s}, {"characters", s.characters}};
  return all;
}

json counts_json(const std::map<std::int64_t, std::int64_t>& counts) {
  json all = json::object();
  for (const auto& [value, count] : counts) all[std::to_string(value)] = count;
  return all;
}

/// Cells between vertical lines, all columns as wide as their widest cell (in code points).
class Grid {
 public:
  explicit Grid(std::vector<std::vector<std::string>> rows) : rows_(std::move(rows)), widths_(rows_.front().size(), 0) {
    for (const auto& row : rows_)
      for (std::size_t c = 0; c < row.size(); ++c) widths_[c] = std::max(widths_[c], to_code_points(row[c]).size());
  }
  /// tabulate's "fancy_grid".
  std::string fancy() const {
    std::string text = rule("╒", "═", "╤", "╕");
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      if (r) text += rule("├", "─", "┼", "┤");
      text += "│";
      for (std::size_t c = 0; c < widths_.size(); ++c)
        text += " " + rows_[r][c] + std::string(widths_[c] - to_code_points(rows_[r][c]).size(), ' ') + " │";
      text += "\n";
    }
    return text + rule("╘", "═", "╧", "╛");
  }

 private:
  std::string rule(const char* left, const char* line, const char* cross, const char* right) const {
    std::string text = left;
    for (std::size_t c = 0; c < widths_.size(); ++c) {
      if (c) text += cross;
      for (std::size_t i = 0; i < widths_[c] + 2; ++i) text += line;
    }
    return text + right + "\n";
  }
  std::vector<std::vector<std::string>> rows_;
  std::vector<std::size_t> widths_;
};

std::string shown_name(const std::string& name) { return name.empty() ? "(not named)" : name; }

std::string groups_text(const std::string& title, const std::map<std::string, SpeakerStats>& groups,
                        std::int64_t most) {
  std::vector<std::pair<std::string, SpeakerStats>> order(groups.begin(), groups.end());
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.second.duration_s > b.second.duration_s; });
  std::string text = title + "\n";
  std::int64_t shown = 0;
  for (const auto& [name, s] : order) {
    if (shown++ == most) {
      text += fmt::format("  … {} more\n", order.size() - static_cast<std::size_t>(most));
      break;
    }
    text += fmt::format("  {:<24} {:>8} clips  {}  {:.1f} characters/s\n", shown_name(name), s.utterances,
                        clock_text(s.duration_s),
                        s.duration_s > 0 ? static_cast<double>(s.characters) / s.duration_s : 0.0);
  }
  return text;
}

std::string spread_text(const std::string& name, const Distribution& d) {
  return fmt::format(
      "  {:<18} mean {:.1f}, std {:.1f}, min {:.1f}, 25 % {:.1f}, 50 % {:.1f}, 75 % {:.1f}, 99 % {:.1f}, max {:.1f}\n",
      name, d.mean, d.std, d.min, d.p25, d.p50, d.p75, d.p99, d.max);
}

}  // namespace

json to_json(const CorpusStats& s) {
  return {{"duration_s", to_json(s.duration_s)},
          {"characters", to_json(s.characters)},
          {"words", to_json(s.words)},
          {"characters_per_s", to_json(s.characters_per_s)},
          {"words_per_s", to_json(s.words_per_s)},
          {"speakers", groups_json(s.speakers)},
          {"languages", groups_json(s.languages)},
          {"splits", groups_json(s.splits)},
          {"rates_hz", counts_json(s.rates_hz)},
          {"channels", counts_json(s.channels)},
          {"distinct_texts", s.distinct_texts},
          {"distinct_characters", s.distinct_characters}};
}

std::string fancy_grid(const std::vector<std::vector<std::string>>& rows) { return Grid(rows).fancy(); }

std::string describe_table(const Distribution& d, std::int64_t recordings, std::int64_t features,
                           std::int64_t supervisions) {
  std::vector<std::vector<std::string>> rows = {{"Cuts count:", std::to_string(d.count)},
                                                {"Total duration (hh:mm:ss)", clock_text(d.total)}};
  for (auto [name, value] : {std::pair("mean", d.mean),
                             {"std", d.std},
                             {"min", d.min},
                             {"25%", d.p25},
                             {"50%", d.p50},
                             {"75%", d.p75},
                             {"99%", d.p99},
                             {"99.5%", d.p995},
                             {"99.9%", d.p999},
                             {"max", d.max}})
    rows.push_back({name, fmt::format("{:.1f}", value)});
  for (auto [name, count] : {std::pair("Recordings available:", recordings),
                             {"Features available:", features},
                             {"Supervisions available:", supervisions}})
    if (count >= 0) rows.push_back({name, std::to_string(count)});
  return fancy_grid(rows);
}

std::string to_text(const CorpusStats& s, std::int64_t speakers) {
  std::string text = describe_table(s.duration_s, -1, -1, -1);
  text += "\ntext\n" + spread_text("characters", s.characters) + spread_text("words", s.words) +
          spread_text("characters/s", s.characters_per_s);
  text += fmt::format("  {} distinct texts, {} distinct characters\n", s.distinct_texts, s.distinct_characters);
  text += "\n" + groups_text(fmt::format("speakers ({})", s.speakers.size()), s.speakers, speakers);
  if (s.languages.size() > 1 || !s.languages.begin()->first.empty())
    text += "\n" + groups_text("languages", s.languages, speakers);
  if (!s.splits.empty()) text += "\n" + groups_text("splits of the source", s.splits, speakers);
  text += "\naudio\n";
  for (const auto& [rate, count] : s.rates_hz) text += fmt::format("  {} Hz: {} clips\n", rate, count);
  for (const auto& [channels, count] : s.channels)
    text += fmt::format("  {} channel{}: {} clips\n", channels, channels == 1 ? "" : "s", count);
  return text;
}

}  // namespace timbre::corpus
