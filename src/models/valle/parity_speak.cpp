#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "base/strings.h"
#include "models/valle/checkpoint.h"
#include "models/valle/engine_synthesizer.h"
#include "models/valle/parity_vallex.h"
#include "models/valle/vocabulary.h"
#include "roles/parity_part.h"
#include "text/bpe_symbols.h"
#include "text/letters.h"
#include "text/sentences.h"
#include "voice/code_prompt.h"
#include "voice/code_sentences.h"
#include "voice/code_texts.h"

/// generate_audio and generate_audio_from_long_text of VALL-E X, by the program's own way of saying texts in codes.
namespace timbre::valle {
namespace {

using nlohmann::json;
using roles::ParityRun;

/// How Plachtaa's user interface calls accents.
const std::vector<std::pair<std::string, std::string>> kAccents = {{"English", "en"}, {"中文", "zh"}, {"日本語", "ja"}};

/// Only English, Chinese and Japanese are told apart.
std::string language_of(const std::string& text) {
  bool han = false;
  for (const char32_t c : to_code_points(text)) {
    const text::Script script = text::script_of(c);
    if (script == text::Script::kana) return "ja";
    han = han || script == text::Script::han;
  }
  return han ? "zh" : "en";
}

std::string accent_language(const std::string& accent) {
  const auto found =
      std::find_if(kAccents.begin(), kAccents.end(), [&](const auto& known) { return known.first == accent; });
  if (found == kAccents.end()) throw UsageError(fmt::format("there is no accent '{}'", accent));
  return found->second;
}

/// The voice that the set's files make.
struct Speaking {
  Config config;
  std::unique_ptr<EngineSynthesizer> synthesizer;
  std::vector<std::string> symbols;

  explicit Speaking(const ParityRun& run) {
    const Checkpoint checkpoint = read_checkpoint(run.input_path("vallex-checkpoint.pt"));
    config = checkpoint.config;
    synthesizer = std::make_unique<EngineSynthesizer>(config, without_ties(config, checkpoint.model), "the checkpoint");
    symbols = text::read_bpe_symbols(run.input_path("tokenizer.json"));
  }
  std::int64_t row(const std::string& language) const {
    return std::find(config.languages.begin(), config.languages.end(), language) - config.languages.begin();
  }
};

/// One case of either function.
class SpokenCase {
 public:
  SpokenCase(ParityRun& run, const Speaking& voice, std::string pointer)
      : run_(run), voice_(voice), pointer_(std::move(pointer)) {
    const auto given = [&](const char* key) { return run_.input_json(kVallexInference, pointer_ + "/" + key); };
    text_ = given("text").get<std::string>();
    std::erase(text_, '\n');
    language_ = given("language").get<std::string>();
    if (language_ == "auto") language_ = language_of(text_);
    const auto accent = given("accent").get<std::string>();
    if (accent != "no-accent") spoken_as_ = accent_language(accent);
    prompt_language_ = language_ == "mix" ? "en" : language_;
    if (const json name = given("prompt"); !name.is_null()) read_prompt_of(name.get<std::string>());
  }

  /// All sentences; codes of all of them, frames × codebooks.
  std::vector<std::int32_t> say(const std::vector<std::string>& sentences, bool sliding,
                                const std::vector<double>& draws) {
    std::vector<std::int32_t> all_FQ;
    const voice::LongText how{.sliding = sliding, .tries = 1, .becomes_prompt = [&](std::size_t) {
                                return said_ < draws.size() && draws[said_] < 0.5;
                              }};
    std::optional<voice::CodeSentences> speaker(std::in_place, *voice_.synthesizer, prompt_, how);
    for (said_ = 0; said_ < sentences.size(); ++said_) {
      const voice::CodeText tokens = tokens_of(sentences[said_]);
      const auto before = speaker->prompt();
      roles::CodeUtterance made;
      try {
        made = speaker->say(tokens, {.top_k = 1});
      } catch (const DataError&) {  // ended at once: the reference goes on with nothing
        speaker.emplace(*voice_.synthesizer, prompt_, how);
      }
      put_call(before, tokens, made.frames);
      all_FQ.insert(all_FQ.end(), made.codes_FQ.begin(), made.codes_FQ.end());
    }
    run_.put_json(kVallexInference, pointer_ + "/vocos_bandwidth_id", 2);
    return all_FQ;
  }
  const std::string& text() const { return text_; }
  const std::string& language() const { return language_; }
  bool has_prompt() const { return prompt_.frames > 0; }

 private:
  void read_prompt_of(const std::string& name) {
    const voice::CodePrompt read = voice::read_prompt(run_.input_path("prompts/" + name + ".npz"));
    prompt_language_ = read.languages.front();
    prompt_.text.tokens_S = read.tokens_S;
    prompt_.text.languages_S.assign(read.tokens_S.size(), voice_.row(prompt_language_));
    prompt_.codes_FQ = read.codes_FQ;
    prompt_.frames = read.frames;
  }

  voice::CodeText tokens_of(const std::string& sentence) {
    const std::string at = fmt::format("{}/calls/{}/text_tokens", pointer_, said_);
    voice::CodeText out;
    if (given_tokens(at)) {
      const auto all = run_.input_json(kVallexInference, at).get<std::vector<std::int64_t>>();
      const auto prompt = static_cast<std::ptrdiff_t>(prompt_.text.tokens_S.size());
      out.tokens_S.assign(all.begin() + prompt, all.end());
      out.languages_S.assign(out.tokens_S.size(), voice_.row(language_));
    } else {
      voice::CodeTexts texts(text::make_front_end("vallex:mix"), voice_.symbols, voice_.config.languages, "the set");
      out = texts.read(sentence, {}, language_ == "mix" ? "" : language_).tokens;
    }
    if (!spoken_as_.empty()) out.languages_S.assign(out.tokens_S.size(), voice_.row(spoken_as_));
    return out;
  }

  /// Whether the set gives the tokens instead of asking for them.
  bool given_tokens(const std::string& pointer) const {
    try {
      run_.input_json(kVallexInference, pointer);
      return true;
    } catch (const std::logic_error&) {
      return false;
    }
  }

  void put_call(const voice::CodeContext& prompt, const voice::CodeText& tokens, std::int64_t frames) {
    const std::string at = fmt::format("{}/calls/{}/", pointer_, said_);
    const auto put = [&](const char* key, json value) { run_.put_json(kVallexInference, at + key, std::move(value)); };
    std::vector<std::int64_t> all = prompt.text.tokens_S;
    all.insert(all.end(), tokens.tokens_S.begin(), tokens.tokens_S.end());
    if (!given_tokens(at + "text_tokens")) put("text_tokens", all);
    put("prompt_frames", prompt.frames);
    put("enroll_x_lens", prompt.text.tokens_S.size());
    put("prompt_language", prompt_language_);
    put("text_language", spoken_as_.empty() ? json() : json(spoken_as_));
    put("new_frames", frames);
  }

  ParityRun& run_;
  const Speaking& voice_;
  std::string pointer_, text_, language_, spoken_as_, prompt_language_;
  voice::CodeContext prompt_;
  std::size_t said_ = 0;
};

/// codes [Q, 1, T].
void put_codes(ParityRun& run, const std::string& name, const std::vector<std::int32_t>& codes_FQ, std::int64_t books) {
  const std::int64_t frames = static_cast<std::int64_t>(codes_FQ.size()) / books;
  std::vector<std::int64_t> by_book(codes_FQ.size());
  for (std::int64_t f = 0; f < frames; ++f)
    for (std::int64_t q = 0; q < books; ++q)
      by_book[static_cast<std::size_t>(q * frames + f)] = codes_FQ[static_cast<std::size_t>(f * books + q)];
  if (run.has(kVallexTensors, name))
    run.put(kVallexTensors, name, weights::Tensor::of<std::int64_t>({books, 1, frames}, std::move(by_book)));
}

}  // namespace

void run_vallex_speaking(ParityRun& run) {
  const Speaking voice(run);
  for (const std::string& i : run.keys(kVallexInference, "/generate_audio")) {
    const std::string at = "/generate_audio/" + i;
    roles::attempt(run, "*:*generate*" + i + "*", [&] {
      SpokenCase one(run, voice, at);
      put_codes(run, "infer.generate." + i + ".codes", one.say({one.text()}, false, {}), voice.config.num_quantizers);
    });
  }
  for (const std::string& i : run.keys(kVallexInference, "/generate_audio_from_long_text")) {
    const std::string at = "/generate_audio_from_long_text/" + i;
    roles::attempt(run, "*:*long*" + i + "*", [&] {
      const auto mode = run.input_json(kVallexInference, at + "/mode").get<std::string>();
      if (mode != "fixed-prompt" && mode != "sliding-window")
        throw UsageError(fmt::format("there is no mode {}", mode));
      SpokenCase one(run, voice, at);
      std::vector<std::string> sentences;
      for (const text::Sentence& sentence : text::split_sentences(one.text(), {.language = one.language()}))
        sentences.push_back(one.text().substr(sentence.begin, sentence.end - sentence.begin));
      const auto draws =
          run.input_json(kVallexInference, at + "/uniform_draws_after_each_sentence").get<std::vector<double>>();
      const bool sliding = mode == "sliding-window" || !one.has_prompt();
      put_codes(run, "infer.long." + i + ".codes", one.say(sentences, sliding, draws), voice.config.num_quantizers);
    });
  }
}

}  // namespace timbre::valle
