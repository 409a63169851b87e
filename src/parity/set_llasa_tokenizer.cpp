#include <algorithm>
#include <map>

#include "base/error.h"
#include "parity/sets.h"
#include "roles/golden.h"
#include "roles/parity_part.h"
#include "tokenizer/chat.h"
#include "tokenizer/speech_tokens.h"
#include "tokenizer/tokenizer.h"

/// The set llasa_tokenizer: what its files say, ids of texts, texts of ids, chats. Everything is exact.
namespace timbre::parity {
namespace {

using nlohmann::json;
using tokenizer::Tokenizer;

constexpr const char* kCases = "cases.json";

void meta(roles::ParityRun& run, const Tokenizer& speed) {
  const auto speech = tokenizer::SpeechTokens::of(speed);
  run.put_json(kCases, "/meta/first_speech_id", speech.first_id);
  run.put_json(kCases, "/meta/total", speed.size());
  run.put_json(kCases, "/meta/bos", speed.bos().value());
  run.put_json(kCases, "/meta/eos", speed.eos().value());
  for (const char* list : {"speed_tokens", "special_ids"}) {
    const std::string entry = std::string("/meta/") + list;
    json ids = json::object();
    for (const std::string& token : run.keys(kCases, entry)) ids[token] = speed.need_id(token);
    run.put_json(kCases, entry, ids);
  }
  std::vector<std::string> beyond;
  for (const std::int32_t id : speed.tokens_beyond_merges()) beyond.push_back(speed.token(id));
  const auto characters = [](const std::string& s) {
    return std::count_if(s.begin(), s.end(), [](char c) { return (c & 0xC0) != 0x80; });
  };
  std::sort(beyond.begin(), beyond.end(), [&](const std::string& a, const std::string& b) {  // the set's order
    return characters(a) != characters(b) ? characters(a) > characters(b) : a < b;
  });
  run.put_json(kCases, "/meta/tokens_only_reachable_by_ignore_merges", beyond);
}

void encoded(roles::ParityRun& run, const Tokenizer& speed) {
  for (const std::string& i : run.keys(kCases, "/encode")) {
    const std::string entry = "/encode/" + i;
    roles::attempt(run, kCases + (":" + entry) + "/*", [&] {
      const auto text = run.input_json(kCases, entry + "/text").get<std::string>();
      const tokenizer::Encoded encoded = speed.encode_with_places(text);
      const std::vector<std::int32_t> ids = speed.encode(text);
      if (ids != encoded.ids) throw DataError("the two ways to encode a text disagree");
      json places = json::array();
      for (const auto& place : encoded.places) places.push_back({place.begin, place.end});
      run.put_json(kCases, entry + "/ids", ids);
      run.put_json(kCases, entry + "/offsets", places);
      run.put_json(kCases, entry + "/ids_with_bos", speed.encode(text, {.add_bos = true}));
      run.put_json(kCases, entry + "/decoded", speed.decode(ids));
      run.put_json(kCases, entry + "/decoded_skip_special", speed.decode(ids, {.skip_special = true}));
    });
  }
}

void decoded(roles::ParityRun& run, const Tokenizer& speed) {
  for (const std::string& i : run.keys(kCases, "/decode")) {
    const std::string entry = "/decode/" + i;
    roles::attempt(run, kCases + (":" + entry) + "/*", [&] {
      const auto ids = run.input_json(kCases, entry + "/ids").get<std::vector<std::int32_t>>();
      run.put_json(kCases, entry + "/decoded", speed.decode(ids));
      run.put_json(kCases, entry + "/decoded_skip_special", speed.decode(ids, {.skip_special = true}));
      run.put_json(kCases, entry + "/decoded_clean_up", speed.decode(ids, {.clean_up = true}));
    });
  }
}

void chats(roles::ParityRun& run, const Tokenizer& speed) {
  const std::map<std::string, tokenizer::ChatEnd> ends = {
      {"closed", tokenizer::ChatEnd::closed},
      {"continue_final_message", tokenizer::ChatEnd::continue_final_message},
      {"generation_prompt", tokenizer::ChatEnd::generation_prompt}};
  for (const std::string& i : run.keys(kCases, "/chat")) {
    const std::string entry = "/chat/" + i;
    roles::attempt(run, kCases + (":" + entry) + "/*", [&] {
      std::vector<tokenizer::Message> messages;
      for (const json& message : run.input_json(kCases, entry + "/messages"))
        messages.push_back({message.at("role"), message.at("content")});
      const auto end = ends.at(run.input_json(kCases, entry + "/mode").get<std::string>());
      const auto date = run.input_json(kCases, entry + "/date").get<std::string>();
      const std::string text = tokenizer::render_chat(speed, messages, end, date);
      run.put_json(kCases, entry + "/text", text);
      run.put_json(kCases, entry + "/ids", speed.encode(text));
    });
  }
}

void run_set(roles::ParityRun& run) {
  run.input_path("speed/tokenizer.json");  // given
  const Tokenizer speed = Tokenizer::read(run.dir() / "speed");
  roles::attempt(run, "cases.json:/meta/*", [&] { meta(run, speed); });
  encoded(run, speed);
  decoded(run, speed);
  chats(run, speed);
}

}  // namespace

void register_set_llasa_tokenizer(roles::Registry& registry) { registry.add_parity("llasa_tokenizer", run_set); }

}  // namespace timbre::parity
