#include <ATen/ops/scalar_tensor.h>

#include <algorithm>
#include <exception>

#include "base/error.h"
#include "nn/dropout.h"
#include "train/loop_parts.h"

namespace timbre::train {

Side make_side(const Recipe& recipe, Split split, std::int64_t overfit) {
  Side side;
  side.split = overfit > 0 ? Split::train : split;
  bool known = true;
  for (const batch::Item& item : recipe.items(side.split)) {
    side.units.push_back(item.units);
    side.seconds.push_back(item.seconds);
    known = known && item.seconds > 0;
  }
  if (overfit > 0 && side.units.size() > static_cast<std::size_t>(overfit)) {
    side.units.resize(static_cast<std::size_t>(overfit));
    side.seconds.resize(static_cast<std::size_t>(overfit));
  }
  if (!known) side.seconds.clear();
  return side;
}

Validator::Validator(Job& job) : job_(job), side_(make_side(job.recipe, Split::valid, job.options.overfit)) {
  if (side_.units.empty()) return;
  batch::SamplerOptions options = job.options.batch;
  options.shuffle = false;
  options.order = "bucket";
  options.min_units = 0;
  options.max_units = 0;
  // A longer utterance than training takes makes a batch of its own here.
  options.units =
      options.units > 0 ? std::max(options.units, *std::max_element(side_.units.begin(), side_.units.end())) : 0;
  // Every item counts once, whatever the number of ranks: cut for one, then dealt out.
  options.drop_last = false;  // every utterance is heard
  options.quadratic_seconds = 0;
  const batch::BucketSampler sampler(side_.units, options, 0, 0, 1, side_.seconds);
  const auto all = sampler.epoch(0);
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::int64_t longest = 0;
    for (const std::size_t item : all[i]) longest = std::max(longest, side_.units[item]);
    units_ += static_cast<double>(longest) * static_cast<double>(all[i].size());
    // Ranks must meet in the same sums, so each gets a batch or none does; the rest repeats nothing: rank 0 takes it.
    const std::size_t rounds = all.size() / static_cast<std::size_t>(job.ranks.world());
    const bool whole = i < rounds * static_cast<std::size_t>(job.ranks.world());
    const std::size_t owner = whole ? i % static_cast<std::size_t>(job.ranks.world()) : 0;
    if (owner == static_cast<std::size_t>(job.ranks.rank())) batches_.push_back(all[i]);
  }
}

std::map<std::string, double> Validator::run(const StepInfo& given, double* total,
                                             std::map<std::string, double>* counts) {
  const at::NoGradGuard no_grad;
  StepInfo info = given;
  info.training = false;
  job_.recipe.model().eval();
  TermSums sums;
  std::exception_ptr error;
  try {
    for (std::size_t i = 0; i < batches_.size(); ++i) {
      batch::Batch batch = job_.recipe.collate(side_.split, batches_[i]);
      batch.to(job_.device);
      // The same noise at every validation, so that results can be compared.
      const nn::NoiseScope noise(static_cast<std::uint64_t>(job_.options.seed), ~0ull, static_cast<std::uint32_t>(i));
      sums.add(job_.recipe.validate(batch, info), batch.counts);
    }
  } catch (...) {
    error = std::current_exception();
  }
  job_.recipe.model().train();
  // A rank that failed must not leave the others waiting in the sums below.
  const bool failed = job_.ranks.sum(error ? 1.0 : 0.0) > 0;
  if (error) std::rethrow_exception(error);
  if (failed) throw SystemError("another rank failed while validating", "see that rank's message");
  if (job_.ranks.world() > 1) {
    // With fewer batches than ranks only rank 0 has terms: it tells everyone.
    const double have = job_.ranks.sum(batches_.empty() ? 0.0 : 1.0);
    if (have == job_.ranks.world()) sums.join(job_.ranks);
    std::vector<Tensor> value{at::scalar_tensor(sums.empty() ? 0.0 : sums.total(), at::TensorOptions(at::kDouble))};
    job_.ranks.broadcast(value);
    *total = value[0].item<double>();
    if (counts) *counts = sums.counts();
    return sums.means();
  }
  *total = sums.total();
  if (counts) *counts = sums.counts();
  return sums.means();
}

}  // namespace timbre::train
