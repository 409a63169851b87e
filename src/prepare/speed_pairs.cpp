#include "prepare/speed_pairs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/numpy_random.h"
#include "base/python_random.h"

namespace timbre::prepare {

namespace {

using Names = std::vector<std::string>;
using tokenizer::Speed;

struct Medium {
  std::string name;
  std::size_t speaker = 0;  ///< place in the lists
};

/// Where the partners of one side come from.
struct Partners {
  Names slow, fast, medium;
};

/// Moves a part of `from`, at least one, to what is returned, and leaves at least one; with a single clip both sides
/// have it.
Names hold_out(Names& from, double share, PythonRandom& random) {
  if (from.size() < 2) return from;
  random.shuffle(from);
  const auto wanted = static_cast<std::size_t>(std::ceil(share * static_cast<double>(from.size())));
  const std::size_t count = std::clamp<std::size_t>(wanted, 1, from.size() - 1);
  Names held(from.end() - static_cast<std::ptrdiff_t>(count), from.end());
  from.resize(from.size() - count);
  std::sort(from.begin(), from.end());
  std::sort(held.begin(), held.end());
  return held;
}

class Planner {
 public:
  Planner(const std::vector<SpeedLists>& lists, const PairRules& rules,
          const std::map<std::string, std::string>& copy_of)
      : lists_(lists), rules_(rules), copy_of_(copy_of), random_(rules.seed) {
    for (const SpeedLists& l : lists) train_.push_back({l.slow, l.fast, {}});
    val_ = train_;
  }

  PairPlan plan() {
    std::vector<Medium> mediums;
    for (std::size_t s = 0; s < lists_.size(); ++s)
      for (const std::string& name : lists_[s].medium) mediums.push_back({name, s});
    NumpyRandom(rules_.seed).shuffle(mediums);
    const std::size_t held = held_out(mediums.size());
    const std::size_t train = mediums.size() - held;
    if (!rules_.as_reference) part(mediums, train);
    for (std::size_t i = 0; i < train; ++i) train_[mediums[i].speaker].medium.push_back(mediums[i].name);
    for (std::int64_t pass = 0; pass < rules_.passes; ++pass)
      for (std::size_t i = 0; i < train; ++i) draw(mediums[i], false, pass == 0);
    for (std::int64_t time = 0; time < rules_.alone; ++time) add_alone();
    for (std::size_t i = train; i < mediums.size(); ++i) draw(mediums[i], true, true);
    return std::move(plan_);
  }

 private:
  std::size_t held_out(std::size_t count) const {
    const auto share = static_cast<std::size_t>(rules_.val_share * static_cast<double>(count));
    if (rules_.as_reference) {
      if (share > 0) return share;
      throw DataError(
          fmt::format("{} medium clips: the reference holds out the last {} % of them, which is none, takes all "
                      "for validation instead and has no row to train on",
                      count, 100 * rules_.val_share),
          "without --as-reference at least one is held out");
    }
    if (count < 2)
      throw DataError(fmt::format("{} medium {}: rows to train on and one to validate need two", count,
                                  count == 1 ? "clip" : "clips"),
                      "more clips, other thresholds (--slow, --fast) or --classes quantiles");
    return std::clamp<std::size_t>(share, 1, count - 1);
  }

  /// Slow and fast clips of the speakers that have val rows are divided between the two sides.
  void part(const std::vector<Medium>& mediums, std::size_t train) {
    std::vector<bool> validated(lists_.size());
    for (std::size_t i = train; i < mediums.size(); ++i) validated[mediums[i].speaker] = true;
    for (std::size_t s = 0; s < lists_.size(); ++s) {
      if (!validated[s]) continue;
      for (Names Partners::*speed : {&Partners::slow, &Partners::fast}) {
        if ((train_[s].*speed).size() == 1)
          plan_.notes.push_back(fmt::format("{}: the only {} clip, {}, stands in train and val rows", lists_[s].speaker,
                                            speed == &Partners::slow ? "slow" : "fast", (train_[s].*speed)[0]));
        val_[s].*speed = hold_out(train_[s].*speed, rules_.val_share, random_);
      }
    }
  }

  bool own_copy(const std::string& medium, const std::string& partner) const {
    const auto found = copy_of_.find(partner);
    return found != copy_of_.end() && found->second == medium;
  }

  const Partners& without_own_copies(const Partners& all, const std::string& medium) {
    if (rules_.as_reference || copy_of_.empty()) return all;
    filtered_ = all;
    for (Names Partners::*speed : {&Partners::slow, &Partners::fast})
      std::erase_if(filtered_.*speed, [&](const std::string& name) { return own_copy(medium, name); });
    return filtered_;
  }

  /// A medium partner where the rules want one and there is one.
  bool draw_medium(const Medium& medium, SpeedPair& pair) {
    const Names& others = train_[medium.speaker].medium;
    if (rules_.medium_share <= 0 || others.size() < 2 || random_.random() >= rules_.medium_share) return false;
    do pair.partner = random_.choice(others);
    while (pair.partner == medium.name);
    pair.tag = Speed::medium;
    return true;
  }

  void draw(const Medium& medium, bool val, bool tell) {
    const Partners& all = val ? val_[medium.speaker] : train_[medium.speaker];
    SpeedPair pair{lists_[medium.speaker].speaker, medium.name, "", Speed::fast, val};
    if (!val && draw_medium(medium, pair)) {
      plan_.pairs.push_back(std::move(pair));
      return;
    }
    const Partners& usable = without_own_copies(all, medium.name);
    if (usable.slow.empty() && usable.fast.empty()) {
      if (tell) plan_.left_out.push_back({medium.name, "its speaker has no slow or fast clip to stand beside it"});
      return;
    }
    pair.tag = random_.below(2) == 0 ? Speed::fast : Speed::slow;  // random.choice(['fast', 'slow'])
    if (usable.fast.empty()) pair.tag = Speed::slow;
    if (usable.slow.empty()) pair.tag = Speed::fast;
    pair.partner = random_.choice(pair.tag == Speed::fast ? usable.fast : usable.slow);
    plan_.pairs.push_back(std::move(pair));
  }

  void add_alone() {
    for (std::size_t s = 0; s < lists_.size(); ++s) {
      const std::string& speaker = lists_[s].speaker;
      for (const std::string& name : train_[s].medium) plan_.pairs.push_back({speaker, name, "", Speed::medium, false});
      for (const std::string& name : train_[s].slow) plan_.pairs.push_back({speaker, "", name, Speed::slow, false});
      for (const std::string& name : train_[s].fast) plan_.pairs.push_back({speaker, "", name, Speed::fast, false});
    }
  }

  const std::vector<SpeedLists>& lists_;
  const PairRules& rules_;
  const std::map<std::string, std::string>& copy_of_;
  PythonRandom random_;
  std::vector<Partners> train_, val_;  ///< by speaker
  Partners filtered_;
  PairPlan plan_;
};

}  // namespace

PairPlan plan_pairs(const std::vector<SpeedLists>& lists, const PairRules& rules,
                    const std::map<std::string, std::string>& copy_of) {
  return Planner(lists, rules, copy_of).plan();
}

}  // namespace timbre::prepare
