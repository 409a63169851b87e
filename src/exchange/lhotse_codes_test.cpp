#include "exchange/lhotse_codes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace timbre::exchange::lhotse {
namespace {

using nlohmann::json;

json features(const char* type = "numpy_hdf5") {
  return {{"storage_type", type}, {"storage_path", "codes.h5"}, {"storage_key", "k"},
          {"start", 0},           {"frame_shift", 0.02},        {"sampling_rate", 16000}};
}

TEST(LhotseCodes, CustomArraysComeBeforeFeatures) {
  json cut = {{"id", "c"}, {"features", features()}};
  EXPECT_EQ(stored_array(cut, "codes")->rate_hz, 16000);
  cut["custom"]["codes"] = {
      {"array", features("numpy_files")}, {"temporal_dim", 0}, {"frame_shift", 0.04}, {"start", 1}};
  EXPECT_EQ(stored_array(cut, "codes")->storage_type, "numpy_files");
  EXPECT_EQ(stored_array(cut, "codes")->frame_shift_s, 0.04);
  EXPECT_EQ(stored_array(cut, "other")->storage_type, "numpy_hdf5");
  EXPECT_FALSE(stored_array({{"id", "c"}}, "codes"));
  cut["features"].erase("storage_key");
  EXPECT_THROW(stored_array(cut, "other"), DataError);
  cut["custom"]["codes"]["frame_shift"] = 0;
  EXPECT_THROW(stored_array(cut, "codes"), DataError);
}

TEST(LhotseCodes, RowsAreRoundedAsLhotseRounds) {
  StoredArray array = *stored_array({{"features", features()}}, "codes");
  // 160 samples are half a frame of 320 and count as one, 159 as none.
  EXPECT_EQ(rows_of(array, 0, 0.01, 100).count, 1);
  EXPECT_EQ(rows_of(array, 0, 159.0 / 16000, 100).count, 0);
  EXPECT_EQ(rows_of(array, 1.0, 0.5, 100).first, 50);
  EXPECT_EQ(rows_of(array, 1.0, 5.0, 100).count, 50);
  EXPECT_THROW(rows_of(array, -0.5, 1, 100), DataError);
  array.rate_hz = 0;  // a temporal array: by seconds
  EXPECT_EQ(rows_of(array, 0.03, 0.05, 100).first, 2);
  EXPECT_EQ(rows_of(array, 0.03, 0.05, 100).count, 3);
}

TEST(LhotseCodes, RefusesStoragesThatHoldNoCodes) {
  ArrayStore store("manifest.jsonl");
  try {
    store.read(*stored_array({{"features", features("lilcom_chunky")}}, "codes"));
    ADD_FAILURE();
  } catch (const DataError& error) {
    EXPECT_THAT(error.next(), testing::HasSubstr("NumpyHdf5Writer"));
  }
  json outside = features("numpy_files");
  outside["storage_key"] = "../../etc/x.npy";
  EXPECT_THROW(store.read(*stored_array({{"features", outside}}, "codes")), DataError);
}

}  // namespace
}  // namespace timbre::exchange::lhotse
