#pragma once
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "corpus/manifest.h"

/// Statistics of a corpus, and the duration table of lhotse's CutSet.describe (lhotse ≥ 1.16).
namespace timbre::corpus {

/// Linear interpolation between the nearest ranks (numpy's default). `sorted` ascending, not empty; 0 ≤ percent ≤ 100.
double percentile(std::span<const double> sorted, double percent);

/// The value in the middle (of an even number, the upper one). Not empty.
double median(std::vector<double> values);

/// Seconds as hh:mm:ss with hours and minutes floored and the seconds rounded up, as lhotse prints them.
std::string clock_text(double seconds);

struct Distribution {
  std::int64_t count = 0;
  double total = 0, mean = 0, std = 0, min = 0, max = 0;  ///< std of the population
  double p25 = 0, p50 = 0, p75 = 0, p99 = 0, p995 = 0, p999 = 0;
};
Distribution describe(std::vector<double> values);
nlohmann::json to_json(const Distribution& distribution);

struct SpeakerStats {
  std::int64_t utterances = 0, characters = 0;
  double duration_s = 0;
};

struct CorpusStats {
  Distribution duration_s, characters, characters_per_s, words, words_per_s;
  std::map<std::string, SpeakerStats> speakers;
  std::map<std::string, SpeakerStats> languages, splits;
  std::map<std::int64_t, std::int64_t> rates_hz, channels;  ///< value → utterances
  std::int64_t distinct_texts = 0, distinct_characters = 0;
};
/// One value an utterance (rates: of those that have a duration), for histograms.
struct CorpusSamples {
  std::vector<double> durations_s, characters, words, characters_per_s, words_per_s;
};
CorpusSamples corpus_samples(std::span<const Utterance> utterances);
CorpusStats corpus_stats(std::span<const Utterance> utterances, const CorpusSamples& samples);
inline CorpusStats corpus_stats(std::span<const Utterance> utterances) {
  return corpus_stats(utterances, corpus_samples(utterances));
}
nlohmann::json to_json(const CorpusStats& stats);
/// For people: the duration table, then speakers (longest first, at most `speakers` of them), rates, text.
std::string to_text(const CorpusStats& stats, std::int64_t speakers = 20);

/// A table drawn as tabulate's "fancy_grid"; rows of equal length.
std::string fancy_grid(const std::vector<std::vector<std::string>>& rows);

/// The duration table alone, drawn as lhotse draws it. A negative count leaves its row out.
std::string describe_table(const Distribution& durations, std::int64_t recordings, std::int64_t features,
                           std::int64_t supervisions);

}  // namespace timbre::corpus
