#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"

/// What the stages of `timbre prepare … --recipe NAME` have in common: what they report, and how they know that they
/// are done.
namespace timbre::prepare {

namespace fs = std::filesystem;

/// One stage's outcome.
struct RecipeReport {
  bool kept = false;               ///< it was done before
  std::vector<std::string> lines;  ///< for people
  std::vector<Skipped> left_out;
  nlohmann::json counts = nlohmann::json::object();  ///< cuts a part, clips, rows
};

/// A file that says that a stage is done, and of what: an empty one (prepare.sh's own) fits everything.
class DoneMarker {
 public:
  /// `made_of`: settings, and names with hashes of input files.
  DoneMarker(fs::path file, nlohmann::json made_of) : file_(std::move(file)), made_of_(std::move(made_of)) {}
  bool done() const;
  /// Why it is not done although the file is there ("codec: codecs/a, now codecs/b"), or "".
  std::string stale() const;
  void set() const;

 private:
  nlohmann::json read() const;
  fs::path file_;
  nlohmann::json made_of_;
};
/// {"name": hash} of files.
nlohmann::json hashes_of(const std::vector<fs::path>& files);

}  // namespace timbre::prepare
