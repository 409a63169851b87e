#include "score/recognizer.h"

#include <dlfcn.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"

namespace timbre::score {
namespace {

constexpr const char* kInstall = "install the packages libpocketsphinx-dev and pocketsphinx-en-us, then build again";

fs::path model_folder() {
  if (const char* given = std::getenv("TIMBRE_POCKETSPHINX")) return given;
  return "/usr/share/pocketsphinx/model/en-us";
}

}  // namespace

std::vector<std::string> prompt_words(const std::string& text) {
  std::string spoken;
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '\'';
    const bool mark = c == ' ' || c == '\t' || c == ',' || c == '.' || c == '!' || c == '?' || c == ';' || c == ':' ||
                      c == '-' || c == '\r';
    if (!letter && !mark) return {};
    spoken += letter ? c : ' ';
  }
  return split_whitespace(ascii_lower(spoken));
}

struct Recognizer::Plugin {
  void* library = nullptr;
  void* handle = nullptr;
  void* (*open)(const char*, const char*) = nullptr;
  void (*close)(void*) = nullptr;
  int (*knows)(void*, const char*) = nullptr;
  int (*grammar)(void*, const char*) = nullptr;
  const char* (*hear)(void*, const short*, unsigned long) = nullptr;

  template <class F>
  void find(F& function, const char* name) {
    function = reinterpret_cast<F>(::dlsym(library, name));
    if (!function)
      throw SystemError(fmt::format("the recogniser plugin has no function {}", name), "build again: make build");
  }
  ~Plugin() {
    if (handle) close(handle);
  }
};

Recognizer::Recognizer() : plugin_(std::make_unique<Plugin>()) {
  const fs::path path = program_folder() / "lib" / "timbre_recognizer.so";
  auto& p = *plugin_;
  p.library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!p.library) throw SystemError(fmt::format("cannot load the recogniser: {}", ::dlerror()), kInstall);
  p.find(p.open, "timbre_recognizer_open");
  p.find(p.close, "timbre_recognizer_close");
  p.find(p.knows, "timbre_recognizer_knows");
  p.find(p.grammar, "timbre_recognizer_grammar");
  p.find(p.hear, "timbre_recognizer_hear");
  const fs::path model = model_folder();
  p.handle = p.open((model / "en-us").c_str(), (model / "cmudict-en-us.dict").c_str());
  if (!p.handle) throw SystemError(fmt::format("no US-English PocketSphinx model in {}", model.string()), kInstall);
}

Recognizer::~Recognizer() = default;

bool Recognizer::knows(const std::string& word) const { return plugin_->knows(plugin_->handle, word.c_str()) != 0; }

void Recognizer::set_sentences(const std::vector<std::string>& sentences) {
  if (sentences.empty()) throw UsageError("the recogniser needs at least one sentence");
  std::string jsgf = "#JSGF V1.0;\ngrammar prompts;\npublic <prompt> = ";
  for (std::size_t i = 0; i < sentences.size(); ++i) jsgf += (i ? " | ( " : "( ") + sentences[i] + " )";
  jsgf += ";\n";
  if (plugin_->grammar(plugin_->handle, jsgf.c_str()) != 0) {
    throw DataError("the recogniser refused the grammar: a sentence has a word its dictionary does not know");
  }
}

std::string Recognizer::recognize(std::span<const float> wave_N) {
  std::vector<short> samples_N(wave_N.size());
  std::transform(wave_N.begin(), wave_N.end(), samples_N.begin(),
                 [](float x) { return static_cast<short>(std::lrint(std::clamp(x, -1.0f, 1.0f) * 32767.0f)); });
  const char* text = plugin_->hear(plugin_->handle, samples_N.data(), samples_N.size());
  if (!text) throw SystemError("the recogniser failed on this audio");
  return text;
}

}  // namespace timbre::score
