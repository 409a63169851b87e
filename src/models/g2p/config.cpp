#include "models/g2p/config.h"

#include "base/error.h"

namespace timbre::g2p {

config::Fields Config::fields() {
  config::Fields f;
  f.add("split.seed", split.seed, "another seed holds out other words").range(0, 9007199254740992.0);
  f.add("split.valid_share", split.valid_share, "share of the words watched while training").range(0, 0.5);
  f.add("split.test_share", split.test_share, "share of the words left alone").range(0, 0.5);
  f.add("max_letters", max_letters, "longer words are left out").range(1, 64);
  f.add("max_phones", max_phones, "longer pronunciations are left out; decoding stops there").range(1, 128);
  f.add("embedding", embedding, "numbers that stand for a letter or a phone").range(1, 4096);
  f.add("encoder_layers", encoder_layers, "layers that read the letters, each in both directions").range(1, 16);
  f.add("encoder_width", encoder_width, "units of the encoder in each direction").range(1, 4096);
  f.add("decoder_width", decoder_width, "units of each of the decoder's two layers").range(1, 4096);
  f.add("heads", heads, "places the decoder looks at together").range(1, 64);
  f.add("dropout", dropout, "dropout probability").range(0, 0.95);
  return f;
}

std::vector<std::string> Config::problems() const {
  std::vector<std::string> out;
  if ((2 * encoder_width) % heads != 0) {
    out.push_back(
        fmt::format("twice encoder_width {} is no multiple of heads {}: change one of them", encoder_width, heads));
  }
  return out;
}

void apply_small(Config& config) { config = Config(); }

void apply_debug(Config& config) {
  config = Config();
  config.embedding = 32;
  config.encoder_width = 32;
  config.decoder_width = 64;
  config.heads = 2;
}

}  // namespace timbre::g2p
