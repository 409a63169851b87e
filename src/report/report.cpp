#include "report/report.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "audio/decode.h"
#include "audio/mel.h"
#include "audio/pitch.h"
#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/strings.h"
#include "corpus/columns.h"
#include "corpus/corpus.h"
#include "plot/png.h"
#include "report/curves.h"
#include "report/page.h"
#include "report/sound.h"

namespace timbre::report {
namespace {

using nlohmann::json;

constexpr double kPitchMax_hz = 500;  // upper edge of the pitch line in spectrograms

audio::MelOptions mel_options_at(std::int64_t rate_hz) {
  audio::MelOptions options;
  options.rate_hz = rate_hz;
  options.f_max_hz = std::min<double>(8000, static_cast<double>(rate_hz) / 2);
  return options;
}

/// A clip's mel with its pitch and, when known, its phones.
plot::Png picture_of(const fs::path& wav, const std::string& title, const std::vector<plot::Segment>& segments) {
  const auto clip = audio::decode_audio(wav);
  const auto options = mel_options_at(clip.rate_hz);
  const auto mel = audio::mel_spectrogram(clip.samples_N, options);
  auto pitch_F = audio::pitch_dio_stonemask(clip.samples_N, clip.rate_hz, options.hop_samples);
  pitch_F.resize(static_cast<std::size_t>(mel.frames), 0.0);
  return plot::draw_mel({.mel_FM = mel.values_FM,
                         .frames = mel.frames,
                         .bins = mel.bins,
                         .frame_s = static_cast<double>(options.hop_samples) / static_cast<double>(clip.rate_hz),
                         .title = title,
                         .segments = segments,
                         .pitch_F = pitch_F,
                         .pitch_max_hz = kPitchMax_hz,
                         .size = {1040, 320}});
}

std::string speech_uri(const fs::path& wav) {
  const auto clip = audio::decode_audio(wav);
  return sound_uri(clip.samples_N, clip.rate_hz, "ogg");
}

std::vector<plot::Segment> segments_of(const json& timestamps, double frame_s) {
  std::vector<plot::Segment> segments;
  for (const auto& piece : timestamps.at("pieces")) {
    for (const auto& phone : piece.at("phones")) {
      const auto first = static_cast<std::int64_t>(phone.at("start_s").get<double>() / frame_s + 0.5);
      const auto end = static_cast<std::int64_t>(phone.at("end_s").get<double>() / frame_s + 0.5);
      segments.push_back({phone.at("phone").get<std::string>(), first, end - first});
    }
  }
  return segments;
}

void add_said(Page& page, const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".wav") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  page.section("New sentences",
               "Nobody ever recorded these. Phones stand below the spectrogram; the line is the pitch of the "
               "synthesised speech.");
  for (const auto& wav : files) {
    const auto info = audio::probe_audio(wav);
    const auto options = mel_options_at(info.rate_hz);
    std::vector<plot::Segment> segments;
    std::string text = wav.stem().string();
    const fs::path times = fs::path(wav).replace_extension(".json");
    if (fs::exists(times)) {
      const auto timestamps = read_json(times);
      segments = segments_of(timestamps, static_cast<double>(options.hop_samples) / static_cast<double>(info.rate_hz));
      text.clear();
      for (const auto& piece : timestamps["pieces"])
        text += (text.empty() ? "" : " ") + piece["text"].get<std::string>();
    }
    page.player(speech_uri(wav), text);
    page.picture(
        picture_of(wav, "", segments),
        fmt::format("{:.2f} s of speech: mel bins over time in seconds, louder is brighter; the line is the pitch "
                    "from 0 to {:.0f} Hz{}",
                    info.duration_s, kPitchMax_hz, segments.empty() ? "" : "; below, each phone"));
  }
}

/// A prompt as it is written, or as the recogniser was to hear it in tables of an older version.
std::string prompt_of(const json& clip) {
  const auto text = clip.value("text", "");
  return text.empty() ? clip.at("sentence").get<std::string>() : text;
}

void add_score(Page& page, const json& score, const fs::path& clips, std::int64_t prompts) {
  page.section(
      "Score",
      fmt::format(
          "{} prompts that were never trained on. Understood = a recogniser that may answer with any of {} prompts "
          "names exactly the right one.",
          score.at("rows").at(0).at("prompts").get<std::int64_t>(), score.at("grammar_sentences").get<std::int64_t>()));
  std::vector<std::vector<std::string>> rows;
  for (const auto& row : score.at("rows")) {
    const auto& interval = row.at("share_95");
    rows.push_back({row["name"], fmt::format("{}/{}", row["understood"].get<int>(), row["prompts"].get<int>()),
                    fmt::format("{:.0f}–{:.0f} %", interval[0].get<double>() * 100, interval[1].get<double>() * 100),
                    fmt::format("{:.2f}", row["mcd_db"].get<double>()),
                    fmt::format("{:.1f}", row["phones_per_s"].get<double>()),
                    fmt::format("{:.0f}", row["pitch_median_hz"].get<double>()),
                    fmt::format("{:.1f}", row["pitch_range_semitones"].get<double>()),
                    fmt::format("{:.3f}", row["real_time_factor"].get<double>())});
  }
  page.table({"", "understood", "95 % interval", "mel-cepstral distortion, dB", "phones/s", "pitch, Hz",
              "pitch range, semitones", "real-time factor"},
             rows);
  if (clips.empty()) return;

  std::vector<std::string> head = {"prompt"};
  for (const auto& row : score["rows"]) head.push_back(row["name"]);
  std::vector<std::vector<std::string>> players;
  const auto& first = score["rows"][0]["clips"];
  for (std::size_t i = 0; i < first.size() && static_cast<std::int64_t>(i) < prompts; ++i) {
    std::vector<std::string> cells = {escape_html(prompt_of(first[i]))};
    for (const auto& row : score["rows"]) {
      const auto& clip = row["clips"][i];
      const bool ok = clip["understood"];
      const auto heard = clip["heard"].get<std::string>();
      cells.push_back(fmt::format("{}<br><span class=\"{}\">{}</span>",
                                  Page::player_html(speech_uri(clips / clip["file"].get<std::string>())),
                                  ok ? "ok" : "bad",
                                  clip["sentence"] == "" ? "the recogniser was not asked"
                                  : ok                   ? "understood"
                                  : heard.empty()        ? "nothing was recognised"
                                                         : "heard: " + escape_html(heard)));
    }
    players.push_back(std::move(cells));
  }
  page.table_html(head, players);
  std::string missed;
  for (const auto& clip : score["rows"].back()["clips"]) {
    if (!clip["understood"] && clip["sentence"] != "")
      missed +=
          fmt::format("{}\n    heard: {}\n", clip["sentence"].get<std::string>(), clip["heard"].get<std::string>());
  }
  if (!missed.empty()) page.details("Prompts that were not understood from the voice", missed);
}

/// What the values of a metric are, for the vertical axis.
std::string axis_of(const std::string& name) {
  if (name == "lr" || name.starts_with("lr.")) return "learning rate";
  if (name.ends_with("_per_s")) return name.substr(0, name.size() - 6) + " per second";
  if (name.ends_with("_norm")) return "norm of all gradients";
  if (name.ends_with("_share")) return "share of the time";
  if (name.ends_with("_rate")) return "share that is wrong";
  return "loss";
}

void add_training(Page& page, const fs::path& run) {
  const auto curves = read_curves(run / "events.jsonl");
  if (!curves.empty()) {
    page.section("Training", "Losses over optimiser steps; validation is on clips that were not trained on.");
    for (const auto& curve : curves) {
      page.picture(plot::draw_curves({.lines = curve.lines,
                                      .title = curve.title,
                                      .x_label = "step",
                                      .y_label = axis_of(curve.title),
                                      .log_y = curve.log_y,
                                      .size = {1040, 300}}),
                   fmt::format("{}: {} over optimiser steps{}", curve.title, axis_of(curve.title),
                               curve.lines.size() > 1 ? "; one line for training, one for validation" : ""));
    }
  }
  page.details("The fully resolved run file", read_file(run / "run.yaml"));
}

/// The longest clip under six seconds that has durations: a picture of what the aligner made of it.
void add_alignment(Page& page, const corpus::Corpus& corpus) {
  for (const char* name : {"durations", "aligned_phonemes"}) {
    if (!fs::exists(corpus.dir() / "columns" / name)) return;
  }
  const auto durations = corpus::Column::open(corpus.dir(), "durations");
  const auto phonemes = corpus::Column::open(corpus.dir(), "aligned_phonemes");
  const corpus::Utterance* best = nullptr;
  for (const auto& u : corpus.utterances()) {
    if (u.duration_s < 6 && durations.has(u.id) && phonemes.has(u.id) && (!best || u.duration_s > best->duration_s))
      best = &u;
  }
  if (!best) return;
  const auto phones = corpus::tensor_list(phonemes.get(best->id));
  const auto durations_tensor = durations.get(best->id);
  const auto frames_P = durations_tensor.as<std::int64_t>();
  std::vector<plot::Segment> segments;
  std::int64_t at = 0;
  for (std::size_t p = 0; p < phones.size(); ++p) {
    segments.push_back({phones[p], at, frames_P[p]});
    at += frames_P[p];
  }
  page.picture(picture_of(corpus.audio_path(*best), "", segments),
               fmt::format("A recording (mel bins over time in seconds, pitch as a line) and the phones the built-in "
                           "aligner found in it: {}",
                           best->text));
}

void add_data(Page& page, const corpus::Corpus& corpus, const fs::path& check) {
  std::vector<double> durations, rates;
  double total_s = 0;
  for (const auto& u : corpus.utterances()) {
    durations.push_back(u.duration_s);
    total_s += u.duration_s;
    if (u.duration_s > 0) rates.push_back(static_cast<double>(to_code_points(u.text).size()) / u.duration_s);
  }
  page.section("Data",
               fmt::format("{}: {} clips, {}.", corpus.name(), corpus.utterances().size(), human_seconds(total_s)));
  page.picture(plot::draw_histogram(
                   {.values = durations, .bars = 0, .title = "Clip length", .x_label = "seconds", .size = {1040, 240}}),
               "How long the clips are: number of clips over their length in seconds");
  page.picture(
      plot::draw_histogram({.values = rates,
                            .bars = 0,
                            .title = "Speaking rate",
                            .x_label = "characters per second",
                            .size = {1040, 240}}),
      "How fast they are spoken: number of clips over characters per second; lonely bars at the edges are worth "
      "a listen");
  add_alignment(page, corpus);
  if (!check.empty()) {
    std::vector<std::vector<std::string>> rows;
    const auto report = read_json(check);
    for (const auto& finding : report.at("findings")) {
      rows.push_back({finding.value("rule", ""), finding.value("severity", ""),
                      std::to_string(finding.value("count", 0)), finding.value("what", ""),
                      finding.value("remedy", "")});
    }
    if (rows.empty())
      page.paragraph("The doctor found nothing to complain about.");
    else
      page.table({"doctor's rule", "severity", "clips", "what", "what to do"}, rows);
  }
  const auto& about = corpus.about();
  for (const char* key : {"licence", "attribution"}) {
    if (about.contains(key) && about[key].is_string())
      page.paragraph(fmt::format("{}: {}", key == std::string("licence") ? "Licence" : "Attribution",
                                 about[key].get<std::string>()));
  }
}

}  // namespace

std::string make_report(const ReportSources& sources) {
  Page page("timbre: " + sources.run.filename().string(),
            "Everything on this page was made by one run on this machine; the page is one file and needs no network.");
  if (!sources.said.empty()) add_said(page, sources.said);
  if (!sources.score.empty()) add_score(page, read_json(sources.score), sources.clips, sources.prompts);
  add_training(page, sources.run);
  if (!sources.corpus.empty()) add_data(page, corpus::Corpus::open(sources.corpus), sources.check);
  return page.html();
}

}  // namespace timbre::report
