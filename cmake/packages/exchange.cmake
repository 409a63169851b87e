# Apache Arrow for the Parquet plugin. Debian 12 has no libparquet; the PyPI wheel pyarrow carries headers and libraries
# (manylinux_2_28: the C++ ABI of GCC 8 and later, so GCC 12 links them directly).
if(NOT TIMBRE_ARROW_DIR)
  file(GLOB TIMBRE_ARROW_DIR ${CMAKE_SOURCE_DIR}/.venv/lib/python3*/site-packages/pyarrow)
endif()
file(GLOB arrow_libraries ${TIMBRE_ARROW_DIR}/libarrow.so.* ${TIMBRE_ARROW_DIR}/libparquet.so.*)
list(LENGTH arrow_libraries arrow_count)
if(arrow_count EQUAL 2)
  add_library(timbre_plugin_parquet_deps INTERFACE)
  target_include_directories(timbre_plugin_parquet_deps SYSTEM INTERFACE ${TIMBRE_ARROW_DIR}/include)
  target_link_libraries(timbre_plugin_parquet_deps INTERFACE nlohmann_json::nlohmann_json ${arrow_libraries}
    -Wl,-rpath,${TIMBRE_ARROW_DIR})
else()
  message(STATUS "pyarrow not found in .venv: no import or export of Hugging Face Parquet")
endif()
