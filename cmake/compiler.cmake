# How everything is compiled and linked. Warnings are ours to read, not LibTorch's: its headers come in as SYSTEM.
add_compile_options(-Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wno-missing-field-initializers)

# Sections that nothing refers to are left out, and shared libraries that nothing needs are not loaded: start-up is in ms.
add_compile_options(-ffunction-sections -fdata-sections)
add_link_options(-Wl,--as-needed -Wl,--gc-sections)

find_program(TIMBRE_GOLD ld.gold)
if(TIMBRE_GOLD AND NOT TIMBRE_SANITIZE)
  add_link_options(-fuse-ld=gold)
endif()

# Compiled files are kept across build folders and clones. Precompiled headers need ccache to look past their defines and times.
find_program(TIMBRE_CCACHE ccache)
if(TIMBRE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  foreach(language C CXX)
    set(CMAKE_${language}_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${TIMBRE_CCACHE})
  endforeach()
endif()

# Sanitizers watch our libraries and programs, not the text of the tests: that would double the time to compile them for nothing
# (ThreadSanitizer has to see everything).
set(TIMBRE_SANITIZE_OPTIONS "")
if(TIMBRE_SANITIZE)
  set(TIMBRE_SANITIZE_OPTIONS -fsanitize=${TIMBRE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all -g1)
  add_link_options(-fsanitize=${TIMBRE_SANITIZE})
endif()
