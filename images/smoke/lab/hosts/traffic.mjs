// What the lab's hosts send each other. Every byte is position-dependent, and both ends compare SHA-256 sums:
// a lost, doubled, swapped or changed byte cannot pass.

import { createCipheriv, createHash, randomBytes } from 'node:crypto'
import dgram from 'node:dgram'
import net from 'node:net'

const chunkBytes = 64 * 1024
const zeros = Buffer.alloc(chunkBytes)

/** Bytes that never repeat, and that nobody can guess. */
function byteStream() {
  const cipher = createCipheriv('aes-128-ctr', randomBytes(16), randomBytes(16))
  return (length) => cipher.update(length === chunkBytes ? zeros : zeros.subarray(0, length))
}

async function sendBytes(socket, sizeBytes) {
  const next = byteStream()
  const hash = createHash('sha256')
  for (let left = sizeBytes; left > 0;) {
    const chunk = next(Math.min(left, chunkBytes))
    hash.update(chunk)
    left -= chunk.length
    if (!socket.write(chunk)) await drained(socket)
  }
  return hash.digest('hex')
}

function drained(socket) {
  return new Promise((resolve, reject) => {
    const done = (error) => {
      socket.off('drain', done)
      socket.off('close', closed)
      error instanceof Error ? reject(error) : resolve()
    }
    const closed = () => { done(new Error('the connection closed while sending')) }
    socket.once('drain', done)
    socket.once('close', closed)
  })
}

/** Reads a socket piecewise: a line, or an exact number of bytes into a hash. */
function reader(socket) {
  let buffered = Buffer.alloc(0)
  let wake = () => undefined
  let ended = false
  let failure
  socket.on('data', (data) => {
    buffered = buffered.length === 0 ? data : Buffer.concat([buffered, data])
    if (buffered.length > 4 * chunkBytes) socket.pause()
    wake()
  })
  socket.on('error', (error) => { failure = error; wake() })
  socket.on('close', () => { ended = true; wake() })
  socket.on('end', () => { ended = true; wake() })
  const more = async () => {
    if (failure !== undefined) throw failure
    if (ended) throw new Error('the connection closed before everything had arrived')
    socket.resume()
    await new Promise((resolve) => { wake = resolve })
  }
  return {
    line: async () => {
      for (;;) {
        const end = buffered.indexOf(10)
        if (end >= 0) {
          const text = buffered.subarray(0, end).toString()
          buffered = buffered.subarray(end + 1)
          return JSON.parse(text)
        }
        await more()
      }
    },
    digest: async (sizeBytes) => {
      const hash = createHash('sha256')
      for (let left = sizeBytes; left > 0;) {
        if (buffered.length === 0) await more()
        const part = buffered.subarray(0, left)
        hash.update(part)
        left -= part.length
        buffered = buffered.subarray(part.length)
      }
      return hash.digest('hex')
    },
  }
}

/**
 * The network, not the lab, is why it did not work. `unanswered`: nobody answered, or a router or the host refused;
 * otherwise something was there and went wrong.
 */
class TrafficFailed extends Error {
  constructor(message, unanswered) {
    super(message)
    this.traffic = unanswered ? 'unanswered' : 'broken'
  }
}

/** EACCES is what Linux makes of ICMPv6 "administratively prohibited". */
const refusals = ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'EACCES']

/** What came in, by address and port: also what was damaged, and what was not answered. */
const heardAt = new Map()
const keyOf = (host, port) => `${host}#${port}`

/** How many connections and datagrams came in there so far. */
export async function heard({ host, port }) {
  return { count: heardAt.get(keyOf(host, port)) ?? 0 }
}

/** Answers TCP and UDP on one address and port, until the host ends; once is enough. */
export async function serve({ host, port }) {
  const key = keyOf(host, port)
  if (heardAt.has(key)) return
  const count = () => { heardAt.set(key, heardAt.get(key) + 1) }
  const tcp = net.createServer({ noDelay: true }, (socket) => {
    count()
    socket.on('error', () => undefined)
    void answer(socket).catch(() => { socket.destroy() })
  })
  await new Promise((resolve, reject) => {
    tcp.once('error', reject)
    tcp.listen({ port, host, backlog: 4096 }, resolve)
  })
  const udp = dgram.createSocket({ type: net.isIPv6(host) ? 'udp6' : 'udp4', recvBufferSize: 4 << 20 })
  udp.on('message', (datagram, from) => {
    count()
    if (intact(datagram)) udp.send(datagram, from.port, from.address)
  })
  await new Promise((resolve, reject) => {
    udp.once('error', reject)
    udp.bind(port, host, resolve)
  })
  for (const server of [tcp, udp]) server.on('error', () => undefined)
  heardAt.set(key, 0)
}

/** One request a line, `{upload, download}`; the answer names the digests and who asked, as seen from here. */
async function answer(socket) {
  const from = reader(socket)
  for (;;) {
    const request = await from.line()
    const got = await from.digest(request.upload)
    socket.write(`${JSON.stringify({ got, peer: socket.remoteAddress, peerPort: socket.remotePort })}\n`)
    const sent = await sendBytes(socket, request.download)
    socket.write(`${JSON.stringify({ sent })}\n`)
  }
}

async function ask(socket, from, upload, download) {
  socket.write(`${JSON.stringify({ upload, download })}\n`)
  const sent = await sendBytes(socket, upload)
  const reply = await from.line()
  const got = await from.digest(download)
  const trailer = await from.line()
  if (reply.got !== sent) throw new Error(`the SHA-256 of ${upload} bytes sent differs at the other end`)
  if (trailer.sent !== got) throw new Error(`the SHA-256 of ${download} bytes received differs`)
  return { peer: reply.peer, peerPort: reply.peerPort }
}

function connect(host, port, timeoutMs) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host, port, noDelay: true, autoSelectFamily: false })
    const timer = setTimeout(() => { socket.destroy(Object.assign(new Error(`no connection within ${timeoutMs} ms`), { code: 'ETIMEDOUT' })) }, timeoutMs)
    socket.once('connect', () => { clearTimeout(timer); resolve(socket) })
    socket.once('error', (error) => { clearTimeout(timer); reject(error) })
  })
}

function within(timeoutMs, socket, work) {
  const timer = setTimeout(() => { socket.destroy(new Error(`not finished within ${timeoutMs} ms`)) }, timeoutMs)
  return work.finally(() => { clearTimeout(timer) })
}

/** One connection, bytes up, then bytes down: `{ms, peer}`, `peer` being our address as the other end sees it. Throws TrafficFailed. */
export async function exchangeTcp({ host, port, upload, download, timeoutMs }) {
  const started = performance.now()
  const socket = await connect(host, port, timeoutMs).catch((error) => {
    throw refusals.includes(error.code) ? new TrafficFailed(error.message, true) : error
  })
  const { peer, peerPort } = await within(timeoutMs, socket, ask(socket, reader(socket), upload, download)).catch((error) => {
    socket.destroy()
    throw new TrafficFailed(error.message, false)
  })
  socket.end()
  return { ms: performance.now() - started, peer, peerPort }
}

/** id, sequence, then 32 bytes of SHA-256 over the rest. */
function datagram(run, sequence, sizeBytes, next) {
  const body = Buffer.alloc(Math.max(sizeBytes, 44))
  body.set(next(body.length - 44), 44)
  run.copy(body, 0)
  body.writeUInt32BE(sequence, 8)
  createHash('sha256').update(body.subarray(0, 12)).update(body.subarray(44)).digest().copy(body, 12)
  return body
}

function intact(body) {
  return body.length >= 44
    && createHash('sha256').update(body.subarray(0, 12)).update(body.subarray(44)).digest().equals(body.subarray(12, 44))
}

/**
 * Datagrams to an echo, each verified at both ends. At most `window` are on their way: the echo paces the sender,
 * so that what is lost was lost by the router and not by a full buffer. `{sent, returned, ms}`, and
 * `sendError` with whether it was the network that refused.
 */
export async function exchangeUdp({ host, port, count, sizeBytes, window, timeoutMs }) {
  const socket = dgram.createSocket({ type: net.isIPv6(host) ? 'udp6' : 'udp4', recvBufferSize: 4 << 20 })
  const run = randomBytes(8)
  const next = byteStream()
  const seen = new Uint8Array(count)
  const started = performance.now()
  let sent = 0
  let returned = 0
  let sendError
  let refused = true
  const failed = (error) => {
    sendError = error.message
    refused &&= refusals.includes(error.code)
  }
  try {
    await new Promise((resolve) => {
      let lastProgress = performance.now()
      let inFlight = 0
      const timer = setInterval(() => {
        const now = performance.now()
        // Silence: what is on its way is lost; go on with the rest, at most until the deadline.
        if (now - lastProgress > timeoutMs / 4) { inFlight = 0; lastProgress = now; pump() }
        if (now - started > timeoutMs || (sent === count && inFlight === 0)) { clearInterval(timer); resolve() }
      }, 50)
      const pump = () => {
        while (inFlight < window && sent < count) {
          socket.send(datagram(run, sent, sizeBytes, next), port, host, (error) => { if (error) failed(error) })
          sent++
          inFlight++
        }
      }
      socket.on('error', failed)
      socket.on('message', (body) => {
        if (!intact(body) || !body.subarray(0, 8).equals(run)) return
        const sequence = body.readUInt32BE(8)
        if (seen[sequence] === 1) return
        seen[sequence] = 1
        returned++
        inFlight = Math.max(0, inFlight - 1)
        lastProgress = performance.now()
        if (returned === count) { clearInterval(timer); resolve() } else pump()
      })
      socket.bind(0, net.isIPv6(host) ? '::' : '0.0.0.0', pump)
    })
  } finally {
    socket.close()
  }
  return { sent, returned, ms: performance.now() - started, sendError, refused: sendError !== undefined && refused }
}

let held = []

/** Opens connections side by side and exchanges bytes on each; all stay open until `closeMany`. `{opened, failed}`. */
export async function openMany({ host, port, count, sizeBytes, timeoutMs }) {
  const failed = []
  const started = performance.now()
  const peers = new Set()
  await Promise.all(Array.from({ length: count }, async () => {
    try {
      const socket = await connect(host, port, timeoutMs)
      const from = reader(socket)
      held.push({ socket, from })
      const { peer, peerPort } = await within(timeoutMs, socket, ask(socket, from, sizeBytes, sizeBytes))
      peers.add(`${peer}#${peerPort}`)
    } catch (error) {
      failed.push(error.message)
    }
  }))
  return { opened: count - failed.length, distinctPeers: peers.size, failed: failed.slice(0, 5), ms: performance.now() - started }
}

/** Exchanges bytes once more on every open connection, then closes them. `{alive, failed}`. */
export async function closeMany({ sizeBytes, timeoutMs }) {
  const failed = []
  const connections = held
  held = []
  await Promise.all(connections.map(async ({ socket, from }) => {
    try {
      await within(timeoutMs, socket, ask(socket, from, sizeBytes, sizeBytes))
    } catch (error) {
      failed.push(error.message)
    }
    socket.end()
  }))
  return { alive: connections.length - failed.length, failed: failed.slice(0, 5) }
}

const pieceBytes = 64 << 20
let transfer

/** Uploads on one connection, piece after piece with pauses between them, until `endTransfer`. Resolves after the first piece: `{peer, peerPort}`. Each piece has `timeoutMs`. */
export async function startTransfer({ host, port, timeoutMs }) {
  const socket = await connect(host, port, timeoutMs)
  const from = reader(socket)
  const started = performance.now()
  const state = { bytes: 0, longestMs: 0, ending: false }
  const piece = async () => {
    const begun = performance.now()
    const reply = await within(timeoutMs, socket, ask(socket, from, pieceBytes, 0)).catch((error) => {
      socket.destroy()
      throw new TrafficFailed(`after ${state.bytes} bytes: ${error.message}`, false)
    })
    state.bytes += pieceBytes
    state.longestMs = Math.max(state.longestMs, performance.now() - begun)
    return reply
  }
  const first = await piece()
  const rest = async () => {
    while (!state.ending) {
      const begun = performance.now()
      await piece()
      // An emulated router has no processor left for anything else while it passes packets.
      await new Promise((resolve) => { setTimeout(resolve, 2 * (performance.now() - begun)) })
    }
    socket.end()
    return { bytes: state.bytes, longestMs: state.longestMs, ms: performance.now() - started }
  }
  transfer = { state, done: rest() }
  transfer.done.catch(() => undefined)
  return first
}

/** Lets the piece that is on its way end, and one more after it: `{bytes, longestMs, ms}`, `longestMs` being the slowest piece's. Throws TrafficFailed, also for what failed before. */
export async function endTransfer() {
  const { state, done } = transfer
  const before = state.bytes
  while (state.bytes < before + 2 * pieceBytes) await Promise.race([done, new Promise((resolve) => { setTimeout(resolve, 50) })])
  state.ending = true
  return await done
}
