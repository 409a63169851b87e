#include "prepare/ming024_columns.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "corpus/clips.h"
#include "prepare/ming024_folder.h"
#include "prepare/torphix_folder.h"
#include "weights/npy.h"

namespace timbre::prepare {
namespace {

using testing::HasSubstr;
using testing_support::MadeCorpus;
using testing_support::TempFolder;
using weights::Tensor;

constexpr std::int64_t kFrames = 40, kMels = 80;

/// What `timbre prepare --for fastspeech2` asks for, at the rate of the made clips.
std::vector<ColumnRequest> wanted() {
  return {{"aligned_phonemes"}, {"durations"}, {"mel", {{"rate_hz", 22050}}}, {"pitch"}, {"energy"}, {"statistics"}};
}

/// A prepared corpus: columns of any key, as export_ming024() reads them.
class Ming024Columns : public testing::Test {
 protected:
  void column(const fs::path& corpus, const std::string& name, const std::map<std::string, Tensor>& values) {
    corpus::ColumnWriter writer(corpus, {name, "settings", "inputs"});
    for (const auto& [id, value] : values) writer.put(id, value);
    writer.commit();
  }
  void fill(const corpus::Corpus& corpus) {
    std::map<std::string, Tensor> phones, durations, mel, pitch, energy;
    Philox rng(3);
    for (const auto& u : corpus.utterances()) {
      std::vector<float> frames, energies;
      std::vector<double> hertz;
      for (std::int64_t i = 0; i < kFrames * kMels; ++i) frames.push_back(static_cast<float>(rng.uniform() * 8 - 10));
      for (int p = 0; p < 3; ++p)
        hertz.push_back(90 + 100 * rng.uniform()), energies.push_back(static_cast<float>(rng.uniform() * 60));
      phones.emplace(u.id, corpus::list_tensor({"sil", "HH", "AH0"}));
      durations.emplace(u.id, Tensor::of<std::int64_t>({3}, {10, 25, 5}));
      mel.emplace(u.id, Tensor::of<float>({kFrames, kMels}, std::move(frames)));
      pitch.emplace(u.id, Tensor::of<double>({3}, std::move(hertz)));
      energy.emplace(u.id, Tensor::of<float>({3}, std::move(energies)));
    }
    column(corpus.dir(), "aligned_phonemes", phones);
    column(corpus.dir(), "durations", durations);
    column(corpus.dir(), "mel", mel);
    column(corpus.dir(), "pitch", pitch);
    column(corpus.dir(), "energy", energy);
    column(corpus.dir(), "statistics",
           {{"pitch", Tensor::of<double>({4}, {-2.5, 3, 140.25, 31.5})},
            {"energy", Tensor::of<double>({4}, {-1.5, 2, 30.5, 17.25})}});
  }
  std::string fault(const corpus::Corpus& corpus, bool redo = false) {
    try {
      import_ming024(corpus, dir / "ming024", wanted(), redo);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }
  TempFolder dir;
};

TEST_F(Ming024Columns, ComeBackFromTheFolderTheyWereExportedTo) {
  corpus::Corpus from = MadeCorpus(dir / "a", 30, 0.6).publish();
  fill(from);
  write_ming024_folder(export_ming024(from), dir / "ming024", 7);
  MadeCorpus second(dir / "b", 30, 0.6);
  second.utterances.push_back(second.utterances[0]);
  second.utterances.back().id = "another";
  corpus::Corpus to = second.publish();
  EXPECT_FALSE(make_plan(to, wanted()).complete());
  Ming024Import result = import_ming024(to, dir / "ming024", wanted(), false);
  EXPECT_EQ(result.utterances, 30);
  EXPECT_EQ(result.valid_ids.size(), 1u);
  ASSERT_EQ(result.skipped.size(), 1u);
  EXPECT_EQ(result.skipped[0].id, "another");
  EXPECT_TRUE(result.broken.empty());
  EXPECT_TRUE(make_plan(to, wanted()).complete()) << "training would ask for more";
  for (const char* name : {"aligned_phonemes", "durations", "mel", "pitch", "energy", "statistics"}) {
    auto before = corpus::Column::open(from.dir(), name), after = corpus::Column::open(to.dir(), name);
    ASSERT_EQ(before.size(), after.size()) << name;
    for (const std::string& id : before.ids()) {
      Tensor a = before.get(id), b = after.get(id);
      ASSERT_EQ(a.dtype, b.dtype) << name;
      ASSERT_EQ(a.shape, b.shape) << name;
      auto x = a.to_f64(), y = b.to_f64();
      // The folder holds (x − mean) / deviation in the array's own precision: one rounding each way.
      double bound = name == std::string("pitch") ? 1e-11 : name == std::string("energy") ? 2e-5 : 0;
      for (std::size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(x[i], y[i], bound) << name << " of " << id;
    }
  }
  EXPECT_THAT(fault(to), HasSubstr("complete already"));
  EXPECT_EQ(fault(to, true), "no error");
}

TEST_F(Ming024Columns, TorphixFoldersComeBackToo) {
  corpus::Corpus from = MadeCorpus(dir / "a", 8, 0.6).publish();
  fill(from);
  write_torphix_folder(export_torphix(from), dir / "processed_dataset", dir / "processed_dataset");
  corpus::Corpus to = MadeCorpus(dir / "b", 8, 0.6).publish();
  EXPECT_EQ(import_torphix(to, dir / "processed_dataset", wanted(), false).utterances, 8);
  const auto value = [&](const corpus::Corpus& corpus, const char* column) {
    return corpus::Column::open(corpus.dir(), column).get(from.utterances()[3].id).to_f64();
  };
  EXPECT_EQ(value(to, "mel"), value(from, "mel"));
  EXPECT_EQ(value(to, "durations"), value(from, "durations"));
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(value(to, "pitch")[i], value(from, "pitch")[i], 1e-11);
  // A speaker whose folder has no all_metadata.json was not normalised: its values are taken as they are.
  const std::string speaker = from.utterances()[3].speaker;
  const auto scaled =
      weights::read_npy(dir / "processed_dataset" / speaker / "pitch" / (from.utterances()[3].id + "-pitch.npy"))
          .to_f64();
  fs::remove(dir / "processed_dataset" / speaker / "all_metadata.json");
  import_torphix(to, dir / "processed_dataset", wanted(), true);
  EXPECT_EQ(value(to, "pitch"), scaled);
  fs::remove(dir / "processed_dataset/all_metadata.json");
  EXPECT_THROW(import_torphix(to, dir / "processed_dataset", wanted(), true), DataError);
}

TEST_F(Ming024Columns, WhatDoesNotFitIsToldAndLeftOut) {
  corpus::Corpus from = MadeCorpus(dir / "a", 6, 0.6).publish();
  fill(from);
  write_ming024_folder(export_ming024(from), dir / "ming024", 7);
  MadeCorpus second(dir / "b", 6, 0.6);
  second.utterances[1].duration_s = 0.2;  // 40 frames are 0.46 s
  second.utterances[2].speaker = "bob";
  corpus::Corpus to = second.publish();
  weights::write_npy(dir / "ming024/mel/ada-mel-clip3.npy", Tensor::of<float>({kFrames, 2}, std::vector<float>(80)));
  weights::write_npy(dir / "ming024/pitch/ada-pitch-clip4.npy", Tensor::of<double>({4}, {1, 2, 3, 4}));
  fs::remove(dir / "ming024/energy/ada-energy-clip5.npy");
  std::string list = read_file(dir / "ming024/train.txt");
  write_file_atomic(dir / "ming024/train.txt", list + "clip0|ada\nother|ada|{A}|x\nclip0|ada|{A B C}|again\n");
  Ming024Import result = import_ming024(to, dir / "ming024", wanted(), false);
  EXPECT_EQ(result.utterances, 1);
  std::map<std::string, std::string> why;
  for (const Skipped& s : result.skipped) why[s.id] = s.reason;
  EXPECT_THAT(why["clip1"], HasSubstr("0.46 s at 22050 Hz and 256 samples a frame, the recording has 0.20 s"));
  EXPECT_THAT(why["clip3"], HasSubstr("mel of shape [40, 2]; expected [frames, 80]"));
  EXPECT_THAT(why["clip4"], HasSubstr("one a phone: 3"));
  EXPECT_THAT(why["clip5"], HasSubstr("ada-energy-clip5.npy"));
  EXPECT_EQ(why["clip2"], "not in the folder");
  ASSERT_EQ(result.broken.size(), 4u);
  EXPECT_THAT(result.broken[0].reason + result.broken[1].reason + result.broken[2].reason + result.broken[3].reason,
              testing::AllOf(HasSubstr("spoken by bob"), HasSubstr("2 columns"), HasSubstr("no utterance other"),
                             HasSubstr("came before")));
  fs::remove(dir / "ming024/stats.json");
  EXPECT_THAT(fault(to, true), HasSubstr("no stats.json in it; expected a folder that preprocess.py"));
}

TEST(Ming024Lines, AreTakenApart) {
  Ming024Line line = parse_ming024_line("LJ001|LJSpeech|{P R IH1}|a | b\r");
  EXPECT_EQ(line.fault, "");
  EXPECT_EQ(line.text, "a | b");
  EXPECT_THAT(line.phones, testing::ElementsAre("P", "R", "IH1"));
  EXPECT_NE(parse_ming024_line("a|b|P R|c").fault, "");
  EXPECT_NE(parse_ming024_line("a|b|{}|c").fault, "");
  EXPECT_NE(parse_ming024_line("a|../b|{P}|c").fault, "");
  EXPECT_NE(parse_ming024_line("").fault, "");
}

}  // namespace
}  // namespace timbre::prepare
