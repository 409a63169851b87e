#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "base/strings.h"
#include "text/data_table.h"
#include "text/english_g2p.h"
#include "text/gru.h"

/// The letter-to-phone network of g2p_en: one GRU over the letters, one GRU that emits phones greedily. K = 256 hidden
/// units.
namespace timbre::text {
namespace {

constexpr std::size_t kHidden = 256, kEmbedding = 256, kLetters = 29, kPhones = 74, kMaxPhones = 20;
constexpr std::size_t kUnknownLetter = 1, kWordEnd = 2;  // <pad> <unk> </s> a…z
constexpr std::size_t kStart = 2, kStop = 3;             // <pad> <unk> <s> </s> AA0…

struct Network {
  std::vector<float> enc_emb, dec_emb, fc_w, fc_b;
  Gru encoder, decoder;

  Network() {
    auto load = [](std::vector<float>& into, const char* name, std::size_t count) {
      std::string_view bytes = g2p_network_table().find(name).value_or("");
      if (bytes.size() != count * sizeof(float))
        throw std::logic_error(std::string("text table g2p_network: wrong size of ") + name);
      into.resize(count);
      std::memcpy(into.data(), bytes.data(), bytes.size());
    };
    load(enc_emb, "enc_emb", kLetters * kEmbedding);
    load(encoder.w_ih, "enc_w_ih", 3 * kHidden * kEmbedding);
    load(encoder.w_hh, "enc_w_hh", 3 * kHidden * kHidden);
    load(encoder.b_ih, "enc_b_ih", 3 * kHidden);
    load(encoder.b_hh, "enc_b_hh", 3 * kHidden);
    load(dec_emb, "dec_emb", kPhones * kEmbedding);
    load(decoder.w_ih, "dec_w_ih", 3 * kHidden * kEmbedding);
    load(decoder.w_hh, "dec_w_hh", 3 * kHidden * kHidden);
    load(decoder.b_ih, "dec_b_ih", 3 * kHidden);
    load(decoder.b_hh, "dec_b_hh", 3 * kHidden);
    load(fc_w, "fc_w", kPhones * kHidden);
    load(fc_b, "fc_b", kPhones);
  }
};

const std::vector<std::string>& phone_names() {
  static const std::vector<std::string> names = split(
      "<pad> <unk> <s> </s> AA0 AA1 AA2 AE0 AE1 AE2 AH0 AH1 AH2 AO0 AO1 AO2 AW0 AW1 AW2 AY0 AY1 AY2 B CH D DH EH0 EH1 "
      "EH2 ER0 ER1 ER2 EY0 "
      "EY1 EY2 F G HH IH0 IH1 IH2 IY0 IY1 IY2 JH K L M N NG OW0 OW1 OW2 OY0 OY1 OY2 P R S SH T TH UH0 UH1 UH2 UW UW0 "
      "UW1 UW2 V W Y Z ZH",
      ' ');
  return names;
}

}  // namespace

std::vector<std::string> predict_phones(std::string_view word) {
  static const Network net;
  std::vector<float> h_K(kHidden, 0.0f);
  auto read = [&](std::size_t letter) { net.encoder.step(&net.enc_emb[letter * kEmbedding], h_K); };
  for (char c : word) read(c >= 'a' && c <= 'z' ? 3 + static_cast<std::size_t>(c - 'a') : kUnknownLetter);
  read(kWordEnd);
  std::vector<std::string> phones;
  std::size_t last = kStart;
  while (phones.size() < kMaxPhones) {
    net.decoder.step(&net.dec_emb[last * kEmbedding], h_K);
    const std::vector<float> score = affine(net.fc_w, net.fc_b, h_K.data(), kHidden);
    last = static_cast<std::size_t>(std::max_element(score.begin(), score.end()) - score.begin());
    if (last == kStop) break;
    phones.push_back(phone_names()[last]);
  }
  return phones;
}

}  // namespace timbre::text
