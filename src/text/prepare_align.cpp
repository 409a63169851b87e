#include "text/prepare_align.h"

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "text/cleaners.h"

namespace timbre::text {
namespace {

std::vector<std::string> lines_of(const std::filesystem::path& file) {
  std::string text = read_file(file);
  std::erase(text, '\r');
  std::vector<std::string> lines = split(text, '\n');
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

std::vector<std::filesystem::path> sorted_entries(const std::filesystem::path& folder) {
  std::error_code error;
  std::vector<std::filesystem::path> entries;
  for (auto it = std::filesystem::directory_iterator(folder, error);
       !error && it != std::filesystem::directory_iterator(); it.increment(error))
    entries.push_back(it->path());
  if (error)
    throw SystemError(fmt::format("cannot list {}: {}", folder.string(), error.message()), "check the corpus folder");
  std::sort(entries.begin(), entries.end());
  return entries;
}

std::vector<LabText> ljspeech(const std::filesystem::path& corpus, const std::vector<std::string>& cleaners) {
  std::vector<LabText> texts;
  std::filesystem::path table = corpus / "metadata.csv";
  std::size_t number = 0;
  for (const std::string& line : lines_of(table)) {
    ++number;
    std::vector<std::string> fields = split(trim(line), '|');
    if (fields.size() < 3)
      throw DataError(
          fmt::format("{}:{}: {} columns, expected id|text|normalised text", table.string(), number, fields.size()),
          "mend or remove the line");
    std::filesystem::path wav = corpus / "wavs" / (fields[0] + ".wav");
    if (is_safe_relative(fields[0]) && std::filesystem::exists(wav))
      texts.push_back({"LJSpeech", fields[0], clean_text(fields[2], cleaners), wav});
  }
  return texts;
}

std::vector<LabText> libritts(const std::filesystem::path& corpus, const std::vector<std::string>& cleaners) {
  std::vector<LabText> texts;
  for (const auto& speaker : sorted_entries(corpus))
    for (const auto& chapter : sorted_entries(speaker))
      for (const auto& wav : sorted_entries(chapter)) {
        if (wav.extension() != ".wav") continue;
        std::filesystem::path file = chapter / (wav.stem().string() + ".normalized.txt");
        if (!std::filesystem::exists(file))
          throw DataError(fmt::format("{} has no text: {} is missing", wav.string(), file.filename().string()),
                          "add the text or remove the clip");
        std::vector<std::string> lines = lines_of(file);
        texts.push_back({speaker.filename().string(), wav.stem().string(),
                         clean_text(lines.empty() ? "" : lines[0], cleaners), wav});
      }
  return texts;
}

std::vector<LabText> aishell3(const std::filesystem::path& corpus) {
  std::vector<LabText> texts;
  for (const char* part : {"train", "test"}) {
    std::filesystem::path table = corpus / part / "content.txt";
    std::size_t number = 0;
    for (const std::string& line : lines_of(table)) {
      ++number;
      std::vector<std::string> fields = split(line, '\t');
      if (fields.size() != 2)
        throw DataError(
            fmt::format("{}:{}: {} columns, expected wav name, tab, text", table.string(), number, fields.size()),
            "mend or remove the line");
      std::string speaker = fields[0].substr(0, 7);
      std::filesystem::path wav = corpus / part / "wav" / speaker / fields[0];
      if (!is_safe_relative(fields[0]) || !std::filesystem::exists(wav)) continue;
      std::vector<std::string> tokens = split(fields[1], ' '), syllables;
      for (std::size_t i = 1; i < tokens.size(); i += 2) syllables.push_back(tokens[i]);
      texts.push_back({speaker, fields[0].substr(0, 11), join(syllables, " "), wav});
    }
  }
  return texts;
}

}  // namespace

std::vector<LabText> prepare_align_texts(const std::string& dataset, const std::filesystem::path& corpus,
                                         const std::vector<std::string>& cleaners) {
  if (dataset == "LJSpeech") return ljspeech(corpus, cleaners);
  if (dataset == "LibriTTS") return libritts(corpus, cleaners);
  if (dataset == "AISHELL3") return aishell3(corpus);
  std::string near = did_you_mean(dataset, {"LJSpeech", "LibriTTS", "AISHELL3"});
  throw UsageError(
      fmt::format("prepare_align does not know the dataset '{}'{}", dataset, near.empty() ? "" : "; " + near),
      "one of: LJSpeech, LibriTTS, AISHELL3");
}

}  // namespace timbre::text
