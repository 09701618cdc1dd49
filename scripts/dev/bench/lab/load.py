"""Traffic through a router, and how much of it arrives. Runs where it is received; what it sends comes from another network namespace.

    load.py '{"kind": "udp", "from": "/proc/123/ns/net", "to": "2001:db8::1", "at": "192.0.2.2", "port": 7001, "warm": 1, "seconds": 3}'

UDP: small datagrams of many flows. What has arrived is known here without asking over the network, so no more than a window of them is under way:
the router always has some to do and never more than its queues hold, and no time is spent on what is thrown away. `idle` is how
often, in parts of all looks, all had arrived: where that is not rare, the sender was the bottleneck.

TCP: one connection, opened from there, that sends from here (`down`).
"""

import ctypes
import json
import os
import socket
import struct
import sys
import time

CLONE_NEWNET = 0x40000000
UDP_SEGMENT = 103
SOL_UDP = 17
MSG_DONTWAIT = 0x40
SO_RCVBUFFORCE = 33

FLOWS = 64
#: Bytes of a datagram: with its headers, the smallest that an Ethernet has.
SIZE = 18
#: Datagrams of one flow at once, which the kernel makes of one call.
BURST = 16
#: A NIC's ring; the queue before it has as many again.
WINDOW = 256
#: Seconds after which what has not arrived is lost.
PATIENCE = 0.2
PAUSE = 0.0004
MESSAGES = 64

libc = ctypes.CDLL(None, use_errno=True)


def in_namespace(path, work):
    """Sockets stay in the network namespace in which they were made."""
    def enter(file):
        if libc.setns(file.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns " + path)

    with open("/proc/self/ns/net") as own, open(path) as other:
        enter(other)
        try:
            return work()
        finally:
            enter(own)


class Vector(ctypes.Structure):
    """struct iovec"""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class Header(ctypes.Structure):
    """struct msghdr"""

    _fields_ = (
        ("name", ctypes.c_void_p), ("name_length", ctypes.c_uint32), ("vector", ctypes.c_void_p), ("vector_length", ctypes.c_size_t),
        ("control", ctypes.c_void_p), ("control_length", ctypes.c_size_t), ("flags", ctypes.c_int),
    )


class Message(ctypes.Structure):
    """struct mmsghdr"""

    _fields_ = (("header", Header), ("length", ctypes.c_uint32))


class Receiver:
    """Counts datagrams, many with one call."""

    def __init__(self, address, port, content):
        self._socket = socket.socket(family_of(address), socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
        self._socket.bind((address, port))
        self._content = content
        self._buffers = [ctypes.create_string_buffer(2048) for _ in range(MESSAGES)]
        self._vectors = (Vector * MESSAGES)(*(Vector(ctypes.addressof(buffer), 2048) for buffer in self._buffers))
        size = ctypes.sizeof(Vector)
        start = ctypes.addressof(self._vectors)
        headers = (Header(vector=start + size * number, vector_length=1) for number in range(MESSAGES))
        self._messages = (Message * MESSAGES)(*(Message(header) for header in headers))

    def take(self):
        """How many have arrived since. One of each call is looked at."""
        count = 0
        while True:
            got = libc.recvmmsg(self._socket.fileno(), self._messages, MESSAGES, MSG_DONTWAIT, None)
            if got <= 0:
                return count
            if self._buffers[0].raw[:self._messages[0].length] != self._content:
                raise SystemExit("a datagram arrived that nobody sent")
            count += got
            if got < MESSAGES:
                return count


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def udp(job):
    content = os.urandom(SIZE)
    receiver = Receiver(job["at"], job["port"], content)

    def make():
        made = []
        for _ in range(FLOWS):
            sender = socket.socket(family_of(job["to"]), socket.SOCK_DGRAM)
            sender.setsockopt(SOL_UDP, UDP_SEGMENT, SIZE)
            sender.connect((job["to"], job["port"]))
            made.append(sender)
        return made

    senders = in_namespace(job["from"], make)
    burst = content * BURST
    sent = received = lost = turn = looks = idle = 0
    started = time.monotonic()
    measured = started + job["warm"]
    end = measured + job["seconds"]
    progress = started
    first = None
    while True:
        now = time.monotonic()
        got = receiver.take()
        received += got
        under_way = sent - received - lost
        if got:
            progress = now
        elif now - progress > PATIENCE:
            lost += under_way
            under_way = 0
            progress = now
        looks += 1
        idle += under_way <= 0
        if first is None and now >= measured:
            first, looks, idle, lost_before = (now, received), 0, 0, lost
        if now >= end:
            break
        while under_way + BURST <= WINDOW:
            senders[turn].send(burst)
            turn = (turn + 1) % FLOWS
            sent += BURST
            under_way += BURST
        time.sleep(PAUSE)
    return {"packets": received - first[1], "seconds": now - first[0], "lost": lost - lost_before, "idle": idle / max(1, looks)}


def tcp(job):
    listener = socket.create_server((job["at"], job["port"]), family=family_of(job["at"]))
    pair = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(pair[0])
            os.write(pair[1], json.dumps(download(job)).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(pair[1])
    listener.settimeout(10)
    connection, _ = listener.accept()
    block = bytes(1 << 18)
    # Until the other end has seen enough and leaves.
    try:
        while True:
            connection.sendall(block)
    except (BrokenPipeError, ConnectionResetError, TimeoutError):
        pass
    with os.fdopen(pair[0], "rb") as pipe:
        answer = pipe.read()
    if os.waitpid(child, 0)[1] != 0:
        raise SystemExit("the other end failed")
    return json.loads(answer)


def download(job):
    connection = in_namespace(job["from"], lambda: socket.create_connection((job["to"], job["port"]), 10))
    buffer = bytearray(1 << 18)
    received = 0
    measured = time.monotonic() + job["warm"]
    first = None
    while True:
        received += connection.recv_into(buffer)
        now = time.monotonic()
        if first is None and now >= measured:
            first = (now, received)
        if first is not None and now >= first[0] + job["seconds"]:
            # At once, and not after what is still under way.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
            return {"bytes": received - first[1], "seconds": now - first[0]}


def main():
    job = json.loads(sys.argv[1])
    print(json.dumps({"udp": udp, "tcp": tcp}[job["kind"]](job)))


if __name__ == "__main__":
    main()
