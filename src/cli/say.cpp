#include <unistd.h>

#include <iostream>
#include <iterator>
#include <set>

#include "audio/decode.h"
#include "audio/write.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/strings.h"
#include "cli/code_speaking.h"
#include "cli/verb.h"
#include "prepare/speaker_vectors.h"
#include "voice/speech.h"
#include "voice/timestamps.h"
#include "weights/npy.h"

namespace timbre::cli {
namespace {

struct SayVerb {
  std::vector<std::string> text;
  std::string voice, vocoder, out = "out.wav", format, file, lines, timestamps, engine = "auto";
  std::vector<std::string> speaker_wav;
  std::string speaker_vec, markup;
  voice::SayOptions say;
  CodeVoiceOptions code_voice;
  voice::CodeSayOptions codes;
};

config::Fields fields(SayVerb& o) {
  config::Fields f;
  f.add("text", o.text, "what to say; '-' or nothing reads standard input").positional().metavar("TEXT");
  f.add("voice", o.voice, "voice folder, or a run folder (its voice)").required().metavar("VOICE");
  f.add("out", o.out, "sound file (.wav .flac .ogg .mp3 .raw), '-' for standard output; a folder with --lines")
      .letter('o')
      .metavar("FILE");
  f.add("format", o.format,
        "wav, flac, ogg, mp3 or raw (16-bit little endian); default: by the file's ending, wav for '-'");
  f.add("markup", o.markup,
        "what to say instead of TEXT, with <slow>…</slow>, <medium>…</medium>, <fast>…</fast> in it (Llasa); '-' reads "
        "standard input")
      .metavar("TEXT");
  f.add("file", o.file, "read the text from a file").metavar("FILE");
  f.add("lines", o.lines, "one sound file for each line of a file, 'id|text' or 'text'; -o names the folder")
      .metavar("FILE");
  f.add("timestamps", o.timestamps, "also write when each word was said: .json, .srt or .TextGrid").metavar("FILE");
  f.group("", voice::fields(o.say));
  f.add("vocoder", o.vocoder, "folder of another vocoder than the voice's own, of its mels or of its codes")
      .metavar("FOLDER");
  add_engine_field(f, o.engine);
  f.add("speaker_wav", o.speaker_wav, "sound like this recording, or several of one person (voices with vectors)")
      .metavar("CLIP");
  f.add("speaker_vec", o.speaker_vec, "the same by a vector that timbre speaker wrote; of several rows their mean")
      .metavar("FILE.npy");
  config::Fields codes = fields(o.code_voice);
  codes.group("", voice::fields(o.codes));
  f.group("", std::move(codes), "voices that speak in codes (VALL-E, Llasa)");
  return f;
}

std::string text_of(const SayVerb& o) {
  if (!o.file.empty() && !o.text.empty()) throw UsageError("both a text and --file were given", "give one of them");
  if (!o.markup.empty() && (!o.file.empty() || !o.text.empty()))
    throw UsageError("both --markup and another text were given", "give one of them");
  if (!o.file.empty()) return read_file(o.file);
  const std::string words = o.markup.empty() ? join(o.text, " ") : o.markup;
  if (!words.empty() && words != "-") return words;
  if (words.empty() && ::isatty(STDIN_FILENO)) {
    throw UsageError("there is nothing to say: no text was given",
                     "timbre say \"Hello there.\" --voice VOICE -o hello.wav");
  }
  return {std::istreambuf_iterator<char>(std::cin), {}};
}

/// Warnings of all pieces, each once.
void warn_once(const std::vector<std::string>& warnings, std::vector<std::string>& seen) {
  for (const auto& text : warnings) {
    if (std::find(seen.begin(), seen.end(), text) != seen.end()) continue;
    log::warn(text);
    seen.push_back(text);
  }
}

/// Says one text into one writer: into a pipe as soon as there are samples, else piece by piece. Returns the pieces
/// without their samples.
std::vector<voice::SpokenPiece> say_into(voice::AnySpeaker& speaker, const std::string& text, const SayVerb& o,
                                         audio::AudioWriter& writer, bool at_once) {
  std::vector<voice::SpokenPiece> pieces;
  std::vector<std::string> seen;
  const auto keep = [&](voice::SpokenPiece&& piece) {
    writer.write(piece.wave_N);
    warn_once(piece.warnings, seen);
    piece.wave_N.clear();
    piece.mel_FM.clear();
    pieces.push_back(std::move(piece));
  };
  const auto hear = [&](std::span<const float> wave_N) { writer.write(wave_N); };
  if (at_once)
    speaker.stream(text, o.say, hear, keep);
  else
    speaker.say(text, o.say, keep);
  writer.close();
  if (writer.clipped() > 0)
    log::warn(fmt::format("{} samples were louder than full scale and were clipped", writer.clipped()));
  if (!o.timestamps.empty())
    write_file_atomic(o.timestamps, voice::format_timestamps(pieces, voice::timestamp_format(o.timestamps)));
  return pieces;
}

void report(const SayVerb& o, const std::string& out, double seconds, const std::vector<voice::SpokenPiece>& pieces,
            voice::AnySpeaker& speaker, Context& context) {
  const std::string guesser = speaker.guesser();
  std::set<std::string> unknown;
  for (const auto& piece : pieces) unknown.insert(piece.guessed.begin(), piece.guessed.end());
  if (context.json) {
    nlohmann::json json{{"out", out}, {"seconds", seconds}, {"timestamps", o.timestamps}};
    if (!unknown.empty()) json["unknown_words"] = {{"words", unknown}, {"read_by", guesser}};
    if (const nlohmann::json told = speaker.told(); told.is_object()) json.update(told);
    const std::string text = json.dump() + "\n";
    std::fwrite(text.data(), 1, text.size(), context.out);
    return;
  }
  log::note(fmt::format("{}: {:.2f} s of speech", out, seconds));
  if (!unknown.empty())
    log::note(fmt::format("{} {} in no lexicon, read by {}", unknown.size(), unknown.size() == 1 ? "word" : "words",
                          guesser));
}

/// How sentences ended, where some did not end well.
void warn_of_endings(const voice::AnySpeaker& speaker) {
  const auto* codes = dynamic_cast<const voice::CodeSpeaker*>(&speaker);
  if (codes && !codes->counts().clean()) log::warn(codes->counts().text());
}

struct Line {
  std::string id, text;
};

/// The lines of --lines. What is wrong with one is said before the first is spoken.
std::vector<Line> lines_of(const std::string& file) {
  std::vector<Line> lines;
  std::set<std::string> ids;
  std::int64_t number = 0;
  for (const std::string& line : split(read_file(file), '\n')) {
    ++number;
    if (trim(line).empty()) continue;
    const auto bar = line.find('|');
    Line one{fmt::format("{:04}", number), line};
    if (bar != std::string::npos) one = {std::string(trim(line.substr(0, bar))), line.substr(bar + 1)};
    if (!is_safe_relative(one.id))
      throw DataError(fmt::format("{}:{}: '{}' cannot be a file name", file, number, one.id),
                      "use letters, digits, - and _");
    if (!ids.insert(one.id).second)
      throw DataError(fmt::format("{}:{}: '{}' names a line before it as well", file, number, one.id),
                      "give every line a name of its own");
    if (trim(one.text).empty())
      throw DataError(fmt::format("{}:{}: there is nothing to say behind '{}|'", file, number, one.id));
    lines.push_back(std::move(one));
  }
  if (lines.empty()) throw UsageError(fmt::format("{} has no line to say", file));
  return lines;
}

int say_lines(voice::AnySpeaker& speaker, const SayVerb& o, Context& context) {
  const fs::path folder = o.out;
  const std::vector<Line> lines = lines_of(o.lines);
  make_folders(folder);
  const std::string ending = o.format.empty() ? "wav" : o.format;
  std::size_t said = 0;
  for (const Line& line : lines) {
    auto writer = audio::AudioWriter::open(folder / (line.id + "." + ending), speaker.rate_hz(), ending);
    say_into(speaker, line.text, o, *writer, false);
    emit_progress(context.events, "say", static_cast<double>(++said), static_cast<double>(lines.size()), "lines");
  }
  warn_of_endings(speaker);
  if (context.json) {
    nlohmann::json json{{"out", o.out}, {"files", said}};
    if (const nlohmann::json told = speaker.told(); told.is_object()) json.update(told);
    fmt::print(context.out, "{}\n", json.dump());
  } else
    log::note(fmt::format("{} files in {}", said, o.out));
  return 0;
}

/// The vector of whom to sound like; empty when nobody was named.
std::vector<float> speaker_vector(const SayVerb& o, const voice::Voice& voice, const Speaking& speaking) {
  if (o.speaker_wav.empty() && o.speaker_vec.empty()) return {};
  if (!o.speaker_wav.empty() && !o.speaker_vec.empty())
    throw UsageError("both --speaker-wav and --speaker-vec were given", "give one of them");
  const fs::path folder = voice.dir() / "speaker_encoder";
  if (!fs::exists(folder))
    throw UsageError(fmt::format("{} was trained without speaker vectors: it cannot sound like a recording", o.voice),
                     "train one with: timbre train fastspeech2 --speaker-encoder FOLDER");
  speaking.expect_torch("--speaker-wav and --speaker-vec: a speaker encoder has no engine");
  const auto encoder = prepare::open_speaker_encoder(folder);
  std::vector<std::vector<float>> vectors;
  for (const std::string& path : o.speaker_wav)
    vectors.push_back(encoder->embed(audio::decode_audio(path, encoder->rate_hz()).samples_N));
  if (!o.speaker_vec.empty()) {
    const weights::Tensor given = weights::read_npy(o.speaker_vec);
    const auto size = static_cast<std::size_t>(encoder->size());
    const std::vector<float> values = given.to_f32();
    if (given.shape.empty() || given.shape.back() != encoder->size() || values.empty())
      throw DataError(fmt::format("{}: {} holds no vectors of {} numbers", o.speaker_vec, given.describe(), size),
                      fmt::format("make them with: timbre speaker CLIP --encoder {} -o FILE.npy", folder.string()));
    for (std::size_t i = 0; i < values.size(); i += size)
      vectors.emplace_back(values.begin() + static_cast<std::ptrdiff_t>(i),
                           values.begin() + static_cast<std::ptrdiff_t>(i + size));
  }
  return encoder->mean(vectors);
}

/// Of either kind, ready to speak.
std::unique_ptr<voice::AnySpeaker> open_speaker(SayVerb& o, voice::Voice& voice, roles::Registry& registry,
                                                const Speaking& speaking) {
  if (speaks_in_codes(registry, voice)) {
    if (!o.speaker_wav.empty() || !o.speaker_vec.empty())
      throw UsageError(fmt::format("{} takes a prompt, not speaker vectors", o.voice),
                       "--prompt RECORDING --prompt-text \"what is said in it\"");
    o.code_voice.vocoder = o.vocoder;
    return open_code_speaker(registry, speaking, voice, o.code_voice, o.codes, o.say.accept_text_changes);
  }
  if (!o.code_voice.prompt.empty() || !o.code_voice.prompt_text.empty() || !o.code_voice.codec.empty())
    throw UsageError(fmt::format("{} speaks in mels: --prompt and --codec are for voices that speak in codes", o.voice),
                     "timbre info VOICE");
  voice.use_vocoder(o.vocoder);
  speaking.expect(voice);
  o.say.speaker_vector = speaker_vector(o, voice, speaking);
  return std::make_unique<voice::Speaker>(voice, registry, o.say.accept_text_changes);
}

int run(const SayVerb& given, Context& context) {
  SayVerb o = given;
  if (!o.timestamps.empty()) voice::timestamp_format(o.timestamps);  // a bad ending is said before minutes of work
  voice::speed_factor(o.say.speed);
  if (!o.lines.empty() && !o.markup.empty()) throw UsageError("--markup goes with one text, not with --lines");
  if (!o.markup.empty()) o.say.tags = text::Tags::speeds;
  if (!o.lines.empty() && !o.timestamps.empty()) throw UsageError("--timestamps goes with one text, not with --lines");
  auto voice = voice::Voice::open(o.voice);
  roles::Registry registry;
  const Speaking speaking(registry, o.engine);
  const std::string text = o.lines.empty() ? text_of(o) : std::string();
  if (o.lines.empty() && trim(text).empty()) {
    throw UsageError("there is nothing to say: the text is empty",
                     "timbre say \"Hello there.\" --voice VOICE -o hello.wav");
  }
  const auto opened = open_speaker(o, voice, registry, speaking);
  voice::AnySpeaker& speaker = *opened;
  if (!o.lines.empty()) return say_lines(speaker, o, context);

  const bool to_pipe = o.out == "-";
  if (to_pipe && ::isatty(STDOUT_FILENO))
    throw UsageError("sound is not written to a terminal", "timbre say … -o - | aplay, or -o FILE");
  if (to_pipe && context.json) throw UsageError("--json and -o - both want standard output", "give -o FILE");
  auto writer = to_pipe ? audio::AudioWriter::open(stdout, speaker.rate_hz(), o.format.empty() ? "wav" : o.format)
                        : audio::AudioWriter::open(fs::path(o.out), speaker.rate_hz(), o.format);
  const auto pieces = say_into(speaker, text, o, *writer, to_pipe);
  warn_of_endings(speaker);
  report(o, o.out, static_cast<double>(writer->samples()) / static_cast<double>(speaker.rate_hz()), pieces, speaker,
         context);
  return 0;
}

}  // namespace

void register_say(Verbs& verbs) {
  add_verb<SayVerb>(
      verbs,
      {.name = "say",
       .summary = "Speaking: speak a text with a voice: to a file, to a pipe, line by line",
       .usage = "say TEXT --voice VOICE -o out.wav",
       .examples =
           {"timbre say \"Hello there.\" --voice runs/first/voice -o hello.wav",
            "timbre say \"Slowly, [pause:1s] please.\" --voice V --speed slow -o slow.mp3 --timestamps slow.srt",
            "timbre say --markup \"Hello <slow>there</slow>.\" --voice V --prompt clip.wav --prompt-text \"What the "
            "clip "
            "says.\" -o slow.wav",
            "timbre say \"I say [tomato](/təˈmɑːtoʊ/).\" --voice V -o tomato.wav",
            "timbre say \"In that voice.\" --voice V --prompt clip.wav --prompt-text \"What the clip says.\" -o "
            "that.wav",
            "timbre say --file book.txt --voice V -o - --format raw | aplay -r 16000 -f S16_LE"}},
      fields, run);
}

}  // namespace timbre::cli
