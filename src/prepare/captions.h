#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"

/// metadata.csv of LLaSA_training and its speed-control fork: "name|caption" a line, no header; what comes after a
/// second bar is not looked at. Lines without a bar and empty lines are skipped, as the reference does, and counted.
namespace timbre::prepare {

struct Caption {
  std::string name;  ///< of the recording, without .wav
  std::string text;  ///< blanks around the line are gone, those inside it stay
  std::int64_t line = 0;
};

class Captions {
 public:
  /// Throws DataError naming `where` and the line for what is no UTF-8, and for a file without a caption.
  static Captions parse(std::string_view csv, const std::string& where);
  /// Throws SystemError when it cannot be read.
  static Captions read(const std::string& path);

  /// Null when there is none; of several lines the last, as the memmap script takes it.
  const Caption* find(std::string_view name) const;
  const std::vector<Caption>& all() const { return all_; }  ///< in the order of the file
  /// Names that come twice with different captions: nobody can tell which was said.
  std::vector<Skipped> contradictions() const;
  std::int64_t without_bar() const { return without_bar_; }

 private:
  std::vector<Caption> all_;
  std::unordered_map<std::string, std::size_t> last_;
  std::int64_t without_bar_ = 0;
};

}  // namespace timbre::prepare
