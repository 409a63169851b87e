#include "text/g2p_voice.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/json.h"
#include "text/letters.h"
#include "weights/safetensors.h"

namespace timbre::text {
namespace {

// Rows of the phone table that are no phones (models/g2p/words.h).
constexpr std::size_t kStart = 1, kEnd = 2;

fs::path voice_folder(const fs::path& path) {
  for (const fs::path& folder : {path, path / "voice"})
    if (fs::is_regular_file(folder / "voice.json")) return folder;
  throw UsageError(fmt::format("no g2p voice at {}: {}", path.string(),
                               fs::exists(path) ? "it has no voice.json" : "there is no such folder"),
                   "train one: timbre train g2p --preset small --max-minutes 5 --out runs/g2p");
}

std::vector<float> floats(const weights::TensorMap& tensors, const std::string& name, std::size_t count,
                          const std::string& where) {
  std::vector<float> values = tensors.at(name).to_f32();
  if (values.size() != count)
    throw DataError(fmt::format("{}: {} holds {} numbers, expected {}", where, name, values.size(), count));
  return values;
}

}  // namespace

std::shared_ptr<const G2pVoice> G2pVoice::open(const fs::path& path) {
  auto voice = std::make_shared<G2pVoice>();
  voice->dir_ = voice_folder(path);
  const std::string where = (voice->dir_ / "voice.json").string();
  const std::string text = read_file(where);
  const nlohmann::json about = parse_json(text, where);
  std::string weights_file;
  std::size_t layers = 0, width = 0, decoder = 0;
  try {
    const auto& model = about.at("model");
    if (model.at("kind") != "g2p")
      throw UsageError(fmt::format("{} is a {} voice; words are pronounced by a g2p voice", voice->dir_.string(),
                                   model.at("kind").get<std::string>()),
                       "timbre train g2p --preset small --max-minutes 5 --out runs/g2p");
    const auto& config = model.at("config");
    weights_file = model.at("weights").get<std::string>();
    voice->letters_ = about.at("letters").get<std::string>();
    voice->symbols_ = about.at("symbols").get<std::vector<std::string>>();
    voice->heads_ = config.at("heads").get<std::size_t>();
    voice->longest_ = config.at("max_phones").get<std::size_t>();
    voice->embedding_ = config.at("embedding").get<std::size_t>();
    layers = config.at("encoder_layers").get<std::size_t>();
    width = config.at("encoder_width").get<std::size_t>();
    decoder = config.at("decoder_width").get<std::size_t>();
  } catch (const nlohmann::json::exception& error) {
    throw DataError(fmt::format("{}: not what a g2p voice says of itself: {}", where, error.what()));
  }
  const auto sane = [](std::size_t size, std::size_t most) { return size >= 1 && size <= most; };
  constexpr std::size_t kWidest = 1 << 14, kMostLayers = 16;
  if (!is_safe_relative(weights_file) || !sane(voice->embedding_, kWidest) || !sane(width, kWidest) ||
      !sane(decoder, kWidest) || !sane(layers, kMostLayers) || !sane(voice->longest_, kWidest) || voice->heads_ == 0 ||
      (2 * width) % voice->heads_ != 0 || voice->symbols_.size() <= kEnd)
    throw DataError(fmt::format("{}: its sizes, weights or symbols are not those of a g2p voice", where));
  voice->files_ = {"voice.json", weights_file};
  const fs::path file = voice->dir_ / weights_file;
  const weights::TensorMap tensors = weights::read_safetensors(file);
  const std::string name = file.string();
  const auto take = [&](const std::string& key, std::size_t count) { return floats(tensors, key, count, name); };
  const auto gru = [&](const std::string& key, std::size_t in, std::size_t hidden) {
    return Gru{take(key + ".weight_ih_l0", 3 * hidden * in), take(key + ".weight_hh_l0", 3 * hidden * hidden),
               take(key + ".bias_ih_l0", 3 * hidden), take(key + ".bias_hh_l0", 3 * hidden)};
  };
  const auto affine_of = [&](const std::string& key, std::size_t in, std::size_t out) {
    return Affine{take(key + ".weight", in * out), take(key + ".bias", out)};
  };
  voice->letter_table_ = take("letter_table.weight", voice->letters_.size() * voice->embedding_);
  voice->phone_table_ = take("phone_table.weight", voice->symbols_.size() * voice->embedding_);
  for (std::size_t layer = 0; layer < layers; ++layer) {
    const std::size_t in = layer == 0 ? voice->embedding_ : 2 * width;
    const std::string key = fmt::format("encoder.{}.", layer);
    voice->encoder_.push_back({gru(key + "ahead", in, width), gru(key + "back", in, width)});
  }
  voice->start_ = affine_of("start", 2 * width, decoder);
  voice->key_ = affine_of("key", 2 * width, 2 * width);
  voice->query_ = affine_of("query", decoder, 2 * width);
  voice->lower_ = gru("lower", voice->embedding_, decoder);
  voice->upper_ = gru("upper", decoder + 2 * width, decoder);
  voice->out_ = affine_of("out", decoder + 2 * width, voice->symbols_.size());
  constexpr std::size_t kShown = 8;
  const std::string identity = about.at("model").at("config").dump() + about.at("symbols").dump() + read_file(file);
  voice->title_ = fmt::format("{} {}", about.value("name", "g2p"), hash_hex(identity).substr(0, kShown));
  return voice;
}

G2pVoice::Read G2pVoice::read(const std::vector<std::size_t>& letters) const {
  Read word;
  for (const std::size_t letter : letters) {
    const float* row = &letter_table_[letter * embedding_];
    word.values_P.emplace_back(row, row + embedding_);
  }
  for (const Layer& layer : encoder_) {
    const std::size_t width = layer.ahead.hidden();
    std::vector<std::vector<float>> both(letters.size(), std::vector<float>(2 * width));
    std::vector<float> ahead(width, 0.0f), back(width, 0.0f);
    for (std::size_t i = 0; i < letters.size(); ++i) {
      const std::size_t last = letters.size() - 1 - i;
      layer.ahead.step(word.values_P[i].data(), ahead);
      layer.back.step(word.values_P[last].data(), back);
      std::copy(ahead.begin(), ahead.end(), both[i].begin());
      std::copy(back.begin(), back.end(), both[last].begin() + static_cast<std::ptrdiff_t>(width));
    }
    word.values_P = std::move(both);
  }
  for (const auto& value : word.values_P) word.keys_P.push_back(affine(key_.w, key_.b, value.data(), value.size()));
  return word;
}

// Scaled dot-product attention, each head over its own slice.
std::vector<float> G2pVoice::attend(const Read& word, const std::vector<float>& query) const {
  const std::size_t width = query.size() / heads_;
  const float scale = 1.0f / std::sqrt(static_cast<float>(width));
  std::vector<float> seen(query.size(), 0.0f), weight(word.keys_P.size());
  for (std::size_t head = 0; head < heads_; ++head) {
    const std::size_t from = head * width;
    for (std::size_t p = 0; p < weight.size(); ++p) weight[p] = dot(&query[from], &word.keys_P[p][from], width) * scale;
    const float most = *std::max_element(weight.begin(), weight.end());
    float sum = 0;
    for (float& w : weight) sum += w = std::exp(w - most);
    for (std::size_t p = 0; p < weight.size(); ++p)
      for (std::size_t k = 0; k < width; ++k) seen[from + k] += weight[p] / sum * word.values_P[p][from + k];
  }
  return seen;
}

std::vector<std::string> G2pVoice::pronounce(std::string_view word) const {
  std::vector<std::size_t> letters;
  for (const char c : to_lower(word))
    if (const auto at = letters_.find(c, 1); at != std::string::npos) letters.push_back(at);
  std::vector<std::string> phones;
  if (letters.empty()) return phones;
  const Read read_word = read(letters);
  std::vector<float> lower = affine(start_.w, start_.b, read_word.values_P[0].data(), read_word.values_P[0].size());
  for (float& value : lower) value = std::tanh(value);
  std::vector<float> upper(upper_.hidden(), 0.0f);
  std::size_t last = kStart;
  while (phones.size() < longest_) {
    lower_.step(&phone_table_[last * embedding_], lower);
    const std::vector<float> query = affine(query_.w, query_.b, lower.data(), lower.size());
    const std::vector<float> seen = attend(read_word, query);
    std::vector<float> joined = lower;
    joined.insert(joined.end(), seen.begin(), seen.end());
    upper_.step(joined.data(), upper);
    std::copy(upper.begin(), upper.end(), joined.begin());
    const std::vector<float> score = affine(out_.w, out_.b, joined.data(), joined.size());
    last = static_cast<std::size_t>(std::max_element(score.begin() + kEnd, score.end()) - score.begin());
    if (last == kEnd) break;
    phones.push_back(symbols_[last]);
  }
  return phones;
}

}  // namespace timbre::text
