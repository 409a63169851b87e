#include "corpus/columns.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <csignal>
#include <set>
#include <thread>

#include "base/rng.h"
#include "base/threads.h"
#include "corpus/clips.h"

namespace timbre::corpus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::TempFolder;
using testing_support::write_bytes;
using weights::Tensor;

const ColumnKey kKey{"mel", "s1", "i1"};

Tensor value_of(int i) { return Tensor::of<float>({2, 3}, {float(i), 1, 2, 3, 4, 5}); }
std::string id_of(int i) { return "utt" + std::to_string(i); }

std::set<std::string> part_files(const fs::path& corpus) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(corpus / "columns/mel"))
    if (entry.path().filename().string()[0] != '.') names.insert(entry.path().filename());
  return names;
}

TEST(Columns, WhatIsPutIsGot) {
  TempFolder dir;
  {
    ColumnWriter writer(dir.path(), kKey, {}, {{"hop_samples", 256}}, {.utterances = 4});
    for (int i = 0; i < 10; ++i) writer.put(id_of(i), value_of(i));
    writer.skip("bad", "no sound");
    writer.commit();
  }
  Column column = Column::open(dir.path(), kKey);
  EXPECT_EQ(column.size(), 10);
  EXPECT_EQ(column.settings()["hop_samples"], 256);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(same(column.get(id_of(i)), value_of(i)));
  EXPECT_FALSE(column.has("bad"));
  ASSERT_EQ(column.skipped().size(), 1u);
  EXPECT_EQ(column.skipped()[0].reason, "no sound");
  EXPECT_EQ(column.ids().size(), 10u);
  try {
    column.get("bad");
    FAIL();
  } catch (const DataError& e) {
    EXPECT_THAT(e.what(), HasSubstr("was skipped: no sound"));
  }
  EXPECT_THROW(column.get("never"), DataError);
  EXPECT_THAT(part_files(dir.path()), testing::Contains("0-of-1.00002.safetensors"));
}

TEST(Columns, TextAndListsRoundTrip) {
  std::vector<std::string> phones = {"sil", "h", "ˈɛ", "sil"};
  EXPECT_EQ(tensor_list(list_tensor(phones)), phones);
  EXPECT_EQ(tensor_text(text_tensor("héllo")), "héllo");
  EXPECT_TRUE(tensor_list(list_tensor({})).empty());
}

TEST(Columns, InterruptedWorkGoesOnAfterItsLastPart) {
  TempFolder dir;
  {
    ColumnWriter writer(dir.path(), kKey, {}, nlohmann::json::object(), {.utterances = 3});
    for (int i = 0; i < 8; ++i) writer.put(id_of(i), value_of(i));
    // no commit: 6 are in parts, 2 are lost
  }
  EXPECT_EQ(column_state(dir.path(), kKey, 10).kind, ColumnState::Kind::partial);
  EXPECT_EQ(column_state(dir.path(), kKey, 10).made, 6);
  auto before = fs::last_write_time(dir / "columns/mel/0-of-1.00000.safetensors");
  // with another number of shards
  for (std::int64_t shard = 0; shard < 2; ++shard) {
    ColumnWriter writer(dir.path(), kKey, {shard, 2});
    int fresh = 0;
    for (int i = 0; i < 10; ++i)
      if (Shard{shard, 2}.has(i) && !writer.is_done(id_of(i))) writer.put(id_of(i), value_of(i)), ++fresh;
    EXPECT_EQ(fresh, 2);
    writer.commit();
  }
  EXPECT_EQ(column_state(dir.path(), kKey, 10).kind, ColumnState::Kind::complete);
  EXPECT_EQ(fs::last_write_time(dir / "columns/mel/0-of-1.00000.safetensors"), before);
  Column column = Column::open(dir.path(), kKey);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(same(column.get(id_of(i)), value_of(i)));
}

TEST(Columns, StaleIsNeverReadAndRemade) {
  TempFolder dir;
  {
    ColumnWriter writer(dir.path(), kKey, {}, {{"hop_samples", 200}});
    writer.put("a", value_of(1));
    writer.commit();
  }
  ColumnKey other = kKey;
  other.settings_hash = "s2";
  EXPECT_THROW(Column::open(dir.path(), other), DataError);
  ColumnState state = column_state(dir.path(), other, 1, {{"hop_samples", 256}});
  EXPECT_EQ(state.kind, ColumnState::Kind::stale);
  EXPECT_EQ(state.why, "made with other settings (hop_samples 200, now 256)");
  ColumnWriter writer(dir.path(), other);
  EXPECT_FALSE(writer.is_done("a"));
  writer.put("a", value_of(2));
  writer.commit();
  EXPECT_TRUE(same(Column::open(dir.path(), other).get("a"), value_of(2)));
  EXPECT_THROW(Column::open(dir.path(), kKey), DataError);
  other.inputs_hash = "i2";
  EXPECT_EQ(column_state(dir.path(), other, 1).why, "made with other inputs");
}

TEST(Columns, DamagedPartIsAnErrorToReadersAndRemadeByWriters) {
  TempFolder dir;
  {
    ColumnWriter writer(dir.path(), kKey, {}, nlohmann::json::object(), {.utterances = 1});
    writer.put("a", value_of(1));
    writer.put("b", value_of(2));
  }
  fs::resize_file(dir / "columns/mel/0-of-1.00001.safetensors", 20);
  try {
    Column::open(dir.path(), kKey);
    FAIL();
  } catch (const DataError& e) {
    EXPECT_THAT(e.what(), HasSubstr("0-of-1.00001.safetensors: 20 bytes, its index says"));
    EXPECT_THAT(e.next(), HasSubstr("timbre prepare"));
  }
  EXPECT_EQ(column_state(dir.path(), kKey, 2).kind, ColumnState::Kind::partial);
  {
    ColumnWriter writer(dir.path(), kKey);
    EXPECT_TRUE(writer.is_done("a"));
    EXPECT_FALSE(writer.is_done("b"));
    writer.put("b", value_of(3));
    writer.commit();
  }
  EXPECT_TRUE(same(Column::open(dir.path(), kKey).get("b"), value_of(3)));
  write_bytes(dir / "columns/mel/0-of-1.00000.json", "{\"format\":1,");
  EXPECT_THROW(Column::open(dir.path(), kKey), DataError);
  EXPECT_FALSE(ColumnWriter(dir.path(), kKey).is_done("a"));
}

TEST(Columns, TensorFileWithoutIndexDoesNotCount) {
  TempFolder dir;
  write_bytes(dir / "columns/mel/0-of-1.00000.safetensors", "half written");
  EXPECT_EQ(column_state(dir.path(), kKey, 1).kind, ColumnState::Kind::missing);
  ColumnWriter writer(dir.path(), kKey);
  writer.put("a", value_of(1));
  writer.commit();
  EXPECT_TRUE(same(Column::open(dir.path(), kKey).get("a"), value_of(1)));
}

TEST(Columns, ManyShardsGiveTheSameColumnAsOne) {
  TempFolder one, many;
  constexpr int kCount = 500;
  auto make = [](const fs::path& dir, std::int64_t shards) {
    std::vector<std::thread> workers;
    for (std::int64_t s = 0; s < shards; ++s)
      workers.emplace_back([&dir, s, shards] {
        ColumnWriter writer(dir, kKey, {s, shards}, nlohmann::json::object(), {.utterances = 16});
        for (int i = 0; i < kCount; ++i)
          if (Shard{s, shards}.has(i)) i % 7 ? writer.put(id_of(i), value_of(i)) : writer.skip(id_of(i), "seventh");
        writer.commit();
      });
    for (auto& worker : workers) worker.join();
  };
  make(one.path(), 1);
  make(many.path(), 8);
  Column a = Column::open(one.path(), kKey), b = Column::open(many.path(), kKey);
  ASSERT_EQ(a.size(), b.size());
  ASSERT_EQ(a.skipped().size(), b.skipped().size());
  parallel_for(kCount, [&](std::size_t i) {
    ASSERT_EQ(a.has(id_of(int(i))), b.has(id_of(int(i))));
    if (a.has(id_of(int(i)))) {
      ASSERT_TRUE(same(a.get(id_of(int(i))), b.get(id_of(int(i)))));
    }
  });
}

TEST(Columns, TwoProcessesCannotTakeOneShard) {
  TempFolder dir;
  ColumnWriter first(dir.path(), kKey, {0, 2});
  EXPECT_THROW(ColumnWriter(dir.path(), kKey, {0, 2}), SystemError);
  ColumnWriter second(dir.path(), kKey, {1, 2});
}

TEST(Columns, PutFromManyThreads) {
  TempFolder dir;
  ColumnWriter writer(dir.path(), kKey, {}, nlohmann::json::object(), {.utterances = 10});
  parallel_for(300, [&](std::size_t i) { writer.put(id_of(int(i)), value_of(int(i))); });
  writer.commit();
  Column column = Column::open(dir.path(), kKey);
  EXPECT_EQ(column.size(), 300);
  for (int i = 0; i < 300; ++i) EXPECT_TRUE(same(column.get(id_of(i)), value_of(i)));
}

TEST(Columns, CompactKeepsEverything) {
  TempFolder dir;
  {
    ColumnWriter writer(dir.path(), kKey, {}, {{"k", 1}}, {.utterances = 2});
    for (int i = 0; i < 21; ++i) writer.put(id_of(i), value_of(i));
    writer.skip("bad", "why");
    writer.commit();
  }
  Column before = Column::open(dir.path(), kKey);
  compact_column(dir.path(), kKey, 24 * 8);
  EXPECT_EQ(part_files(dir.path()).size(), 6u);  // 21 values of 24 bytes: parts of 8, 8 and 5
  Column after = Column::open(dir.path(), kKey);
  EXPECT_EQ(after.size(), 21);
  EXPECT_EQ(after.skipped().size(), 1u);
  for (int i = 0; i < 21; ++i) {
    EXPECT_TRUE(same(after.get(id_of(i)), value_of(i)));
    if (i < 2) {
      EXPECT_NO_THROW(after.get(id_of(i)));
    }
  }
}

TEST(Columns, FullDiskLosesNothingThatWasMade) {
  TempFolder dir;
  ColumnWriter writer(dir.path(), kKey);
  writer.put("a", value_of(1));
  writer.flush();
  // A file size limit stands for the full disk.
  auto before = std::signal(SIGXFSZ, SIG_IGN);
  rlimit was{};
  getrlimit(RLIMIT_FSIZE, &was);
  rlimit small{4096, was.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  writer.put("b", Tensor::of<float>({5000}, std::vector<float>(5000, 1.5f)));
  EXPECT_THROW(writer.commit(), SystemError);
  setrlimit(RLIMIT_FSIZE, &was);
  std::signal(SIGXFSZ, before);
  EXPECT_TRUE(same(Column::open(dir.path(), kKey).get("a"), value_of(1)));
  EXPECT_EQ(column_state(dir.path(), kKey, 2).kind, ColumnState::Kind::partial);
  writer.commit();  // there is room again
  EXPECT_EQ(Column::open(dir.path(), kKey).get("b").numel(), 5000);
}

TEST(Columns, NamesAndShardsAreChecked) {
  TempFolder dir;
  EXPECT_THROW(Column::open(dir.path(), "../x"), UsageError);
  EXPECT_THROW(Column::open(dir.path(), "none"), DataError);
  EXPECT_EQ(Shard::parse("3/64").index, 3);
  for (const char* bad : {"", "3", "4/4", "-1/4", "0/0", "a/b", "1/2/3"})
    EXPECT_THROW(Shard::parse(bad), UsageError) << bad;
  ColumnWriter writer(dir.path(), kKey);
  EXPECT_THROW(writer.put("a/b", value_of(1)), DataError);
}

}  // namespace
}  // namespace timbre::corpus
