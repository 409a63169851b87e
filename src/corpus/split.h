#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "config/fields.h"
#include "corpus/manifest.h"

/// Train, validation and test sides: seeded, the same share of every speaker, no text on two sides, no side that was
/// asked for empty. Altered copies (prepare/augment.h) are trained on or unused, never held out.
namespace timbre::corpus {

enum class Side : std::uint8_t { train, valid, test, unused };
std::string_view to_string(Side side);

struct SplitOptions {
  std::int64_t seed = 1;
  double valid = 0.05;  ///< below 1: share of utterances; otherwise a number of them
  double test = 0;
  std::vector<std::string> valid_ids,
      test_ids;                       ///< exactly these, instead of the numbers; same texts elsewhere become unused
  std::string valid_list, test_list;  ///< files with one id a line, added to the lists above
  bool use_source = true;             ///< an utterance's own split (train, valid, test in the source) wins
};
config::Fields fields(SplitOptions& options);

struct Split {
  std::vector<Side> side_of;  ///< as the utterances
  std::int64_t train = 0, valid = 0, test = 0, unused = 0;
  std::vector<std::string> notes;
  std::vector<std::int64_t> indices(Side side) const;
};

/// Throws UsageError for ids that are not in the corpus or on two lists, DataError when a side would stay empty
/// (fewer distinct texts than sides).
Split make_split(std::span<const Utterance> utterances, const SplitOptions& options);

/// The ids in a file, one a line, blank lines left out. Throws as read_file.
std::vector<std::string> read_id_list(const std::string& file);

/// Texts that count as the same: letters and digits only, lower case, one space between words.
std::string text_key(std::string_view text);

}  // namespace timbre::corpus
