// Carries a precompiled header; see landfall.cmake.
namespace landfall {
extern const int precompiled;
const int precompiled = 0;
} // namespace landfall
