#include "models/fastspeech2/config.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "text/ipa.h"
#include "text/text_options.h"

namespace timbre::fastspeech2 {
namespace {

config::Fields fields_of(StackOptions& o) {
  config::Fields f;
  f.add("layers", o.layers, "blocks in the stack").range(1, 64);
  f.add("width", o.width, "channels between blocks").range(2, 4096);
  f.add("heads", o.heads, "attention heads; 0 = no attention (separable blocks only)").range(0, 64);
  f.add("filter", o.filter, "hidden channels of the feed-forward part").range(1, 16384);
  f.add("kernel", o.kernel, "taps of the feed-forward part's (depthwise) convolution").range(1, 99);
  f.add("kernel_second", o.kernel_second, "taps of its second convolution (conv blocks)").range(1, 99);
  f.add("dropout", o.dropout, "dropout probability").range(0, 0.95);
  return f;
}

config::Fields fields_of(VarianceOptions& o) {
  config::Fields f;
  f.add("filter", o.filter, "channels of the duration, pitch and energy predictors").range(1, 8192);
  f.add("kernel", o.kernel, "taps of the predictors' first convolution").range(1, 99);
  f.add("dropout", o.dropout, "dropout probability of the predictors").range(0, 0.95);
  f.add("pitch_method", o.pitch_method, "dio: fast; harvest: few gaps, slow; pyin: probabilistic YIN")
      .choices({"dio", "harvest", "pyin"});
  f.add("pitch_level", o.pitch_level, "one pitch a phoneme or a frame").choices({"phoneme", "frame"});
  f.add("energy_level", o.energy_level, "one energy a phoneme or a frame").choices({"phoneme", "frame"});
  f.add("pitch_scale", o.pitch_scale, "spacing of the pitch bins").choices({"linear", "log"});
  f.add("energy_scale", o.energy_scale, "spacing of the energy bins").choices({"linear", "log"});
  f.add("embedding", o.embedding, "how a value enters the network: a table of bins, or a convolution")
      .choices({"bins", "conv"});
  f.add("bins", o.bins, "rows of the tables").range(2, 65536);
  f.add("embedding_kernel", o.embedding_kernel, "taps of the conv embedding").range(1, 99);
  f.add("rounding", o.rounding,
        "predicted durations to frames: each alone, or carried over so that the whole keeps its length")
      .choices({"each", "carried"});
  f.add("normalise", o.normalise, "subtract the corpus mean, divide by its deviation");
  f.add("energy_obeys_pitch_control", o.energy_obeys_pitch_control,
        "ming024's bug: energy is scaled by the pitch control; set on voices imported from it");
  return f;
}

config::Fields fields_of(AlignOptions& o) {
  config::Fields f;
  f.add("source", o.source,
        "auto: TextGrids where the corpus has them, else the aligner; train: always the aligner; "
        "textgrid: TextGrids only")
      .choices({"auto", "train", "textgrid"});
  f.add("min_confidence", o.min_confidence, "utterances below are skipped: their text is not what is said").range(0, 1);
  f.add("gaussians", o.gaussians, "Gaussians of a state of the aligner").range(1, 32);
  f.add("iterations", o.iterations, "its training passes").range(4, 200);
  f.add("train_seconds", o.train_seconds, "audio it is trained on at most; all of it is aligned")
      .range(1, 1e7)
      .metavar("SECONDS");
  f.add("min_pause_s", o.min_pause_s, "shortest pause inside speech").range(0, 10).metavar("SECONDS");
  f.add("boundary_shift_s", o.boundary_shift_s, "added to every inner boundary").range(-0.1, 0.1).metavar("SECONDS");
  return f;
}

config::Fields fields_of(LossOptions& o) {
  config::Fields f;
  f.add("mel", o.mel, "weight of the mel loss before the post-net").range(0, 1e6);
  f.add("postnet", o.postnet, "weight of the mel loss after the post-net").range(0, 1e6);
  f.add("duration", o.duration, "weight of the log-duration loss").range(0, 1e6);
  f.add("pitch", o.pitch, "weight of the pitch loss").range(0, 1e6);
  f.add("energy", o.energy, "weight of the energy loss").range(0, 1e6);
  return f;
}

void check_stack(const char* name, const StackOptions& o, const std::string& block,
                 std::vector<std::string>& problems) {
  if (o.heads > 0 && o.width % o.heads != 0) {
    problems.push_back(
        fmt::format("{0}.width {1} is no multiple of {0}.heads {2}: change one of them", name, o.width, o.heads));
  }
  if (o.heads == 0 && block == "conv") {
    problems.push_back(fmt::format("{}.heads 0 needs block=separable: conv blocks always attend", name));
  }
  if (o.kernel % 2 == 0 || o.kernel_second % 2 == 0) {
    problems.push_back(fmt::format("{}.kernel {} and {}.kernel_second {} must be odd, or the length changes", name,
                                   o.kernel, name, o.kernel_second));
  }
  if (o.width % 2 != 0)
    problems.push_back(fmt::format("{}.width {} must be even: half sine, half cosine", name, o.width));
}

}  // namespace

config::Fields Config::fields() {
  config::Fields f;
  f.add("front_end", front_end,
        "what turns text into phones: espeak:VOICE; espeak:VOICE,VOICE… for several languages, espeak:auto for "
        "those of the corpus; arpabet:en, pinyin:zh, ming024:english, ming024:mandarin");
  f.group("text", text::fields(text), "text to phones");
  f.group("align", fields_of(align), "where phones lie (of prepare's stages aligner and alignment)");
  f.group("mel", audio::fields(mel), "mel spectrogram");
  f.group("split", corpus::fields(split), "training, validation and test sides");
  f.add("block", block, "conv: the paper's block; separable: depthwise + pointwise convolutions, far cheaper")
      .choices({"conv", "separable"});
  f.group("encoder", fields_of(encoder), "encoder");
  f.group("decoder", fields_of(decoder), "decoder");
  f.group("variance", fields_of(variance), "duration, pitch, energy");
  f.group("loss", fields_of(loss), "losses");
  f.add("postnet_layers", postnet_layers, "convolutions after the decoder; 0 = none").range(0, 32);
  f.add("postnet_filter", postnet_filter, "channels of the post-net").range(1, 8192);
  f.add("postnet_filter_first", postnet_filter_first, "channels of its first convolution; 0 = like the rest")
      .range(0, 8192);
  f.add("postnet_dropout", postnet_dropout, "dropout probability of the post-net").range(0, 0.95);
  f.add("max_frames", max_frames, "rows of the position tables").alias("max_seq_len").range(1, 1 << 20);
  f.add("phase", phase, "tell the decoder where in its phoneme each frame lies");
  f.add("cut_long", cut_long, "training cuts utterances beyond max_frames, as ming024 does");
  f.add("ming024_symbols", ming024_symbols, "the fixed table of ming024 (361 rows) instead of the corpus' own phones");
  f.add("compat", compat, "the network of another program with its accidents; set on voices imported from it")
      .choices({"none", "torphix-head", "torphix-19e23c5"});
  f.add("speaker_encoder", speaker.encoder,
        "speakers as vectors of this encoder instead of rows of a table: folder that timbre train speaker_encoder or "
        "convert made")
      .metavar("FOLDER");
  f.add("speaker_vec", speaker.of, "with speaker_encoder: train on each clip's own vector or on its speaker's mean")
      .choices({"clip", "speaker"});
  f.add("speaker_vec_size", speaker.size, "numbers of a speaker vector; found in the corpus").range(0, 8192);
  f.add("speaker_table", speaker_table, "a speaker embedding even for a single speaker");
  return f;
}

std::vector<std::string> Config::problems() const {
  std::vector<std::string> out = audio::validate(mel);
  check_stack("encoder", encoder, block, out);
  check_stack("decoder", decoder, block, out);
  if (is_torphix(*this)) {
    if (decoder.width != mel.mels)
      out.push_back(
          fmt::format("decoder.width {} must be mel.mels {} with compat={}: its decoder puts out the mel itself",
                      decoder.width, mel.mels, compat));
    if (block != "conv" || variance.embedding != "bins" || variance.pitch_scale != "linear" || phase || speaker_table)
      out.push_back(fmt::format("compat={} has conv blocks, linear bins, no phase and no speaker table", compat));
  } else if (encoder.width != decoder.width) {
    out.push_back(
        fmt::format("encoder.width {} and decoder.width {} must be equal: the decoder takes the encoder's output",
                    encoder.width, decoder.width));
  }
  if (variance.kernel % 2 == 0) out.push_back(fmt::format("variance.kernel {} must be odd", variance.kernel));
  if (variance.embedding == "conv" && !variance.normalise) {
    out.push_back("variance.embedding=conv needs variance.normalise=true: values in hertz would swamp the sum");
  }
  if (variance.embedding_kernel % 2 == 0)
    out.push_back(fmt::format("variance.embedding_kernel {} must be odd", variance.embedding_kernel));
  if (postnet_layers == 1) out.push_back("postnet_layers 1 is neither none (0) nor a first and a last one (2 or more)");
  return out;
}

void apply_ming024(Config& config) {
  const Config plain;
  const auto kept = config.front_end;
  const auto text = config.text;
  config = plain;
  config.text = text;
  config.front_end = kept == plain.front_end ? "ming024:english" : kept;
  config.decoder.layers = 6;
  config.cut_long = true;
  config.ming024_symbols = true;
}

void apply_torphix(Config& config) {
  apply_ming024(config);
  config.compat = "torphix-head";
  config.encoder = {
      .layers = 6, .width = 256, .heads = 4, .filter = 512, .kernel = 5, .kernel_second = 5, .dropout = 0.2};
  config.decoder = {
      .layers = 6, .width = 80, .heads = 4, .filter = 512, .kernel = 5, .kernel_second = 5, .dropout = 0.2};
  config.variance.filter = 512;
  config.variance.kernel = 5;
  config.variance.dropout = 0.2;
  config.postnet_layers = 7;
  config.postnet_filter_first = 256;
  config.max_frames = 5000;
  config.cut_long = false;
}

void apply_small(Config& config) {
  config.mel.rate_hz = 16000;
  config.block = "separable";
  config.encoder = {.layers = 4, .width = 192, .heads = 2, .filter = 384, .kernel = 9, .dropout = 0.1};
  config.decoder = {.layers = 4, .width = 192, .heads = 2, .filter = 512, .kernel = 9, .dropout = 0.1};
  config.variance = {.filter = 192, .kernel = 3, .dropout = 0.3, .embedding = "conv", .rounding = "carried"};
  config.loss = {.mel = 1, .postnet = 0, .duration = 0.3, .pitch = 0.1, .energy = 0.1};
  config.postnet_layers = 0;
  config.phase = true;
  config.cut_long = false;
}

void apply_debug(Config& config) {
  apply_small(config);
  config.encoder = {.layers = 2, .width = 64, .heads = 2, .filter = 128, .kernel = 5, .dropout = 0.1};
  config.decoder = {.layers = 2, .width = 64, .heads = 2, .filter = 128, .kernel = 5, .dropout = 0.1};
  config.variance.filter = 64;
}

void apply_mel(Config& config, const std::string& convention) {
  const audio::MelOptions plain, wanted = audio::mel_preset(convention);
  audio::MelOptions& mel = config.mel;
  mel.convention = wanted.convention;
  mel.padding = wanted.padding;
  mel.floor = wanted.floor;
  if (wanted.rate_hz == plain.rate_hz) return;
  mel.rate_hz = wanted.rate_hz;
  mel.mels = wanted.mels;
  mel.f_max_hz = wanted.f_max_hz;
  mel.fft_samples = wanted.fft_samples;
  mel.window_samples = wanted.window_samples;
  mel.hop_samples = wanted.hop_samples;
}

std::vector<float> scaled(std::vector<float> values, const Statistics& statistics, bool normalise) {
  if (!normalise) return values;
  for (float& v : values) v = static_cast<float>((v - statistics.mean) / statistics.deviation);
  return values;
}

std::vector<roles::ColumnNeed> columns_of(const Config& config) {
  // energy is made together with mel; durations count mel's frames, so they share rate and hop.
  Config copy = config;
  const nlohmann::json mel = config::to_json(audio::fields(copy.mel));
  nlohmann::json aligned = {{"front_end", config.front_end}, {"text", config::to_json(text::fields(copy.text))}};
  const nlohmann::json align = config::to_json(fields_of(copy.align));
  for (const auto& [name, value] : align.items())
    if (!value.is_null()) aligned[name] = value;
  std::vector<roles::ColumnNeed> needs = {
      {"aligned_phonemes", aligned},
      {"durations", nlohmann::json::object()},
      {"mel", mel},
      {"pitch", {{"level", config.variance.pitch_level}, {"method", config.variance.pitch_method}}},
      {"energy", {{"level", config.variance.energy_level}}},
      {"statistics", {{"normalise", config.variance.normalise}}}};
  if (!config.speaker.encoder.empty()) {
    needs.push_back({"speaker_vec", {{"speaker_encoder", config.speaker.encoder}}});
    needs.push_back({"speaker_mean", nlohmann::json::object()});
  }
  return needs;
}

std::int64_t Vocabulary::row(const std::string& phone) const {
  const auto found = std::find(symbols.begin(), symbols.end(), phone);
  return found == symbols.end() ? -1 : found - symbols.begin();
}

std::int64_t Vocabulary::nearest_row(const std::string& phone) const {
  for (std::string spelling = phone; !spelling.empty(); spelling = text::plainer_ipa(spelling)) {
    if (const std::int64_t found = row(spelling); found >= 0) return found;
    const char last = spelling.back();
    if (last < '0' || last > '2' || spelling[0] < 'A' || spelling[0] > 'Z') continue;
    for (const char* stress : {"0", "1", "2", ""}) {  // ARPAbet: the same vowel with another stress
      if (const std::int64_t found = row(spelling.substr(0, spelling.size() - 1) + stress); found >= 0) return found;
    }
    break;
  }
  return -1;
}

std::int64_t Vocabulary::speaker_row(const std::string& name) const {
  const auto found = std::find(speakers.begin(), speakers.end(), name);
  return found == speakers.end() ? -1 : found - speakers.begin();
}

}  // namespace timbre::fastspeech2
