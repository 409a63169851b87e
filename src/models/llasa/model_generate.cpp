#include "models/llasa/model_generate.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/ones.h>
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>

#include "base/error.h"
#include "base/rng.h"

namespace timbre::llasa {
namespace {

/// One row as it grows.
struct Saying {
  std::vector<std::int32_t> history;
  std::vector<std::int64_t> said;
  Philox draws{0};
  bool done = false;
};

std::int64_t drawn(std::span<const float> probabilities, Philox& draws) {
  double left = draws.uniform();
  std::int64_t last = 0;
  for (std::size_t i = 0; i < probabilities.size(); ++i) {
    if (probabilities[i] <= 0) continue;
    last = static_cast<std::int64_t>(i);
    left -= static_cast<double>(probabilities[i]);
    if (left < 0) break;
  }
  return last;
}

/// Positions that count seen tokens, 1 where a token is not seen.
Tensor positions_of(const Tensor& mask_BT) {
  const Tensor counted = mask_BT.cumsum(1) - 1;
  return counted.masked_fill(mask_BT == 0, 1);
}

/// The room there is for new tokens.
std::int64_t room(const Model& model, std::int64_t prompt, const GenerateOptions& options) {
  const std::int64_t positions = model.config().max_position_embeddings;
  const std::int64_t length = options.max_length > 0 ? std::min(options.max_length, positions) : positions;
  if (prompt < 1) throw UsageError("the prompt has no tokens");
  if (prompt >= length)
    throw UsageError(fmt::format("the prompt has {} tokens and the limit of prompt and answer together is {}: there is "
                                 "no room for an answer",
                                 prompt, length),
                     prompt >= positions ? "a shorter prompt" : "a shorter prompt, or a larger --max-length");
  const std::int64_t left = length - prompt;
  return options.max_new_tokens > 0 ? std::min(options.max_new_tokens, left) : left;
}

}  // namespace

Tensor mask_of_pads(const Tensor& ids_BT, std::int64_t pad, const std::vector<std::int64_t>& ends) {
  if (pad < 0 || std::find(ends.begin(), ends.end(), pad) != ends.end()) return {};
  const Tensor mask_BT = (ids_BT != pad).to(at::kLong);
  return mask_BT.all().item<bool>() ? Tensor() : mask_BT;
}

std::vector<std::vector<std::int64_t>> generate(const Model& model, const Tensor& ids_BT, const Tensor& mask_BT,
                                                const GenerateOptions& options, const StepListener& listen) {
  const at::NoGradGuard no_grad;
  if (const auto wrong = roles::problems_of(options.rules); !wrong.empty()) throw UsageError(wrong.front());
  const std::int64_t batch = ids_BT.size(0), words = model.config().vocab_size;
  const std::int64_t most = room(model, ids_BT.size(1), options);
  const std::int64_t pad = options.pad >= 0 ? options.pad : options.ends.empty() ? 0 : options.ends.front();
  std::vector<std::uint8_t> mute;
  if (!options.allowed.empty()) {
    mute.assign(static_cast<std::size_t>(words), 1);
    for (const std::int64_t id : options.allowed) mute.at(static_cast<std::size_t>(id)) = 0;
  }
  Tensor ids = ids_BT.to(at::kCPU, at::kLong).contiguous();
  Tensor mask = mask_BT.defined() ? mask_BT.to(at::kCPU, at::kLong) : Tensor();
  std::vector<Saying> rows(static_cast<std::size_t>(batch));
  for (std::int64_t b = 0; b < batch; ++b) {
    Saying& row = rows[static_cast<std::size_t>(b)];
    row.draws = Philox(options.seed, static_cast<std::uint64_t>(b));
    for (std::int64_t t = 0; t < ids.size(1); ++t)
      row.history.push_back(static_cast<std::int32_t>(ids.const_data_ptr<std::int64_t>()[b * ids.size(1) + t]));
  }
  roles::LogitsBender bender(options.rules);
  constexpr float kNever = -std::numeric_limits<float>::infinity();
  for (std::int64_t step = 0; step < most; ++step) {
    const Rows whole{.ids_BT = ids,
                     .mask_BT = mask,
                     .positions_BT = mask.defined() ? positions_of(mask) : Tensor(),
                     .utterances_BT = {}};
    const Tensor last_BD = model.hidden(whole).view({batch, ids.size(1), -1}).select(1, -1);
    Tensor logits_BV = model.logits(last_BD.contiguous()).to(at::kCPU, at::kFloat).contiguous();
    if (listen) listen(step, logits_BV.clone());
    std::vector<std::int64_t> next;
    for (std::int64_t b = 0; b < batch; ++b) {
      Saying& row = rows[static_cast<std::size_t>(b)];
      const std::span<float> scores(logits_BV.mutable_data_ptr<float>() + b * words, static_cast<std::size_t>(words));
      for (std::size_t i = 0; i < mute.size(); ++i)
        if (mute[i]) scores[i] = kNever;
      if (step < options.min_new_tokens)
        for (const std::int64_t end : options.ends) scores[static_cast<std::size_t>(end)] = kNever;
      std::int64_t id = pad;
      if (!row.done) {
        if (options.greedy) {
          id = bender.greedy(scores, row.history);
        } else {
          bender.probabilities(scores, row.history);
          id = drawn(scores, row.draws);
        }
        row.done = std::find(options.ends.begin(), options.ends.end(), id) != options.ends.end();
      }
      row.said.push_back(id);
      row.history.push_back(static_cast<std::int32_t>(id));
      next.push_back(id);
    }
    ids = at::cat({ids, at::from_blob(next.data(), {batch, 1}, at::TensorOptions().dtype(at::kLong)).clone()}, 1);
    if (mask.defined()) mask = at::cat({mask, at::ones({batch, 1}, mask.options())}, 1);
    if (std::all_of(rows.begin(), rows.end(), [](const Saying& row) { return row.done; })) break;
  }
  std::vector<std::vector<std::int64_t>> out;
  out.reserve(rows.size());
  for (Saying& row : rows) out.push_back(std::move(row.said));
  return out;
}

}  // namespace timbre::llasa
