/* Where a caller comes from, in one form for all doors. */
#include "access/access.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static lh_address address_of_ipv4(const void *bytes) {
    lh_address address = {.bytes = {[10] = 0xFF, [11] = 0xFF}};
    memcpy(address.bytes + 12, bytes, 4);
    return address;
}

static lh_address address_of_ipv6(const void *bytes) {
    lh_address address;
    memcpy(address.bytes, bytes, sizeof address.bytes);
    return address;
}

lh_address lh_address_of_socket(const struct sockaddr *socket) {
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
    if (socket && socket->sa_family == AF_INET) {
        memcpy(&ipv4, socket, sizeof ipv4);
        return address_of_ipv4(&ipv4.sin_addr);
    }
    if (!socket || socket->sa_family != AF_INET6) return (lh_address){0};
    memcpy(&ipv6, socket, sizeof ipv6);
    return address_of_ipv6(&ipv6.sin6_addr);
}

/* The host of HOST:PORT; an IPv6 one is in brackets, which may be percent-encoded, and may have a zone. */
lh_address lh_address_of_peer(lh_str peer) {
    lh_str rest = peer, kind = lh_str_split(&rest, ':');
    char text[INET6_ADDRSTRLEN];
    unsigned char bytes[16];
    size_t colon = rest.len;
    while (colon && rest.ptr[colon - 1] != ':') colon--;
    lh_str host = lh_str_sub(rest, 0, colon ? colon - 1 : 0);
    const lh_str brackets[][2] = {{LH_STR("["), LH_STR("]")}, {LH_STR("%5B"), LH_STR("%5D")}};
    for (size_t i = 0; i < 2; i++)
        if (lh_str_starts(host, brackets[i][0]) && lh_str_ends(host, brackets[i][1]))
            host = lh_str_sub(host, brackets[i][0].len, host.len - brackets[i][0].len - brackets[i][1].len);
    host = lh_str_sub(host, 0, lh_str_find(host, '%'));
    if (lh_str_to_cstr(host, text, sizeof text, NULL) != LH_OK) return (lh_address){0};
    if (lh_str_eq(kind, LH_STR("ipv4")) && inet_pton(AF_INET, text, bytes) == 1) return address_of_ipv4(bytes);
    if (lh_str_eq(kind, LH_STR("ipv6")) && inet_pton(AF_INET6, text, bytes) == 1) return address_of_ipv6(bytes);
    return (lh_address){0};
}

lh_str lh_address_text(lh_address address, lh_arena *arena) {
    static const unsigned char mapped[12] = {[10] = 0xFF, [11] = 0xFF}, none[16] = {0};
    char text[INET6_ADDRSTRLEN] = "";
    if (memcmp(address.bytes, none, sizeof none) == 0) return LH_STR_NONE;
    bool ipv4 = memcmp(address.bytes, mapped, sizeof mapped) == 0;
    if (!inet_ntop(ipv4 ? AF_INET : AF_INET6, address.bytes + (ipv4 ? 12 : 0), text, sizeof text)) return LH_STR_NONE;
    return lh_arena_dup(arena, lh_str_from(text));
}
