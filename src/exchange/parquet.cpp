#include "exchange/parquet.h"

#include <array>
#include <exception>

#include "base/error.h"
#include "base/plugin.h"

namespace timbre::exchange::parquet {

using nlohmann::json;

namespace {

struct Library {
  TimbreParquetDescribe* describe;
  TimbreParquetRead* read;
  TimbreParquetCreate* create;
  TimbreParquetAppend* append;
  TimbreParquetClose* close;
  TimbreParquetDrop* drop;
};

const Library& library() {
  static const Library loaded = [] {
    const Plugin plugin("parquet", "Apache Arrow (Parquet files)", "pyarrow, as tools/requirements.txt has it,");
    return Library{.describe = plugin.find<TimbreParquetDescribe>("timbre_parquet_describe"),
                   .read = plugin.find<TimbreParquetRead>("timbre_parquet_read"),
                   .create = plugin.find<TimbreParquetCreate>("timbre_parquet_create"),
                   .append = plugin.find<TimbreParquetAppend>("timbre_parquet_append"),
                   .close = plugin.find<TimbreParquetClose>("timbre_parquet_close"),
                   .drop = plugin.find<TimbreParquetDrop>("timbre_parquet_drop")};
  }();
  return loaded;
}

using Why = std::array<char, 512>;

[[noreturn]] void refuse(const fs::path& path, const Why& why) {
  throw DataError(fmt::format("{}: not a usable Parquet file: {}", path.string(), why.data()), "fetch the file again");
}

/// Exceptions do not cross the plugin: they wait here.
struct RowCall {
  const std::function<void(std::int64_t, std::span<const Cell>)>& each;
  std::exception_ptr thrown;
  static int take(void* context, std::int64_t row, const TimbreCell* cells, std::uint64_t count) {
    auto& call = *static_cast<RowCall*>(context);
    try {
      call.each(row, {cells, count});
    } catch (...) {
      call.thrown = std::current_exception();
      return 1;
    }
    return 0;
  }
};

}  // namespace

Cell text_cell(std::string_view text) {
  return Cell{.kind = kTimbreCellText, .bytes = text.data(), .byte_count = text.size()};
}

Cell audio_cell(std::string_view bytes, std::string_view path) {
  return Cell{.kind = kTimbreCellAudio,
              .bytes = bytes.data(),
              .byte_count = bytes.size(),
              .path = path.data(),
              .path_count = path.size()};
}

Cell real_cell(double value) { return Cell{.kind = kTimbreCellReal, .real = value}; }

Schema read_schema(const fs::path& path) {
  std::string text;
  const auto take = [](void* context, const char* piece, std::uint64_t count) {
    static_cast<std::string*>(context)->append(piece, count);
  };
  Why why{};
  if (library().describe(path.c_str(), take, &text, why.data(), why.size()) != 0) refuse(path, why);
  const json told = json::parse(text);
  Schema schema{.rows = told.at("rows").get<std::int64_t>()};
  for (const json& column : told.at("columns")) schema.columns.push_back({column.at("name"), column.at("type")});
  const json about = json::parse(told.at("huggingface").get<std::string>(), nullptr, false);
  if (about.is_object()) schema.huggingface = about;
  return schema;
}

void read_rows(const fs::path& path, const std::vector<std::string>& columns,
               const std::function<void(std::int64_t row, std::span<const Cell> cells)>& each) {
  RowCall call{each, {}};
  Why why{};
  const int status =
      library().read(path.c_str(), json(columns).dump().c_str(), RowCall::take, &call, why.data(), why.size());
  if (call.thrown) std::rethrow_exception(call.thrown);
  if (status != 0) refuse(path, why);
}

Writer::Writer(const fs::path& path, const std::vector<Column>& columns, const std::string& huggingface) : path_(path) {
  json list = json::array();
  for (const Column& column : columns) list.push_back({{"name", column.name}, {"type", column.type}});
  const std::string schema = json{{"columns", list}, {"huggingface", huggingface}}.dump();
  Why why{};
  writer_ = library().create(path.c_str(), schema.c_str(), why.data(), why.size());
  if (!writer_) throw SystemError(fmt::format("{}: cannot be written: {}", path.string(), why.data()));
}

Writer::~Writer() {
  if (writer_) library().drop(writer_);
}

void Writer::append(std::span<const Cell> cells) {
  Why why{};
  if (library().append(writer_, cells.data(), cells.size(), why.data(), why.size()) != 0)
    throw SystemError(fmt::format("{}: writing failed: {}", path_.string(), why.data()), "free some space");
}

void Writer::close() {
  Why why{};
  void* writer = writer_;
  writer_ = nullptr;
  if (library().close(writer, why.data(), why.size()) != 0)
    throw SystemError(fmt::format("{}: writing failed: {}", path_.string(), why.data()), "free some space");
}

}  // namespace timbre::exchange::parquet
