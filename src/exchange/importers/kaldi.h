#pragma once
#include <string>
#include <string_view>

namespace timbre::exchange {

/// "key rest of the line": a line of text, utt2spk, utt2lang, spk2gender. `key` is empty for a blank line.
struct KaldiPair {
  std::string key, value;
};
KaldiPair parse_kaldi_pair(std::string_view line);

/// The right side of a wav.scp line: a path, or what else Kaldi allows there.
struct KaldiRecording {
  enum class Kind { file, command, archive } kind = Kind::file;
  std::string path;     ///< of a file; of a command that only decodes one file (flac -dc x.flac |), that file
  std::string written;  ///< as written
};
KaldiRecording parse_kaldi_recording(std::string_view value);

/// A line of segments: utterance, recording, start, end (-1 = to the end of the recording).
struct KaldiSegment {
  std::string id, recording;
  double start_s = 0, end_s = -1;
  std::string fault;  ///< not empty: the line is broken
};
KaldiSegment parse_kaldi_segment(std::string_view line);

}  // namespace timbre::exchange
