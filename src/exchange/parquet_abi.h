#pragma once
#include <stdint.h>

/// The border between the program and its Parquet plugin: plain C, no memory crosses it but what is lent during a call.
extern "C" {

enum TimbreCellKind {
  kTimbreCellNull = 0,
  kTimbreCellText,     ///< bytes
  kTimbreCellInteger,  ///< integer; booleans are 0 and 1
  kTimbreCellReal,     ///< real
  kTimbreCellAudio,    ///< bytes = the clip's file, path = its name; either may be absent
  kTimbreCellOther,    ///< lists, maps, times …: there, but not read
};

struct TimbreCell {
  int kind;
  const char* bytes;
  uint64_t byte_count;
  const char* path;
  uint64_t path_count;
  int64_t integer;
  double real;
};

/// Called with pieces of text.
typedef void (*TimbreTextSink)(void* context, const char* text, uint64_t count);
/// Called row by row; not 0 = stop.
typedef int (*TimbreRowSink)(void* context, int64_t row, const TimbreCell* cells, uint64_t count);

/// timbre_parquet_describe: JSON {"rows": N, "columns": [{"name", "type"}], "huggingface": text}; type is text, binary,
/// integer, real, bool, audio or Arrow's own name for others. 0 = fine, 1 = `error` says why not.
typedef int TimbreParquetDescribe(const char* path, TimbreTextSink sink, void* context, char* error,
                                  uint64_t error_bytes);
/// timbre_parquet_read: `columns` is a JSON list of names; cells come in its order, some rows at a time in memory.
typedef int TimbreParquetRead(const char* path, const char* columns, TimbreRowSink sink, void* context, char* error,
                              uint64_t error_bytes);
/// timbre_parquet_create: `schema` is JSON {"columns": [{"name", "type": text|integer|real|bool|audio}], "huggingface":
/// text}. Null on failure.
typedef void* TimbreParquetCreate(const char* path, const char* schema, char* error, uint64_t error_bytes);
/// timbre_parquet_append: one row; cells are copied.
typedef int TimbreParquetAppend(void* writer, const TimbreCell* cells, uint64_t count, char* error,
                                uint64_t error_bytes);
/// timbre_parquet_close writes what is left; either way the writer is gone afterwards. timbre_parquet_drop does not
/// write.
typedef int TimbreParquetClose(void* writer, char* error, uint64_t error_bytes);
typedef void TimbreParquetDrop(void* writer);
}
