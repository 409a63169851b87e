#include "text/espeak.h"

#include <dlfcn.h>

#include <algorithm>
#include <clocale>
#include <cstdlib>
#include <map>
#include <mutex>

#include "base/error.h"
#include "base/file_stamp.h"
#include "base/files.h"
#include "base/strings.h"

namespace timbre::text {
namespace {

// The part of speak_lib.h we call, declared from its documentation: the header is only there with the -dev package.
struct VoiceRecord {
  const char* name;
  const char* languages;  // (priority byte, code, NUL)*, NUL
  const char* identifier;
  unsigned char gender, age, variant, unused;
  int score;
  void* spare;
};
constexpr int kRetrievalOutput = 1;                    // AUDIO_OUTPUT_RETRIEVAL: nothing is played
constexpr int kDontExit = 0x8000;                      // espeakINITIALIZE_DONT_EXIT
constexpr int kUtf8 = 1;                               // espeakCHARS_UTF8
constexpr int kIpa = 0x02;                             // espeakPHONEMES_IPA
constexpr std::int64_t kClockSlackNs = 2'000'000'000;  // file systems stamp with a clock that lags
constexpr char kBorder = '\x1f';                       // between phonemes; no language of espeak-ng uses it

class Library {
 public:
  static Library& get() {
    static Library library;
    return library;
  }

  std::mutex& lock() { return lock_; }
  const std::vector<EspeakVoice>& voices() const { return voices_; }
  const std::string& version() const { return version_; }

  /// Stamps of all files that what it says comes from; "" when one is younger than what was loaded.
  std::string sources() const {
    std::vector<fs::path> files = {library_};
    Dl_info c_library{};
    if (dladdr(reinterpret_cast<void*>(&std::localeconv), &c_library) != 0) files.emplace_back(c_library.dli_fname);
    try {
      for (const auto& entry : fs::recursive_directory_iterator(data_, fs::directory_options::follow_directory_symlink))
        if (!entry.is_directory()) files.push_back(entry.path());
    } catch (const fs::filesystem_error&) {
      return "";
    }
    std::sort(files.begin(), files.end());
    std::string all = std::string(std::setlocale(LC_CTYPE, nullptr)) + "\n";
    for (const fs::path& file : files) {
      const FileStamp stamp = file_stamp(file);
      if (stamp.text.empty() || stamp.changed_ns > loaded_ns_ - kClockSlackNs) return "";
      all += stamp.text + "\n";
    }
    return all;
  }

  std::string phonemes(const std::string& identifier, const std::string& clause, char border) {
    if (identifier != current_) {
      if (set_voice_(identifier.c_str()) != 0)
        throw SystemError(fmt::format("espeak-ng could not load its voice '{}'", identifier),
                          "reinstall the voice data: sudo apt install --reinstall espeak-ng-data");
      current_ = identifier;
    }
    std::string out;
    const void* at = clause.c_str();
    while (at) {
      const char* piece = to_phonemes_(&at, kUtf8, kIpa | (border << 8));
      if (piece && *piece) {
        if (!out.empty()) out += ' ';
        out += piece;
      }
    }
    return out;
  }

 private:
  Library() {
    const char* chosen = std::getenv("TIMBRE_ESPEAK");
    const char* file = chosen && *chosen ? chosen : "libespeak-ng.so.1";
    loaded_ns_ = stamp_clock_ns();
    void* handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
      throw SystemError(fmt::format("phonemes need espeak-ng, and {} could not be loaded", file),
                        "sudo apt install libespeak-ng1 espeak-ng-data");
    auto initialize = symbol<int (*)(int, int, const char*, int)>(handle, "espeak_Initialize");
    auto list = symbol<const VoiceRecord** (*)(VoiceRecord*)>(handle, "espeak_ListVoices");
    auto info = symbol<const char* (*)(const char**)>(handle, "espeak_Info");
    set_voice_ = symbol<int (*)(const char*)>(handle, "espeak_SetVoiceByName");
    to_phonemes_ = symbol<const char* (*)(const void**, int, int)>(handle, "espeak_TextToPhonemes");
    if (initialize(kRetrievalOutput, 0, nullptr, kDontExit) < 0)
      throw SystemError("espeak-ng is installed without its voice data", "sudo apt install espeak-ng-data");
    const char* data = nullptr;
    const auto words = split_whitespace(info(&data));
    version_ = words.empty() ? "" : words[0];
    if (data) data_ = data;
    Dl_info where{};
    if (dladdr(reinterpret_cast<void*>(initialize), &where) != 0) library_ = where.dli_fname;
    for (const VoiceRecord** record = list(nullptr); record && *record; ++record) {
      const VoiceRecord& voice = **record;
      if (!voice.languages || !voice.languages[0] || !voice.identifier) continue;
      EspeakVoice& kept =
          voices_.emplace_back(EspeakVoice{voice.languages + 1, voice.identifier, voice.name ? voice.name : "", {}});
      for (const char* code = voice.languages + 1 + kept.code.size() + 1; *code;
           code += std::string_view(code).size() + 1)
        kept.also.emplace_back(code[0], code + 1);
    }
    std::stable_sort(voices_.begin(), voices_.end(), [](auto& a, auto& b) { return a.code < b.code; });
  }

  template <class F>
  static F symbol(void* handle, const char* name) {
    void* found = dlsym(handle, name);
    if (!found) throw SystemError(fmt::format("this libespeak-ng has no {}", name), "install espeak-ng 1.50 or newer");
    return reinterpret_cast<F>(found);
  }

  std::mutex lock_;
  int (*set_voice_)(const char*) = nullptr;
  const char* (*to_phonemes_)(const void**, int, int) = nullptr;
  std::string current_, version_;
  fs::path library_, data_;
  std::int64_t loaded_ns_ = 0;
  std::vector<EspeakVoice> voices_;
};

}  // namespace

std::vector<EspeakVoice> espeak_voices() { return Library::get().voices(); }

std::string espeak_sources() { return Library::get().sources(); }

std::string espeak_version() { return Library::get().version(); }

EspeakVoice find_espeak_voice(std::string_view name) {
  const auto& voices = Library::get().voices();
  std::string wanted = ascii_lower(name);
  for (auto member : {&EspeakVoice::code, &EspeakVoice::identifier, &EspeakVoice::name})
    for (const EspeakVoice& voice : voices)
      if (ascii_lower(voice.*member) == wanted) return voice;
  const EspeakVoice* meant = nullptr;
  int best = 256;
  for (const EspeakVoice& voice : voices)
    for (const auto& [rank, code] : voice.also)
      if (code == wanted && rank < best) best = rank, meant = &voice;
  if (meant) return *meant;
  std::vector<std::string> codes;
  for (const EspeakVoice& voice : voices)
    if (codes.empty() || codes.back() != voice.code) codes.push_back(voice.code);
  std::string near = did_you_mean(wanted, codes);
  throw UsageError(fmt::format("espeak-ng has no voice '{}'{}", name, near.empty() ? "" : "; " + near),
                   "voices: " + join(codes, " "));
}

std::string espeak_ipa(const std::string& identifier, std::string_view text) {
  Library& library = Library::get();
  std::lock_guard hold(library.lock());
  return library.phonemes(identifier, std::string(text), '_');
}

std::vector<std::vector<std::string>> espeak_phonemes(const std::string& identifier, std::string_view clause) {
  std::string raw;
  {
    Library& library = Library::get();
    std::lock_guard hold(library.lock());
    raw = library.phonemes(identifier, std::string(clause), kBorder);
  }
  std::vector<std::vector<std::string>> words;
  for (const std::string& group : split_whitespace(raw)) {
    std::vector<std::string> word;
    for (std::string& phoneme : split(group, kBorder)) {
      // "(en)" … "(ru)": other rules begin or end here; it may stand in front of a phoneme.
      while (phoneme.starts_with('(')) {
        auto close = phoneme.find(')');
        phoneme.erase(0, close == std::string::npos ? phoneme.size() : close + 1);
      }
      std::erase(phoneme, '_');
      if (!phoneme.empty()) word.push_back(std::move(phoneme));
    }
    if (!word.empty()) words.push_back(std::move(word));
  }
  return words;
}

}  // namespace timbre::text
