#pragma once
#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Exceptions, typed by whose fault it is. A message says what was wrong, where, what was expected;
/// `next` says what to type or change. Caught once, in cli/main.cpp.
namespace timbre {

/// Base of all errors we raise on purpose.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& what, std::string next = {}) : std::runtime_error(what), next_(std::move(next)) {}
  /// What the user can do about it; empty when there is nothing to suggest.
  const std::string& next() const { return next_; }

 private:
  std::string next_;
};

/// A check that was asked for did not hold (parity, score threshold). Exit code 1.
class CheckFailed : public Error {
  using Error::Error;
};
/// A flag, a configuration key or a combination of them is wrong. Exit code 2.
class UsageError : public Error {
  using Error::Error;
};
/// A file's contents are wrong: names file, line, field. Exit code 3.
class DataError : public Error {
  using Error::Error;
};
/// Disk, memory, device, network or a missing library. Exit code 4.
class SystemError : public Error {
  using Error::Error;
};

/// "did you mean 'x'?" for the candidate nearest to `word` by edit distance, or "" when none is near.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

/// A failure of one item of a corpus, expected and counted rather than thrown.
struct Skipped {
  std::string id;
  std::string reason;
};

}  // namespace timbre
