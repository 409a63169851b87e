#pragma once
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/event.h"
#include "config/fields.h"
#include "prepare/recipe_stage.h"
#include "prepare/speed_classes.h"
#include "tokenizer/speech_rows.h"

/// `timbre prepare SRC --recipe llasa-speed`: data of the speed-control fine-tune of
/// JiachuanDENG/llasa-with-speed-control
/// @297c9d9, stage by stage: 1 speaking rates, 2 classes, 3 codes, 4 rows. `--recipe llasa` makes rows of single clips,
/// as zhenye234/LLaSA_training @ef5c260 does: stages 3 and 4 alone.
///
///   rates.jsonl                    stage 1: a line for each clip: voice, syllables, seconds a syllable, or why left
///   out speaker_withDifferent_speed/   stage 2: <speaker>/{slow,fast,medium}.txt stretched/, stretched.jsonl    stage
///   2: copies at another speed, where they were asked for vq_codes/<name>.wav.npy        stage 3: int32 [frames] rows/
///   stage 4: {train,val}_input_ids.memmap, …_shape.npy, tokenizer/, rows.json,
///                                  left_out.jsonl
///
/// Each stage is whole or goes on where it was: a clip's codes and a part of the rates are files of their own.
namespace timbre::prepare {

struct LlasaOptions {
  std::string recipe;  ///< llasa-speed, llasa
  std::string source;  ///< the reference's folder (wav/, metadata.csv) or a corpus
  std::string out = "data";
  std::int64_t stage = 1, stop_stage = 4;
  std::int64_t nj = 0;             ///< threads; 0 = as the program's
  std::string language;            ///< of a folder's captions; "" = English
  std::string syllables = "auto";  ///< auto | letters | phones
  std::int64_t min_words = 6;
  SpeedRules rules;
  bool stretch = false;       ///< copies for speakers that have too few slow or fast clips
  bool stretch_all = false;   ///< copies of every medium clip at both speeds
  double most_stretch = 1.5;  ///< copies at most so many times as long, or as short
  std::string codec;          ///< folder; "" = codes lie there already
  std::string tokenizer;      ///< folder or tokenizer.json
  std::int64_t row_length = 2048;
  std::string date = tokenizer::kTemplateDate;
  std::int64_t seed = 0;
  double val_share = 0.01;      ///< llasa-speed
  std::int64_t passes = 1;      ///< llasa-speed, see PairRules
  double medium_share = 0;      ///< the same
  std::int64_t alone = 0;       ///< the same
  std::int64_t val_count = -1;  ///< llasa; -1 = the reference's 1000, or a tenth of fewer than 10,000 clips
  bool as_reference = false;

  bool stretches() const { return stretch || stretch_all; }
};
config::Fields fields(LlasaOptions& options);

struct LlasaJob {
  const LlasaOptions& options;
  const EventSink& events;
  const std::atomic<bool>* stop = nullptr;
  bool speed() const { return options.recipe == "llasa-speed"; }
  fs::path out() const { return options.out; }
  fs::path rates() const { return out() / "rates.jsonl"; }
  fs::path stretched() const { return out() / "stretched.jsonl"; }
  fs::path rows() const { return out() / "rows"; }
  /// The lists of stage 2; where it was not run, those that lie in the source.
  fs::path lists() const;
  /// The codes of stage 3; those in the source where no codec is named.
  fs::path codes() const;
  /// Throws SystemError when the user asked to stop.
  void expect_going_on() const;
};

/// One recording of the source.
struct LlasaClip {
  std::string name;  ///< without .wav
  fs::path audio;    ///< "" where the source has no recording of it
  std::string text, speaker, language;
  std::string copy_of;  ///< the clip it was stretched from
  double factor = 1;    ///< times as long as that
};

/// What SRC holds.
struct LlasaSource {
  std::vector<LlasaClip> clips;    ///< of a folder by name, of a corpus in its order
  std::vector<Skipped> left_out;   ///< recordings without a caption, captions that contradict
  std::vector<std::string> notes;  ///< for people
  nlohmann::json made_of;          ///< what a stage that reads it depends on
  /// With the copies of stage 2.
  std::map<std::string, LlasaClip> by_name(const LlasaJob& job) const;
};
/// Throws DataError where SRC is neither a corpus nor a folder with metadata.csv.
LlasaSource read_llasa_source(const LlasaJob& job);

RecipeReport rate_clips(const LlasaJob& job);
RecipeReport class_clips(const LlasaJob& job);
RecipeReport encode_clips(const LlasaJob& job);
RecipeReport make_rows(const LlasaJob& job);
/// Says what is wrong with the options now rather than after hours. Throws UsageError.
void check_llasa_options(const LlasaOptions& options);

/// A folder of codes, one NumPy file a recording: <name>.wav.npy or <name>.npy, 1-D whole numbers.
class CodesFolder {
 public:
  explicit CodesFolder(fs::path folder) : folder_(std::move(folder)) {}
  /// The codes, or why there are none: no file, damaged, not 1-D.
  std::variant<std::vector<std::int32_t>, std::string> load(const std::string& name) const;
  fs::path file(const std::string& name) const { return folder_ / (name + ".wav.npy"); }

 private:
  fs::path folder_;
};

/// Makes rows of clips, or says why one cannot be: the product's and the golden set's one way.
class RowMaker {
 public:
  struct Row {
    std::vector<std::int32_t> ids;  ///< row_length of them
    std::int64_t length = 0;        ///< before it was filled or cut
  };
  using Result = std::variant<Row, std::string>;
  /// What bounds a row: cut, as the base script does; dropped above row_length, as the speed script does; dropped when
  /// the chat template would push its end out.
  enum class TooLong { cut, drop, drop_with_template };
  RowMaker(const tokenizer::Tokenizer& tokenizer, std::int64_t row_length, std::int64_t overhead, TooLong too_long,
           bool refuse_marks);
  Result plain(const std::string& text, const std::string& name, const CodesFolder& codes) const;
  /// A clip alone, its mark before its text.
  Result marked(tokenizer::Speed speed, const std::string& text, const std::string& name,
                const CodesFolder& codes) const;
  Result paired(const std::string& text, const std::string& name, tokenizer::Speed speed,
                const std::string& partner_text, const std::string& partner, const CodesFolder& codes) const;
  const tokenizer::SpeechRows& rows() const { return rows_; }

 private:
  Result fit(std::vector<std::int32_t> row) const;
  std::string fault_of(const std::string& text) const;
  tokenizer::SpeechRows rows_;
  std::int64_t row_length_, overhead_;
  TooLong too_long_;
  bool refuse_marks_;
};

}  // namespace timbre::prepare
