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

# CLD2 tells the doctor which language a text is in. No pkg-config file: found by header and library.
if(TIMBRE_MEDIA)
  find_path(TIMBRE_CLD2_INCLUDE cld2/public/compact_lang_det.h)
  find_library(TIMBRE_CLD2_LIBRARY cld2)
  if(NOT TIMBRE_CLD2_INCLUDE OR NOT TIMBRE_CLD2_LIBRARY)
    message(FATAL_ERROR "CLD2 is not there: sudo apt-get install libcld2-dev")
  endif()
  add_library(timbre_plugin_cld2_deps INTERFACE)
  target_include_directories(timbre_plugin_cld2_deps SYSTEM INTERFACE ${TIMBRE_CLD2_INCLUDE})
  target_link_libraries(timbre_plugin_cld2_deps INTERFACE ${TIMBRE_CLD2_LIBRARY})
endif()
