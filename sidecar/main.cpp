#include "sidecar/cli.hpp"

int main(int argc, char** argv) { return landfall::sidecar::run_cli(argc, argv); }
