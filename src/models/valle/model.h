#pragma once
#include <optional>

#include "models/valle/model_layers.h"

/// VALL-E and VALL-F (arXiv 2301.02111), with the modules' names of lifeiteng/vall-e, so its checkpoints load as they
/// are. Letters: X text positions, Y audio frames, Q codebooks, V = codes and the end.
namespace timbre::valle {

/// What the reference draws at random in a training step of the NAR part; recipes draw, tests give.
struct NarDraws {
  std::int64_t stage = 1;              ///< 1 … Q−1: the codebook that is predicted
  std::int64_t prefix = 0;             ///< prefix_mode 1: frames of the prompt, before the bound of prompt_frames
  std::vector<std::int64_t> starts_B;  ///< prefix_mode 2: where each utterance's piece begins
};

/// A batch. Lengths lie on the CPU.
struct Inputs {
  Tensor text_BX;  ///< rows of the text tables
  std::vector<std::int64_t> text_lens_B;
  Tensor codes_BYQ;  ///< any number type; what stands in the padding does not matter
  std::vector<std::int64_t> code_lens_B;
  Tensor prompts_BYQ;  ///< prefix_mode 4: codes of neighbours, of one length
  Tensor language_BX;  ///< rows of the language tables, an axis may be 1; undefined = none is added
};

enum class Stage : std::uint8_t { both = 0, ar = 1, nar = 2 };

/// What a forward pass gives; parts of a stage that did not run are undefined.
struct Outputs {
  Tensor loss;                                ///< scalar sum, as the reference's: of one stage, or the mean of both
  Tensor ar_logits_BYV;                       ///< one row a frame, with prepend_bos one more
  Tensor nar_logits_BYV;                      ///< rows behind the prompt
  std::optional<double> ar_top10, nar_top10;  ///< ArTop10Accuracy, NarTop10Accuracy as shares
};

class Valle : public nn::Module {
 public:
  /// Throws std::logic_error when config.problems() are not empty.
  explicit Valle(const Config& config);
  ~Valle() override;

  /// Teacher forcing over one batch. `draws` is read by the NAR part. Throws DataError naming row, frame and codebook
  /// of a code out of range, tokens out of the table, texts without a token and utterances too short for the prefix
  /// mode.
  Outputs forward(const Inputs& inputs, Stage stage, const NarDraws& draws, const Probe& probe = {}) const;

  /// mode instead of config.prefix_mode from now on.
  void set_prefix_mode(std::int64_t mode);
  const Config& config() const { return config_; }

  // What inference puts together (model_infer.h).

  /// Text → input of the AR (NAR) decoder. language_BX: a row of the language table for each token, or undefined.
  Tensor ar_text(const Tensor& text_BX, const Tensor& language_BX, const Probe& probe = {}) const;
  Tensor nar_text(const Tensor& text_BX, const Tensor& language_BX, const Probe& probe = {}) const;
  /// Logits of the AR part from frame `first` on: text_BXD from ar_text(), audio ids with the start token where there
  /// is one.
  Tensor ar_logits(const Tensor& text_BXD, const Tensor& ids_BY, const Attend& pad, std::int64_t first = 0,
                   const Probe& probe = {}) const;
  /// Logits of NAR stage 1 … Q−1 from frame `first` on; y_BYD: summed embeddings of the audio.
  Tensor nar_logits(const Tensor& text_BXD, const Tensor& y_BYD, std::int64_t stage, std::int64_t first,
                    const Attend& pad, const Probe& probe = {}, bool position_before_prenet = false) const;
  /// Vectors of codes of codebook j.
  Tensor nar_embedding(std::int64_t j, const Tensor& ids) const;
  /// The head of NAR stage 1 … Q−1; an embedding table where they are shared.
  const Tensor& nar_head(std::int64_t stage) const;

 private:
  struct Nar;
  /// A batch made ready: narrowed to its longest text, zeros in the padding of codes.
  struct Ready;
  Tensor ar_step(const Ready& in, const Probe& probe, Outputs& out) const;
  Tensor nar_step(const Ready& in, const NarDraws& draws, const Probe& probe, Outputs& out) const;
  /// [prompt | audio] as vectors and the frames of the prompt (§4.2.2; prefix modes).
  struct Prompted {
    Tensor y_BYD;
    std::int64_t prefix = 0;
    Tensor target_BY;  ///< of the frames behind the prompt
  };
  Prompted prompted(const Ready& in, const NarDraws& draws) const;
  /// y_BYD + Σ over codebooks [from, to) of the vectors of codes_BYQ.
  Tensor embed(Tensor y_BYD, const Tensor& codes_BYQ, std::int64_t from, std::int64_t to) const;
  void check_batch(const Inputs& in, Stage stage, const NarDraws& draws) const;

  Config config_;
  TokenEmbedding ar_text_embedding_;
  TokenEmbedding nar_text_embedding_;
  TokenEmbedding ar_audio_embedding_;
  TextPrenet ar_text_prenet_;
  AudioPrenet ar_audio_prenet_;
  Positions ar_text_position_, ar_audio_position_;
  Stack ar_decoder_;
  nn::Linear ar_predict_layer_;
  std::unique_ptr<Nar> nar_;  ///< null with one codebook
  std::unique_ptr<TokenEmbedding> ar_language_embedding_, nar_language_embedding_;
};

}  // namespace timbre::valle
