#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/strings.h"
#include "cli/verb.h"
#include "corpus/manifest.h"
#include "tokenizer/speech_tokens.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/train.h"

namespace timbre::cli {
namespace {

using nlohmann::json;
using tokenizer::Tokenizer;

struct TokensVerb {
  std::vector<std::string> text, add;
  std::string tokenizer, train, file, out;
  std::vector<std::int64_t> ids;
  std::int64_t add_speech = 0, vocabulary = 1000;
  bool add_speeds = false, bos = false, skip_special = false;
};

config::Fields fields(TokensVerb& o) {
  config::Fields f;
  f.add("text", o.text, "what to cut into tokens").positional().metavar("TEXT");
  f.add("tokenizer", o.tokenizer, "folder of a model with its tokenizer, or a tokenizer.json").metavar("FOLDER|FILE");
  f.add("train", o.train,
        "make a tokenizer of Llama 3's kind from the texts of a corpus, or of a file with a text a line")
      .metavar("CORPUS|FILE");
  f.add("vocabulary", o.vocabulary, "with --train: tokens of the model, the 256 bytes among them").range(256, 1 << 22);
  f.add("file", o.file, "a text a line instead of TEXT (.jsonl: a JSON string a line); ids alone, a line each")
      .metavar("FILE");
  f.add("bos", o.bos, "with what the tokenizer puts before a text: <|begin_of_text|>");
  f.add("ids", o.ids, "the other way: the text of these ids").metavar("ID,ID…");
  f.add("skip_special", o.skip_special, "with --ids: leave the special tokens out (speech tokens are not special)");
  f.add("add", o.add, "a new token; may be repeated").metavar("TOKEN");
  f.add("add_speech", o.add_speech, "Llasa's eight marks and <|s_0|> … for this many codes: 65536 for X-Codec 2")
      .range(0, 1 << 20)
      .metavar("CODES");
  f.add("add_speeds", o.add_speeds, "the three speed tokens <|FAST|>, <|SLOW|>, <|MEDIUM|>");
  f.add("out", o.out, "folder for the tokenizer with the new tokens").metavar("FOLDER");
  return f;
}

Tokenizer train(const TokensVerb& o) {
  tokenizer::Trainer trainer;
  if (fs::is_directory(o.train)) {
    corpus::read_manifest(fs::path(o.train) / "manifest.jsonl",
                          [&](corpus::Utterance&& utterance, std::int64_t) { trainer.add(utterance.text); });
  } else {
    for (const std::string& line : split(read_file(o.train), '\n')) trainer.add(line);
  }
  return trainer.make(static_cast<std::int32_t>(o.vocabulary));
}

int add_tokens(const TokensVerb& o, Tokenizer& tokenizer, Context& context) {
  const std::int32_t before = o.train.empty() ? tokenizer.size() : 0;
  if (o.add_speech > 0) tokenizer::add_speech_tokens(tokenizer, static_cast<std::int32_t>(o.add_speech));
  if (o.add_speeds) tokenizer::add_speed_tokens(tokenizer);
  tokenizer.add_tokens(o.add);
  const std::int32_t added = tokenizer.size() - before;
  if (!context.dry_run) tokenizer.write(o.out);
  if (context.json) {
    fmt::print(
        context.out, "{}\n",
        json{{"out", o.out}, {"added", added}, {"tokens", tokenizer.size()}, {"written", !context.dry_run}}.dump(2));
    return 0;
  }
  fmt::print(context.out, "{}{}: {} new tokens, {} in all; a model's embedding needs as many rows\n",
             context.dry_run ? "would write " : "", o.out, added, tokenizer.size());
  for (std::int32_t id = before; id < std::min(before + 12, tokenizer.size()); ++id)
    fmt::print(context.out, "{:>8}  {}\n", id, tokenizer.token(id));
  if (added > 12)
    fmt::print(context.out, "{:>8}  …\n{:>8}  {}\n", "", tokenizer.size() - 1, tokenizer.token(tokenizer.size() - 1));
  return 0;
}

int show_text(const TokensVerb& o, const Tokenizer& tokenizer, Context& context) {
  std::vector<std::int32_t> ids;
  for (const std::int64_t id : o.ids) ids.push_back(id < 0 || id > INT32_MAX ? -1 : static_cast<std::int32_t>(id));
  tokenizer.check_ids(ids, "--ids");
  const std::string text = tokenizer.decode(ids, {.skip_special = o.skip_special});
  fmt::print(context.out, "{}\n", context.json ? json{{"ids", ids}, {"text", text}}.dump(2) : text);
  return 0;
}

/// A text a line; what is typed behind one another stays readable with a million of them.
int encode_file(const TokensVerb& o, const Tokenizer& tokenizer, Context& context) {
  std::ifstream in(o.file);
  if (!in) throw_file_error("open", o.file, errno);
  const bool is_json = o.file.ends_with(".jsonl");
  std::string line;
  for (std::int64_t number = 1; std::getline(in, line); ++number) {
    const std::string where = fmt::format("{}, line {}", o.file, number);
    std::string text = line;
    if (is_json) {
      const json value = parse_json(line, where);
      if (!value.is_string()) throw DataError(where + ": not a JSON string");
      text = value.get<std::string>();
    }
    try {
      const auto ids = tokenizer.encode(text, {.add_bos = o.bos});
      fmt::print(context.out, "{}\n", context.json ? json(ids).dump() : fmt::format("{}", fmt::join(ids, " ")));
    } catch (const DataError& error) {
      throw DataError(fmt::format("{}: {}", where, error.what()), error.next());
    }
  }
  return 0;
}

int encode_text(const TokensVerb& o, const Tokenizer& tokenizer, Context& context) {
  const std::string text = join(o.text, " ");
  const tokenizer::Encoded encoded = tokenizer.encode_with_places(text, {.add_bos = o.bos});
  if (context.json) {
    json tokens = json::array(), places = json::array();
    for (std::size_t i = 0; i < encoded.ids.size(); ++i) {
      tokens.push_back(tokenizer.token(encoded.ids[i]));
      places.push_back({encoded.places[i].begin, encoded.places[i].end});
    }
    fmt::print(context.out, "{}\n",
               json{{"text", text}, {"ids", encoded.ids}, {"tokens", tokens}, {"places", places}}.dump(2));
    return 0;
  }
  fmt::print(context.out, "{} token{} of {}\n", encoded.ids.size(), encoded.ids.size() == 1 ? "" : "s",
             tokenizer.size());
  for (std::size_t i = 0; i < encoded.ids.size(); ++i)
    fmt::print(context.out, "{:>8}  {:<20} {}\n", encoded.ids[i], tokenizer.token(encoded.ids[i]),
               fmt::format("{}-{}", encoded.places[i].begin, encoded.places[i].end));
  return 0;
}

int run(const TokensVerb& o, Context& context) {
  const bool makes = o.add_speech > 0 || o.add_speeds || !o.add.empty() || !o.train.empty();
  const int wanted = makes + !o.ids.empty() + !o.file.empty() + !o.text.empty();
  constexpr const char* kExample = "timbre tokens \"Hello there.\" --tokenizer FOLDER";
  if (wanted == 0) throw UsageError("tokens needs a TEXT, --file, --ids, tokens to add or --train", kExample);
  if (wanted > 1) throw UsageError("TEXT, --file, --ids and making a tokenizer are one at a time", kExample);
  if (o.train.empty() == o.tokenizer.empty())
    throw UsageError(
        o.train.empty() ? "--tokenizer is missing" : "--train makes a tokenizer; --tokenizer names another", kExample);
  if (makes && o.out.empty()) throw UsageError("a tokenizer with new tokens needs a folder", "--out FOLDER");
  if (!makes && !o.out.empty())
    throw UsageError("--out is for a tokenizer with new tokens", "--add TOKEN, --add-speeds or --add-speech CODES");
  Tokenizer tokenizer = o.train.empty() ? Tokenizer::read(o.tokenizer) : train(o);
  if (makes) return add_tokens(o, tokenizer, context);
  if (!o.ids.empty()) return show_text(o, tokenizer, context);
  return o.file.empty() ? encode_text(o, tokenizer, context) : encode_file(o, tokenizer, context);
}

}  // namespace

void register_tokens(Verbs& verbs) {
  add_verb<TokensVerb>(
      verbs,
      {.name = "tokens",
       .summary = "Data: a text as a language model's tokens, and back; new tokens for a tokenizer",
       .usage = "tokens TEXT --tokenizer FOLDER | tokens --add-speeds --tokenizer FOLDER --out FOLDER",
       .examples = {"timbre tokens \"Hello there.\" --tokenizer models/llasa-1b",
                    "timbre tokens --ids 128000,9906,1070,13 --tokenizer models/llasa-1b",
                    "timbre tokens --file sentences.txt --tokenizer models/llasa-1b > ids.txt",
                    "timbre tokens --add-speeds --tokenizer models/llasa-1b --out tokenizers/speed",
                    "timbre tokens --add-speech 65536 --tokenizer models/llama-3.2-1b --out tokenizers/llasa",
                    "timbre tokens --train corpora/en --vocabulary 1000 --add-speech 1000 --out tokenizers/small"},
       .writes = true},
      fields, run);
}

}  // namespace timbre::cli
