#include "models/valle/config.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/strings.h"
#include "prepare/codecs.h"
#include "text/text_options.h"

namespace timbre::valle {
namespace {

/// What the reference's int(n * scale_factor) gives.
std::int64_t scaled(std::int64_t n, double factor) {
  return static_cast<std::int64_t>(static_cast<double>(n) * factor);
}

void check_width(const char* what, std::int64_t width, std::int64_t heads, std::vector<std::string>& problems) {
  if (width < 2 || heads < 1)
    problems.push_back(fmt::format("{} would be {} wide with {} heads: make scale_factor larger", what, width, heads));
  else if (width % heads != 0)
    problems.push_back(
        fmt::format("{}: {} numbers cannot be shared among {} heads: change decoder_dim or nhead", what, width, heads));
  else if (width % 2 != 0)
    problems.push_back(fmt::format("{}: width {} must be even: positions are half sine, half cosine", what, width));
}

}  // namespace

config::Fields Config::fields() {
  config::Fields f;
  f.add("model_name", model_name,
        "valle: text and codes in one sequence; vallf: text through cross-attention; transformer: text to mel, for "
        "debugging")
      .choices({"valle", "vallf", "transformer", "VALL-E", "VALL-F", "Transformer"});
  f.add("decoder_dim", decoder_dim, "width of the decoders").range(2, 8192);
  f.add("nhead", nhead, "attention heads").range(1, 128);
  f.add("num_decoder_layers", num_decoder_layers, "layers of each decoder").range(1, 96);
  f.add("scale_factor", scale_factor, "width, heads and layers of the NAR part in multiples of these").range(0.01, 16);
  f.add("norm_first", norm_first, "norm before attention and feed-forward instead of after");
  f.add("add_prenet", add_prenet, "layers between the tables and the decoders");
  f.add("prefix_mode", prefix_mode,
        "what the NAR part hears: 0 nothing, 1 the utterance's beginning, 2 a piece of it, 4 a neighbouring utterance")
      .range(0, 4);
  f.add("share_embedding", share_embedding, "NAR heads are embedding tables of the next codebook");
  f.add("prepend_bos", prepend_bos, "the AR part starts with a token of its own and needs no prompt");
  f.add("num_quantizers", num_quantizers, "codebooks; 1 = the AR part alone").range(1, 32);
  f.add("scaling_xformers", scaling_xformers, "transformer: balanced layers without layer norms");
  f.add("dropout", dropout, "dropout probability").range(0, 0.95);
  f.add("codebook_size", codebook_size, "codes of a codebook").range(2, 1 << 20);
  f.add("text_rows", text_rows, "rows of the text tables: the most symbols").range(1, 1 << 20);
  f.add("languages", languages, "languages of the language tables, in their order; none = no tables");
  f.add("prompt_frames", prompt_frames, "the most frames of a prompt in training and with --continual")
      .range(1, 1 << 20);
  f.add("front_end", front_end,
        "what turns text into tokens: phonemizer:en-us, pypinyin:initials_finals, vallex:en, "
        "espeak:VOICE …");
  f.group("text", text::fields(text), "text to tokens");
  f.add("codec", codec, "folder of the codec, or the name of one whose codes the corpus has").metavar("FOLDER");
  f.group("split", corpus::fields(split), "training, validation and test sides");
  return f;
}

Network Config::network() const {
  const std::string name = ascii_lower(model_name);
  if (name == "vallf" || name == "vall-f") return Network::vallf;
  return name == "transformer" ? Network::transformer : Network::valle;
}

std::int64_t Config::nar_dim() const { return scaled(decoder_dim, scale_factor); }
std::int64_t Config::nar_heads() const { return scaled(nhead, scale_factor); }
std::int64_t Config::nar_layers() const { return scaled(num_decoder_layers, scale_factor); }

std::vector<std::string> Config::problems() const {
  std::vector<std::string> out;
  check_width("the AR decoder", decoder_dim, nhead, out);
  if (num_quantizers > 1 && network() != Network::transformer) {
    check_width("the NAR decoder", nar_dim(), nar_heads(), out);
    if (nar_layers() < 1) out.push_back("the NAR decoder would have no layer: make scale_factor larger");
  }
  if (prefix_mode == 3) out.push_back("there is no prefix_mode 3: choose 0, 1, 2 or 4");
  if (scaling_xformers && network() != Network::transformer)
    out.push_back("scaling_xformers needs model_name=transformer: VALL-E has no such layers");
  if (!languages.empty() && network() != Network::valle)
    out.push_back(fmt::format("languages ({}) need model_name=valle", fmt::join(languages, ", ")));
  return out;
}

std::vector<roles::ColumnNeed> columns_of(const Config& config) {
  Config copy = config;
  const nlohmann::json phones = {{"front_end", config.front_end}, {"text", config::to_json(text::fields(copy.text))}};
  std::vector<roles::ColumnNeed> needs = {{"phonemes", phones}};
  if (config.network() == Network::transformer) {
    needs.push_back({"mel", nlohmann::json::object()});
  } else if (std::filesystem::is_directory(config.codec)) {
    // All codebooks are stored, whatever the network reads of them: another number of quantisers needs no new codes.
    needs.push_back({prepare::codes_column(config.codec), {{"codec", config.codec}}});
  } else {
    needs.push_back({"codes." + config.codec, nlohmann::json::object()});
  }
  return needs;
}

void apply_lifeiteng(Config& config) {
  config = Config();
  config.front_end = "phonemizer:en-us";
}

void apply_vallex(Config& config) {
  config = Config();
  config.front_end = "vallex:mix";
  config.prepend_bos = true;
  config.text_rows = 2048;
  config.languages = {"en", "zh", "ja"};
}

void apply_small(Config& config) {
  config = Config();
  config.decoder_dim = 256;
  config.nhead = 4;
  config.num_decoder_layers = 4;
  config.num_quantizers = 4;
  config.codebook_size = 1000;
  config.prompt_frames = 150;
  config.share_embedding = false;
  config.codec = "small_codec";
}

void apply_debug(Config& config) {
  apply_small(config);
  config.decoder_dim = 64;
  config.nhead = 4;
  config.num_decoder_layers = 2;
  config.num_quantizers = 3;
}

}  // namespace timbre::valle
