#include "train/options.h"

namespace timbre::train {

config::Fields fields(ScaledAdamOptions& o) {
  config::Fields f;
  f.add("clipping_scale", o.clipping_scale,
        "times the median norm of the last period: gradients beyond are clipped; 0 = none")
      .range(0, 1e9);
  f.add("clipping_update_period", o.clipping_update_period, "steps over which that median is taken").range(1, 1 << 24);
  f.add("scalar_lr_scale", o.scalar_lr_scale, "rate of tensors' sizes and of single numbers, over lr").range(0, 1e3);
  f.add("param_min_rms", o.param_min_rms, "tensors are not shrunk below this RMS").range(0, 1e9);
  f.add("param_max_rms", o.param_max_rms, "tensors above this RMS are shrunk").range(0, 1e9);
  f.add("scalar_max", o.scalar_max, "largest absolute value of a single number").range(0, 1e9);
  f.add("size_update_period", o.size_update_period, "steps from one change of the sizes to the next").range(1, 1 << 16);
  return f;
}

config::Fields fields(OptimOptions& o) {
  config::Fields f;
  f.add("kind", o.kind,
        "adamw (decoupled weight decay), adam, or those of VALL-E's trainer: scaled_adam (steps in proportion to a "
        "tensor's RMS) and eve")
      .choices({"adamw", "adam", "scaled_adam", "eve"});
  f.add("lr", o.lr, "learning rate; what the schedule multiplies").range(0, 1e3);
  f.add("beta1", o.beta1, "decay of the first moment").range(0, 0.999999);
  f.add("beta2", o.beta2, "decay of the second moment").range(0, 0.9999999);
  f.add("eps", o.eps, "added to the root of the second moment").range(0, 1);
  f.add("weight_decay", o.weight_decay, "pull towards zero").range(0, 10);
  f.add("no_decay", o.no_decay,
        "adamw, adam: parameters whose name matches are not pulled towards zero, whatever weight_decay says ('*norm*')")
      .metavar("PATTERN");
  f.add("target_rms", o.target_rms, "eve: tensors are decayed while their RMS is above").range(0, 10);
  f.group("scaled", fields(o.scaled), "ScaledAdam");
  f.add("clip_norm", o.clip_norm, "adamw, adam: largest norm of all gradients together; 0 = not clipped").range(0, 1e9);
  f.add("group_lr", o.group_lr,
        "PATTERN=FACTOR: parameters whose name matches learn at FACTOR times the rate; the first match counts")
      .metavar("PATTERN=FACTOR");
  f.add("freeze", o.freeze,
        "parts of the model or name patterns of parameters that stay as they are (encoder, '*.bias')")
      .alias("freeze")
      .metavar("PART|PATTERN");
  f.add("unfreeze", o.unfreeze,
        "only parameters that match one of these name patterns learn; all others stay as they are")
      .alias("unfreeze")
      .metavar("PATTERN");
  f.add(
      "frozen_shrink", o.frozen_shrink,
      "scaled_adam: leave frozen tensors to the rule with a gradient of zero, as the reference does: it shrinks those "
      "whose RMS is above param_max_rms");
  return f;
}

config::Fields fields(ScheduleOptions& o) {
  config::Fields f;
  f.add("kind", o.kind, "learning rate over steps")
      .choices({"constant", "warmup_linear", "warmup_cosine", "constant_hf", "warmup_linear_hf", "warmup_cosine_hf",
                "exponential", "noam", "ming024", "eden"});
  f.add("counts", o.counts,
        "eden and noam: what they count: optimiser steps, or batches (accumulate of them make a step), as VALL-E's "
        "trainer does")
      .choices({"steps", "batches"});
  f.add("eden_batches", o.eden_batches, "eden: batches after which the rate begins to fall").range(1e-9, 1e12);
  f.add("eden_epochs", o.eden_epochs, "eden: epochs after which the rate begins to fall").range(1e-9, 1e9);
  f.add("warmup_steps", o.warmup_steps, "steps over which the rate rises from 0 (eden: from a half)").range(0, 1e9);
  f.add("warmup_ratio", o.warmup_ratio, "the same as a share of the run's steps, rounded up; 0 = by warmup_steps")
      .range(0, 1);
  f.add("final_ratio", o.final_ratio, "linear and cosine: rate at the last step over the highest").range(0, 1);
  f.add("decay", o.decay, "exponential: factor on the rate after each pass over the data").range(0, 1);
  f.add("width", o.width, "noam and ming024: model width H in H^-0.5 · min(s^-0.5, s·warmup^-1.5)").range(1, 1 << 20);
  f.add("anneal_steps", o.anneal_steps, "ming024: after each of these steps the rate is multiplied by anneal_rate");
  f.add("anneal_rate", o.anneal_rate, "ming024: see anneal_steps").range(0, 1);
  return f;
}

config::Fields fields(TrainOptions& o) {
  config::Fields f;
  f.group("optim", fields(o.optim), "Update rule");
  f.group("schedule", fields(o.schedule), "Learning rate over steps");
  f.group("batch", batch::fields(o.batch), "Batches");
  config::Fields loop;
  loop.add("accumulate", o.accumulate, "batches whose gradients make one step").range(1, 1 << 16);
  loop.add(
      "partial_steps", o.partial_steps,
      "the last batches of an epoch make a step where they are fewer than accumulate, as transformers has it since "
      "4.46; else they wait for the next epoch's");
  loop.add("max_steps", o.max_steps,
           "stop after so many steps; 0 = by max_epochs or max_minutes. An end given here takes the place of those of "
           "the "
           "run file and the preset")
      .range(0, 1e12);
  loop.add("max_epochs", o.max_epochs, "stop after so many passes over the data; 0 = none").range(0, 1e9);
  loop.add("max_minutes", o.max_minutes,
           "as many steps as the trial before step 1 says fit into so many minutes; fixed at the start")
      .range(0, 1e7);
  loop.add("overfit", o.overfit,
           "train and validate on the first so many utterances only, and say whether they were learned by heart: the "
           "first step of every new set-up; 0 = all")
      .range(0, 1e9);
  loop.add("valid_every_steps", o.valid_every_steps, "validate every so many steps; 0 = not by steps").range(0, 1e12);
  loop.add(
          "valid_every_batches", o.valid_every_batches,
          "validate every so many batches (accumulate of them make a step), at the end of the step; 0 = not by batches")
      .range(0, 1e12);
  loop.add("valid_at_epoch_end", o.valid_at_epoch_end, "validate after each pass over the data");
  loop.add("save_every_steps", o.save_every_steps, "checkpoint every so many steps; 0 = not by steps").range(0, 1e12);
  loop.add("save_every_minutes", o.save_every_minutes, "checkpoint when the last one is so old; 0 = not by time")
      .range(0, 1e7);
  loop.add("sample_every_steps", o.sample_every_steps,
           "hear and see samples every so many steps; 0 = at each best and at the end")
      .range(0, 1e12);
  loop.add("log_every_steps", o.log_every_steps, "report losses every so many steps").range(1, 1e9);
  loop.add("keep", o.keep, "newest checkpoints kept beside the best").range(1, 1e6);
  loop.add("patience", o.patience, "stop after so many validations without a better one; 0 = never").range(0, 1e9);
  loop.add("voice_of", o.voice_of,
           "what the voice is made of. best: the weights with the lowest validation loss; last: those of the last "
           "step, for "
           "voices that shall know their recordings by heart")
      .choices({"best", "last"});
  loop.add("ema", o.ema, "decay of the running average of the weights that is validated and spoken with; 0 = none")
      .range(0, 0.9999999);
  loop.add("average_every_batches", o.average_every_batches,
           "keep the mean of the weights as they are every so many batches, as icefall's model_avg; it is saved, not "
           "validated; 0 = none")
      .range(0, 1e12);
  loop.add("inf_check", o.inf_check,
           "look at every gradient of every batch, and name the parameters where one is not finite");
  loop.add("precision", o.precision,
           "bf16: products only, where the hardware computes them; pure_bf16: weights and what the optimiser remembers "
           "too, as the references train a bf16 checkpoint: small updates are lost")
      .choices({"fp32", "bf16", "pure_bf16"});
  loop.add("normalise", o.normalise,
           "global: gradients are means over the units of all ranks; per_device: means of each rank's mean, as the "
           "references do; sum: not divided at all, the mean of the ranks' sums, as VALL-E's trainer does")
      .choices({"global", "per_device", "sum"});
  loop.add("sync_batch_norm", o.sync_batch_norm, "batch statistics over all ranks");
  loop.add("shard_optimiser", o.shard_optimiser,
           "each rank keeps the optimiser's moments of its share of the parameters alone (ZeRO stage 1); no number of "
           "the "
           "training changes by it. auto: where there are several ranks and the update rule and the model allow it")
      .choices({"auto", "on", "off"});
  loop.add("probe", o.probe, "try the largest batch and measure before step 1");
  loop.add("seed", o.seed, "first values, data order, dropout");
  f.group("", loop, "Loop");
  return f;
}

}  // namespace timbre::train
