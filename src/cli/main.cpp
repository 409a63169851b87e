#include <string>
#include <vector>

#include "cli/verb.h"

int main(int argc, char** argv) { return timbre::cli::run_program(std::vector<std::string>(argv + 1, argv + argc)); }
