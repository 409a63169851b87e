#include <ATen/ops/log_softmax.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "models/valle/layout.h"
#include "models/valle/recipe_files.h"
#include "plot/png.h"

/// What a run takes over from a file of the reference's trainer, and what it shows.
namespace timbre::valle {

using weights::Value;

Resumption resume(std::int64_t saved_stage, std::int64_t stage, std::int64_t start_epoch, std::int64_t start_batch,
                  std::int64_t saved_batches, std::int64_t saved_epoch) {
  Resumption r{.start_epoch = start_epoch, .start_batch = start_batch};
  if (saved_stage == stage) {
    r.batch_idx_train = saved_batches;
    r.optimizer_kept = r.scheduler_kept = r.books_kept = true;
    if (start_batch > 0) r.start_epoch = saved_epoch;
    return r;
  }
  if (saved_stage != 0 && stage != 0) {  // from one part to the other: a run of its own
    r.start_epoch = 1;
    r.start_batch = 0;
  } else {
    r.batch_idx_train = saved_batches;
  }
  r.scheduler_kept = saved_stage == 0;
  return r;
}

std::vector<std::string> optimiser_names(const Config& config, std::int64_t stage) {
  const std::string prefix = stage == 1 ? "ar_" : stage == 2 ? "nar_" : "";
  std::vector<std::string> names;
  for (const Slot& slot : layout(config))
    if (slot.learned && slot.tied_to.empty() && slot.name.starts_with(prefix)) names.push_back(slot.name);
  return names;
}

Value scheduler_state(const train::ScheduleOptions& schedule, const train::Companion::State& state,
                      std::int64_t accumulate) {
  const std::int64_t stepped = state.info.batch - state.info.batch % accumulate;
  Value out = Value::dict();
  if (schedule.kind == "eden") {
    out.put("base_lrs", Value::list({state.base_lr}));
    out.put("epoch", state.info.epoch);
    out.put("batch", stepped);
  } else if (schedule.kind == "noam") {
    out.put("dim_embed", schedule.width);
    out.put("base_lr", state.base_lr);
    out.put("warmup_steps", schedule.warmup_steps);
    out.put("num_param_groups", 1);
    out.put("base_lrs", Value::list({state.base_lr}));
    out.put("last_epoch", stepped);
    out.put("_step_count", stepped + 1);
    out.put("_is_initial", false);
    out.put("_get_lr_called_within_step", false);
    out.put("_last_lr", Value::list({state.lr}));
  } else {
    return Value();  // a schedule that the trainer does not have
  }
  return out;
}

std::optional<double> base_lr_of(const Value& scheduler) {
  const Value* rates = scheduler.find("base_lrs");
  if (!rates || !rates->is_sequence() || rates->as_list().empty()) return std::nullopt;
  return rates->as_list().front().as_real();
}

void load_network(nn::Module& model, const Config& config, Checkpoint& checkpoint, const std::string& where,
                  std::vector<std::string>& notes) {
  for (std::string& line : fit_text_rows(checkpoint.model, config.text_rows)) notes.push_back(std::move(line));
  const std::vector<std::string> wrong = misfits(config, checkpoint.model);
  if (!wrong.empty()) {
    constexpr std::size_t kShown = 5;
    std::string text;
    for (std::size_t i = 0; i < wrong.size() && i < kShown; ++i) text += "\n  " + wrong[i];
    if (wrong.size() > kShown) text += fmt::format("\n  and {} more", wrong.size() - kShown);
    throw DataError(
        fmt::format("{} does not fit the network of this command:{}", where, text),
        fmt::format("the file says: --decoder-dim {} --nhead {} --num-decoder-layers {} --num-quantizers {} "
                    "--share-embedding {} --add-prenet {} --prepend-bos {} --norm-first {}",
                    checkpoint.config.decoder_dim, checkpoint.config.nhead, checkpoint.config.num_decoder_layers,
                    checkpoint.config.num_quantizers, checkpoint.config.share_embedding, checkpoint.config.add_prenet,
                    checkpoint.config.prepend_bos, checkpoint.config.norm_first));
  }
  model.load_exactly(without_ties(config, checkpoint.model), where);
}

namespace {

/// Bits that each frame's right code costs.
std::vector<std::pair<double, double>> bits_by_frame(const Tensor& logits_YV, const Tensor& codes_Y,
                                                     std::int64_t first) {
  const Tensor logs_YV = at::log_softmax(logits_YV.to(at::kFloat).cpu(), -1);
  std::vector<std::pair<double, double>> points;
  const std::int64_t rows = std::min(logits_YV.size(0), codes_Y.size(0) - first);
  for (std::int64_t i = 0; i < rows; ++i)
    points.emplace_back(static_cast<double>(first + i),
                        -logs_YV[i][codes_Y[first + i].item<std::int64_t>()].item<double>() / 0.6931471805599453);
  return points;
}

}  // namespace

Pictures pictures_of(const Valle& model, const Inputs& inputs, Stage stage) {
  const at::NoGradGuard no_grad;
  const Config& config = model.config();
  constexpr std::int64_t kClips = 4;
  Pictures all;
  NarDraws draws;
  draws.prefix =
      config.prefix_mode == 1 ? *std::min_element(inputs.code_lens_B.begin(), inputs.code_lens_B.end()) / 4 : 0;
  if (config.prefix_mode == 2) draws.starts_B.assign(inputs.code_lens_B.size(), 0);
  const Outputs out = model.forward(inputs, stage, draws);
  for (std::int64_t b = 0; b < std::min<std::int64_t>(kClips, inputs.codes_BYQ.size(0)); ++b) {
    const std::int64_t frames = inputs.code_lens_B[static_cast<std::size_t>(b)];
    const Tensor codes_YQ = inputs.codes_BYQ[b].narrow(0, 0, frames).to(at::kLong).cpu();
    plot::CurvePicture curves{.title = fmt::format("bits a frame, clip {}", b), .x_label = "frame", .y_label = "bits"};
    if (out.ar_logits_BYV.defined())
      curves.lines.push_back(
          {"AR", bits_by_frame(out.ar_logits_BYV[b], codes_YQ.select(1, 0), config.prepend_bos ? 0 : 1)});
    if (out.nar_logits_BYV.defined()) {
      const std::int64_t behind = inputs.codes_BYQ.size(1) - out.nar_logits_BYV.size(1);
      curves.lines.push_back({fmt::format("NAR stage {}", draws.stage),
                              bits_by_frame(out.nar_logits_BYV[b], codes_YQ.select(1, draws.stage), behind)});
    }
    all.emplace_back(fmt::format("bits_{}", b), plot::draw_curves(curves));
    const weights::Tensor codes_QY = nn::from_torch(codes_YQ.t().to(at::kFloat).contiguous());
    all.emplace_back(fmt::format("codes_{}", b), plot::draw_matrix({.values_RC = codes_QY.as<float>(),
                                                                    .rows = config.num_quantizers,
                                                                    .columns = frames,
                                                                    .title = fmt::format("codes, clip {}", b),
                                                                    .x_label = "frame",
                                                                    .y_label = "codebook"}));
  }
  return all;
}

}  // namespace timbre::valle
