#include "score/espeak_reader.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>

#include "base/error.h"
#include "base/files.h"

extern char** environ;

namespace timbre::score {

audio::Clip read_with_espeak(const std::string& text, const std::string& voice) {
  static std::atomic<int> serial{0};
  const fs::path wav = fs::temp_directory_path() / fmt::format("timbre-espeak-{}-{}.wav", ::getpid(), serial++);
  const std::string path = wav.string();
  // No shell in between: the text is one argument, whatever it holds; "--" ends the options.
  const char* const words[] = {"espeak-ng", "-v", voice.c_str(), "-w", path.c_str(), "--", text.c_str(), nullptr};
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, words[0], nullptr, nullptr, const_cast<char* const*>(words), environ);
  if (error != 0)
    throw SystemError("the program espeak-ng is not installed", "apt install espeak-ng, or score with --no-espeak");
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    throw SystemError(fmt::format("espeak-ng failed on \"{}\"", text), "score with --no-espeak");
  auto clip = audio::decode_audio(wav);
  fs::remove(wav);
  return clip;
}

}  // namespace timbre::score
