#include "codecs/small_codec/recipe.h"

#include <ATen/ops/abs.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "base/error.h"
#include "base/rng.h"
#include "codecs/small_codec/model_codec.h"
#include "nn/dropout.h"
#include "plot/png.h"
#include "prepare/codecs.h"
#include "roles/network_folder.h"
#include "train/data_provenance.h"

namespace timbre::small_codec {
namespace {

using nlohmann::json;

constexpr std::string_view kCodec = "codec.";

std::size_t side(train::Split split) { return split == train::Split::train ? 0 : 1; }

nn::MultiPeriodDiscriminator::Options judges_of(const AdversarialOptions& options) {
  nn::MultiPeriodDiscriminator::Options out;
  out.periods = {2, 3, 5, 7, 11};
  out.widths = options.widths;
  return out;
}

/// From short windows, which hear clicks, to long ones, which hear harmonics.
std::vector<nn::MelSpectrogram> mels_of(const Config& config) {
  std::vector<nn::MelSpectrogram> out;
  for (const auto& [window, mels] :
       {std::pair<std::int64_t, std::int64_t>{256, 20}, {512, 40}, {1024, 80}, {2048, 80}}) {
    audio::MelOptions o = audio::mel_preset("hifigan");
    o.rate_hz = config.rate_hz;
    o.fft_samples = o.window_samples = window;
    o.hop_samples = window / 4;
    o.mels = mels;
    o.f_max_hz = 0;
    out.emplace_back(o);
  }
  return out;
}

}  // namespace

Learner::Learner(const Config& config) : codec(config) {
  child("codec", codec);
  if (config.adversarial.first_step == 0) return;
  judges = std::make_unique<nn::MultiPeriodDiscriminator>(judges_of(config.adversarial));
  child("judges", *judges);
}

Recipe::Recipe(const Config& config) : config_(config), mels_(mels_of(config)), stft_({512, 1024, 2048}) {}

void Recipe::open(const train::DataContext& context) {
  batch::SegmentOptions fixed = config_.pieces;
  fixed.gain_db = 0;
  data_.emplace(
      batch::ClipCorpus::open(context.corpus, config_.split, config_.rate_hz, config_.pieces, fixed, context.seed, 1));
  model_ = std::make_unique<Learner>(config_);
}

std::vector<train::Player> Recipe::players() const {
  const train::Player codec{.name = "codec", .parameters = {"codec"}};
  if (config_.adversarial.first_step == 0) return {codec};
  return {{.name = "judges", .parameters = {"judges"}, .first_step = config_.adversarial.first_step}, codec};
}

const std::vector<batch::Item>& Recipe::items(train::Split split) const { return data_->sides[side(split)].items(); }

batch::Batch Recipe::collate(train::Split split, std::span<const std::size_t> items) const {
  batch::Batch batch;
  data_->sides[side(split)].collate(batch, items, std::nullopt);
  return batch;
}

batch::Batch Recipe::collate_in_epoch(train::Split split, std::span<const std::size_t> items,
                                      std::int64_t epoch) const {
  batch::Batch batch;
  data_->sides[side(split)].collate(batch, items, epoch);
  return batch;
}

Tensor Recipe::mel_distance(const Tensor& made_BN, const Tensor& real_BN) const {
  Tensor sum;
  for (const auto& mel : mels_) {
    Tensor real_BFM;
    {
      const at::NoGradGuard no_grad;
      real_BFM = mel.forward(real_BN);
    }
    const Tensor distance = at::abs(mel.forward(made_BN) - real_BFM).mean();
    sum = sum.defined() ? sum + distance : distance;
  }
  return sum / static_cast<double>(mels_.size());
}

std::vector<train::Term> Recipe::spectral_terms(const Tensor& made_BN, const Tensor& real_BN, double items) const {
  const auto distance = stft_.forward(made_BN, real_BN);
  return {{"mel", mel_distance(made_BN, real_BN) * items, "items", config_.loss.mel},
          {"convergence", distance.convergence * items, "items", config_.loss.convergence},
          {"magnitude", distance.log_magnitude * items, "items", config_.loss.magnitude}};
}

Tensor Recipe::rebuilt(const Tensor& real_BN, bool drop) const {
  const SmallCodec& codec = model_->codec;
  const std::int64_t all = config_.quantiser.codebooks, B = real_BN.size(0);
  Tensor codebooks_B;
  if (drop && config_.quantiser.dropout > 0 && all > 1) {
    Philox random(nn::next_noise_key());
    std::vector<std::int64_t> counts;
    for (std::int64_t b = 0; b < B; ++b)
      counts.push_back(random.uniform() < config_.quantiser.dropout
                           ? 1 + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(all - 1)))
                           : all);
    codebooks_B = nn::to_torch(weights::Tensor::of<std::int64_t>({B}, counts)).to(real_BN.device());
  }
  return codec.decode(codec.quantiser.forward(codec.encode(real_BN), all, codebooks_B).out_BFD);
}

std::vector<train::Term> Recipe::losses(const batch::Batch& batch, const train::StepInfo& info) {
  const Tensor& real_BN = batch["wave_BN"];
  const double items = batch.counts.at("items");
  const AdversarialOptions& game = config_.adversarial;
  const bool judging = game.first_step > 0 && info.player == 0;
  if (judging) {
    Tensor made_BN;
    {
      const at::NoGradGuard no_grad;
      made_BN = rebuilt(real_BN, true);
    }
    const auto both = model_->judges->judge_both(real_BN, made_BN);
    return {{"judges", nn::discriminator_loss(both.real, both.fake) * items, "items", 1.0}};
  }
  const Tensor made_BN = rebuilt(real_BN, true);
  std::vector<train::Term> terms = spectral_terms(made_BN, real_BN, items);
  if (game.first_step == 0 || info.step < game.first_step) return terms;
  const auto both = model_->judges->judge_fake_against(real_BN, made_BN);
  terms.push_back({"taken_for_real", nn::generator_loss(both.fake) * items, "items", game.weight});
  terms.push_back({"features", nn::feature_loss(both.real, both.fake) * items, "items", game.features});
  return terms;
}

std::vector<train::Term> Recipe::validate(const batch::Batch& batch, const train::StepInfo&) {
  const Tensor& real_BN = batch["wave_BN"];
  const double items = batch.counts.at("items");
  std::vector<train::Term> terms = spectral_terms(rebuilt(real_BN, false), real_BN, items);
  if (config_.quantiser.codebooks > 1) {
    const SmallCodec& codec = model_->codec;
    const Tensor first_BN = codec.decode(codec.quantiser.forward(codec.encode(real_BN), 1).out_BFD);
    terms.push_back({"mel_of_first", mel_distance(first_BN, real_BN) * items, "items", 0.0});
  }
  return terms;
}

std::map<std::string, double> Recipe::memorised_at() const { return {{"mel", 0.3}}; }

void Recipe::samples(train::SampleSink& sink, const train::StepInfo&) {
  const batch::ClipSegments& clips = data_->sides[data_->sides[1].items().empty() ? 0 : 1];
  const std::size_t all = clips.clips().size();
  const auto codec = codec_over(model_->codec);
  constexpr std::size_t kHeard = 2;
  for (std::size_t i = 0; i < std::min(kHeard, all); ++i) {
    const std::size_t clip = i * (all - 1);
    const std::vector<float> real_N = clips.whole(clip);
    if (static_cast<std::int64_t>(real_N.size()) < 2048) continue;
    const auto rebuilt_N = codec->decode(codec->encode(real_N));
    sink.audio(fmt::format("{}_rebuilt", i), rebuilt_N, config_.rate_hz);
    sink.audio(fmt::format("{}_recorded", i), real_N, config_.rate_hz);
    if (codec->codebooks() > 1)
      sink.audio(fmt::format("{}_of_first_codebook", i), codec->decode(codec->encode(real_N, 1)), config_.rate_hz);
    for (const auto& [name, wave_N] : {std::pair("recorded", &real_N), {"rebuilt", &rebuilt_N}}) {
      const nn::MelSpectrogram& mel = mels_[2];
      const weights::Tensor values = nn::from_torch(
          mel.forward(nn::to_torch(weights::Tensor::of<float>({1, static_cast<std::int64_t>(wave_N->size())}, *wave_N)))
              .contiguous());
      plot::MelPicture picture;
      picture.mel_FM = values.as<float>();
      picture.frames = values.shape.at(1);
      picture.bins = values.shape.at(2);
      picture.frame_s = static_cast<double>(mel.options().hop_samples) / static_cast<double>(config_.rate_hz);
      picture.title = clips.clips()[clip].id + " " + name;
      sink.image(fmt::format("{}_{}", i, name), plot::draw_mel(picture));
    }
  }
}

json Recipe::about() const {
  const auto codec = codec_over(model_->codec);
  return train::with_licence({{"name", data_->corpus.name()},
                              {"purpose", "turns speech into codes and back"},
                              {"model", roles::about_model("small_codec", config_)},
                              {"codec", prepare::codec_facts(*codec, codec->codebooks())}},
                             data_->corpus);
}

train::StartReport Recipe::start_from(const train::Base& base) {
  train::Base named = base;
  named.tensors = {};
  for (const auto& [name, tensor] : base.tensors) {  // a codec's folder has the codec alone, a checkpoint all players
    const bool whole = name.starts_with(kCodec) || name.starts_with("judges.");
    named.tensors.insert(whole ? name : std::string(kCodec) + name, tensor);
  }
  return train::Recipe::start_from(named);
}

void Recipe::write_voice(const std::filesystem::path& folder, const weights::TensorMap& weights,
                         const json& provenance) const {
  weights::TensorMap codec;
  for (const auto& [name, tensor] : weights)
    if (name.starts_with(kCodec)) codec.insert(name.substr(kCodec.size()), tensor);
  roles::write_network_folder(folder, train::with_provenance(about(), provenance, data_->corpus, data_->test_ids),
                              codec);
}

}  // namespace timbre::small_codec
