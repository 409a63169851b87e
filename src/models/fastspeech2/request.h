#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "models/fastspeech2/config.h"
#include "models/fastspeech2/names.h"
#include "roles/registry.h"
#include "roles/synthesizer.h"

/// What a voice folder says, and what a listener asks of it: the same for the LibTorch network and for the engine.
namespace timbre::fastspeech2 {

/// What the speaker should do other than the text says; 1 = as trained.
struct Factors {
  double pitch = 1, energy = 1, duration = 1;
};

/// One text as rows of the voice's tables.
struct Request {
  std::vector<std::int64_t> rows_P;  ///< of the symbol table
  std::vector<std::size_t> place_P;  ///< of each row among the given phones
  std::int64_t speaker = 0;          ///< row of the speaker table
  std::vector<float> speaker_vec_E;  ///< empty for a voice with a table
  Factors factors;
};

/// A voice folder without its network's weights.
struct VoiceParts {
  Config config;
  Vocabulary vocabulary;
  VarianceStatistics statistics;
  std::filesystem::path weights_file;
  weights::TensorMap speaker_vectors;  ///< by name, for a voice that takes vectors

  /// Throws DataError naming file and field.
  explicit VoiceParts(const roles::VoiceFiles& voice);
  /// Phones without a row go to `unknown`. Throws UsageError for a speaker, a vector or a factor that cannot be,
  /// DataError when no phone has a row.
  Request plan(std::span<const std::string> phones, const roles::Controls& controls,
               std::vector<std::string>& unknown) const;

 private:
  std::int64_t speaker_row(const std::string& name) const;
  std::vector<float> speaker_vector(const roles::Controls& controls) const;
};

}  // namespace timbre::fastspeech2
