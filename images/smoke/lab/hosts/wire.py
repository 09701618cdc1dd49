"""
Frames of one network interface as lines of hexadecimal digits: standard input is sent, what arrives is printed.

Node has no packet sockets, so the lab's agent runs this beside itself, in the network namespace that it lives in.
A line on standard output is "<flags> <frame>"; the flag "partial" says that the sender left the transport checksum to hardware
that does not exist here, "-" that it did not. The first line is "ready". Ends with its standard input.
"""

from __future__ import annotations

import os
import selectors
import socket
import struct
import sys

ETH_P_ALL = 3
SOL_PACKET = 263
PACKET_AUXDATA = 8
TP_STATUS_CSUMNOTREADY = 1 << 3
RECEIVE_BUFFER_BYTES = 4 << 20
MAX_FRAME_BYTES = 65600


def open_socket(interface: str) -> socket.socket:
    """A packet socket that sees every frame of the interface. Raises OSError."""
    packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    packets.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    packets.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    packets.bind((interface, ETH_P_ALL))
    packets.setblocking(False)
    return packets


def receive(packets: socket.socket) -> None:
    """Prints every frame that has arrived; what this interface itself sent is left out."""
    while True:
        try:
            frame, ancillary, _flags, address = packets.recvmsg(MAX_FRAME_BYTES, 128)
        except BlockingIOError:
            break
        if address[2] == socket.PACKET_OUTGOING:
            continue
        partial = any(
            level == SOL_PACKET and kind == PACKET_AUXDATA and struct.unpack_from("=I", data)[0] & TP_STATUS_CSUMNOTREADY
            for level, kind, data in ancillary
        )
        sys.stdout.write("%s %s\n" % ("partial" if partial else "-", frame.hex()))
    sys.stdout.flush()


def main(interface: str) -> int:
    packets = open_socket(interface)
    rest = b""
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    with selectors.DefaultSelector() as selector:
        selector.register(packets, selectors.EVENT_READ)
        selector.register(0, selectors.EVENT_READ)
        while True:
            for key, _events in selector.select():
                if key.fileobj is packets:
                    receive(packets)
                    continue
                data = os.read(0, 1 << 16)
                if not data:
                    return 0
                *whole, rest = (rest + data).split(b"\n")
                for line in whole:
                    packets.send(bytes.fromhex(line.decode("ascii")))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
