/* The randomness of the reference ML-DSA, under the test's control: keys come from a given 32-byte seed (FIPS 204 xi), and
 * signatures are deterministic (rnd = 0) unless the test gives other bytes. Never for real keys. */
#include <stdint.h>
#include <string.h>
#include <unistd.h>

static uint8_t next_bytes[32];

void landfall_test_set_random(const uint8_t *bytes) { memcpy(next_bytes, bytes, sizeof next_bytes); }

int PQCLEAN_randombytes(uint8_t *output, size_t n) {
    memset(output, 0, n);
    memcpy(output, next_bytes, n < sizeof next_bytes ? n : sizeof next_bytes);
    memset(next_bytes, 0, sizeof next_bytes);
    return 0;
}
