#include <fmt/format.h>

#include <cmath>
#include <cstddef>

#include "align/hmm_model.h"
#include "base/error.h"
#include "base/json.h"

/// A trained aligner as named arrays and back. Lists of names are JSON, since speakers may have any name.
namespace timbre::align {
namespace {

constexpr const char* kRemedy = "train it again";

void append(std::vector<double>& to, const std::vector<double>& from) { to.insert(to.end(), from.begin(), from.end()); }

// Reads arrays by name and length.
class Reader {
 public:
  Reader(const Aligner::Saved& saved, const std::string& where) : saved_(saved), where_(where) {}

  const std::vector<double>& numbers(const std::string& name) const {
    const auto found = saved_.numbers.find(name);
    if (found == saved_.numbers.end()) fail(fmt::format("'{}' is missing", name));
    for (const double v : found->second)
      if (!std::isfinite(v)) fail(fmt::format("'{}' holds what is no number", name));
    return found->second;
  }
  const std::vector<double>& numbers(const std::string& name, std::size_t count) const {
    const auto& values = numbers(name);
    if (values.size() != count) fail(fmt::format("'{}' has {} values; expected {}", name, values.size(), count));
    return values;
  }
  nlohmann::json list(const std::string& name) const {
    const auto found = saved_.texts.find(name);
    if (found == saved_.texts.end()) fail(fmt::format("'{}' is missing", name));
    return parse_json(found->second, where_ + " (" + name + ")", kRemedy);
  }
  [[noreturn]] void fail(const std::string& what) const {
    throw DataError(fmt::format("{}: not a saved aligner: {}", where_, what), kRemedy);
  }

 private:
  const Aligner::Saved& saved_;
  const std::string& where_;
};

std::vector<double> of_options(const AlignerOptions& o) {
  return {o.rate_hz,
          static_cast<double>(o.gaussians),
          static_cast<double>(o.iterations),
          o.train_seconds,
          o.min_pause_s,
          o.boundary_shift_s,
          static_cast<double>(o.seed)};
}

AlignerOptions options_of(const std::vector<double>& v) {
  AlignerOptions o;
  o.rate_hz = v[0];
  o.gaussians = static_cast<std::int64_t>(v[1]);
  o.iterations = static_cast<std::int64_t>(v[2]);
  o.train_seconds = v[3];
  o.min_pause_s = v[4];
  o.boundary_shift_s = v[5];
  o.seed = static_cast<std::uint64_t>(v[6]);
  return o;
}

void load_classes(const Reader& read, Aligner::Model& model) {
  try {
    model.classes = read.list("classes").get<std::map<std::string, std::string>>();
    for (const auto& name : read.list("class_names").get<std::vector<std::string>>()) {
      const auto number = static_cast<std::int64_t>(model.class_number.size()) + 1;
      if (!model.class_number.emplace(name, number).second) read.fail(fmt::format("class '{}' comes twice", name));
    }
  } catch (const nlohmann::json::exception& error) {
    read.fail(error.what());
  }
  for (const auto& [phone, name] : model.classes)
    if (!model.class_number.contains(name)) read.fail(fmt::format("phone '{}' is of no class", phone));
}

void load_states(const Reader& read, Aligner::Model& model, std::size_t width) {
  const auto states = static_cast<std::size_t>(model.state_count());
  const auto& sizes = read.numbers("mixture_sizes", states);
  std::size_t total = 0;
  for (const double size : sizes) {
    if (size < 1 || size > 1e4 || size != std::floor(size)) read.fail("a state has no Gaussians");
    total += static_cast<std::size_t>(size);
  }
  const auto &weights = read.numbers("weights", total), &means = read.numbers("means", total * width),
             &variances = read.numbers("variances", total * width);
  std::size_t g = 0;
  for (const double size : sizes) {
    auto& mixture = model.states.emplace_back();
    for (std::size_t end = g + static_cast<std::size_t>(size); g < end; ++g) {
      const auto at = static_cast<std::ptrdiff_t>(g * width), to = static_cast<std::ptrdiff_t>((g + 1) * width);
      mixture.push_back(
          {weights[g], {means.begin() + at, means.begin() + to}, {variances.begin() + at, variances.begin() + to}});
      for (const double v : mixture.back().variance_D)
        if (!(v > 0)) read.fail("a variance is not above 0");
      if (!(mixture.back().weight > 0)) read.fail("a weight is not above 0");
    }
  }
  model.mean_duration_s = read.numbers("mean_duration_s", states);
  for (const double v : model.mean_duration_s)
    if (!(v > 0)) read.fail("a state lasts no time");
}

void load_speakers(const Reader& read, Aligner::Model& model, std::size_t width) {
  std::vector<std::string> names;
  try {
    names = read.list("speaker_names").get<std::vector<std::string>>();
  } catch (const nlohmann::json::exception& error) {
    read.fail(error.what());
  }
  const auto& values = read.numbers("speakers", 2 * width * (names.size() + 1));
  auto at = values.begin();
  const auto next = [&] {
    Normalisation norm;
    norm.mean_D.assign(at, at + static_cast<std::ptrdiff_t>(width));
    at += static_cast<std::ptrdiff_t>(width);
    norm.deviation_D.assign(at, at + static_cast<std::ptrdiff_t>(width));
    at += static_cast<std::ptrdiff_t>(width);
    for (const double v : norm.deviation_D)
      if (!(v > 0)) read.fail("a deviation is not above 0");
    return norm;
  };
  model.everyone = next();
  for (const auto& name : names) model.speakers[name] = next();
}

}  // namespace

Aligner::Saved Aligner::save() const {
  const Model& m = *model_;
  Saved saved;
  auto& n = saved.numbers;
  n["options"] = of_options(m.options);
  for (const auto& mixture : m.states) {
    n["mixture_sizes"].push_back(static_cast<double>(mixture.size()));
    for (const Gaussian& g : mixture) {
      n["weights"].push_back(g.weight);
      append(n["means"], g.mean_D);
      append(n["variances"], g.variance_D);
    }
  }
  n["mean_duration_s"] = m.mean_duration_s;
  n["pause_probability"] = {m.pause_probability};
  const Calibration& c = m.calibration;
  n["calibration"] = {c.right_score, c.right_scale, c.wrong_score, c.wrong_scale, c.wrong_share};
  n["log_likelihood"] = m.log_likelihood;
  std::vector<std::string> names(m.class_number.size());
  for (const auto& [name, number] : m.class_number) names[static_cast<std::size_t>(number - 1)] = name;
  saved.texts["classes"] = nlohmann::json(m.classes).dump();
  saved.texts["class_names"] = nlohmann::json(names).dump();
  std::vector<std::string> speakers;
  auto& values = n["speakers"];
  append(values, m.everyone.mean_D);
  append(values, m.everyone.deviation_D);
  for (const auto& [name, norm] : m.speakers) {
    speakers.push_back(name);
    append(values, norm.mean_D);
    append(values, norm.deviation_D);
  }
  saved.texts["speaker_names"] = nlohmann::json(speakers).dump();
  return saved;
}

Aligner Aligner::load(const Saved& saved, const std::string& where) {
  const Reader read(saved, where);
  auto model = std::make_unique<Model>();
  model->options = options_of(read.numbers("options", 7));
  if (!(model->options.rate_hz >= 1000)) read.fail("its rate is below 1000 Hz");
  model->mfcc.rate_hz = model->options.rate_hz;
  const auto width = static_cast<std::size_t>(3 * model->mfcc.coefficients);
  load_classes(read, *model);
  load_states(read, *model, width);
  load_speakers(read, *model, width);
  model->pause_probability = read.numbers("pause_probability", 1)[0];
  if (!(model->pause_probability > 0 && model->pause_probability < 1)) read.fail("pauses are no probability");
  const auto& c = read.numbers("calibration", 5);
  if (!(c[1] > 0 && c[3] > 0 && c[2] < c[0] && c[4] > 0 && c[4] < 1)) read.fail("its calibration tells nothing apart");
  model->calibration = {c[0], c[1], c[2], c[3], c[4]};
  model->log_likelihood = read.numbers("log_likelihood");
  model->table = MixtureTable(model->states);
  return Aligner(std::move(model));
}

}  // namespace timbre::align
