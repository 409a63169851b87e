#include "prepare/llasa_recipe.h"

#include <fmt/format.h>

#include "base/strings.h"
#include "prepare/codecs.h"
#include "prepare/speaking_rate.h"

namespace timbre::prepare {

config::Fields fields(LlasaOptions& o) {
  config::Fields f;
  f.add("source", o.source, "a folder with wav/ and metadata.csv (name|caption a line), or a corpus")
      .positional()
      .required()
      .metavar("SRC");
  f.add("recipe", o.recipe, "rows of two clips at different speeds (llasa-speed), or of single clips (llasa)")
      .choices({"llasa-speed", "llasa"});
  f.add("out", o.out, "folder that gets speaker_withDifferent_speed/, vq_codes/ and rows/").letter('o').metavar("DIR");
  f.add("stage", o.stage, "first stage: 1 rates, 2 classes, 3 codes, 4 rows; llasa has 3 and 4")
      .range(1, 4)
      .metavar("N");
  f.add("stop_stage", o.stop_stage, "last stage").range(1, 4).metavar("M");
  f.add("nj", o.nj, "threads; 0 = as --threads says").range(0, 1024).metavar("N");
  f.add("language", o.language, "of a folder's captions; a corpus says itself").metavar("CODE");
  f.add(
       "syllables", o.syllables,
       "how syllables are counted: by letters (what the thresholds were set for), by the vowels of espeak-ng's phones, "
       "or auto: letters for English, phones for other languages")
      .choices({"auto", "letters", "phones"});
  f.add("min_words", o.min_words, "captions of fewer words are left out of the classes").range(1, 1000).metavar("N");
  f.group("", fields(o.rules), "slow, medium, fast");
  config::Fields copies;
  copies.add("stretch", o.stretch,
             "where a speaker has too few slow or fast clips, add copies of others, stretched in time at their pitch");
  copies.add("stretch_all", o.stretch_all,
             "a slow and a fast copy of every medium clip, so that each text is heard at all three speeds");
  copies.add("most_stretch", o.most_stretch, "such copies are at most so many times as long, or as short")
      .range(1.01, 3)
      .metavar("TIMES");
  f.group("", std::move(copies), "copies at another speed");
  config::Fields rows;
  rows.add("codec", o.codec,
           "stage 3: the codec's folder; only its first codebook is kept. Default: the codes that lie in SRC/vq_codes")
      .metavar("FOLDER");
  rows.add(
          "tokenizer", o.tokenizer,
          "stage 4: tokenizer.json, or a network's folder that has one, with speech tokens; llasa-speed adds the speed "
          "tokens it lacks")
      .metavar("FOLDER");
  rows.add("row_length", o.row_length, "ids of a row").range(16, 1 << 20).metavar("N");
  rows.add("date", o.date,
           "date in the chat template that training will put around rows; it decides how long they may be")
      .metavar("DATE");
  rows.add("seed", o.seed, "of what stands in which row").range(0, 4294967295.0).metavar("N");
  rows.add("val_share", o.val_share, "llasa-speed: this part of the medium clips, at least one, is held out")
      .range(0.0001, 0.5);
  rows.add("passes", o.passes,
           "llasa-speed: rows that each medium clip to train on stands in, with other partners each time; for speakers "
           "of "
           "few clips")
      .range(1, 10000)
      .metavar("N");
  rows.add("medium_share", o.medium_share,
           "llasa-speed: this part of the partners is medium, too, under <|MEDIUM|>; the reference has none")
      .range(0, 0.9);
  rows.add("alone", o.alone,
           "llasa-speed: rows that each clip to train on stands alone in, a slow or fast one under its mark, so that "
           "the "
           "voice has speeds without a recording before it, too; the reference has none")
      .range(0, 10000)
      .metavar("N");
  rows.add("val_count", o.val_count, "llasa: so many clips are held out; -1 = 1000, or a tenth of fewer than 10,000")
      .range(-1, 1e9)
      .metavar("N");
  rows.add(
      "as_reference", o.as_reference,
      "rows as the reference makes them: cut in the middle (llasa), with ends that training will cut off, partners "
      "shared by train and val, speakers' names and draws of its own");
  f.group("", std::move(rows), "codes and rows");
  return f;
}

void check_llasa_options(const LlasaOptions& o) {
  if (o.stage > o.stop_stage)
    throw UsageError(fmt::format("--stage {} comes after --stop-stage {}", o.stage, o.stop_stage));
  if (const auto wrong = problems(o.rules); !wrong.empty()) throw UsageError(join(wrong, "\n"));
  if (o.as_reference && (o.passes > 1 || o.medium_share > 0 || o.alone > 0))
    throw UsageError("--as-reference makes one row of each medium clip, with a slow or fast partner",
                     "leave out --passes, --medium-share and --alone");
  syllable_rule(o.syllables);
  const auto within = [&](std::int64_t stage) { return o.stage <= stage && stage <= o.stop_stage; };
  if (within(3) && !o.codec.empty()) open_codec(o.codec);  // which may be the other program's
  if (within(3) && o.codec.empty() && !fs::is_directory(fs::path(o.source) / "vq_codes") &&
      !fs::is_directory(fs::path(o.out) / "vq_codes"))
    throw UsageError(
        fmt::format("stage 3 makes codes, --codec does not say with what, and {} has no vq_codes/", o.source),
        "--codec voices/small_codec, or a folder that timbre convert made of X-Codec 2");
  if (within(4) && o.tokenizer.empty())
    throw UsageError("stage 4 makes rows of ids, and --tokenizer does not say whose",
                     "--tokenizer FOLDER of the network that will be trained");
  if (within(4)) {
    auto own = tokenizer::Tokenizer::read(o.tokenizer);
    tokenizer::SpeechTokens::of(own);
  }
}

fs::path LlasaJob::lists() const {
  const char* const kName = "speaker_withDifferent_speed";
  std::error_code absent;
  if (fs::is_directory(out() / kName, absent) || options.stop_stage < 3) return out() / kName;
  const fs::path given = fs::path(options.source) / kName;
  return fs::is_directory(given, absent) ? given : out() / kName;
}

fs::path LlasaJob::codes() const {
  std::error_code absent;
  const fs::path own = out() / "vq_codes", given = fs::path(options.source) / "vq_codes";
  return options.codec.empty() && !fs::is_directory(own, absent) && fs::is_directory(given, absent) ? given : own;
}

void LlasaJob::expect_going_on() const {
  if (stop != nullptr && *stop)
    throw SystemError("stopped; what was made is kept", "call the same command again to go on");
}

}  // namespace timbre::prepare
