#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "models/valle/config.h"
#include "models/valle/engine_inputs.h"
#include "models/valle/engine_layers.h"
#include "roles/code_sampler.h"
#include "roles/code_synthesizer.h"

/// VALL-E and VALL-F without LibTorch. The AR decoder keeps keys and values of what was said, so that a frame costs one
/// reading of its weights; where those do not fit the caches, memory bandwidth is what limits it.
namespace timbre::valle {

/// Why the engine cannot compute such a network: "" when it can.
std::string engine_lacks(const Config& config);

/// Seconds of the last generate(), and what it did.
struct EngineTimes {
  double prefill_s = 0, decode_s = 0, nar_s = 0;
  double prefill_cpu_s = 0, decode_cpu_s = 0, nar_cpu_s = 0;  ///< of all threads
  std::vector<double> step_s;                                 ///< of each step
  std::int64_t prefill_rows = 0, steps = 0;
  double step_bytes = 0;  ///< weights and cache that one step in the middle reads
};

/// The decoder that writes the first codebook.
class EngineAr {
 public:
  EngineAr(weights::ShapedReader& reader, const Config& config);
  /// Hears text and prompt. Every generate() goes on from here.
  void begin(const roles::CodeRequest& request, EngineTimes& times);
  /// What it says of the first frame.
  std::span<const float> first_logits() const { return first_logits_; }
  /// Rows of codes before the first frame: the start token, the prompt.
  std::int64_t code_rows() const { return code_rows_; }
  /// Codes of the first codebook into `sampler`.
  roles::Ending generate(const roles::CodeRequest& request, roles::CodeSampler& sampler, EngineTimes& times);

 private:
  void prefill(const roles::CodeRequest& request);
  void step(std::int64_t code, std::int64_t position, float* logits);

  std::int64_t width_, end_, books_;
  bool bos_, vallf_, ends_at_argmax_;
  EngineText text_;
  EngineTable codes_;
  EngineCodes inputs_;
  EngineDecoder decoder_;
  EngineLinear head_;
  std::vector<float> first_logits_;
  std::int64_t text_rows_ = 0, code_rows_ = 0;
  float* logits_ = nullptr;  ///< of the present position, from scratch_
  DecoderCaches caches_;
  StepRoom room_;
  Scratch scratch_;
  std::optional<Team> team_;
};

/// The decoder that fills in the others.
class EngineNar {
 public:
  EngineNar(weights::ShapedReader& reader, const Config& config);
  /// codes_FQ: the prompt's frames whole, of the rest the first codebook; the others are filled in. prompt_frames of
  /// `request` say where the rest begins; its prompt_FQ is not looked at.
  void fill(const roles::CodeRequest& request, std::vector<std::int32_t>& codes_FQ);

 private:
  void add_codes(float* sum_FD, const std::vector<std::int32_t>& codes_FQ, std::int64_t book, std::int64_t first,
                 std::int64_t last) const;

  std::int64_t width_, books_, prefix_mode_;
  bool vallf_;
  EngineText text_;
  EngineCodes inputs_;
  std::vector<EngineTable> tables_;
  EngineDecoder decoder_;
  std::vector<EngineLinear> heads_;
  Scratch scratch_;
};

/// The network with its weights. Not thread-safe.
class Engine {
 public:
  /// Throws DataError (naming `where`) when the weights are not those of this network. They are copied.
  Engine(const Config& config, const weights::TensorMap& weights, const std::string& where);

  /// roles::CodeSynthesizer::generate of a request that check_request passed.
  roles::CodeUtterance generate(const roles::CodeRequest& request, std::vector<float>* first_logits = nullptr);
  roles::CodeUtterance revoice(const roles::CodeRequest& whole);
  const EngineTimes& times() const { return times_; }
  std::int64_t text_rows() const { return config_.text_rows; }

 private:
  Engine(const Config& config, weights::ShapedReader&& reader);
  roles::CodeUtterance speak_first(const roles::CodeRequest& request, std::uint64_t seed);

  Config config_;
  std::optional<EngineAr> ar_;
  std::optional<EngineNar> nar_;
  EngineTimes times_;
};

}  // namespace timbre::valle
