#include <fmt/format.h>

#include <algorithm>

#include "base/files.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/numpy_random.h"
#include "base/strings.h"
#include "corpus/memmap_rows.h"
#include "prepare/llasa_recipe.h"
#include "prepare/speed_pairs.h"

/// Stage 4: rows of ids.
namespace timbre::prepare {

namespace {

using nlohmann::json;
using tokenizer::Tokenizer;

/// What a row is made of, before it is one.
struct Wanted {
  SpeedPair pair;  ///< of llasa: `medium` alone
  bool val = false;
};

struct Rows {
  std::vector<Wanted> wanted;
  std::vector<Skipped> left_out;
  std::vector<std::string> notes;
};

/// Takes out the clips that no row can be made of, so that none of them is held out in place of one that could. The
/// reference draws first and finds out later.
void keep_usable(const LlasaJob& job, const std::map<std::string, LlasaClip>& clips, std::vector<std::string>& names,
                 std::vector<Skipped>& left_out) {
  if (job.options.as_reference) return;
  const CodesFolder codes(job.codes());
  std::erase_if(names, [&](const std::string& name) {
    if (!clips.contains(name)) {
      left_out.push_back({name, "no caption"});
      return true;
    }
    const auto loaded = codes.load(name);
    if (const auto* why = std::get_if<std::string>(&loaded)) left_out.push_back({name, *why});
    return loaded.index() == 1;
  });
}

/// The script's own order: all names shuffled, the last of them held out.
Rows plain_plan(const LlasaJob& job, const LlasaSource& source, const std::map<std::string, LlasaClip>& clips) {
  const LlasaOptions& o = job.options;
  Rows rows;
  std::vector<std::string> names;
  for (const LlasaClip& clip : source.clips) names.push_back(clip.name);
  keep_usable(job, clips, names, rows.left_out);
  NumpyRandom(static_cast<std::uint32_t>(o.seed)).shuffle(names);
  constexpr std::size_t kReference = 1000;
  std::size_t held = o.val_count >= 0 ? static_cast<std::size_t>(o.val_count) : kReference;
  if (o.val_count < 0 && !o.as_reference && names.size() < 10 * kReference)
    held = std::max<std::size_t>(1, names.size() / 10);
  if (held >= names.size())
    throw DataError(
        fmt::format("{} clips: with {} held out there is no row to train on", names.size(), held),
        o.as_reference ? "without --as-reference a tenth is held out; --val-count says otherwise" : "give --val-count");
  for (std::size_t i = 0; i < names.size(); ++i) {
    SpeedPair alone;
    alone.medium = names[i];
    rows.wanted.push_back({std::move(alone), i >= names.size() - held});
  }
  return rows;
}

Rows speed_plan(const LlasaJob& job, const std::map<std::string, LlasaClip>& clips) {
  std::map<std::string, std::string> copies;
  for (const auto& [name, clip] : clips)
    if (!clip.copy_of.empty()) copies[name] = clip.copy_of;
  Rows rows;
  std::vector<SpeedLists> lists = read_speed_lists(job.lists());
  for (SpeedLists& l : lists)
    for (auto* names : {&l.slow, &l.medium, &l.fast}) keep_usable(job, clips, *names, rows.left_out);
  PairPlan plan = plan_pairs(lists,
                             {.seed = static_cast<std::uint32_t>(job.options.seed),
                              .val_share = job.options.val_share,
                              .passes = job.options.passes,
                              .medium_share = job.options.medium_share,
                              .alone = job.options.alone,
                              .as_reference = job.options.as_reference},
                             copies);
  rows.left_out.insert(rows.left_out.end(), plan.left_out.begin(), plan.left_out.end());
  rows.notes = std::move(plan.notes);
  for (SpeedPair& pair : plan.pairs) {
    const bool val = pair.val;
    rows.wanted.push_back({std::move(pair), val});
  }
  return rows;
}

Tokenizer open_tokenizer(const LlasaJob& job) {
  Tokenizer own = Tokenizer::read(job.options.tokenizer);
  if (job.speed() && !tokenizer::SpeechTokens::of(own).has_speeds()) tokenizer::add_speed_tokens(own);
  return own;
}

/// Hash of what the tokenizer is, whatever its folder is called.
json tokenizer_hashes(const std::string& given) {
  if (!fs::is_directory(given)) return hashes_of({given});
  std::vector<fs::path> files;
  for (const char* name : {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja"})
    if (fs::is_regular_file(fs::path(given) / name)) files.push_back(fs::path(given) / name);
  return hashes_of(files);
}

/// Sizes, times and names of all code files: cheap, and other codes make other rows.
std::string codes_stamp(const fs::path& folder) {
  std::vector<std::string> lines;
  std::error_code absent;
  for (const auto& entry : fs::directory_iterator(folder, absent))
    if (entry.is_regular_file())
      lines.push_back(fmt::format("{} {} {}\n", entry.path().filename().string(), entry.file_size(),
                                  entry.last_write_time().time_since_epoch().count()));
  std::sort(lines.begin(), lines.end());
  return hash_hex(join(lines, ""));
}

/// Rows of both splits, as they are written.
class Writer {
 public:
  Writer(const LlasaJob& job, const RowMaker& maker, const std::map<std::string, LlasaClip>& clips)
      : job_(job), maker_(maker), clips_(clips), codes_(job.codes()) {}

  void write(Rows& rows) {
    corpus::MemmapRowsWriter train(job_.rows(), "train", job_.options.row_length);
    corpus::MemmapRowsWriter val(job_.rows(), "val", job_.options.row_length);
    for (std::size_t i = 0; i < rows.wanted.size(); ++i) {
      const Wanted& wanted = rows.wanted[i];
      RowMaker::Result row = row_of(wanted.pair);
      if (const auto* why = std::get_if<std::string>(&row)) {
        rows.left_out.push_back({wanted.pair.medium.empty() ? wanted.pair.partner : wanted.pair.medium, *why});
        continue;
      }
      const auto& made = std::get<RowMaker::Row>(row);
      ids_ += std::min(made.length, job_.options.row_length);
      (wanted.val ? val : train).add(made.ids);
      if (!wanted.val)
        copies_ +=
            clips_.at(wanted.pair.partner.empty() ? wanted.pair.medium : wanted.pair.partner).copy_of.empty() ? 0 : 1;
      if (i % 1000 == 999) {
        job_.expect_going_on();
        emit_progress(job_.events, "rows", static_cast<double>(i + 1), static_cast<double>(rows.wanted.size()), "rows");
      }
    }
    counts_ = {{"train", train.size()}, {"val", val.size()}};
    for (const auto& [side, what] : {std::pair(&train, "train on"), std::pair(&val, "validate")})
      if (side->size() == 0 && (side == &train || !job_.options.as_reference))
        throw DataError(
            fmt::format("no row to {}; left out: {}{}", what, rows.left_out.size(), first_of(rows.left_out)),
            "--row-length, --codec and --tokenizer decide how long rows are; --seed draws others");
    train.commit();
    val.commit();
  }

  const json& counts() const { return counts_; }
  std::int64_t ids() const { return ids_; }
  std::int64_t rows_with_copies() const { return copies_; }

 private:
  static std::string first_of(const std::vector<Skipped>& left_out) {
    return left_out.empty() ? "" : fmt::format(", the first ({}) for: {}", left_out[0].id, left_out[0].reason);
  }
  const LlasaClip* find(const std::string& name) const {
    const auto found = clips_.find(name);
    return found == clips_.end() ? nullptr : &found->second;
  }
  RowMaker::Result row_of(const SpeedPair& pair) const {
    const LlasaClip* clip = find(pair.medium.empty() ? pair.partner : pair.medium);
    if (clip == nullptr) return std::string("no caption");
    if (pair.partner.empty()) return maker_.plain(clip->text, clip->name, codes_);
    if (pair.medium.empty()) return maker_.marked(pair.tag, clip->text, clip->name, codes_);
    const LlasaClip* partner = find(pair.partner);
    if (partner == nullptr) return fmt::format("no caption of {}, which stands beside it", pair.partner);
    return maker_.paired(clip->text, clip->name, pair.tag, partner->text, partner->name, codes_);
  }

  const LlasaJob& job_;
  const RowMaker& maker_;
  const std::map<std::string, LlasaClip>& clips_;
  CodesFolder codes_;
  json counts_;
  std::int64_t ids_ = 0, copies_ = 0;
};

void write_left_out(const LlasaJob& job, RecipeReport& report) {
  std::string text;
  for (const Skipped& s : report.left_out)
    text += json{{"name", s.id}, {"reason", s.reason}}.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  write_file_atomic(job.rows() / "left_out.jsonl", text);
}

json stretched_about(const LlasaJob& job, std::int64_t rows) {
  const fs::path file = job.out() / "classes.json";
  if (std::error_code absent; rows == 0 || !fs::is_regular_file(file, absent)) return nullptr;
  json about = parse_json(read_file(file), file.string()).value("stretched", json());
  if (about.is_object()) about["rows"] = rows;
  return about;
}

}  // namespace

RowMaker::RowMaker(const Tokenizer& tokenizer, std::int64_t row_length, std::int64_t overhead, TooLong too_long,
                   bool refuse_marks)
    : rows_(tokenizer),
      row_length_(row_length),
      overhead_(overhead),
      too_long_(too_long),
      refuse_marks_(refuse_marks) {}

std::string RowMaker::fault_of(const std::string& text) const {
  if (trim(text).empty() && refuse_marks_) return "an empty caption";
  if (!refuse_marks_) return {};
  const auto mark = rows_.mark_in(text);
  return mark ? fmt::format("its caption holds the mark {}", *mark) : "";
}

RowMaker::Result RowMaker::fit(std::vector<std::int32_t> row) const {
  const auto length = static_cast<std::int64_t>(row.size());
  if (too_long_ == TooLong::drop && length > row_length_)
    return fmt::format("{} ids, a row has {}", length, row_length_);
  if (too_long_ == TooLong::drop_with_template && length + overhead_ > row_length_)
    return fmt::format("{} ids, with the chat template's {} a row has {}: its end would be cut off", length, overhead_,
                       row_length_);
  return Row{rows_.fitted(std::move(row), row_length_), length};
}

RowMaker::Result RowMaker::plain(const std::string& text, const std::string& name, const CodesFolder& codes) const {
  if (std::string fault = fault_of(text); !fault.empty()) return fault;
  auto own = codes.load(name);
  if (auto* why = std::get_if<std::string>(&own)) return std::move(*why);
  return fit(rows_.plain(text, std::get<0>(own), name));
}

RowMaker::Result RowMaker::marked(tokenizer::Speed speed, const std::string& text, const std::string& name,
                                  const CodesFolder& codes) const {
  if (std::string fault = fault_of(text); !fault.empty()) return fault;
  auto own = codes.load(name);
  if (auto* why = std::get_if<std::string>(&own)) return std::move(*why);
  return fit(rows_.paired("", speed, text, {}, std::get<0>(own), name));
}

RowMaker::Result RowMaker::paired(const std::string& text, const std::string& name, tokenizer::Speed speed,
                                  const std::string& partner_text, const std::string& partner,
                                  const CodesFolder& codes) const {
  for (const auto& [of, said] : {std::pair(&name, &text), std::pair(&partner, &partner_text)})
    if (const std::string fault = fault_of(*said); !fault.empty()) return fmt::format("{}: {}", *of, fault);
  auto own = codes.load(name);
  if (auto* why = std::get_if<std::string>(&own)) return std::move(*why);
  auto other = codes.load(partner);
  if (auto* why = std::get_if<std::string>(&other)) return fmt::format("{}, which stands beside it: {}", partner, *why);
  return fit(rows_.paired(text, speed, partner_text, std::get<0>(own), std::get<0>(other), name + " and " + partner));
}

RecipeReport make_rows(const LlasaJob& job) {
  const LlasaOptions& o = job.options;
  RecipeReport report;
  const LlasaSource source = read_llasa_source(job);
  const auto clips = source.by_name(job);
  json inputs = source.made_of;
  inputs["codes"] = codes_stamp(job.codes());
  inputs.update(tokenizer_hashes(o.tokenizer));
  if (job.speed())
    for (const SpeedLists& lists : read_speed_lists(job.lists()))
      inputs["lists of " + lists.speaker] =
          hash_hex(join(lists.slow, "\n") + "\n\n" + join(lists.medium, "\n") + "\n\n" + join(lists.fast, "\n"));
  const DoneMarker marker(job.rows() / ".llasa.rows.done", {{"recipe", o.recipe},
                                                            {"inputs", inputs},
                                                            {"row_length", o.row_length},
                                                            {"date", o.date},
                                                            {"seed", o.seed},
                                                            {"val_share", o.val_share},
                                                            {"val_count", o.val_count},
                                                            {"passes", o.passes},
                                                            {"medium_share", o.medium_share},
                                                            {"alone", o.alone},
                                                            {"as_reference", o.as_reference}});
  const fs::path about_file = job.rows() / "rows.json";
  if (marker.done() && fs::is_regular_file(about_file)) {
    report.kept = true;
    report.counts = parse_json(read_file(about_file), about_file.string())["rows"];
    return report;
  }
  if (const std::string stale = marker.stale(); !stale.empty()) report.lines.push_back("rows are made anew: " + stale);
  make_folders(job.rows());
  const Tokenizer tokenizer = open_tokenizer(job);
  const tokenizer::RowExpander expander(tokenizer, o.date, o.row_length);
  const auto too_long = !o.as_reference ? RowMaker::TooLong::drop_with_template
                        : job.speed()   ? RowMaker::TooLong::drop
                                        : RowMaker::TooLong::cut;
  const RowMaker maker(tokenizer, o.row_length, expander.overhead(), too_long, !o.as_reference);
  Rows rows = job.speed() ? speed_plan(job, clips) : plain_plan(job, source, clips);
  Writer writer(job, maker, clips);
  writer.write(rows);
  report.lines.insert(report.lines.end(), rows.notes.begin(), rows.notes.end());
  report.left_out = std::move(rows.left_out);
  report.counts = writer.counts();
  write_left_out(job, report);
  tokenizer.write(job.rows() / "tokenizer");
  json about = {{"recipe", o.recipe},
                {"rows", report.counts},
                {"row_length", o.row_length},
                {"ids", writer.ids()},
                {"left_out", report.left_out.size()},
                {"seed", o.seed},
                {"as_reference", o.as_reference},
                {"vocabulary", tokenizer.size()},
                {"template", {{"date", o.date}, {"ids", expander.overhead()}}}};
  if (json stretched = stretched_about(job, writer.rows_with_copies()); !stretched.is_null())
    about["stretched"] = stretched;
  const fs::path codes_about = job.codes() / "made_of.json";
  if (fs::is_regular_file(codes_about))
    about["codec"] = parse_json(read_file(codes_about), codes_about.string()).value("codec", json());
  write_file_atomic(about_file, about.dump(2) + "\n");
  marker.set();
  report.lines.push_back(
      fmt::format("{} rows to train on, {} to validate, {} ids of each, {:.0f} % of them padding",
                  report.counts["train"].get<std::int64_t>(), report.counts["val"].get<std::int64_t>(), o.row_length,
                  100 - 100.0 * static_cast<double>(writer.ids()) /
                            static_cast<double>(o.row_length * (report.counts["train"].get<std::int64_t>() +
                                                                report.counts["val"].get<std::int64_t>()))));
  return report;
}

}  // namespace timbre::prepare
