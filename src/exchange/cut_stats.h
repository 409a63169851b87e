#pragma once
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "corpus/stats.h"

/// Statistics of a lhotse cuts manifest as CutSet.describe() prints them. Facts: lhotse 1.33, `lhotse/cut/describe.py`.
namespace timbre::exchange::lhotse {

class CutStats {
 public:
  using Json = nlohmann::ordered_json;  ///< custom fields are listed as they came

  /// One cut of any kind (mono, multi, mixed, padding). Throws DataError naming the field that is missing or wrong.
  void add(const Json& cut);

  std::int64_t cuts() const { return static_cast<std::int64_t>(durations_s_.size()); }
  /// The whole printed text, to the byte. Throws DataError without any cut.
  std::string text() const;
  nlohmann::json json() const;

 private:
  using Counts = std::vector<std::pair<std::string, std::int64_t>>;
  struct Totals {
    double recording_s, speech_s, speaking_s;
    double silence_s() const { return recording_s - speech_s; }
  };
  void need_cuts() const;
  Totals totals() const;
  static void count(Counts& counts, const Json& custom);
  static Counts most_common(Counts counts);
  std::int64_t recordings_ = 0, features_ = 0, supervisions_ = 0;
  Counts cut_custom_, supervision_custom_;
  std::vector<double> durations_s_, speech_s_;  ///< one a cut
  std::vector<double> speaking_s_;              ///< one a supervision
};

/// Of a manifest, plain or gzip-packed. Throws DataError naming file and line.
CutStats cut_stats(const std::filesystem::path& manifest);

}  // namespace timbre::exchange::lhotse
