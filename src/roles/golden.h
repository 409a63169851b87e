#pragma once
#include <nlohmann/json.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weights/tensor.h"

/// One golden set: what is given, what must be computed, how close. The judge here follows golden/compare.py.
/// A runner asks a ParityRun for inputs and puts what it computed; reading an output is refused, so that nothing
/// can be copied from the answers.
namespace timbre::roles {

/// How close an entry must be: |got − want| ≤ abs + rel · max|want|.
struct Bound {
  double abs = 0;
  double rel = 0;
  bool exact = false;
  std::int64_t ties = 0;        ///< with exact: so many elements may differ
  std::optional<double> share;  ///< only this fraction of the elements must be in bounds
};

enum class EntryKind { input, output, unreachable, unclassified };

/// The classification of set.json.
class SetRules {
 public:
  /// Throws DataError when a list holds something else than patterns.
  explicit SetRules(const nlohmann::json& set);
  /// `entry` is FILE:NAME. `bound` is filled for outputs.
  EntryKind find(const std::string& entry, Bound* bound = nullptr) const;

 private:
  struct Rule {
    std::string pattern;
    EntryKind kind;
    Bound bound;
  };
  std::vector<Rule> rules_;  // unreachable, inputs, bounds: the first match counts
};

/// Numbers of any shape, as the judge compares them.
struct Numbers {
  std::vector<std::int64_t> shape;
  std::vector<double> values;
};
/// Any tensor as doubles. Throws DataError for complex ones.
Numbers numbers_of(const weights::Tensor& tensor);
/// A number, or (nested) lists of numbers of one length; nothing for anything else.
std::optional<Numbers> numbers_of(const nlohmann::json& value);

/// The verdict on one entry.
struct ParityRow {
  std::string entry{};
  std::string status{};  ///< "ok", "out", "skipped" (not computed), "unclassified"
  std::vector<std::int64_t> shape{};
  double error = 0;  ///< largest |got − want|; for exact bounds how many elements differ
  double bound = 0;
  std::string text{};  ///< where, got and want; or the reason
};

/// Compares numbers under a bound.
ParityRow judge_numbers(const std::string& entry, const Numbers& got, const Numbers& want, const Bound& bound);

/// A golden folder being computed.
class ParityRun {
 public:
  /// Reads DIR/set.json and lists the files. Throws DataError naming what is wrong with the folder.
  explicit ParityRun(std::filesystem::path dir);

  const std::filesystem::path& dir() const { return dir_; }
  const std::string& set() const { return set_; }
  /// Relative paths of all files, sorted.
  const std::vector<std::string>& files() const { return files_; }
  bool has_file(const std::string& file) const;

  /// A given tensor of FILE ("-" for an .npy). Throws DataError when absent, std::logic_error when set.json calls it an
  /// output.
  weights::Tensor input(const std::string& file, const std::string& name) const;
  bool has(const std::string& file, const std::string& name) const;
  /// Names of the tensors in FILE, given and asked for alike: a name says what to compute, never the answer.
  std::vector<std::string> names(const std::string& file) const;
  /// A given JSON value. Throws like input().
  nlohmann::json input_json(const std::string& file, const std::string& pointer) const;
  bool has_json(const std::string& file, const std::string& pointer) const;
  /// Whether input_json() would give it: it is there and not an output.
  bool gives(const std::string& file, const std::string& pointer) const;
  /// Keys of an object, or the positions of a list ("0", "1" …); empty when absent or a scalar.
  std::vector<std::string> keys(const std::string& file, const std::string& pointer) const;
  /// The path of something given (checkpoint, config, audio). Throws like input().
  std::filesystem::path input_path(const std::string& file) const;

  /// Computed values. `name` of an .npy is "-".
  void put(const std::string& file, const std::string& name, weights::Tensor value);
  void put_json(const std::string& file, const std::string& pointer, nlohmann::json value);
  /// A computed whole file (text or bytes).
  void put_bytes(const std::string& file, std::string bytes);
  /// Says why entries matching a glob on FILE:NAME were not computed.
  void skip(const std::string& pattern, const std::string& reason);

  /// Compares everything that must be computed, in the order of the folder's files.
  std::vector<ParityRow> judge() const;
  /// Writes what was put, in files of the same names under `out`.
  void dump(const std::filesystem::path& out) const;

 private:
  const weights::TensorMap& tensors(const std::string& file) const;
  const nlohmann::json& document(const std::string& file) const;
  void must_be_given(const std::string& entry) const;
  ParityRow missing(const std::string& entry) const;
  void judge_json(const std::string& entry, const nlohmann::json& want, const Bound* bound,
                  std::vector<ParityRow>& rows) const;
  ParityRow judge_value(const std::string& entry, const nlohmann::json& want, const Bound& bound) const;
  ParityRow judge_tensor(const std::string& file, const std::string& name, const Bound& bound) const;
  ParityRow judge_bytes(const std::string& file, const Bound& bound) const;

  std::filesystem::path dir_;
  std::string set_;
  std::optional<SetRules> rules_;
  std::vector<std::string> files_;
  mutable std::map<std::string, weights::TensorMap> tensors_;
  mutable std::map<std::string, nlohmann::json> documents_;
  std::map<std::string, weights::TensorMap> got_;
  std::map<std::string, nlohmann::json> got_json_;  // objects; list positions are keys
  std::map<std::string, std::string> got_bytes_;
  std::vector<std::pair<std::string, std::string>> skipped_;
};

/// Shell glob as Python's fnmatchcase reads it: * ? [abc] [a-z] [!abc]; * crosses slashes.
bool glob_match(std::string_view pattern, std::string_view text);

}  // namespace timbre::roles
