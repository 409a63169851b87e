#pragma once
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "exchange/rows.h"

/// One JSON object a line, as training lists of many tools are kept.
namespace timbre::exchange {

/// Reads fields of one line into a Row and remembers the first fault.
class JsonLine {
 public:
  explicit JsonLine(std::string_view line);
  bool broken() const { return !row.fault.empty(); }
  /// The first of these keys that is there and not null: a string, or a number as text. Any other type is a fault.
  std::string text(std::initializer_list<const char*> keys, bool required = false);
  /// A number of at least 0; any other type is a fault.
  std::optional<double> seconds(const char* key);
  /// Every key not asked for so far goes into row.extra: numbers, booleans and strings up to 1000 bytes.
  void keep_rest();
  Row row;

 private:
  nlohmann::json object_;
};

}  // namespace timbre::exchange
