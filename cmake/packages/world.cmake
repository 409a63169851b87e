# WORLD (DIO, StoneMask, Harvest): no Debian library. Its sources travel inside the Python source package pyworld (MIT; WORLD
# itself is modified BSD, by M. Morise) and are fetched at configure time, pinned by hash.
set(TIMBRE_PYWORLD_VERSION 0.3.5)
set(TIMBRE_PYWORLD_SHA256 1b93e53cddb67a0e4faa34d6cf919ac6c662feb1c8c0ed901d71b595ab396aa3)
set(TIMBRE_WORLD_DIR ${CMAKE_SOURCE_DIR}/.cache/sources/world-${TIMBRE_PYWORLD_VERSION})
if(NOT EXISTS ${TIMBRE_WORLD_DIR}/src/dio.cpp)
  find_program(TIMBRE_PYTHON NAMES python3 HINTS ${CMAKE_SOURCE_DIR}/.venv/bin NO_CACHE REQUIRED)
  execute_process(
    COMMAND ${TIMBRE_PYTHON} ${CMAKE_SOURCE_DIR}/tools/fetch_sdist.py pyworld ${TIMBRE_PYWORLD_VERSION} ${TIMBRE_PYWORLD_SHA256}
      --member lib/World --into ${TIMBRE_WORLD_DIR}
    RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "The sources of WORLD could not be fetched (see above).")
  endif()
endif()
file(GLOB world_sources ${TIMBRE_WORLD_DIR}/src/*.cpp)
add_library(timbre_world STATIC ${world_sources})
target_include_directories(timbre_world SYSTEM PUBLIC ${TIMBRE_WORLD_DIR}/src)
# -w: not ours to warn about. -O3 without -ffast-math, so that voicing decisions stay those of pyworld.
target_compile_options(timbre_world PRIVATE -w -O3)
target_link_libraries(timbre_packages INTERFACE timbre_world)
