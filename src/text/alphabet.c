/* The alphabet of byte-level vocabularies. */
#include "text/alphabet.h"

#include "base/utf8.h"

static bool stands_for_itself(uint32_t b) {
    return (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || (b >= 174 && b <= 255);
}

/* The others are three runs: 0..32 are U+0100.., 127..160 follow at U+0121, 173 is U+0143. */
uint32_t trit_alphabet_char(uint8_t byte) {
    if (stands_for_itself(byte)) return byte;
    return byte <= 32 ? 0x100u + byte : byte <= 160 ? 0x121u + (byte - 127u) : 0x143u;
}

int trit_alphabet_byte(uint32_t cp) {
    if (cp < 0x100) return stands_for_itself(cp) ? (int)cp : -1;
    if (cp <= 0x120) return (int)(cp - 0x100);
    if (cp <= 0x142) return (int)(cp - 0x121 + 127);
    return cp == 0x143 ? 173 : -1;
}

bool trit_alphabet_decode(trit_str s, char *out, size_t *n) {
    *n = 0;
    for (size_t i = 0; i < s.n;) {
        uint32_t cp;
        int length = trit_utf8_decode(s.p + i, s.n - i, &cp);
        int byte = length > 0 ? trit_alphabet_byte(cp) : -1;
        if (byte < 0) return false;
        out[(*n)++] = (char)byte;
        i += (size_t)length;
    }
    return true;
}
