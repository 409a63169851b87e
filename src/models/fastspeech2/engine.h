#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/fastspeech2/engine_layers.h"
#include "models/fastspeech2/request.h"

/// FastSpeech 2 without LibTorch, one utterance at a time: what `timbre say` starts with in milliseconds. The same
/// numbers as model.h within rounding (model_engine_test.cpp).
namespace timbre::fastspeech2 {

/// Why the engine cannot compute such a network: "" when it can.
std::string engine_lacks(const Config& config);

/// The network with its weights. Not thread-safe: it keeps its working memory.
class Engine {
 public:
  /// Throws DataError (naming `where`) when the weights are not those of this network. They are copied.
  Engine(const Config& config, std::int64_t symbols, std::int64_t speakers, const VarianceStatistics& statistics,
         const weights::TensorMap& weights, const std::string& where);

  struct Spoken {
    std::vector<std::int64_t> durations_P;
    std::vector<float> mel_FM;
    std::int64_t frames = 0;
    std::vector<float> pitch, energy;  ///< predictions with the factor, one a phoneme or a frame as the config says
  };
  Spoken run(const Request& request);

 private:
  /// One variance: its predictor and how its value enters the network.
  struct Variance {
    Variance(weights::ShapedReader& reader, const std::string& kind, const Config& config, const Statistics& of);
    /// Predicts, multiplies, adds to x.
    void add_to(float* x_TD, std::int64_t rows, double factor, std::vector<float>& values, Scratch& scratch) const;
    EnginePredictor predictor;
    std::vector<float> bins, table;  ///< boundaries and rows; empty with embedding = conv
    EngineConv conv;
    Statistics statistics;
    std::int64_t width;
  };

  Engine(const Config& config, std::int64_t symbols, std::int64_t speakers, const VarianceStatistics& statistics,
         weights::ShapedReader&& reader);
  void add_speaker(const Request& request, float* x_PD, std::int64_t rows, Scratch& scratch) const;
  std::vector<std::int64_t> frames_of(const float* log_duration_P, std::int64_t rows, double factor) const;
  void add_phase(const std::vector<std::int64_t>& durations_P, float* x_FD, std::int64_t frames);

  Config config_;
  std::vector<float> symbols_SD_, speakers_SD_;
  EngineConv speaker_vec_;
  EngineStack encoder_;
  EnginePredictor duration_;
  Variance pitch_, energy_;
  EngineConv phase_;
  EngineStack decoder_;
  EngineConv mel_linear_;
  std::optional<EnginePostNet> postnet_;
  Scratch scratch_;
};

/// For the registry: the same of a voice folder.
std::string voice_lacks(const roles::VoiceFiles& voice);
std::unique_ptr<roles::Synthesizer> open_engine(const roles::VoiceFiles& voice);

}  // namespace timbre::fastspeech2
