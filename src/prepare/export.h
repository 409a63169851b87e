#pragma once
#include "exchange/exporter.h"

namespace timbre::prepare {

/// Generated: calls every register_exporter_<x> of src/prepare/exporters, the layouts that hold columns.
void register_column_exporters(exchange::Exporters& exporters);

}  // namespace timbre::prepare
