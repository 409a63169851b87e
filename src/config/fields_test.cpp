#include "config/fields.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "config/scalar.h"

namespace timbre::config {
namespace {

struct Inner {
  std::int64_t hop_samples = 256;
  std::string log = "ln";
};

Fields fields(Inner& o) {
  Fields f;
  f.add("hop_samples", o.hop_samples, "samples from one frame to the next").range(1, 65536);
  f.add("log", o.log, "logarithm of the mel").choices({"ln", "log10"});
  return f;
}

struct Options {
  std::string text;
  std::vector<std::string> files;
  bool trim = false;
  bool cache = true;
  double rate = 1e-3;
  std::optional<std::int64_t> limit;
  std::optional<std::string> base;
  std::vector<std::int64_t> sizes{1, 2};
  std::vector<std::string> names;
  Inner mel;
};

Fields fields(Options& o) {
  Fields f;
  f.add("text", o.text, "what to say").positional();
  f.add("files", o.files, "more files").positional();
  f.add("trim", o.trim, "cut silence");
  f.add("cache", o.cache, "keep results");
  f.add("rate", o.rate, "learning rate").letter('r').range(0, 1);
  f.add("limit", o.limit, "at most so many");
  f.add("base", o.base, "weights to start from").alias("restore_path");
  f.add("sizes", o.sizes, "widths");
  f.add("names", o.names, "who");
  f.group("mel", fields(o.mel), "mel spectrogram");
  return f;
}

template <class E, class Call>
E caught(Call call) {
  try {
    call();
  } catch (const E& e) {
    return e;
  }
  ADD_FAILURE() << "nothing of the expected type was thrown";
  return E("");
}

#define EXPECT_SAYS(error, text) EXPECT_NE(std::string((error).what()).find(text), std::string::npos) << (error).what()

TEST(Flags, EveryForm) {
  Options o;
  Fields f = fields(o);
  parse_flags(f,
              {"hello: world", "--trim", "--no-cache", "-r", "0.5", "--mel.hop-samples=300", "--limit", "-3", "a.wav",
               "--sizes", "4,5", "--sizes=6", "--restore-path", "x.pt", "--set", "mel.log=log10", "--", "--b.wav"});
  EXPECT_EQ(o.text, "hello: world");
  EXPECT_EQ(o.files, (std::vector<std::string>{"a.wav", "--b.wav"}));
  EXPECT_TRUE(o.trim);
  EXPECT_FALSE(o.cache);
  EXPECT_EQ(o.rate, 0.5);
  EXPECT_EQ(o.limit, -3);
  EXPECT_EQ(o.base, "x.pt");
  EXPECT_EQ(o.sizes, (std::vector<std::int64_t>{4, 5, 6}));
  EXPECT_EQ(o.mel.hop_samples, 300);
  EXPECT_EQ(o.mel.log, "log10");
}

TEST(Flags, PlacesTakeWordsAsTheyAre) {
  Options o;
  Fields f = fields(o);
  parse_flags(f, {"a, b", "one,two.wav", "[x].wav", "-"});
  EXPECT_EQ(o.text, "a, b");
  EXPECT_EQ(o.files, (std::vector<std::string>{"one,two.wav", "[x].wav", "-"}));
}

TEST(Flags, ErrorsSayWhatAndWhatNext) {
  Options o;
  const auto fails = [&](std::vector<std::string> words) {
    Fields f = fields(o);
    return caught<UsageError>([&] { parse_flags(f, words); });
  };
  EXPECT_SAYS(fails({"--trimm"}), "unknown option '--trimm'");
  EXPECT_EQ(fails({"--trimm"}).next(), "did you mean '--trim'?");
  EXPECT_EQ(fails({"--hop_samples", "3"}).next(), "did you mean '--mel.hop-samples'?");
  EXPECT_SAYS(fails({"--rate"}), "--rate needs a value");
  EXPECT_SAYS(fails({"--rate", "--trim"}), "--rate needs a value");
  EXPECT_SAYS(fails({"--rate", "fast"}), "--rate: 'fast' is not a value of 'rate': expected a number");
  EXPECT_SAYS(fails({"--rate", "2"}), "expected a number from 0 to 1");
  EXPECT_SAYS(fails({"--rate", "nan"}), "'nan'");
  EXPECT_SAYS(fails({"--mel.hop-samples", "1.5"}), "expected a whole number");
  EXPECT_SAYS(fails({"--mel.log", "lm"}), "expected one of ln, log10");
  EXPECT_EQ(fails({"--mel.log", "lm"}).next(), "did you mean 'ln'?");
  EXPECT_SAYS(fails({"--trim=maybe"}), "expected true or false");
  EXPECT_SAYS(fails({"--no-trim=true"}), "takes no value");
  EXPECT_SAYS(fails({"--set", "rate"}), "'rate' is not NAME=VALUE");
  EXPECT_SAYS(fails({"--set", "mel.hopp_samples=3"}), "there is no option 'mel.hopp_samples'");
  EXPECT_EQ(fails({"--set", "mel.hopp_samples=3"}).next(), "did you mean 'mel.hop_samples'?");
  EXPECT_SAYS(fails({"-x"}), "unknown option '-x'");
}

TEST(Flags, RequiredAndLeftOver) {
  std::string out, text;
  Fields f;
  f.add("text", text, "what to say").positional().required();
  f.add("out", out, "the file").required().letter('o');
  EXPECT_SAYS(caught<UsageError>([&] { parse_flags(f, {"a"}); }), "--out is missing: the file");
  EXPECT_SAYS(caught<UsageError>([&] { parse_flags(f, {"-o", "x", "a", "b"}); }), "'b' is one word too many");
}

TEST(Flags, Peek) {
  Options o;
  const Fields f = fields(o);
  EXPECT_EQ(peek_flag(f, {"--unknown=1", "--rate", "3", "word"}, "text"), "word");
  EXPECT_EQ(peek_flag(f, {"--rate", "3"}, "rate"), "3");
  EXPECT_EQ(peek_flag(f, {"--rate"}, "text"), std::nullopt);
  EXPECT_EQ(o.text, "") << "peeking assigns nothing";
}

TEST(FieldList, RefusesTheSameNameTwice) {
  Options o;
  Fields f = fields(o);
  EXPECT_THROW(f.add("rate", o.rate, "again"), std::logic_error);
  EXPECT_NO_THROW(f.group("other", fields(o.mel)));
  EXPECT_THROW(f.group("mel", fields(o.mel)), std::logic_error);
}

TEST(Yaml, ReadsNestedDottedAndLists) {
  Options o;
  Fields f = fields(o);
  read_yaml(f,
            "text: \"no\"\ntrim: yes\nlimit: null\nsizes: [7, 8]\nnames:\n  - a, b\n  - c\nmel:\n  hop_samples: "
            "200\nmel.log: log10\n",
            "run.yaml");
  EXPECT_EQ(o.text, "no");
  EXPECT_TRUE(o.trim);
  EXPECT_EQ(o.limit, std::nullopt);
  EXPECT_EQ(o.sizes, (std::vector<std::int64_t>{7, 8}));
  EXPECT_EQ(o.names, (std::vector<std::string>{"a, b", "c"}));
  EXPECT_EQ(o.mel.hop_samples, 200);
  EXPECT_EQ(o.mel.log, "log10");
}

TEST(Yaml, ErrorsNameFileLineColumnAndKey) {
  Options o;
  const auto fails = [&](const std::string& yaml) {
    Fields f = fields(o);
    return caught<DataError>([&] { read_yaml(f, yaml, "run.yaml"); });
  };
  const DataError typo = fails("rate: 0.1\nmel:\n  hop_sample: 3\n");
  EXPECT_SAYS(typo, "run.yaml:3:3: unknown key 'mel.hop_sample'");
  EXPECT_EQ(typo.next(), "did you mean 'mel.hop_samples'?");
  EXPECT_SAYS(fails("rate: fast\n"), "run.yaml:1:1: 'fast' is not a value of 'rate': expected a number");
  EXPECT_SAYS(fails("rate: [1\n"), "run.yaml:");
  EXPECT_SAYS(fails("rate: 0.1\nrate: 0.2\n"), "run.yaml:2:1: key 'rate' stands here twice");
  EXPECT_SAYS(fails("mel: 3\n"), "'mel' is a group of settings");
  EXPECT_SAYS(fails("rate:\n  x: 3\n"), "found a mapping");
  EXPECT_SAYS(fails("rate: null\n"), "it cannot be absent");
  EXPECT_SAYS(fails("sizes: 3\n"), "is a list");
  EXPECT_SAYS(fails("- a\n"), "expected lines of 'key: value'");
}

TEST(Yaml, WhatIsWrittenReadsBackTheSame) {
  Options o;
  o.text = "true";
  o.files = {"a, b", "", "x: y # z", "naïve \"q\"", "- list", "0x10", "12"};
  o.names = {"null"};
  o.rate = 0.1 + 0.2;
  o.base = "line\nbreak\ttab";
  o.mel.hop_samples = 65536;
  const std::string plain = to_yaml(fields(o)), commented = to_yaml(fields(o), true);
  for (const std::string& yaml : {plain, commented}) {
    Options back;
    Fields f = fields(back);
    read_yaml(f, yaml, "copy.yaml");
    EXPECT_EQ(to_json(f), to_json(fields(o))) << yaml;
    EXPECT_EQ(back.rate, o.rate) << "to the bit";
  }
  EXPECT_NE(commented.find("  # samples from one frame to the next\n  hop_samples: 65536\n"), std::string::npos)
      << commented;
}

TEST(Yaml, Peek) {
  EXPECT_EQ(peek_yaml("model: fastspeech2\nx: [1]\n", "model", "r.yaml"), "fastspeech2");
  EXPECT_EQ(peek_yaml("x: 1\n", "model", "r.yaml"), std::nullopt);
  EXPECT_EQ(peek_yaml("", "model", "r.yaml"), std::nullopt);
}

TEST(Json, RoundTripAndErrors) {
  Options o;
  o.base = "b";
  o.mel.log = "log10";
  const nlohmann::json values = to_json(fields(o));
  EXPECT_EQ(values["mel"]["log"], "log10");
  EXPECT_EQ(values["limit"], nullptr);
  Options back;
  Fields f = fields(back);
  from_json(f, values, "voice.json");
  EXPECT_EQ(to_json(f), values);
  const auto typo = caught<DataError>([&] { from_json(f, {{"mel", {{"lg", "ln"}}}}, "voice.json"); });
  EXPECT_SAYS(typo, "voice.json: unknown key 'mel.lg'");
  EXPECT_SAYS(caught<DataError>([&] {
                from_json(f, {{"nothing", nlohmann::json::object()}}, "voice.json");
              }),
              "unknown key 'nothing'");
}

TEST(Json, Schema) {
  Options o;
  const nlohmann::json schema = json_schema(fields(o), "run");
  EXPECT_EQ(schema["additionalProperties"], false);
  const auto& hop = schema["properties"]["mel"]["properties"]["hop_samples"];
  EXPECT_EQ(hop["type"], "integer");
  EXPECT_EQ(hop["minimum"], 1);
  EXPECT_EQ(hop["default"], 256);
  EXPECT_EQ(schema["properties"]["limit"]["type"], (nlohmann::json{"integer", "null"}));
  EXPECT_EQ(schema["properties"]["mel"]["properties"]["log"]["enum"], (nlohmann::json{"ln", "log10"}));
  EXPECT_EQ(schema["properties"]["sizes"]["items"]["type"], "integer");
}

TEST(Help, ListsDefaultsChoicesAndStaysWithinItsWidth) {
  Options o;
  const std::string help = help_text(fields(o));
  EXPECT_NE(help.find("  TEXT  "), std::string::npos) << help;
  EXPECT_NE(help.find("  -r, --rate X"), std::string::npos) << help;
  EXPECT_NE(help.find("(default 0.001; 0 to 1)"), std::string::npos) << help;
  EXPECT_NE(help.find("off with --no-cache"), std::string::npos) << help;
  EXPECT_NE(help.find("mel spectrogram:"), std::string::npos) << help;
  EXPECT_NE(help.find("one of ln, log10"), std::string::npos) << help;
  std::size_t start = 0;
  for (std::size_t end; (end = help.find('\n', start)) != std::string::npos; start = end + 1)
    EXPECT_LE(end - start, 100u);
}

TEST(Lists, SplitAndQuotes) {
  EXPECT_EQ(split_list("a, b"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(split_list("[\"a, b\", 'c']"), (std::vector<std::string>{"a, b", "c"}));
  EXPECT_EQ(split_list("[]"), std::vector<std::string>{});
  EXPECT_EQ(split_list("\"\""), std::vector<std::string>{""});
  EXPECT_THROW(split_list("[a"), UsageError);
  EXPECT_THROW(split_list("'a"), UsageError);
}

}  // namespace
}  // namespace timbre::config
