#pragma once
#include <memory>
#include <string>

#include "models/valle/engine.h"
#include "roles/registry.h"

/// A VALL-E voice folder opened for speaking, by the engine.
namespace timbre::valle {

/// The network's side of a voice, whatever computes it.
class ValleFacts : public roles::CodeSynthesizer {
 public:
  explicit ValleFacts(const Config& config) : config_(config) {}
  std::string name() const override { return config_.languages.empty() ? "VALL-E" : "VALL-E X"; }
  std::int64_t codebooks() const override { return config_.num_quantizers; }
  std::int64_t codebook_size() const override { return config_.codebook_size; }
  /// Five times what it was trained with (15 s of 3 s), as VALL-E X's makers allow.
  std::int64_t most_prompt_frames() const override { return 5 * config_.prompt_frames; }
  bool speaks_without_prompt() const override { return config_.prepend_bos; }
  const std::vector<std::string>& languages() const override { return config_.languages; }

 protected:
  /// check_request() and the rows of the text table.
  void check(const roles::CodeRequest& request) const;
  Config config_;
};

class EngineSynthesizer final : public ValleFacts {
 public:
  /// Throws as Engine().
  EngineSynthesizer(const Config& config, const weights::TensorMap& weights, const std::string& where)
      : ValleFacts(config), engine_(config, weights, where) {}
  roles::CodeUtterance generate(const roles::CodeRequest& request) override;
  roles::CodeUtterance revoice(const roles::CodeRequest& whole) override;
  Engine& engine() { return engine_; }

 private:
  Engine engine_;
};

/// For the registry. Both throw DataError naming file and field.
std::string voice_lacks(const roles::VoiceFiles& voice);
std::unique_ptr<roles::CodeSynthesizer> open_engine(const roles::VoiceFiles& voice);

}  // namespace timbre::valle
