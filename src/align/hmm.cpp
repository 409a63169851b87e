#include "align/hmm.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "align/hmm_model.h"
#include "base/error.h"

namespace timbre::align {

Aligner::Aligner(std::unique_ptr<Model> model) : model_(std::move(model)) {}
Aligner::Aligner(Aligner&&) noexcept = default;
Aligner& Aligner::operator=(Aligner&&) noexcept = default;
Aligner::~Aligner() = default;

const std::map<std::string, std::string>& Aligner::classes() const { return model_->classes; }
const AlignerOptions& Aligner::options() const { return model_->options; }
const std::vector<double>& Aligner::log_likelihood() const { return model_->log_likelihood; }

std::string plainer_phone(const std::string& phone) {
  static const std::string kMarks[] = {"ˈ", "ˌ"}, kLengths[] = {"ː", "ˑ"};
  std::string plain = phone;
  while (plain.size() > 1 && plain.back() >= '0' && plain.back() <= '9') plain.pop_back();
  for (const auto& mark : kMarks)
    for (std::size_t at; plain.size() > mark.size() && (at = plain.find(mark)) != std::string::npos;)
      plain.erase(at, mark.size());
  if (plain != phone) return plain;
  for (const auto& mark : kLengths)
    for (std::size_t at; plain.size() > mark.size() && (at = plain.find(mark)) != std::string::npos;)
      plain.erase(at, mark.size());
  return plain != phone ? plain : std::string();
}

std::int64_t Aligner::Model::class_of(const std::string& phone, const std::string& id) const {
  for (std::string name = phone; !name.empty(); name = plainer_phone(name)) {
    const auto known = classes.find(name);
    if (known == classes.end()) continue;
    return class_number.at(known->second);
  }
  throw DataError(fmt::format("utterance {}: the aligner was not trained on the phone \"{}\"", id, phone),
                  "take an aligner of the same language and front end, or train one on this corpus");
}

// Mean and deviation of a clip whose speaker is new, as if kEveryoneFrames frames of all speakers had been heard
// before.
static Normalisation of_new_speaker(const Features& features, const Normalisation& everyone) {
  constexpr double kEveryoneFrames = 100;  // 50 to 400 are alike on a voice left out
  const double count = kEveryoneFrames + static_cast<double>(features.frames);
  Normalisation norm;
  for (std::size_t d = 0; d < everyone.mean_D.size(); ++d) {
    const double m = everyone.mean_D[d], s = everyone.deviation_D[d];
    double sum = kEveryoneFrames * m, square = kEveryoneFrames * (s * s + m * m);
    for (std::int64_t f = 0; f < features.frames; ++f) {
      const auto v = static_cast<double>(features.row(f)[d]);
      sum += v;
      square += v * v;
    }
    const double mean = sum / count;
    norm.mean_D.push_back(mean);
    norm.deviation_D.push_back(std::sqrt(std::max(square / count - mean * mean, 1e-8)));
  }
  return norm;
}

FrameBlocks Aligner::Model::normalised(const Features& features, const std::string& speaker) const {
  const auto own = speakers.find(speaker);
  const Normalisation norm = own == speakers.end() ? of_new_speaker(features, everyone) : own->second;
  constexpr auto K = FrameBlocks::kBlock;
  FrameBlocks x;
  x.frames = features.frames;
  x.width = features.width;
  x.values_BDK.resize(static_cast<std::size_t>(x.blocks() * x.width * K));
  for (std::int64_t f = 0; f < x.blocks() * K; ++f) {
    const auto row = features.row(std::min(f, features.frames - 1));
    float* out = x.values_BDK.data() + (f / K) * x.width * K + f % K;
    for (std::size_t d = 0; d < row.size(); ++d)
      out[static_cast<std::int64_t>(d) * K] =
          static_cast<float>((static_cast<double>(row[d]) - norm.mean_D[d]) / norm.deviation_D[d]);
  }
  return x;
}

double stay_probability(const Aligner::Model& model, std::size_t state, double hop_s) {
  return std::clamp(1.0 - hop_s / model.mean_duration_s[state], 0.05, 0.995);
}

Trellis make_trellis(const Aligner::Model& model, const Transcript& transcript, double hop_s,
                     const std::vector<bool>& closed) {
  Trellis t;
  const auto add = [&](std::int64_t phone_class, std::int32_t phone, std::int32_t skip, double extra_leave) {
    for (std::int64_t k = 0; k < kStates; ++k) {
      const auto state = static_cast<std::size_t>(phone_class * kStates + k);
      const double stay = stay_probability(model, state, hop_s);
      t.chain.column_J.push_back(static_cast<std::int32_t>(state));
      t.chain.stay_J.push_back(static_cast<float>(std::log(stay)));
      t.chain.leave_J.push_back(static_cast<float>(std::log1p(-stay) + (k == kStates - 1 ? extra_leave : 0.0)));
      t.chain.skip_J.push_back(k == 0 ? skip : 0);
      t.chain.skip_cost_J.push_back(static_cast<float>(std::log1p(-model.pause_probability)));
      t.phone_J.push_back(phone);
    }
  };
  constexpr auto kPause = static_cast<std::int32_t>(kStates);
  const double enter_pause = std::log(model.pause_probability);
  const auto phones = transcript.phones.size();
  add(kSilence, -1, 0, 0);
  for (std::size_t i = 0; i < phones; ++i) {
    const bool new_word = i > 0 && transcript.word_of_phone[i] != transcript.word_of_phone[i - 1];
    const bool pause = new_word && (closed.empty() || !closed[i]);
    if (pause) add(kSilence, -2 - static_cast<std::int32_t>(i), 0, enter_pause);
    add(model.class_of(transcript.phones[i], transcript.id), static_cast<std::int32_t>(i), pause || i == 0 ? kPause : 0,
        0);
  }
  add(kSilence, static_cast<std::int32_t>(phones), 0, 0);
  return t;
}

std::vector<std::int32_t> compact_columns(Chain& chain) {
  std::vector<std::int32_t> states = chain.column_J;
  std::sort(states.begin(), states.end());
  states.erase(std::unique(states.begin(), states.end()), states.end());
  for (auto& column : chain.column_J)
    column = static_cast<std::int32_t>(std::lower_bound(states.begin(), states.end(), column) - states.begin());
  return states;
}

double fit_score(const Aligner::Model& model, const Trellis& trellis, const std::vector<std::int32_t>& path,
                 double path_score, std::span<const float> score_FS, std::int64_t phones, double hop_s) {
  std::vector<float> stay_S, leave_S;
  for (std::int64_t s = 0; s < model.state_count(); ++s) {
    const double stay = stay_probability(model, static_cast<std::size_t>(s), hop_s);
    stay_S.push_back(static_cast<float>(std::log(stay)));
    leave_S.push_back(static_cast<float>(std::log1p(-stay)));
  }
  const auto speech = std::count_if(path.begin(), path.end(), [&](std::int32_t place) {
    const std::int32_t phone = trellis.phone_J[static_cast<std::size_t>(place)];
    return phone >= 0 && phone < phones;
  });
  const double free_score = best_loop(stay_S, leave_S, kStates, score_FS, static_cast<std::int64_t>(path.size()));
  return (path_score - free_score) / static_cast<double>(std::max<std::ptrdiff_t>(speech, 1));
}

namespace {

// Runs of equal phone in a path, as intervals in frames.
struct Run {
  std::int32_t phone;
  std::int64_t first, end;
};

std::vector<Run> runs_of(const Trellis& trellis, const std::vector<std::int32_t>& path) {
  std::vector<Run> runs;
  for (std::size_t f = 0; f < path.size(); ++f) {
    const std::int32_t phone = trellis.phone_J[static_cast<std::size_t>(path[f])];
    if (runs.empty() || runs.back().phone != phone) runs.push_back({phone, static_cast<std::int64_t>(f), 0});
    runs.back().end = static_cast<std::int64_t>(f) + 1;
  }
  return runs;
}

// The path of one clip at one frame rate.
struct Fit {
  double hop_s = 0;
  std::int64_t frames = 0;
  std::vector<float> score_FS;
  Trellis trellis;
  std::vector<std::int32_t> path;  ///< empty = too few frames
  double score = 0;                ///< ln probability of the path
};

Fit fit_clip(const Aligner::Model& model, const Transcript& transcript, std::span<const float> wave_N,
             const MfccOptions& options) {
  Fit fit;
  fit.hop_s = options.hop_s;
  const FrameBlocks x = model.normalised(mfcc(wave_N, options), transcript.speaker);
  fit.frames = x.frames;
  // All states are scored, not only the transcript's: the fit is compared with that of any phones.
  std::vector<std::int32_t> all(static_cast<std::size_t>(model.state_count()));
  for (std::size_t s = 0; s < all.size(); ++s) all[s] = static_cast<std::int32_t>(s);
  model.table.score(x, all, fit.score_FS);
  std::vector<bool> closed(transcript.phones.size(), false);
  for (bool again = true; again;) {
    again = false;
    fit.trellis = make_trellis(model, transcript, fit.hop_s, closed);
    fit.path = best_path(fit.trellis.chain, static_cast<std::int32_t>(kStates), fit.score_FS, fit.frames,
                         model.state_count(), fit.score);
    for (const Run& run : runs_of(fit.trellis, fit.path))
      if (run.phone <= -2 && static_cast<double>(run.end - run.first) * fit.hop_s < model.options.min_pause_s)
        closed[static_cast<std::size_t>(-2 - run.phone)] = again = true;
  }
  return fit;
}

}  // namespace

Alignment Aligner::align(const Transcript& transcript, std::span<const float> wave_N) const {
  const auto phones = static_cast<std::int64_t>(transcript.phones.size());
  if (phones == 0)
    throw DataError(fmt::format("utterance {}: nothing to align, the transcript has no phones", transcript.id));
  const double duration_s = static_cast<double>(wave_N.size()) / model_->options.rate_hz;
  MfccOptions options = model_->mfcc;
  Fit fit = fit_clip(*model_, transcript, wave_N, options);
  if (fit.path.empty()) {  // hurried speech: frames twice as dense, deltas over the same time
    options.hop_s /= 2;
    options.delta_frames *= 2;
    fit = fit_clip(*model_, transcript, wave_N, options);
  }
  if (fit.path.empty())
    throw DataError(fmt::format("the text does not fit the recording: {:.2f} s are too short for the {} phones of {}",
                                duration_s, phones, transcript.id),
                    "is the text really what is said?");

  Alignment result;
  const auto runs = runs_of(fit.trellis, fit.path);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const Run& run = runs[i];
    const bool speech = run.phone >= 0 && run.phone < phones;
    const double start_s = result.phones.empty() ? 0.0 : result.phones.back().end_s;
    const double end_s = i + 1 == runs.size()
                             ? duration_s
                             : std::clamp(static_cast<double>(run.end) * fit.hop_s + model_->options.boundary_shift_s,
                                          start_s, duration_s);
    result.phones.push_back({start_s, end_s,
                             speech            ? transcript.phones[static_cast<std::size_t>(run.phone)]
                             : run.phone <= -2 ? "sp"
                                               : "sil"});
    result.word_of_phone.push_back(speech ? transcript.word_of_phone[static_cast<std::size_t>(run.phone)] : -1);
  }
  result.score = fit_score(*model_, fit.trellis, fit.path, fit.score, fit.score_FS, phones, fit.hop_s);
  result.confidence = model_->calibration.probability(result.score);
  return result;
}

}  // namespace timbre::align
