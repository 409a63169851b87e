#include <array>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "base/strings.h"
#include "text/data_table.h"
#include "text/english_g2p.h"

/// The letter-to-phone network of g2p_en: one GRU over the letters, one GRU that emits phones greedily. K = 256 hidden
/// units.
namespace timbre::text {
namespace {

constexpr std::size_t kHidden = 256, kEmbedding = 256, kLetters = 29, kPhones = 74, kMaxPhones = 20;
constexpr std::size_t kUnknownLetter = 1, kWordEnd = 2;  // <pad> <unk> </s> a…z
constexpr std::size_t kStart = 2, kStop = 3;             // <pad> <unk> <s> </s> AA0…

struct Network {
  std::vector<float> enc_emb, enc_w_ih, enc_w_hh, enc_b_ih, enc_b_hh, dec_emb, dec_w_ih, dec_w_hh, dec_b_ih, dec_b_hh,
      fc_w, fc_b;

  Network() {
    auto load = [](std::vector<float>& into, const char* name, std::size_t count) {
      std::string_view bytes = g2p_network_table().find(name).value_or("");
      if (bytes.size() != count * sizeof(float))
        throw std::logic_error(std::string("text table g2p_network: wrong size of ") + name);
      into.resize(count);
      std::memcpy(into.data(), bytes.data(), bytes.size());
    };
    load(enc_emb, "enc_emb", kLetters * kEmbedding);
    load(enc_w_ih, "enc_w_ih", 3 * kHidden * kEmbedding);
    load(enc_w_hh, "enc_w_hh", 3 * kHidden * kHidden);
    load(enc_b_ih, "enc_b_ih", 3 * kHidden);
    load(enc_b_hh, "enc_b_hh", 3 * kHidden);
    load(dec_emb, "dec_emb", kPhones * kEmbedding);
    load(dec_w_ih, "dec_w_ih", 3 * kHidden * kEmbedding);
    load(dec_w_hh, "dec_w_hh", 3 * kHidden * kHidden);
    load(dec_b_ih, "dec_b_ih", 3 * kHidden);
    load(dec_b_hh, "dec_b_hh", 3 * kHidden);
    load(fc_w, "fc_w", kPhones * kHidden);
    load(fc_b, "fc_b", kPhones);
  }
};

// n is a multiple of the eight partial sums, which let the compiler use vectors without reordering anything itself.
float dot(const float* a, const float* b, std::size_t n) {
  constexpr std::size_t kLanes = 8;
  std::array<float, kLanes> sums{};
  for (std::size_t i = 0; i < n; i += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane) sums[lane] += a[i + lane] * b[i + lane];
  return ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]));
}

float sigmoid(float x) { return 1.0f / (1.0f + std::exp(-x)); }

// One step of a GRU, gates in the order reset, update, new. x is kEmbedding wide, h_K is replaced.
void step(const float* x, std::vector<float>& h_K, const std::vector<float>& w_ih, const std::vector<float>& w_hh,
          const std::vector<float>& b_ih, const std::vector<float>& b_hh) {
  std::array<float, 3 * kHidden> in, hidden;
  for (std::size_t i = 0; i < 3 * kHidden; ++i) {
    in[i] = dot(&w_ih[i * kEmbedding], x, kEmbedding) + b_ih[i];
    hidden[i] = dot(&w_hh[i * kHidden], h_K.data(), kHidden) + b_hh[i];
  }
  for (std::size_t k = 0; k < kHidden; ++k) {
    float reset = sigmoid(in[k] + hidden[k]), update = sigmoid(in[kHidden + k] + hidden[kHidden + k]);
    float fresh = std::tanh(in[2 * kHidden + k] + reset * hidden[2 * kHidden + k]);
    h_K[k] = (1 - update) * fresh + update * h_K[k];
  }
}

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
  auto read = [&](std::size_t letter) {
    step(&net.enc_emb[letter * kEmbedding], h_K, net.enc_w_ih, net.enc_w_hh, net.enc_b_ih, net.enc_b_hh);
  };
  for (char c : word) read(c >= 'a' && c <= 'z' ? 3 + static_cast<std::size_t>(c - 'a') : kUnknownLetter);
  read(kWordEnd);
  std::vector<std::string> phones;
  std::size_t last = kStart;
  while (phones.size() < kMaxPhones) {
    step(&net.dec_emb[last * kEmbedding], h_K, net.dec_w_ih, net.dec_w_hh, net.dec_b_ih, net.dec_b_hh);
    float best = -INFINITY;
    for (std::size_t p = 0; p < kPhones; ++p) {
      float score = dot(&net.fc_w[p * kHidden], h_K.data(), kHidden) + net.fc_b[p];
      if (score > best) best = score, last = p;
    }
    if (last == kStop) break;
    phones.push_back(phone_names()[last]);
  }
  return phones;
}

}  // namespace timbre::text
