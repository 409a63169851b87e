#include "models/speaker_encoder/config.h"

#include "base/error.h"

namespace timbre::speaker_encoder {
namespace {

config::Fields fields_of(SliceOptions& o) {
  config::Fields f;
  f.add("frames", o.frames, "frames that are embedded at once").range(1, 100000);
  f.add("overlap", o.overlap, "mozilla: share of a window that the next one repeats").range(0, 0.99);
  f.add("per_s", o.per_s, "resemblyzer: pieces a second").range(0.01, 100);
  f.add("min_coverage", o.min_coverage, "resemblyzer: a last piece with less sound is left out").range(0, 1);
  return f;
}

config::Fields fields_of(BatchOptions& o) {
  config::Fields f;
  f.add("speakers", o.speakers, "different speakers in a batch; at most those of the corpus").range(2, 4096);
  f.add("clips", o.clips, "clips of each of them").range(2, 4096);
  f.add("slice_frames", o.slice_frames, "frames of the random stretch taken of each clip").range(2, 100000);
  f.add("per_epoch", o.per_epoch, "batches that count as an epoch").range(1, 10000000);
  return f;
}

}  // namespace

config::Fields Config::fields() {
  config::Fields f;
  f.add("kind", kind, "whose encoder it is like: network, what it hears, how recordings are cut")
      .choices({"mozilla", "resemblyzer", "coqui"});
  f.add("projection", projection, "mozilla, coqui: a linear layer after each LSTM, else one at the end with ReLU");
  f.add("width", width, "units of each LSTM").range(1, 8192);
  f.add("layers", layers, "LSTMs on top of each other").range(1, 32);
  f.add("embedding", embedding, "numbers of a speaker's vector").range(1, 8192);
  f.group("audio", audio::fields(audio), "what it hears");
  f.group("slices", fields_of(slices), "cutting recordings");
  f.add("loss", loss, "what draws voices apart")
      .choices({"angleproto", "ge2e_softmax", "ge2e_contrast", "softmaxproto"});
  f.group("batches", fields_of(batches), "training batches");
  f.group("split", corpus::fields(split), "training, validation and test sides");
  return f;
}

std::vector<std::string> Config::problems() const {
  std::vector<std::string> out = audio::validate(audio);
  if ((kind == "resemblyzer") != (audio.kind == "resemblyzer"))
    out.push_back(fmt::format("kind {} and audio.kind {} do not go together: make them equal (coqui hears as mozilla)",
                              kind, audio.kind));
  return out;
}

void apply_mozilla(Config& config) {
  const auto split = config.split;
  config = Config();
  config.split = split;
}

void apply_small(Config& config) {
  apply_mozilla(config);
  config.width = 128;
  config.layers = 2;
  config.embedding = 64;
}

void apply_resemblyzer(Config& config) {
  apply_mozilla(config);
  config.kind = config.audio.kind = "resemblyzer";
  config.audio.mel = audio::SpeakerMelOptions::resemblyzer_mel();
  config.projection = false;
  config.width = config.embedding = 256;
  config.loss = "ge2e_softmax";
}

void apply_debug(Config& config) {
  apply_mozilla(config);
  config.width = 32;
  config.layers = 1;
  config.embedding = 16;
  config.batches = {.speakers = 4, .clips = 3, .slice_frames = 40, .per_epoch = 50};
}

std::vector<roles::ColumnNeed> columns_of(const Config& config) {
  audio::SpeakerMelOptions copy = config.audio;
  return {{"speaker_mel", config::to_json(audio::fields(copy))}};
}

}  // namespace timbre::speaker_encoder
