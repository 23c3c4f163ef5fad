import { mkdir, rm } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { relative, join } from "node:path";

/**
 * Runs `action` while no other set-up of the same checkout runs, waiting for it to end. The lock is a listening Unix socket: the kernel
 * frees it however its holder ends, and waiting is a connection that closes. Where the file system knows no sockets the
 * action runs without: everything it puts in place is renamed into it, so at worst work is done twice.
 */
export async function alone(folder, say, action) {
  await mkdir(folder, { recursive: true });
  // Relative, because a socket's path may hold some 100 bytes only.
  const path = relative(process.cwd(), join(folder, "setup.lock"));
  let server = await listen(path);
  let told = false;
  while (server === "taken") {
    const waited = await untilClosed(path, () => {
      if (!told) say("another set-up of this checkout is running: waiting for it");
      told = true;
    });
    if (!waited) await rm(path, { force: true });
    server = await listen(path);
  }
  try {
    return await action();
  } finally {
    await new Promise((resolve) => (server === "none" ? resolve() : closeAll(server, resolve)));
  }
}

function listen(path) {
  return new Promise((resolve) => {
    const held = new Set();
    const server = createServer((socket) => {
      held.add(socket);
      socket.on("error", () => {});
      socket.once("close", () => held.delete(socket));
    });
    server.held = held;
    server.once("error", (error) => resolve(error.code === "EADDRINUSE" ? "taken" : "none"));
    server.listen(path, () => resolve(server));
  });
}

/** True after the holder let go, false where nobody held the socket at `path`: a set-up that was killed left it. */
function untilClosed(path, onConnected) {
  return new Promise((resolve) => {
    const socket = connect(path, onConnected);
    let connected = false;
    socket.once("connect", () => (connected = true));
    socket.on("error", () => {});
    socket.resume();
    socket.once("close", () => resolve(connected));
  });
}

function closeAll(server, done) {
  server.close(done);
  for (const socket of server.held) socket.destroy();
}
