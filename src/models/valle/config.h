#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "corpus/split.h"
#include "roles/spec.h"
#include "text/phonemes.h"

/// VALL-E (Wang et al. 2023, arXiv 2301.02111): tokens of a text and the codes of a recording → the codes of the text
/// in that voice. One decoder writes the first codebook frame by frame (AR), one fills in the others, a codebook at a
/// time (NAR). Names and options are those of github.com/lifeiteng/vall-e; with languages it is Plachtaa's VALL-E X.
namespace timbre::valle {

/// The three networks that lifeiteng's trainer makes.
enum class Network : std::uint8_t {
  valle,        ///< text and codes in one sequence
  vallf,        ///< text through cross-attention
  transformer,  ///< text → mel, for debugging
};

/// All options of the model.
struct Config final : roles::ModelConfig {
  std::string model_name = "valle";  ///< valle, vallf, transformer; VALL-E, VALL-F, Transformer are the same
  std::int64_t decoder_dim = 1024;
  std::int64_t nhead = 16;
  std::int64_t num_decoder_layers = 12;
  double scale_factor = 1.0;  ///< of width, heads and layers of the NAR part
  bool norm_first = true;
  bool add_prenet = false;
  std::int64_t prefix_mode = 1;  ///< 0, 1, 2, 4: what the NAR part hears of the recording before it predicts
  bool share_embedding = true;   ///< NAR heads 0 … Q−3 are the embedding tables 2 … Q−1
  bool prepend_bos = false;      ///< the AR part starts with a token of its own, so that it needs no prompt
  std::int64_t num_quantizers = 8;
  bool scaling_xformers = false;  ///< transformer only: the Reworked Conformer's balanced layers
  double dropout = 0.1;           ///< of every layer; prenets have their own (0.5 and 0.25)

  std::int64_t codebook_size = 1024;       ///< codes of a codebook; the end is one more, the start token two
  std::int64_t text_rows = 512;            ///< rows of the text tables
  std::vector<std::string> languages;      ///< rows of the language tables; none = no such tables (not VALL-E X)
  std::int64_t prompt_frames = 225;        ///< the most frames of a prompt in training: 3 s
  std::string front_end = "espeak:en-us";  ///< makes the tokens; kept in the voice
  text::TextOptions text;
  std::string codec = "encodec";  ///< a codec's folder, or the name of one whose codes the corpus has
  corpus::SplitOptions split;

  config::Fields fields() override;
  std::vector<std::string> problems() const override;
  std::unique_ptr<roles::ModelConfig> clone() const override { return std::make_unique<Config>(*this); }

  Network network() const;
  /// What the AR part says when it is done, and what stands in the padding; one more than the largest code.
  std::int64_t end_id() const { return codebook_size; }
  /// With prepend_bos: what the AR part starts from.
  std::int64_t start_id() const { return codebook_size + 1; }
  /// Width, heads and layers of the NAR part.
  std::int64_t nar_dim() const;
  std::int64_t nar_heads() const;
  std::int64_t nar_layers() const;
};

/// Recordings as codes and texts as phones, with the settings that matter.
std::vector<roles::ColumnNeed> columns_of(const Config& config);

/// lifeiteng's recipe at its full size: 1024 wide, 12 layers, 367 M parameters.
void apply_lifeiteng(Config& config);
/// Plachtaa's VALL-E X as it was published: with a start token, 2048 text rows, English, Chinese, Japanese.
void apply_vallex(Config& config);
/// Ours, for the small codec on a CPU: 256 wide, 4 layers.
void apply_small(Config& config);
/// Two layers of width 64 for tests.
void apply_debug(Config& config);

}  // namespace timbre::valle
