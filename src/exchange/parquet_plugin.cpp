// Parquet through Apache Arrow, whose C++ libraries the PyPI wheel pyarrow carries (Debian 12 has none).
#include <arrow/api.h>
#include <arrow/io/file.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/writer.h>

#include <cstdio>
#include <exception>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "exchange/parquet_abi.h"

namespace {

using nlohmann::json;

struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

void expect(const arrow::Status& status) {
  if (!status.ok()) throw Failure(status.message());
}
template <class T>
T expect(arrow::Result<T> result) {
  expect(result.status());
  return std::move(result).ValueUnsafe();
}

/// Runs `body`; what it throws becomes the error text.
template <class Body>
int guarded(char* error, uint64_t error_bytes, const Body& body) {
  try {
    body();
    return 0;
  } catch (const std::exception& thrown) {
    std::snprintf(error, error_bytes, "%s", thrown.what());
  }
  return 1;
}

// Few rows at a time and pages rather than whole column chunks: a row group of clips may be gigabytes.
constexpr int64_t kBatchRows = 4;
constexpr int64_t kPageBuffer = 1 << 20;

std::unique_ptr<parquet::arrow::FileReader> open_reader(const char* path) {
  auto file = expect(arrow::io::ReadableFile::Open(path));
  parquet::ReaderProperties properties;
  properties.enable_buffered_stream();
  properties.set_buffer_size(kPageBuffer);
  parquet::ArrowReaderProperties arrow_properties(false);
  arrow_properties.set_batch_size(kBatchRows);
  arrow_properties.set_pre_buffer(false);
  parquet::arrow::FileReaderBuilder builder;
  expect(builder.Open(file, properties));
  builder.properties(arrow_properties);
  return expect(builder.Build());
}

bool is_text(const arrow::DataType& type) {
  return type.id() == arrow::Type::STRING || type.id() == arrow::Type::LARGE_STRING ||
         type.id() == arrow::Type::STRING_VIEW;
}
bool holds_bytes(const arrow::DataType& type) {
  return type.id() == arrow::Type::BINARY || type.id() == arrow::Type::LARGE_BINARY ||
         type.id() == arrow::Type::BINARY_VIEW;
}

bool is_audio(const arrow::DataType& type) {
  if (type.id() != arrow::Type::STRUCT) return false;
  const auto& fields = static_cast<const arrow::StructType&>(type);
  auto bytes = fields.GetFieldByName("bytes"), path = fields.GetFieldByName("path");
  return (bytes || path) && (!bytes || holds_bytes(*bytes->type())) && (!path || is_text(*path->type()));
}

std::string type_word(const arrow::DataType& type) {
  if (type.id() == arrow::Type::DICTIONARY)
    return type_word(*static_cast<const arrow::DictionaryType&>(type).value_type());
  if (is_text(type)) return "text";
  if (holds_bytes(type)) return "binary";
  if (type.id() == arrow::Type::BOOL) return "bool";
  if (arrow::is_integer(type.id())) return "integer";
  if (type.id() == arrow::Type::FLOAT || type.id() == arrow::Type::DOUBLE) return "real";
  if (is_audio(type)) return "audio";
  return type.ToString();
}

std::shared_ptr<arrow::Schema> schema_of(parquet::arrow::FileReader& reader) {
  std::shared_ptr<arrow::Schema> schema;
  expect(reader.GetSchema(&schema));
  return schema;
}

/// The leaves of the file that make up top-level columns `names`.
std::vector<int> leaves_of(const parquet::arrow::FileReader& reader, const std::vector<std::string>& names) {
  const parquet::SchemaDescriptor* schema = reader.parquet_reader()->metadata()->schema();
  std::vector<int> leaves;
  for (int i = 0; i < schema->num_columns(); ++i)
    for (const std::string& name : names)
      if (schema->GetColumnRoot(i)->name() == name) leaves.push_back(i);
  return leaves;
}

using Keep = std::vector<std::shared_ptr<arrow::Scalar>>;

void set_bytes(const arrow::Scalar& scalar, const char*& bytes, uint64_t& count) {
  if (!scalar.is_valid) return;
  const auto& buffer = static_cast<const arrow::BaseBinaryScalar&>(scalar).value;
  bytes = reinterpret_cast<const char*>(buffer->data());
  count = static_cast<uint64_t>(buffer->size());
}

/// `keep` holds what the cell points at.
TimbreCell cell_of(std::shared_ptr<arrow::Scalar> scalar, Keep& keep) {
  TimbreCell cell{};
  if (scalar->type->id() == arrow::Type::DICTIONARY && scalar->is_valid)
    scalar = expect(static_cast<const arrow::DictionaryScalar&>(*scalar).GetEncodedValue());
  if (!scalar->is_valid) return cell;
  const arrow::DataType& type = *scalar->type;
  cell.kind = kTimbreCellOther;
  if (is_text(type) || holds_bytes(type)) {
    cell.kind = kTimbreCellText;
    set_bytes(*scalar, cell.bytes, cell.byte_count);
  } else if (type.id() == arrow::Type::BOOL) {
    cell.kind = kTimbreCellInteger;
    cell.integer = static_cast<const arrow::BooleanScalar&>(*scalar).value;
  } else if (arrow::is_integer(type.id())) {
    cell.kind = kTimbreCellInteger;
    const auto wide = expect(scalar->CastTo(arrow::int64()));
    cell.integer = static_cast<const arrow::Int64Scalar&>(*wide).value;
  } else if (type.id() == arrow::Type::FLOAT) {
    cell.kind = kTimbreCellReal;
    cell.real = static_cast<double>(static_cast<const arrow::FloatScalar&>(*scalar).value);
  } else if (type.id() == arrow::Type::DOUBLE) {
    cell.kind = kTimbreCellReal;
    cell.real = static_cast<const arrow::DoubleScalar&>(*scalar).value;
  } else if (is_audio(type)) {
    cell.kind = kTimbreCellAudio;
    const auto& both = static_cast<const arrow::StructScalar&>(*scalar);
    for (const char* name : {"bytes", "path"}) {
      auto part = both.field(name);
      if (!part.ok()) continue;
      keep.push_back(*part);
      const bool is_path = name[0] == 'p';
      set_bytes(**part, is_path ? cell.path : cell.bytes, is_path ? cell.path_count : cell.byte_count);
    }
  }
  keep.push_back(std::move(scalar));
  return cell;
}

/// False = the sink wants no more.
bool give_rows(const arrow::RecordBatch& batch, const std::vector<std::string>& names, int64_t first,
               TimbreRowSink sink, void* context) {
  std::vector<std::shared_ptr<arrow::Array>> columns;
  for (const std::string& name : names) {
    columns.push_back(batch.GetColumnByName(name));
    if (!columns.back()) throw Failure("no column '" + name + "'");
  }
  for (int64_t row = 0; row < batch.num_rows(); ++row) {
    Keep keep;
    std::vector<TimbreCell> cells;
    cells.reserve(columns.size());
    for (const auto& column : columns) cells.push_back(cell_of(expect(column->GetScalar(row)), keep));
    if (sink(context, first + row, cells.data(), cells.size()) != 0) return false;
  }
  return true;
}

/// Rows gathered to a row group, written when it is full.
class Writer {
 public:
  Writer(const char* path, const json& schema) {
    auto properties = parquet::WriterProperties::Builder();
    properties.compression(parquet::Compression::SNAPPY)->write_batch_size(8);
    for (const json& column : schema.at("columns")) {
      const std::string name = column.at("name"), type = column.at("type");
      fields_.push_back(arrow::field(name, type_of(type)));
      if (type == "audio") {  // packed already
        properties.disable_dictionary(name + ".bytes")
            ->compression(name + ".bytes", parquet::Compression::UNCOMPRESSED);
        properties.disable_dictionary(name + ".path")->disable_statistics(name + ".bytes");
      }
    }
    auto metadata = arrow::key_value_metadata({"huggingface"}, {schema.at("huggingface").get<std::string>()});
    schema_ = arrow::schema(fields_, metadata);
    file_ = expect(arrow::io::FileOutputStream::Open(path));
    auto arrow_properties = parquet::ArrowWriterProperties::Builder().store_schema()->build();
    writer_ = expect(parquet::arrow::FileWriter::Open(*schema_, arrow::default_memory_pool(), file_, properties.build(),
                                                      arrow_properties));
    start();
  }

  void append(const TimbreCell* cells, uint64_t count) {
    if (count != fields_.size()) throw Failure("another number of cells than of columns");
    for (std::size_t i = 0; i < fields_.size(); ++i) append_one(*builders_[i], *fields_[i]->type(), cells[i]);
    ++rows_;
    if (rows_ >= kGroupRows || bytes_ >= kGroupBytes) flush();
  }

  void close() {
    flush();
    expect(writer_->Close());
    expect(file_->Close());
  }

 private:
  static constexpr int64_t kGroupRows = 100;  // what the datasets library takes for audio
  static constexpr uint64_t kGroupBytes = uint64_t(64) << 20;

  static std::shared_ptr<arrow::DataType> type_of(const std::string& word) {
    if (word == "text") return arrow::utf8();
    if (word == "integer") return arrow::int64();
    if (word == "real") return arrow::float64();
    if (word == "bool") return arrow::boolean();
    if (word == "audio")
      return arrow::struct_({arrow::field("bytes", arrow::binary()), arrow::field("path", arrow::utf8())});
    throw Failure("no type '" + word + "'");
  }

  void start() {
    builders_.clear();
    for (const auto& field : fields_) builders_.push_back(expect(arrow::MakeBuilder(field->type())));
    rows_ = 0;
    bytes_ = 0;
  }

  void append_one(arrow::ArrayBuilder& builder, const arrow::DataType& type, const TimbreCell& cell) {
    if (cell.kind == kTimbreCellNull) return expect(builder.AppendNull());
    bytes_ += cell.byte_count;
    switch (type.id()) {
      case arrow::Type::STRING:
        return expect(static_cast<arrow::StringBuilder&>(builder).Append(cell.bytes, int32_t(cell.byte_count)));
      case arrow::Type::INT64:
        return expect(static_cast<arrow::Int64Builder&>(builder).Append(cell.integer));
      case arrow::Type::DOUBLE:
        return expect(static_cast<arrow::DoubleBuilder&>(builder).Append(cell.real));
      case arrow::Type::BOOL:
        return expect(static_cast<arrow::BooleanBuilder&>(builder).Append(cell.integer != 0));
      default:
        break;
    }
    auto& both = static_cast<arrow::StructBuilder&>(builder);
    expect(both.Append());
    expect(static_cast<arrow::BinaryBuilder*>(both.field_builder(0))
               ->Append(reinterpret_cast<const uint8_t*>(cell.bytes), int32_t(cell.byte_count)));
    expect(static_cast<arrow::StringBuilder*>(both.field_builder(1))->Append(cell.path, int32_t(cell.path_count)));
  }

  void flush() {
    if (rows_ == 0) return;
    std::vector<std::shared_ptr<arrow::Array>> arrays;
    for (const auto& builder : builders_) arrays.push_back(expect(builder->Finish()));
    const auto table = arrow::Table::Make(schema_, arrays, rows_);
    expect(writer_->WriteTable(*table, rows_));
    start();
  }

  std::vector<std::shared_ptr<arrow::Field>> fields_;
  std::shared_ptr<arrow::Schema> schema_;
  std::shared_ptr<arrow::io::FileOutputStream> file_;
  std::unique_ptr<parquet::arrow::FileWriter> writer_;
  std::vector<std::unique_ptr<arrow::ArrayBuilder>> builders_;
  int64_t rows_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace

extern "C" {

int timbre_parquet_describe(const char* path, TimbreTextSink sink, void* context, char* error, uint64_t error_bytes) {
  return guarded(error, error_bytes, [&] {
    const auto reader = open_reader(path);
    const auto schema = schema_of(*reader);
    json columns = json::array();
    for (const auto& field : schema->fields())
      columns.push_back({{"name", field->name()}, {"type", type_word(*field->type())}});
    std::string about;
    if (schema->metadata()) about = schema->metadata()->Get("huggingface").ValueOr("");
    const std::string text = json{
        {"rows", reader->parquet_reader()->metadata()->num_rows()},
        {"columns", columns},
        {"huggingface", about}}.dump(-1, ' ', false, json::error_handler_t::replace);
    sink(context, text.data(), text.size());
  });
}

int timbre_parquet_read(const char* path, const char* columns, TimbreRowSink sink, void* context, char* error,
                        uint64_t error_bytes) {
  return guarded(error, error_bytes, [&] {
    const auto reader = open_reader(path);
    const auto names = json::parse(columns).get<std::vector<std::string>>();
    const std::vector<int> leaves = leaves_of(*reader, names);
    int64_t first = 0;
    for (int group = 0; group < reader->num_row_groups(); ++group) {
      const auto batches = expect(reader->GetRecordBatchReader({group}, leaves));
      for (std::shared_ptr<arrow::RecordBatch> batch;; first += batch->num_rows()) {
        expect(batches->ReadNext(&batch));
        if (!batch) break;
        if (!give_rows(*batch, names, first, sink, context)) return;
      }
    }
  });
}

void* timbre_parquet_create(const char* path, const char* schema, char* error, uint64_t error_bytes) {
  std::unique_ptr<Writer> writer;
  guarded(error, error_bytes, [&] { writer = std::make_unique<Writer>(path, json::parse(schema)); });
  return writer.release();
}

int timbre_parquet_append(void* writer, const TimbreCell* cells, uint64_t count, char* error, uint64_t error_bytes) {
  return guarded(error, error_bytes, [&] { static_cast<Writer*>(writer)->append(cells, count); });
}

int timbre_parquet_close(void* writer, char* error, uint64_t error_bytes) {
  const std::unique_ptr<Writer> owned(static_cast<Writer*>(writer));
  return guarded(error, error_bytes, [&] { owned->close(); });
}

void timbre_parquet_drop(void* writer) { delete static_cast<Writer*>(writer); }
}
