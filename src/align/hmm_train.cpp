#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <mutex>
#include <numeric>
#include <optional>
#include <set>

#include "align/hmm_model.h"
#include "base/error.h"
#include "base/rng.h"
#include "base/threads.h"

namespace timbre::align {
namespace {

// Fixed, so that sums are added in the same order whatever the number of threads.
constexpr std::size_t kShares = 32;
constexpr std::int64_t kAloneFrom = 30;         // times a phone must occur to keep its stress mark to itself
constexpr double kVarianceFloor = 0.02;         // of features normalised to variance 1
constexpr double kPriorFrames = 8;              // weight of the prior (mean 0, variance 1) in every Gaussian
constexpr double kQuietInside_s = 0.14;         // quiet for so long inside speech = a pause, not the closure of a stop
constexpr double kFlatFrames = 3;               // frames a state lasts, before anything is known
constexpr double kMisfit = -7;                  // fit score below which a clip does not say its text
constexpr std::size_t kCalibrationClips = 512;  // so many tell what right and wrong texts score
constexpr double kFramesPerGaussian = 40;  // a state gets another Gaussian only when it has that many frames for each

struct Clip {
  std::size_t index = 0;
  Features features;  // raw, dropped once `x` is made
  FrameBlocks x;
};

// Sums of one state.
struct StateSums {
  std::vector<double> weight_G, sum_GD, square_GD;
  double frames = 0, visits = 0;
};

struct Sums {
  std::vector<StateSums> states;
  double log_likelihood = 0, frames = 0, pauses = 0, boundaries = 0;
  std::int64_t clips = 0;
};

class Trainer {
 public:
  Trainer(const std::vector<Transcript>& transcripts, const AudioSource& audio, const AlignerOptions& options,
          const AlignProgress& progress)
      : transcripts_(transcripts), audio_(audio), progress_(progress), model_(std::make_unique<Aligner::Model>()) {
    model_->options = options;
    model_->mfcc.rate_hz = options.rate_hz;
  }

  std::unique_ptr<Aligner::Model> run() {
    load_clips();
    make_classes();
    normalise();
    flat_start();
    const std::int64_t passes = model_->options.iterations;
    for (std::int64_t i = 0; i < passes; ++i) {
      if (i == passes / 3) leave_out_misfits();
      iterate(i);
    }
    calibrate_scores();
    return std::move(model_);
  }

 private:
  void tick(double steps = 1) {
    const std::scoped_lock lock(guard_);
    done_ += steps;
    if (progress_ && !progress_(done_, total_)) throw Interrupted{};
  }

  // Which clips to train on: all, or every k-th of a seeded order until the seconds are full.
  void load_clips() {
    std::vector<std::size_t> order(transcripts_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    Philox rng(model_->options.seed);
    rng.shuffle(order);
    constexpr std::size_t kBatch = 64;
    double seconds = 0;
    total_ = static_cast<double>(order.size()) * static_cast<double>(1 + model_->options.iterations);
    for (std::size_t from = 0; from < order.size() && seconds < model_->options.train_seconds; from += kBatch) {
      const std::size_t count = std::min(kBatch, order.size() - from);
      std::vector<std::optional<Clip>> batch(count);
      parallel_for(count, [&](std::size_t i) {
        batch[i] = load_clip(order[from + i]);
        tick();
      });
      for (auto& clip : batch) {
        if (!clip || seconds >= model_->options.train_seconds) continue;
        seconds += static_cast<double>(clip->features.frames) * model_->mfcc.hop_s;
        clips_.push_back(std::move(*clip));
      }
    }
    if (clips_.empty())
      throw DataError("the aligner has nothing to train on: no clip has both audio and phones",
                      "see which utterances were skipped and why: timbre check");
    total_ = done_ + static_cast<double>(clips_.size()) * static_cast<double>(model_->options.iterations);
    std::sort(clips_.begin(), clips_.end(), [](const Clip& a, const Clip& b) { return a.index < b.index; });
  }

  std::optional<Clip> load_clip(std::size_t index) const {
    const Transcript& transcript = transcripts_[index];
    if (transcript.phones.empty() || transcript.phones.size() != transcript.word_of_phone.size()) return std::nullopt;
    try {
      const std::vector<float> wave_N = audio_(index);
      Clip clip{index, mfcc(wave_N, model_->mfcc), {}};
      if (clip.features.frames < static_cast<std::int64_t>(transcript.phones.size()) * kStates) return std::nullopt;
      return clip;
    } catch (const Error&) {  // aligning the same clip meets the same error and reports it
      return std::nullopt;
    }
  }

  // A phone that occurs often enough has a class of its own. A rarer one ("AH2") joins its most frequent sibling
  // ("AH0"), or where all siblings are rare, they share the class of their plainer form. Phones of clips outside the
  // training set are classed too, so that every transcript can be aligned.
  void make_classes() {
    std::map<std::string, std::int64_t> heard, pooled;
    std::set<std::string> all;
    for (const auto& transcript : transcripts_) all.insert(transcript.phones.begin(), transcript.phones.end());
    for (const auto& clip : clips_)
      for (const auto& phone : transcripts_[clip.index].phones) ++heard[phone];
    for (const auto& [phone, count] : heard)
      for (std::string form = phone; !form.empty(); form = plainer_phone(form)) pooled[form] += count;
    std::map<std::string, std::string> sibling;  // plainer form → its most frequent phone that stands alone
    for (const auto& [phone, count] : heard)
      for (std::string form = plainer_phone(phone); count >= kAloneFrom && !form.empty(); form = plainer_phone(form))
        if (auto& best = sibling[form]; best.empty() || heard[best] < count) best = phone;
    std::set<std::string> names;
    for (const auto& phone : all) {
      std::string form = phone;
      for (std::string next; pooled[form] < kAloneFrom && !(next = plainer_phone(form)).empty() && pooled[next] > 0;)
        form = next;
      if (pooled[form] == 0) continue;  // never heard, nor anything like it: aligning it says so
      if (heard[phone] < kAloneFrom && sibling.contains(form)) form = sibling[form];
      model_->classes[phone] = form;
      names.insert(form);
    }
    std::int64_t number = kSilence;
    for (const auto& name : names) model_->class_number[name] = ++number;
  }

  void normalise() {
    const auto width = static_cast<std::size_t>(clips_.front().features.width);
    struct Moments {
      double count = 0;
      std::vector<double> sum_D, square_D;
    };
    std::map<std::string, Moments> speakers;
    Moments everyone{0, std::vector<double>(width), std::vector<double>(width)};
    for (const auto& clip : clips_) {
      Moments& own = speakers[transcripts_[clip.index].speaker];
      own.sum_D.resize(width);
      own.square_D.resize(width);
      for (std::int64_t f = 0; f < clip.features.frames; ++f) {
        const auto row = clip.features.row(f);
        for (std::size_t d = 0; d < width; ++d) {
          const auto v = static_cast<double>(row[d]);
          own.sum_D[d] += v;
          own.square_D[d] += v * v;
        }
      }
      own.count += static_cast<double>(clip.features.frames);
    }
    const auto finish = [&](const Moments& m) {
      Normalisation norm;
      for (std::size_t d = 0; d < width; ++d) {
        const double mean = m.sum_D[d] / m.count;
        norm.mean_D.push_back(mean);
        norm.deviation_D.push_back(std::sqrt(std::max(m.square_D[d] / m.count - mean * mean, 1e-8)));
      }
      return norm;
    };
    for (const auto& [name, m] : speakers) {
      everyone.count += m.count;
      for (std::size_t d = 0; d < width; ++d) {
        everyone.sum_D[d] += m.sum_D[d];
        everyone.square_D[d] += m.square_D[d];
      }
      model_->speakers[name] = finish(m);
    }
    model_->everyone = finish(everyone);
    parallel_for(clips_.size(), [&](std::size_t i) {
      clips_[i].x = model_->normalised(clips_[i].features, transcripts_[clips_[i].index].speaker);
      clips_[i].features = {};
    });
  }

  Sums empty_sums() const {
    const auto width = static_cast<std::size_t>(clips_.front().x.width);
    Sums sums;
    sums.states.resize(static_cast<std::size_t>(model_->state_count()));
    for (std::size_t s = 0; s < sums.states.size(); ++s) {
      const std::size_t count = model_->states.empty() ? 1 : model_->states[s].size();
      sums.states[s].weight_G.assign(count, 0.0);
      sums.states[s].sum_GD.assign(count * width, 0.0);
      sums.states[s].square_GD.assign(count * width, 0.0);
    }
    return sums;
  }

  static void add_frame(StateSums& state, std::size_t g, double weight, const FrameBlocks& x, std::int64_t frame) {
    const auto width = static_cast<std::size_t>(x.width);
    double* sum = state.sum_GD.data() + g * width;
    double* square = state.square_GD.data() + g * width;
    const float* value = x.values_BDK.data() + (frame / FrameBlocks::kBlock) * x.width * FrameBlocks::kBlock +
                         frame % FrameBlocks::kBlock;
    state.weight_G[g] += weight;
    for (std::size_t d = 0; d < width; ++d) {
      const auto v = static_cast<double>(value[static_cast<std::int64_t>(d) * FrameBlocks::kBlock]);
      sum[d] += weight * v;
      square[d] += weight * v * v;
    }
  }

  // Every share of the clips is summed apart, then joined in order.
  template <class Body>
  Sums sum_clips(const Body& body) {
    std::vector<Sums> shares(std::min(kShares, clips_.size()));
    parallel_for(shares.size(), [&](std::size_t share) {
      shares[share] = empty_sums();
      for (std::size_t i = share; i < clips_.size(); i += shares.size()) body(clips_[i], shares[share]);
    });
    Sums total = std::move(shares.front());
    for (std::size_t share = 1; share < shares.size(); ++share) {
      const Sums& other = shares[share];
      for (std::size_t s = 0; s < total.states.size(); ++s) {
        const auto join = [](std::vector<double>& to, const std::vector<double>& from) {
          for (std::size_t i = 0; i < to.size(); ++i) to[i] += from[i];
        };
        join(total.states[s].weight_G, other.states[s].weight_G);
        join(total.states[s].sum_GD, other.states[s].sum_GD);
        join(total.states[s].square_GD, other.states[s].square_GD);
        total.states[s].frames += other.states[s].frames;
        total.states[s].visits += other.states[s].visits;
      }
      total.log_likelihood += other.log_likelihood;
      total.frames += other.frames;
      total.pauses += other.pauses;
      total.boundaries += other.boundaries;
      total.clips += other.clips;
    }
    return total;
  }

  // Flat start: quiet ends and long quiet stretches are silence, the rest is shared evenly among the phones.
  void flat_start() {
    const Sums sums = sum_clips([&](const Clip& clip, Sums& share) {
      const Transcript& transcript = transcripts_[clip.index];
      const std::vector<bool> quiet = quiet_frames(clip.x);
      const auto loud = static_cast<double>(std::count(quiet.begin(), quiet.end(), false));
      const auto places = static_cast<double>(transcript.phones.size()) * kStates;
      double seen = 0;
      for (std::int64_t f = 0; f < clip.x.frames; ++f) {
        std::int64_t state = kSilence * kStates + f % kStates;
        if (!quiet[static_cast<std::size_t>(f)]) {
          const auto place = static_cast<std::int64_t>(std::min(places - 1, places * seen++ / loud));
          state =
              model_->class_of(transcript.phones[static_cast<std::size_t>(place / kStates)], transcript.id) * kStates +
              place % kStates;
        }
        StateSums& sum = share.states[static_cast<std::size_t>(state)];
        add_frame(sum, 0, 1.0, clip.x, f);
        sum.frames += 1;
        sum.visits += 1.0 / kFlatFrames;
      }
    });
    model_->states.assign(static_cast<std::size_t>(model_->state_count()), std::vector<Gaussian>(1));
    model_->mean_duration_s.assign(model_->states.size(), kFlatFrames * model_->mfcc.hop_s);
    estimate(sums);
  }

  // By the first cepstral coefficient (energy), between the clip's own quiet and loud levels.
  std::vector<bool> quiet_frames(const FrameBlocks& x) const {
    std::vector<float> level(static_cast<std::size_t>(x.frames));
    for (std::int64_t f = 0; f < x.frames; ++f) level[static_cast<std::size_t>(f)] = x.at(f, 0);
    std::vector<float> sorted = level;
    std::sort(sorted.begin(), sorted.end());
    const float low = sorted[sorted.size() / 20], high = sorted[sorted.size() * 19 / 20];
    const float threshold = low + 0.35f * (high - low);
    std::vector<bool> quiet(level.size(), false);
    const auto shortest = static_cast<std::size_t>(kQuietInside_s / model_->mfcc.hop_s);
    bool any_loud = false;
    for (std::size_t from = 0; from < level.size();) {
      std::size_t end = from;
      while (end < level.size() && level[end] < threshold) ++end;
      const bool edge = from == 0 || end == level.size();
      if (end > from && (edge || end - from >= shortest))
        std::fill(quiet.begin() + static_cast<std::ptrdiff_t>(from), quiet.begin() + static_cast<std::ptrdiff_t>(end),
                  true);
      while (end < level.size() && level[end] >= threshold) {
        any_loud = true;
        ++end;
      }
      from = end;
    }
    if (!any_loud) quiet.assign(level.size(), false);
    return quiet;
  }

  std::int64_t gaussians_at(std::int64_t iteration) const {
    // A third of the passes with one Gaussian, then growing; the last quarter of the passes at full size.
    const double start = static_cast<double>(model_->options.iterations) * 0.33,
                 full = static_cast<double>(model_->options.iterations) * 0.75;
    const double part = std::clamp((static_cast<double>(iteration) - start) / std::max(1.0, full - start), 0.0, 1.0);
    return static_cast<std::int64_t>(std::lround(std::pow(static_cast<double>(model_->options.gaussians), part)));
  }

  void iterate(std::int64_t iteration) {
    split(gaussians_at(iteration));
    model_->table = MixtureTable(model_->states);
    const Sums sums = sum_clips([&](const Clip& clip, Sums& share) {
      add_clip(clip, share);
      tick();
    });
    if (sums.frames <= 0) throw DataError("the aligner could not fit a single clip to its phones");
    model_->log_likelihood.push_back(sums.log_likelihood / sums.frames);
    estimate(sums);
    for (std::size_t s = 0; s < sums.states.size(); ++s)
      model_->mean_duration_s[s] = model_->mfcc.hop_s * (sums.states[s].frames + 4) / (sums.states[s].visits + 1);
    model_->pause_probability = std::clamp((sums.pauses + 1) / (sums.boundaries + 4), 0.02, 0.9);
    model_->table = MixtureTable(model_->states);
  }

  // The fit score of a clip under a transcript; nothing where the clip is too short for it.
  std::optional<double> score_of(const Clip& clip, const Transcript& transcript,
                                 const std::vector<float>& score_FS) const {
    const Trellis trellis = make_trellis(*model_, transcript, model_->mfcc.hop_s);
    double score = 0;
    const auto path = best_path(trellis.chain, static_cast<std::int32_t>(kStates), score_FS, clip.x.frames,
                                model_->state_count(), score);
    if (path.empty()) return std::nullopt;
    return fit_score(*model_, trellis, path, score, score_FS, static_cast<std::int64_t>(transcript.phones.size()),
                     model_->mfcc.hop_s);
  }

  std::vector<float> all_scores(const Clip& clip) const {
    std::vector<std::int32_t> all(static_cast<std::size_t>(model_->state_count()));
    std::iota(all.begin(), all.end(), 0);
    std::vector<float> score_FS;
    model_->table.score(clip.x, all, score_FS);
    return score_FS;
  }

  // Clips whose text is not what is said (a tone, silence, another sentence) would blur every model they touch.
  void leave_out_misfits() {
    std::vector<char> misfit(clips_.size(), 0);
    parallel_for(clips_.size(), [&](std::size_t i) {
      const auto score = score_of(clips_[i], transcripts_[clips_[i].index], all_scores(clips_[i]));
      misfit[i] = !score || *score < kMisfit;
    });
    // Where most clips misfit, the model is at fault rather than the clips.
    if (std::count(misfit.begin(), misfit.end(), 1) * 4 > static_cast<std::ptrdiff_t>(clips_.size())) return;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < clips_.size(); ++i)
      if (!misfit[i]) std::swap(clips_[kept++], clips_[i]);
    for (std::size_t i = kept; i < clips_.size(); ++i) misfits_.push_back(std::move(clips_[i]));
    clips_.resize(kept);
  }

  // What texts of the corpus score on their own clips, and on clips of other texts of like length.
  void calibrate_scores() {
    std::vector<const Clip*> order;
    for (const auto& group : {std::cref(clips_), std::cref(misfits_)})
      for (const Clip& clip : group.get()) order.push_back(&clip);
    const auto phones = [&](const Clip* clip) -> const Transcript& { return transcripts_[clip->index]; };
    std::sort(order.begin(), order.end(), [&](const Clip* a, const Clip* b) {
      return std::pair(phones(a).phones.size(), a->index) < std::pair(phones(b).phones.size(), b->index);
    });
    const std::size_t count = std::min(order.size(), kCalibrationClips);
    std::vector<std::optional<double>> own(count), wrong(count);
    parallel_for(count, [&](std::size_t i) {
      const std::size_t place = i * order.size() / count;
      const Transcript& right = phones(order[place]);
      const std::vector<float> score_FS = all_scores(*order[place]);
      own[i] = score_of(*order[place], right, score_FS);
      Philox rng(model_->options.seed, place);
      std::size_t other = (place + 1 + rng.below(8)) % order.size();
      for (std::size_t tries = 0; tries < 8 && phones(order[other]).phones == right.phones; ++tries)
        other = (other + 1) % order.size();
      if (phones(order[other]).phones != right.phones)
        wrong[i] = score_of(*order[place], phones(order[other]), score_FS);
    });
    const auto there = [](const std::vector<std::optional<double>>& scores) {
      std::vector<double> found;
      for (const auto& score : scores)
        if (score) found.push_back(*score);
      return found;
    };
    model_->calibration = calibrate(there(own), there(wrong));
  }

  void add_clip(const Clip& clip, Sums& share) const {
    Trellis trellis = make_trellis(*model_, transcripts_[clip.index], model_->mfcc.hop_s);
    Chain chain = trellis.chain;
    const std::vector<std::int32_t> states = compact_columns(chain);
    std::vector<float> score_FU;
    model_->table.score(clip.x, states, score_FU);
    double score = 0;
    const auto path = best_path(chain, static_cast<std::int32_t>(kStates), score_FU, clip.x.frames,
                                static_cast<std::int64_t>(states.size()), score);
    if (path.empty()) return;
    std::vector<double> posterior_G;
    for (std::int64_t f = 0; f < clip.x.frames; ++f) {
      const auto place = static_cast<std::size_t>(path[static_cast<std::size_t>(f)]);
      const std::int32_t state = trellis.chain.column_J[place];
      StateSums& sum = share.states[static_cast<std::size_t>(state)];
      const std::int64_t count = model_->table.posteriors(clip.x, f, state, posterior_G);
      for (std::int64_t g = 0; g < count; ++g)
        if (posterior_G[static_cast<std::size_t>(g)] > 1e-3)
          add_frame(sum, static_cast<std::size_t>(g), posterior_G[static_cast<std::size_t>(g)], clip.x, f);
      sum.frames += 1;
      if (f == 0 || path[static_cast<std::size_t>(f - 1)] != path[static_cast<std::size_t>(f)]) {
        sum.visits += 1;
        if (trellis.phone_J[place] <= -2 && place > 0 && trellis.phone_J[place - 1] != trellis.phone_J[place])
          share.pauses += 1;
      }
    }
    for (std::size_t i = 1; i < trellis.phone_J.size(); ++i)
      share.boundaries += trellis.phone_J[i] <= -2 && trellis.phone_J[i] != trellis.phone_J[i - 1] ? 1 : 0;
    share.log_likelihood += score;
    share.frames += static_cast<double>(clip.x.frames);
    share.clips += 1;
  }

  // Means and variances with a weak prior at the corpus mean and variance, which carries phones of a few frames.
  void estimate(const Sums& sums) {
    const auto width = static_cast<std::size_t>(clips_.front().x.width);
    for (std::size_t s = 0; s < model_->states.size(); ++s) {
      const StateSums& sum = sums.states[s];
      auto& mixture = model_->states[s];
      const double total = std::accumulate(sum.weight_G.begin(), sum.weight_G.end(), 0.0);
      for (std::size_t g = 0; g < mixture.size(); ++g) {
        Gaussian& gaussian = mixture[g];
        const double count = sum.weight_G[g];
        if (gaussian.mean_D.empty()) {
          gaussian.mean_D.assign(width, 0.0);
          gaussian.variance_D.assign(width, 1.0);
        }
        if (count < 1) {
          gaussian.weight = 1e-3;
          continue;
        }
        gaussian.weight = std::max(1e-3, count / total);
        for (std::size_t d = 0; d < width; ++d) {
          const double mean = sum.sum_GD[g * width + d] / count;
          const double variance = std::max(0.0, sum.square_GD[g * width + d] / count - mean * mean);
          gaussian.mean_D[d] = mean * count / (count + 1);
          gaussian.variance_D[d] = std::max(kVarianceFloor, (variance * count + kPriorFrames) / (count + kPriorFrames));
        }
      }
      double weights = 0;
      for (const auto& gaussian : mixture) weights += gaussian.weight;
      for (auto& gaussian : mixture) gaussian.weight /= weights;
    }
    occupancy_.resize(model_->states.size());
    for (std::size_t s = 0; s < occupancy_.size(); ++s) occupancy_[s] = sums.states[s].frames;
  }

  // The heaviest Gaussian of a state becomes two, a fifth of a deviation to either side.
  void split(std::int64_t target) {
    for (std::size_t s = 0; s < model_->states.size(); ++s) {
      auto& mixture = model_->states[s];
      const auto affordable = std::max<std::int64_t>(1, static_cast<std::int64_t>(occupancy_[s] / kFramesPerGaussian));
      while (static_cast<std::int64_t>(mixture.size()) < std::min(target, affordable)) {
        auto heaviest = std::max_element(mixture.begin(), mixture.end(),
                                         [](const Gaussian& a, const Gaussian& b) { return a.weight < b.weight; });
        heaviest->weight /= 2;
        Gaussian twin = *heaviest;
        for (std::size_t d = 0; d < twin.mean_D.size(); ++d) {
          const double step = 0.2 * std::sqrt(twin.variance_D[d]);
          heaviest->mean_D[d] += step;
          twin.mean_D[d] -= step;
        }
        mixture.push_back(std::move(twin));
      }
    }
  }

  const std::vector<Transcript>& transcripts_;
  const AudioSource& audio_;
  const AlignProgress& progress_;
  std::unique_ptr<Aligner::Model> model_;
  std::vector<Clip> clips_, misfits_;
  std::vector<double> occupancy_;
  std::mutex guard_;
  double done_ = 0, total_ = 0;
};

}  // namespace

Aligner Aligner::train(const std::vector<Transcript>& transcripts, const AudioSource& audio,
                       const AlignerOptions& options, const AlignProgress& progress) {
  return Aligner(Trainer(transcripts, audio, options, progress).run());
}

}  // namespace timbre::align
