#include "report/doctor_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "audio/decode.h"
#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "corpus/stats.h"
#include "plot/histogram.h"
#include "plot/png.h"
#include "report/page.h"
#include "report/sound.h"

namespace timbre::report {
namespace {

using corpus::Corpus;
using doctor::Examination;
using doctor::Severity;

/// The beginning of a clip, in the memory of that beginning.
class Beginning : public audio::BlockSink {
 public:
  explicit Beginning(double seconds) : seconds_(seconds) {}
  void begin(const audio::AudioInfo& info) override { rate_hz = info.rate_hz; }
  void take(std::span<const float> block_N) override {
    const auto most = static_cast<std::size_t>(seconds_ * static_cast<double>(rate_hz));
    const std::size_t wanted = std::min(block_N.size(), most - std::min(most, samples_N.size()));
    samples_N.insert(samples_N.end(), block_N.begin(), block_N.begin() + static_cast<std::ptrdiff_t>(wanted));
  }
  std::int64_t rate_hz = 0;
  std::vector<float> samples_N;

 private:
  double seconds_;
};

/// Players of clips, each encoded once.
class Players {
 public:
  Players(const Corpus& corpus, const DoctorPageOptions& options) : corpus_(corpus), options_(options) {}

  std::string html(const std::string& id) {
    auto [it, is_new] = made_.try_emplace(id);
    if (is_new) it->second = make(id);
    return it->second;
  }

 private:
  std::string make(const std::string& id) const {
    const std::int64_t place = corpus_.find(id);
    if (place < 0) return "";
    Beginning clip(options_.excerpt_s);
    const auto check =
        audio::scan_audio(corpus_.audio_path(corpus_.utterances()[static_cast<std::size_t>(place)]), clip);
    if (clip.samples_N.empty())
      return fmt::format("<span class=\"bad\">{}</span>",
                         escape_html(check.damage.empty() ? "no sound" : check.damage[0].text));
    for (float& x : clip.samples_N)
      if (!std::isfinite(x)) x = 0;  // for the ear alone
    const double whole_s = check.info.duration_s;
    const std::string cut = whole_s > options_.excerpt_s + 0.5 ? fmt::format("<br>the first {:.0f} s of {}",
                                                                             options_.excerpt_s, human_seconds(whole_s))
                                                               : "";
    return Page::player_html(sound_uri(clip.samples_N, clip.rate_hz, "ogg")) + cut;
  }

  const Corpus& corpus_;
  const DoctorPageOptions& options_;
  std::map<std::string, std::string> made_;
};

void add_summary(Page& page, const doctor::CheckReport& report) {
  if (report.findings.empty()) {
    page.paragraph("Nothing found: ready to prepare.");
  } else {
    std::vector<std::vector<std::string>> rows;
    for (const auto& f : report.findings)
      rows.push_back({fmt::format("<a href=\"#{0}\">{0}</a>", escape_html(f.rule)),
                      f.severity == Severity::fatal ? "<span class=\"bad\">fatal</span>"
                                                    : escape_html(doctor::to_string(f.severity)),
                      std::to_string(f.count), escape_html(f.what), escape_html(f.remedy),
                      escape_html(doctor::to_string(f.cure))});
    page.table_html({"rule", "", "count", "what it means", "what to do", "check --fix would"}, rows);
  }
  const doctor::Needs& n = report.needs;
  page.paragraph(fmt::format("To prepare and train: about {} of disk ({} free) and {} of memory ({} available).",
                             human_bytes(n.disk_bytes), human_bytes(n.disk_free_bytes), human_bytes(n.memory_bytes),
                             human_bytes(n.memory_available_bytes)));
  for (const auto& [rule, why] : report.not_run) page.paragraph(fmt::format("Not run: {} ({}).", rule, why));
}

void add_findings(Page& page, const Corpus& corpus, const doctor::CheckReport& report,
                  const DoctorPageOptions& options) {
  Players players(corpus, options);
  for (const auto& f : report.findings) {
    page.anchor(f.rule);
    page.section(fmt::format("{} ({})", f.rule, f.count), f.what + ". → " + f.remedy);
    std::vector<std::vector<std::string>> rows;
    bool about_clips = false;
    for (const auto& example : f.worst) {
      const bool heard = !example.id.empty() && static_cast<std::int64_t>(rows.size()) < options.players;
      about_clips = about_clips || !example.id.empty();
      rows.push_back({escape_html(example.id), escape_html(example.detail), heard ? players.html(example.id) : ""});
    }
    if (about_clips)
      page.table_html({"worst clips", "", ""}, rows);
    else
      for (const auto& row : rows) page.paragraph_html(row[1]);
  }
}

void add_histograms(Page& page, const Corpus& corpus, const Examination& seen) {
  const corpus::CorpusSamples samples = corpus::corpus_samples(corpus.utterances());
  std::vector<double> levels_db, edges_s;
  for (const doctor::ClipFacts& f : seen.facts) {
    if (!f.readable || f.bad_samples) continue;
    levels_db.push_back(f.speech_db);
    edges_s.push_back(std::max(f.leading_silence_s, f.trailing_silence_s));
  }
  page.section("The corpus at a glance", "Lonely bars at the edges are worth a listen.");
  const auto draw = [&](const std::vector<double>& values, const char* title, const char* unit) {
    if (values.empty()) return;
    page.svg(plot::histogram_svg({.values = values, .bars = 0, .title = title, .x_label = unit, .size = {1040, 240}}));
  };
  draw(samples.durations_s, "Clip length", "seconds");
  draw(samples.characters_per_s, "Speaking rate", "characters per second");
  draw(levels_db, "Speech level", "dB of full scale");
  draw(edges_s, "Silence at the longer end", "seconds");
}

}  // namespace

std::string doctor_page(const Corpus& corpus, const Examination& seen, const DoctorPageOptions& options) {
  const doctor::CheckReport& report = seen.report;
  Page page(fmt::format("The doctor on {}", corpus.name()),
            fmt::format("{} utterances, {}; {} rules", report.utterances, human_seconds(report.duration_s),
                        report.rules_run));
  add_summary(page, report);
  add_histograms(page, corpus, seen);
  add_findings(page, corpus, report, options);
  return page.html();
}

}  // namespace timbre::report
