"""Takes the description of the capturing machine out of a pcapng file, in place.

dumpcap notes processor, kernel and its own version in the section header and the
kernel in every interface. Those options are dropped; everything else stays as it is.
"""

import struct
import sys

SECTION, INTERFACE = 0x0A0D0D0A, 1
FIXED = {SECTION: 16, INTERFACE: 8}  # bytes before the options
DROP = {SECTION: {2, 3, 4}, INTERFACE: {12, 15}}  # hardware, os, application; os, hardware


def without(options: bytes, drop: set[int]) -> bytes:
    kept, at = b"", 0
    while at + 4 <= len(options):
        code, length = struct.unpack_from("<HH", options, at)
        end = at + 4 + (length + 3) // 4 * 4
        if code not in drop:
            kept += options[at:end]
        at = end
        if code == 0:
            break
    return b"" if kept == b"\0\0\0\0" else kept


def main(path: str) -> None:
    with open(path, "rb") as file:
        data = file.read()
    out, at = [], 0
    while at + 12 <= len(data):
        kind, length = struct.unpack_from("<II", data, at)
        body = data[at + 8 : at + length - 4]
        if kind == SECTION and body[:4] != b"\x4d\x3c\x2b\x1a":
            sys.exit(f"{path}: not a little-endian pcapng file")
        if kind in FIXED:
            body = body[: FIXED[kind]] + without(body[FIXED[kind] :], DROP[kind])
        out.append(struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12))
        at += length
    with open(path, "wb") as file:
        file.write(b"".join(out))


main(sys.argv[1])
