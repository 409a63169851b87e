#include "prepare/align_clip.h"

#include <fmt/format.h>

#include "align/textgrid.h"
#include "base/error.h"
#include "base/log.h"
#include "cli/verb.h"
#include "prepare/alignment_grid.h"

namespace timbre::cli {
namespace {

struct AlignVerb {
  std::string clip, text, corpus, speaker, language, out;
};

config::Fields fields(AlignVerb& o) {
  config::Fields f;
  f.add("clip", o.clip, "recording").positional().required().metavar("CLIP");
  f.add("text", o.text, "what is said in it").required();
  f.add("aligner", o.corpus, "prepared corpus whose aligner and front end are used").required().metavar("CORPUS");
  f.add("speaker", o.speaker, "its speaker, where the corpus knows that one").metavar("NAME");
  f.add("language", o.language, "language of the text, for corpora of several; default: the speaker's, else the first")
      .metavar("LANGUAGE");
  f.add("out", o.out, "write words and phones as a TextGrid").metavar("X.TextGrid");
  return f;
}

nlohmann::json to_json(const prepare::AlignedClip& found) {
  nlohmann::json phones = nlohmann::json::array();
  const align::Alignment& a = found.alignment;
  for (std::size_t i = 0; i < a.phones.size(); ++i)
    phones.push_back({{"start_s", a.phones[i].start_s},
                      {"end_s", a.phones[i].end_s},
                      {"phone", a.phones[i].label},
                      {"word", a.word_of_phone[i]}});
  return {{"words", found.words}, {"phones", phones}, {"confidence", a.confidence}, {"score", a.score}};
}

int run(const AlignVerb& o, Context& context) {
  const prepare::AlignedClip found = prepare::align_clip(o.corpus, o.clip, o.text, o.speaker, o.language);
  const align::Alignment& a = found.alignment;
  for (const std::string& warning : found.warnings) log::warn(warning);
  const align::TextGrid grid = prepare::alignment_grid(a.phones, a.word_of_phone, found.words);
  if (!o.out.empty() && !context.dry_run) align::write_textgrid(o.out, grid);
  if (context.json) {
    fmt::print(context.out, "{}\n", to_json(found).dump(2));
    return 0;
  }
  if (o.out.empty())
    for (const align::Interval& word : grid.tiers.at(0).intervals)
      fmt::print(context.out, "{:>9.3f} {:>9.3f}  {}\n", word.start_s, word.end_s, word.label);
  fmt::print(context.out, "probability that this is what is said: {:.3f}\n", a.confidence);
  if (!o.out.empty()) log::note(fmt::format("{}{}", context.dry_run ? "would write " : "", o.out));
  return 0;
}

}  // namespace

void register_align(Verbs& verbs) {
  add_verb<AlignVerb>(verbs,
                      {.name = "align",
                       .summary = "Data: where each word of one clip lies, with the aligner of a prepared corpus",
                       .usage = "align CLIP --text TEXT --aligner CORPUS [--out X.TextGrid]",
                       .examples = {"timbre align new.wav --text \"Please try again.\" --aligner corpora/en",
                                    "timbre align new.wav --text \"Please try again.\" --aligner corpora/en --out "
                                    "new.TextGrid"},
                       .writes = true},
                      fields, run);
}

}  // namespace timbre::cli
