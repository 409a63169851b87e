#include "corpus/split.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_map>

#include "base/error.h"
#include "base/files.h"
#include "base/rng.h"
#include "base/strings.h"
#include "text/letters.h"

namespace timbre::corpus {

std::string_view to_string(Side side) {
  switch (side) {
    case Side::train:
      return "train";
    case Side::valid:
      return "valid";
    case Side::test:
      return "test";
    case Side::unused:
      return "unused";
  }
  return "";
}

config::Fields fields(SplitOptions& o) {
  config::Fields f;
  f.add("seed", o.seed, "of the draw");
  f.add("valid", o.valid, "validation side: a share below 1, or a number of utterances").range(0, 1e9);
  f.add("test", o.test, "test side: a share below 1, or a number of utterances").range(0, 1e9);
  f.add("valid_ids", o.valid_ids, "exactly these for validation").metavar("ID,…");
  f.add("test_ids", o.test_ids, "exactly these for testing").metavar("ID,…");
  f.add("valid_list", o.valid_list, "file of ids for validation, one a line").metavar("FILE");
  f.add("test_list", o.test_list, "file of ids for testing, one a line (timbre heldout writes one)").metavar("FILE");
  f.add("use_source", o.use_source, "keep the split that the source marks");
  return f;
}

std::vector<std::int64_t> Split::indices(Side side) const {
  std::vector<std::int64_t> all;
  for (std::size_t i = 0; i < side_of.size(); ++i)
    if (side_of[i] == side) all.push_back(static_cast<std::int64_t>(i));
  return all;
}

std::string text_key(std::string_view text) {
  std::string key;
  bool gap = false;
  for (std::size_t at = 0; at < text.size();) {
    char32_t c = text::next_code_point(text, at);
    if (text::is_letter(c) || text::is_digit(c) || text::is_combining_mark(c)) {
      if (gap && !key.empty()) key += ' ';
      gap = false;
      append_utf8(key, text::to_lower(c));
    } else if (c != U'\'' && c != U'’') {  // "don't" is one word
      gap = true;
    }
  }
  return key;
}

std::vector<std::string> read_id_list(const std::string& file) {
  std::vector<std::string> ids;
  for (const auto& line : split(read_file(file), '\n')) {
    if (const auto id = trim(line); !id.empty()) ids.emplace_back(id);
  }
  return ids;
}

namespace {

/// The ids on a list and in its file, in order.
std::vector<std::string> all_ids(std::vector<std::string> ids, const std::string& file) {
  if (file.empty()) return ids;
  for (std::string& id : read_id_list(file)) ids.push_back(std::move(id));
  return ids;
}

/// Utterances that must stay on one side: the same text, whoever says it.
struct Group {
  std::vector<std::uint32_t> members;
  std::int64_t originals = 0;  ///< members that are no copies
  Side side = Side::train;
  bool fixed = false;
  bool spare = false;  ///< on the train side by its source's mark: may still be drawn when a side would stay empty
};

class Splitter {
 public:
  Splitter(std::span<const Utterance> utterances, const SplitOptions& options)
      : utterances_(utterances), options_(options), group_of_(utterances.size()) {
    // By hash, so that a million texts fit; two texts of one hash would merely stay together.
    std::unordered_map<std::uint64_t, std::size_t> by_text;
    for (std::size_t i = 0; i < utterances.size(); ++i) {
      // Texts without letters are groups of their own.
      std::string key = text_key(utterances[i].text);
      auto [it, is_new] =
          by_text.try_emplace(std::hash<std::string>{}(key.empty() ? "\n" + utterances[i].id : key), groups_.size());
      if (is_new) groups_.emplace_back();
      group_of_[i] = it->second;
      groups_[it->second].members.push_back(static_cast<std::uint32_t>(i));
      groups_[it->second].originals += !is_copy(utterances[i]);
    }
  }

  Split run() {
    split_.side_of.assign(utterances_.size(), Side::train);
    exact_.assign(utterances_.size(), false);
    const auto test_ids = all_ids(options_.test_ids, options_.test_list),
               valid_ids = all_ids(options_.valid_ids, options_.valid_list);
    hold_out(test_ids, Side::test);
    hold_out(valid_ids, Side::valid);
    if (options_.use_source) keep_source();
    if (test_ids.empty()) draw(Side::test, options_.test);
    if (valid_ids.empty()) draw(Side::valid, options_.valid);
    settle();
    return std::move(split_);
  }

 private:
  void hold_out(const std::vector<std::string>& ids, Side side) {
    if (ids.empty()) return;
    if (places_.empty())
      for (std::size_t i = 0; i < utterances_.size(); ++i) places_.emplace(utterances_[i].id, i);
    for (const std::string& id : ids) {
      auto it = places_.find(id);
      if (it == places_.end()) throw UsageError(fmt::format("held-out id '{}' is not in the corpus", id));
      if (exact_[it->second]) {
        if (split_.side_of[it->second] != side)
          throw UsageError(fmt::format("id '{}' is on both lists of held-out ids", id));
        continue;
      }
      Group& group = groups_[group_of_[it->second]];
      if (group.fixed && group.side != side)
        throw UsageError(fmt::format("'{}' is to be held out for {}, but its text is also held out for {}", id,
                                     to_string(side), to_string(group.side)));
      group.fixed = true;
      group.side = side;
      exact_[it->second] = true;
      split_.side_of[it->second] = side;
    }
  }

  /// The source's own marks; held out wins where one text is marked twice.
  void keep_source() {
    for (Side side : {Side::test, Side::valid, Side::train})
      for (std::size_t i = 0; i < utterances_.size(); ++i) {
        if (utterances_[i].split != to_string(side)) continue;
        Group& group = groups_[group_of_[i]];
        if (group.fixed && group.side != side && !exact_[i]) ++leaks_;
        if (group.fixed) continue;
        group.fixed = true;
        group.side = side;
        group.spare = side == Side::train;
      }
  }

  /// Texts without a mark; where there are not even two, those that the source marks "train" as well.
  bool can_be_drawn(const Group& group) const { return !group.fixed || (group.spare && spare_too_); }

  std::int64_t count_on(Side side) const {
    std::int64_t count = 0;
    for (const Group& group : groups_)
      if (group.fixed && group.side == side) count += group.originals;
    return count;
  }

  /// Draws whole groups, speaker by speaker in proportion, until `wanted` utterances (copies not counted) are there.
  /// Where the source marks a training side and no held-out one, they come from the training side.
  void draw(Side side, double wanted) {
    if (wanted <= 0 || count_on(side) > 0) return;
    spare_too_ = std::count_if(groups_.begin(), groups_.end(), [](const Group& g) { return !g.fixed; }) < 2;
    std::map<std::string, std::vector<std::size_t>> free;  ///< speaker of the first member → groups
    std::int64_t open = 0;
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      if (!can_be_drawn(groups_[g]) || groups_[g].originals == 0) continue;
      free[utterances_[groups_[g].members[0]].speaker].push_back(g);
      open += groups_[g].originals;
    }
    double share = wanted < 1 ? wanted : wanted / std::max<double>(1, static_cast<double>(open));
    double owed = 0;  // carried from speaker to speaker, so that many small ones still give their share together
    std::uint64_t stream = side == Side::test ? 1 : 2;
    for (auto& [speaker, list] : free) {
      Philox rng(static_cast<std::uint64_t>(options_.seed), stream++ << 8 | 7);
      rng.shuffle(list);
      std::int64_t mine = 0;
      for (std::size_t g : list) mine += groups_[g].originals;
      owed += share * static_cast<double>(mine);
      std::size_t left = list.size();
      for (std::size_t g : list) {
        const auto size = static_cast<double>(groups_[g].originals);
        // Half a group may be too much; the last text of a speaker stays for training.
        if (left-- <= 1 || owed + 1e-9 < size / 2) continue;
        take(g, side);
        owed -= size;
      }
    }
    if (count_on(side) == 0) take_one(free, side);
  }

  void take(std::size_t group, Side side) {
    groups_[group].fixed = true;
    groups_[group].spare = false;
    groups_[group].side = side;
  }

  /// The share was less than one text: one is taken all the same, from whoever has most.
  void take_one(const std::map<std::string, std::vector<std::size_t>>& free, Side side) {
    const std::vector<std::size_t>* most = nullptr;
    for (const auto& [speaker, list] : free)
      if (!most || list.size() > most->size()) most = &list;
    std::int64_t open = 0;
    for (const Group& group : groups_) open += can_be_drawn(group);
    if (!most || open < 2)
      throw DataError(fmt::format("the {} side would stay empty: {} different texts cannot be shared out",
                                  to_string(side), groups_.size()),
                      "import more data, or hold nothing out (--valid 0)");
    take(most->front(), side);
  }

  void settle() {
    for (const Group& group : groups_)
      for (std::uint32_t i : group.members) {
        if (exact_[i]) continue;
        // Beside an id that was asked for, others with its text are on no side: not trained on, not counted in.
        const bool held_out = group.side != Side::train;
        const bool aside = held_out && (is_listed(group) || is_copy(utterances_[i]));
        split_.side_of[i] = aside ? Side::unused : group.side;
      }
    for (Side side : split_.side_of)
      ++(side == Side::train   ? split_.train
         : side == Side::valid ? split_.valid
         : side == Side::test  ? split_.test
                               : split_.unused);
    if (split_.train == 0)
      throw DataError("the train side would stay empty: every text is held out", "hold out fewer utterances");
    if (split_.unused)
      split_.notes.push_back(fmt::format(
          "{} utterances have the text of a held-out one, or are copies of one, and are left out of training",
          split_.unused));
    if (leaks_)
      split_.notes.push_back(
          fmt::format("{} utterances were moved from the side their source gives: their text is held out", leaks_));
  }

  bool is_listed(const Group& group) const {
    return std::any_of(group.members.begin(), group.members.end(), [&](std::uint32_t i) { return exact_[i]; });
  }

  std::span<const Utterance> utterances_;
  const SplitOptions& options_;
  std::vector<std::size_t> group_of_;
  std::vector<Group> groups_;
  std::unordered_map<std::string_view, std::size_t> places_;
  std::vector<bool> exact_;
  std::int64_t leaks_ = 0;
  bool spare_too_ = false;
  Split split_;
};

}  // namespace

Split make_split(std::span<const Utterance> utterances, const SplitOptions& options) {
  return Splitter(utterances, options).run();
}

}  // namespace timbre::corpus
