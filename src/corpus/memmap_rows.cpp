#include "corpus/memmap_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <stdexcept>

#include "base/error.h"
#include "base/hash.h"
#include "weights/npy.h"
#include "weights/tensor.h"

namespace timbre::corpus {

namespace {

static_assert(std::endian::native == std::endian::little, "the files are little endian and are read as they lie");

constexpr const char* kNext =
    "make the rows anew (timbre prepare … --recipe llasa-speed --stage 4), or copy both files again";

fs::path memmap_path(const fs::path& folder, const std::string& split) {
  return folder / (split + "_input_ids.memmap");
}
fs::path shape_path(const fs::path& folder, const std::string& split) {
  return folder / (split + "_input_ids_shape.npy");
}

/// N and L. Throws DataError.
std::pair<std::int64_t, std::int64_t> read_shape(const fs::path& path) {
  const weights::Tensor tensor = weights::read_npy(path);
  constexpr std::int64_t kMost = std::int64_t{1} << 40;  // N · L · 4 must not overflow
  const bool whole = tensor.dtype != weights::DType::f64 && tensor.dtype != weights::DType::f32;
  if (tensor.numel() != 2 || !whole)
    throw DataError(fmt::format("{}: {}, expected two whole numbers: how many rows, and how long they are",
                                path.string(), tensor.describe()),
                    kNext);
  const std::vector<std::int64_t> shape = tensor.to_i64();
  if (shape[0] < 0 || shape[1] < 1 || shape[0] > kMost / shape[1])
    throw DataError(fmt::format("{}: {} rows of {} ids cannot be", path.string(), shape[0], shape[1]), kNext);
  return {shape[0], shape[1]};
}

}  // namespace

bool MemmapRows::present(const fs::path& folder, const std::string& split) {
  std::error_code absent;
  return fs::is_regular_file(memmap_path(folder, split), absent);
}

MemmapRows MemmapRows::open(const fs::path& folder, const std::string& split) {
  const fs::path memmap = memmap_path(folder, split), shape = shape_path(folder, split);
  for (const fs::path& file : {memmap, shape})
    if (std::error_code absent; !fs::is_regular_file(file, absent))
      throw DataError(fmt::format("{}: there is no such file; rows are {} and {}", file.string(),
                                  memmap.filename().string(), shape.filename().string()),
                      fs::is_directory(folder, absent)
                          ? kNext
                          : "give the folder that timbre prepare … --recipe llasa-speed or llasa left (…/rows)");
  MemmapRows rows;
  std::tie(rows.rows_, rows.length_) = read_shape(shape);
  const auto bytes = static_cast<std::uint64_t>(rows.rows_ * rows.length_) * sizeof(std::int32_t);
  if (const std::uint64_t there = fs::file_size(memmap); there != bytes)
    throw DataError(fmt::format("{} holds {} bytes, and {} says {} rows of {} ids, which are {} bytes", memmap.string(),
                                there, shape.filename().string(), rows.rows_, rows.length_, bytes),
                    kNext);
  if (rows.rows_ == 0)
    throw DataError(fmt::format("{} holds no rows", memmap.string()),
                    "more clips are needed, or rows that are not dropped: see left_out.jsonl beside it");
  rows.file_ = std::make_shared<MappedFile>(memmap);
  const std::span<const std::byte> all = rows.file_->bytes();
  rows.ids_ = {reinterpret_cast<const std::int32_t*>(all.data()), all.size() / sizeof(std::int32_t)};
  return rows;
}

RowFacts MemmapRows::facts() const {
  RowFacts facts;
  RunningHash hash;
  hash.add(fmt::format("{} {} ", rows_, length_));
  const auto bytes = file_->bytes();
  hash.add({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  facts.fingerprint = fmt::format("{:016x}", hash.value());
  const auto [low, high] = std::minmax_element(ids_.begin(), ids_.end());
  const auto highest = std::find(ids_.begin(), high, *high);  // minmax_element names the last of several
  facts.smallest = *low;
  facts.largest = *high;
  facts.smallest_row = (low - ids_.begin()) / length_;
  facts.smallest_place = (low - ids_.begin()) % length_;
  facts.largest_row = (highest - ids_.begin()) / length_;
  facts.largest_place = (highest - ids_.begin()) % length_;
  return facts;
}

void MemmapRows::expect_vocabulary(const RowFacts& facts, std::int64_t vocabulary) const {
  const auto refuse = [&](std::int64_t id, std::int64_t row, std::int64_t place) {
    throw DataError(
        fmt::format("{}: row {}, place {}: id {}, and there are {} ids (0 to {}): rows of another tokenizer",
                    path().string(), row, place, id, vocabulary, vocabulary - 1),
        "make the rows with this network's tokenizer (timbre prepare … --tokenizer FOLDER --stage 4), or "
        "train a network that has its ids");
  };
  if (facts.smallest < 0) refuse(facts.smallest, facts.smallest_row, facts.smallest_place);
  if (facts.largest >= vocabulary) refuse(facts.largest, facts.largest_row, facts.largest_place);
}

MemmapRowsWriter::MemmapRowsWriter(const fs::path& folder, const std::string& split, std::int64_t length)
    : memmap_(memmap_path(folder, split)), shape_(shape_path(folder, split)), length_(length) {
  make_folders(folder);
  file_ = std::make_unique<AtomicFile>(memmap_);
}

void MemmapRowsWriter::add(std::span<const std::int32_t> row) {
  if (static_cast<std::int64_t>(row.size()) != length_) throw std::logic_error("a row of another length");
  file_->write(std::as_bytes(row));
  ++rows_;
}

void MemmapRowsWriter::commit() {
  // The old shape goes first: a kill between the two renames leaves a memmap without one, which is refused, and never
  // one beside the shape of other rows.
  std::error_code absent;
  fs::remove(shape_, absent);
  file_->commit();
  weights::write_npy(shape_, weights::Tensor::of<std::int64_t>({2}, {rows_, length_}));
}

}  // namespace timbre::corpus
