// timbre-torch has its main() in src/cli/main.cpp; CMake asks for one source of its own.
