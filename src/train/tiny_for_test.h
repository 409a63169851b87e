#pragma once
#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/zeros.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <set>

#include "base/error.h"
#include "base/rng.h"
#include "nn/dropout.h"
#include "nn/init.h"
#include "nn/layers.h"
#include "nn/sequence.h"
#include "train/loop.h"

/// A small regression with everything the loop has to restore: dropout, batch statistics, a curriculum; and a pair
/// of players. For tests only.
namespace timbre::train {

struct TinyModel : nn::Module {
  nn::Linear in{6, 16}, out{16, 2};
  nn::BatchNorm1d norm{16};
  nn::Linear critic{2, 1};
  TinyModel() {
    child("in", in);
    child("norm", norm);
    child("out", out);
    child("critic", critic);
  }
  Tensor forward(const Tensor& x_BFC, double p) {
    return out.forward(nn::dropout(at::tanh(norm.forward_BTC(in.forward(x_BFC))), p, is_training()));
  }
};

struct TinyOptions {
  int items = 40;
  double dropout = 0.2;
  bool two_players = false;
  std::int64_t critic_first_step = 1;
  bool last_is_best = false;
  bool equal_lengths = false;
  bool use_norm = true;
  int nan_item = -1;
  std::filesystem::path vanishing;  ///< collate reads this file
};

class TinyRecipe : public Recipe {
 public:
  explicit TinyRecipe(TinyOptions options = {}) : options_(std::move(options)) {
    const nn::InitSeed seed(3);
    model_ = std::make_unique<TinyModel>();
    Philox random(11);
    for (int i = 0; i < options_.items; ++i) {
      items_.push_back(
          {"utt" + std::to_string(i), options_.equal_lengths ? 12 : 4 + static_cast<std::int64_t>(random.below(20))});
      if (i < 6) valid_.push_back({"valid" + std::to_string(i), 8});
    }
  }
  void open(const DataContext&) override {}
  nn::Module& model() override { return *model_; }
  std::vector<Player> players() const override {
    if (!options_.two_players) return {{.name = "model", .parameters = {"in", "norm", "out"}}};
    return {{.name = "critic", .parameters = {"critic"}, .first_step = options_.critic_first_step},
            {.name = "maker", .parameters = {"in", "norm", "out"}, .every_n_steps = 2}};
  }
  const std::vector<batch::Item>& items(Split split) const override { return split == Split::train ? items_ : valid_; }

  batch::Batch collate(Split split, std::span<const std::size_t> which) const override {
    if (!options_.vanishing.empty() && !std::filesystem::exists(options_.vanishing))
      throw DataError(options_.vanishing.string() + " is gone", "put it back");
    const auto& list = items(split);
    std::int64_t longest = 0, frames = 0;
    for (const std::size_t i : which) {
      longest = std::max(longest, list[i].units);
      frames += list[i].units;
    }
    const auto B = static_cast<std::int64_t>(which.size());
    Tensor x = at::zeros({B, longest, 6}), y = at::zeros({B, longest, 2}),
           lengths = at::zeros({B}, at::TensorOptions(at::kLong));
    batch::Batch batch;
    for (std::int64_t b = 0; b < B; ++b) {
      const std::size_t item = which[static_cast<std::size_t>(b)];
      Philox random(5, (split == Split::train ? 0u : 1000u) + item);
      batch.ids.push_back(list[item].id);
      lengths[b] = list[item].units;
      float* px = x.mutable_data_ptr<float>() + b * longest * 6;
      float* py = y.mutable_data_ptr<float>() + b * longest * 2;
      for (std::int64_t f = 0; f < list[item].units; ++f) {
        for (int c = 0; c < 6; ++c) px[f * 6 + c] = static_cast<float>(random.normal());
        py[f * 2] = px[f * 6] * px[f * 6 + 1];
        py[f * 2 + 1] = px[f * 6 + 2];
        if (static_cast<int>(item) == options_.nan_item) py[f * 2] = std::nanf("");
      }
    }
    batch.put("x_BFC", x);
    batch.put("y_BFC", y);
    batch.put("lengths_B", lengths);
    batch.counts = {{"frames", static_cast<double>(frames)}, {"items", static_cast<double>(B)}};
    batch.real_units = static_cast<double>(frames);
    batch.padded_units = static_cast<double>(longest * B);
    return batch;
  }

  bool last_is_best() const override { return options_.last_is_best; }

  std::vector<Term> losses(const batch::Batch& batch, const StepInfo& info) override {
    if (info.training) ++seen_;
    const Tensor pad = nn::padding_mask(batch["lengths_B"], batch["x_BFC"].size(1));
    const Tensor made = options_.use_norm ? model_->forward(batch["x_BFC"], options_.dropout)
                                          : model_->out.forward(at::tanh(model_->in.forward(batch["x_BFC"])));
    if (options_.two_players && info.player == 0) {
      const Tensor guess = model_->critic.forward(made.detach());
      return {{"critic", nn::masked_l2_sum(guess, batch["y_BFC"].narrow(2, 0, 1), pad), "frames", 1.0}};
    }
    return {{"square", nn::masked_l2_sum(made, batch["y_BFC"], pad), "frames", 1.0},
            {"size", (made * made).sum().detach(), "items", 0.0}};
  }
  void samples(SampleSink& sink, const StepInfo& info) override {
    const std::vector<float> tone(160, 0.25f);
    sink.audio("tone", tone, 16000);
    sink.text("note", "step " + std::to_string(info.step));
  }
  nlohmann::json about() const override { return {{"model", {{"kind", "tiny"}}}}; }
  nlohmann::json state() const override { return {{"seen", seen_}}; }
  void load_state(const nlohmann::json& state) override { seen_ = state.at("seen"); }
  std::int64_t seen() const { return seen_; }

 private:
  TinyOptions options_;
  std::unique_ptr<TinyModel> model_;
  std::vector<batch::Item> items_, valid_;
  std::int64_t seen_ = 0;
};

inline TrainOptions tiny_options() {
  TrainOptions o;
  o.optim.lr = 5e-3;
  o.schedule.kind = "warmup_cosine";
  o.schedule.warmup_steps = 3;
  o.batch.items = 4;
  o.accumulate = 2;
  o.max_steps = 24;
  o.ema = 0.9;
  o.save_every_steps = 5;
  o.log_every_steps = 2;
  o.probe = false;
  return o;
}

/// A fresh folder, removed at the end.
class Scratch {
 public:
  Scratch() {
    std::string pattern = (std::filesystem::temp_directory_path() / "timbre-test-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~Scratch() {
    std::error_code code;
    std::filesystem::remove_all(path_, code);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  operator const std::filesystem::path&() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace timbre::train
