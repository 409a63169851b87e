#include <fmt/format.h>

#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "cli/verb.h"
#include "text/markup.h"
#include "text/multilingual_front_end.h"
#include "text/normalize.h"
#include "text/text_options.h"
#include "voice/voice.h"

namespace timbre::cli {
namespace {

struct PhonesVerb {
  std::vector<std::string> text;
  std::string front_end = "espeak:en-us", voice, lexicon, language;
  text::TextOptions options;
};

config::Fields fields(PhonesVerb& o) {
  config::Fields f;
  f.add("text", o.text, "what to read").positional().required().metavar("TEXT");
  f.add("front_end", o.front_end,
        "espeak:VOICE, espeak:VOICE,VOICE…, arpabet:en, pinyin:zh, pinyin:zh-strict, ming024:english, "
        "ming024:mandarin; of VALL-E phonemizer:VOICE, pypinyin:initials_finals, pypinyin:syllables (labelled_… of "
        "pinyin with tone numbers); of VALL-E X vallex:en, vallex:zh, vallex:ja, vallex:mix")
      .metavar("NAME");
  f.add("language", o.language, "language of the text, for front ends of several; default: the first")
      .metavar("LANGUAGE");
  f.add("voice", o.voice, "read as this voice does, instead of naming a front end").metavar("VOICE");
  f.add("lexicon", o.lexicon, "\"word  PH PH\" file looked up first (arpabet:*, ming024:*)").metavar("FILE");
  f.group("text", text::fields(o.options));
  return f;
}

std::unique_ptr<text::FrontEnd> front_end_of(const PhonesVerb& o) {
  if (!o.voice.empty()) return voice::Voice::open(o.voice).make_front_end();
  text::FrontEndOptions options;
  options.lexicon = o.lexicon;
  options.text = o.options;
  return text::make_front_end(o.front_end, std::move(options));
}

int run(const PhonesVerb& o, Context& context) {
  const std::string text = join(o.text, " ");
  const auto whole = front_end_of(o);
  text::FrontEnd* const front_end =
      o.language.empty() ? whole->readers().front() : text::find_reader(*whole, o.language);
  if (!front_end)
    throw UsageError(fmt::format("the front end {} does not read the language '{}'", whole->name(), o.language),
                     fmt::format("it reads {}", join(text::languages_of_name(whole->name()), ", ")));
  std::vector<std::string> ignored;
  const text::Marked marked = text::parse_markup(text);
  const std::string read = text::normalize_for_speech(
      marked.plain, front_end->language(), ignored, front_end->rules().empty() ? text::kNoNormalization : text::kWords);
  const text::Phonemized said = front_end->phonemize(marked.plain, marked.spoken);
  const std::set<std::string> guessed(said.guessed.begin(), said.guessed.end());
  if (context.json) {
    nlohmann::json json{
        {"front_end", front_end->name()}, {"rules", front_end->rules()}, {"read", read},
        {"phones", said.phones},          {"words", said.words},         {"word_of_phone", said.word_of_phone},
        {"warnings", said.warnings}};
    if (!guessed.empty()) json["unknown_words"] = {{"words", guessed}, {"read_by", front_end->guesser()}};
    fmt::print(context.out, "{}\n", json.dump(2));
    return 0;
  }
  fmt::print(context.out, "read    {}\nphones  {}\n", read, join(said.phones, " "));
  for (const std::string& warning : said.warnings) fmt::print(context.out, "note    {}\n", warning);
  return 0;
}

}  // namespace

void register_phones(Verbs& verbs) {
  add_verb<PhonesVerb>(verbs,
                       {.name = "phones",
                        .summary = "Data: what a text is read as: figures in words, then phones",
                        .usage = "phones TEXT [--front-end NAME | --voice VOICE] [--language LANGUAGE]",
                        .examples = {"timbre phones \"It cost $3.50 on 2026-11-21.\"",
                                     "timbre phones \"Am 3. Mai um 15:30 Uhr\" --front-end espeak:de",
                                     "timbre phones \"2 ore\" --front-end espeak:en-us,it --language it",
                                     "timbre phones \"银行有2个人\" --front-end pinyin:zh",
                                     "timbre phones \"Hello, world.\" --front-end phonemizer:en-us",
                                     "timbre phones \"[EN]Hello.[EN][ZH]你好。[ZH]\" --front-end vallex:mix",
                                     "timbre phones \"a zyxgrob\" --front-end arpabet:en --text.g2p runs/g2p"}},
                       fields, run);
}

}  // namespace timbre::cli
